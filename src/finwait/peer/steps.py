"""What the peer says of itself while it plays."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from finwait.errors import Misuse
from finwait.tcp import State
from finwait.verdict.language import Text
from finwait.verdict.spelling import meant, near

WORDS: Final = {
    "listens": Text("listens at {at}; a connection ends so: {what}", "在 {at} 监听；连接这样结束：{what}"),
    "connects": Text("connects to {to}", "连接 {to}"),
    "connected": Text("connected with {to}", "与 {to} 建立连接"),
    "request": Text("a request of {octets} octets is complete", "收到完整请求，{octets} 字节"),
    "asks": Text("sends a request of {octets} octets", "发送请求，{octets} 字节"),
    "replies": Text("replies: {octets} octets", "应答：{octets} 字节"),
    "part": Text("has said {octets} octets, and stops there", "已发送 {octets} 字节，到此为止"),
    "reply": Text("the reply of {octets} octets is complete", "收到完整应答，{octets} 字节"),
    "waits": Text("waits for the other end to close first", "等待对方先关闭"),
    "close": Text("closes: FIN", "关闭：FIN"),
    "close-shut": Text("lets go; its FIN is out already", "释放套接字；FIN 此前已发出"),
    "close-unread": Text("closes while data lies unread: RST", "关闭时仍有数据未读：RST"),
    "shutdown": Text("closes its sending direction: FIN", "关闭发送方向：FIN"),
    "abort": Text("aborts: RST", "中止：RST"),
    "dark": Text("falls silent: from now on nothing is heard and nothing said", "从此沉默：不听也不说"),
    "forge": Text("a RST in its name, as a device between sends it", "以它的名义插入一个 RST，如同中间设备所为"),
    "forge-blind": Text("a RST in its name that misses the exact number", "以它的名义插入一个序列号不准确的 RST"),
    "fin": Text("the other end's FIN is here", "对方的 FIN 到达"),
    "crosses": Text("sends its FIN before it takes the one that came: they cross", "先发自己的 FIN，再处理收到的 FIN：二者交叉"),
    "hidden": Text("overlooks a FIN", "忽略一个 FIN"),
    "lost-fin": Text("its FIN is lost on the way", "它的 FIN 在途中丢失"),
    "lost-ack": Text("its ACK of the FIN is lost on the way", "它对 FIN 的 ACK 在途中丢失"),
    "unheard": Text("leaves a SYN from {to} unanswered", "不应答来自 {to} 的 SYN"),
    "refuses": Text("a SYN from {to} finds no listener: RST", "来自 {to} 的 SYN 没有监听者：RST"),
    "error": Text("its connection died: {error}", "连接异常结束：{error}"),
    "missed": Text("the moment to act (--after {moment}) never came", "行动的时刻（--after {moment}）始终没有到来"),
    "ended": Text("its end of the connection is over", "它这一端的连接已结束"),
}  # fmt: skip


DEEDS: Final = frozenset({
    *("part", "close", "close-unread", "shutdown", "abort", "dark", "forge", "forge-blind"),
    *("crosses", "hidden", "lost-fin", "lost-ack", "missed"),
})  # fmt: skip
"""What makes an end of a connection, or should have: the rest happens with every end."""


WHEN_AND_WHO: Final = 15
"""Columns of a line of `Step.say` before what happened."""


def known(word: str) -> None:
    """Raise Misuse if no step has this word."""
    if word not in WORDS:
        words, hint = ", ".join(WORDS), meant(near(word, WORDS))
        raise Misuse(
            f"no step {word!r}{hint.en}\nthere are {words}",
            f"没有步骤 {word!r}{hint.zh}\n可用的有 {words}",
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the peer did or saw. `at`: microseconds since it began; `number` counts connections from 0, -1: none."""

    at: int
    number: int
    word: str
    values: dict[str, Text | str | int] = field(default_factory=dict)
    state: State | None = None
    """Where the peer's end stands afterwards."""

    def what(self, lang: str) -> str:
        """Say what it is, without when and where, in "en" or "zh"."""
        values = {
            name: (value.zh if lang == "zh" else value.en) if isinstance(value, Text) else value
            for name, value in self.values.items()
        }
        text = WORDS[self.word]
        return (text.zh if lang == "zh" else text.en).format(**values)

    def say(self, lang: str) -> str:
        """Give a line in "en" or "zh"."""
        who = f"#{self.number}" if self.number >= 0 else ""
        state = f"  [{self.state.value}]" if self.state else ""
        return f"{self.at / 1_000_000:9.4f}  {who:3} {self.what(lang)}{state}"


Tell: TypeAlias = Callable[[Step], None]
