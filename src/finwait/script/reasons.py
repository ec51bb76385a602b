"""Likely reasons for a failure: a table of rules, each looks at one failure and what was on the wire."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from finwait.script.ending import Course
from finwait.script.outcome import Endpoint, Failure
from finwait.script.traffic import Traffic
from finwait.tcp import Flags
from finwait.verdict.language import Text
from finwait.wire import Tcp


@dataclass(frozen=True, slots=True)
class Scene:
    """What a rule may look at."""

    failure: Failure
    endpoint: Endpoint | None
    traffic: Traffic

    @property
    def field(self) -> str:
        """The field that differs."""
        return self.failure.difference.field if self.failure.difference else ""

    def part(self, name: str, *, expected: bool) -> str:
        """A part of the expected or the actual packet, as written."""
        shown = self.failure.expected if expected else self.failure.actual
        return dict(shown.fields).get(name, "") if shown is not None else ""

    def segments(self, *, inbound: bool) -> list[Tcp]:
        """The segments of the connection in one direction."""
        one = self.traffic.sockets.under_test
        if one is None:
            return []
        found = (c.packet.body for c in self.traffic.of(one) if c.inbound is inbound)
        return [tcp for tcp in found if isinstance(tcp, Tcp)]


Rule = Callable[[Scene], Text | None]


def explained(failure: Failure, endpoint: Endpoint | None, traffic: Traffic) -> Failure:
    """Give the failure with every reason that a rule finds."""
    if failure.kind not in {"packet", "time"}:
        return failure
    scene = Scene(failure, endpoint, traffic)
    found = tuple(text for rule in RULES if (text := rule(scene)) is not None)
    return replace(failure, reasons=failure.reasons + found)


def _came_later(scene: Scene) -> Text | None:
    """The packet that is expected was sent, behind others that no line expects."""
    expected = scene.failure.expected
    if scene.failure.kind != "packet" or expected is None or scene.failure.actual is None:
        return None
    wanted = {name: text for name, text in expected.fields if text != "<...>"}
    for place, later in enumerate(scene.failure.unread, 1):
        there = dict(later.fields)
        if all(there.get(name) == text for name, text in wanted.items()):
            return Text(
                f"the packet that the script expects was sent, {place} later: no line of the script takes the one before it",
                f"脚本预期的报文已发出，但排在后面第 {place} 个：它前面的报文没有对应的脚本行",
            )
    return None


def _fin_with_data(scene: Scene) -> Text | None:
    if scene.field not in {"payload length", "flag FIN"}:
        return None
    expected, actual = scene.part("flags", expected=True), scene.part("flags", expected=False)
    sizes = _size(scene, expected=True), _size(scene, expected=False)
    if "F" in expected and "F" in actual and not sizes[0] and sizes[1]:
        return Text(
            "the stack sent the FIN together with data; the script expects a bare FIN",
            "协议栈把 FIN 与数据放在同一个报文段里；脚本预期单独的 FIN",
        )
    if "F" in actual and "F" not in expected:
        return Text(
            "the stack put the FIN on this segment: the application had closed when it was sent",
            "协议栈在此报文段上带了 FIN：发送时应用程序已经关闭",
        )
    if "F" in expected and "F" not in actual and sizes[1] and not sizes[0]:
        return Text(
            "data came where the FIN was expected: it was sent again, or had not been sent yet",
            "预期 FIN 的位置来了数据：这是重传，或此前还没有发出",
        )
    return None


def _size(scene: Scene, *, expected: bool) -> int:
    text = scene.part("seq", expected=expected)
    number = text.partition("(")[2].rstrip(")!")
    return int(number) if number.isdigit() else 0


def _pieces(scene: Scene) -> Text | None:
    if scene.field != "payload length":
        return None
    expected, actual = _size(scene, expected=True), _size(scene, expected=False)
    if expected and actual > expected:
        return Text(
            f"the stack sent {actual} octets in one segment, before it was cut to the MSS (TSO)",
            f"协议栈一次发出 {actual} 字节，尚未按 MSS 切分（TSO）",
        )
    if actual and expected > actual:
        return Text(
            f"only {actual} of {expected} octets came: cwnd, the peer's window or Nagle held the rest back",
            f"{expected} 字节中只到了 {actual}：其余被 cwnd、对端窗口或 Nagle 挡住",
        )
    return None


def _reset(scene: Scene) -> Text | None:
    actual = scene.part("flags", expected=False)
    if "R" not in actual or "R" in scene.part("flags", expected=True):
        return None
    return Text(
        "the stack answered with a RST: it has no such connection (any more), or the segment was not acceptable to it",
        "协议栈以 RST 回应：它（已）没有这个连接，或不接受此报文段",
    )


def _options(scene: Scene) -> Text | None:
    if scene.field != "options" or scene.failure.difference is None:
        return None
    expected, actual = scene.failure.difference.expected, scene.failure.difference.actual
    offered = scene.segments(inbound=True)
    syn = next((tcp for tcp in offered if Flags.SYN in tcp.flags), None)
    kinds = {option.kind for option in syn.options} if syn is not None else set()
    for word, kind, name in (
        ("TS ", 8, "timestamps"),
        ("wscale", 3, "window scale"),
        ("sackOK", 4, "SACK"),
    ):
        if (word in actual) == (word in expected):
            continue
        if word in actual:
            return Text(
                f"this packet has {name}: negotiated, because the script's SYN offered it",
                f"此报文带有 {name}：已协商，因为脚本的 SYN 提供了它",
            ) if kind in kinds else Text(
                f"the stack offers {name} by itself: a sysctl turns that off",
                f"协议栈自行提供 {name}：可用 sysctl 关闭",
            )  # fmt: skip
        return Text(
            f"{name} not negotiated: {'the stack has it turned off' if kind in kinds else 'the SYN of the script does not offer it'}",
            f"{name} 未协商：{'协议栈已关闭此功能' if kind in kinds else '脚本的 SYN 没有提供'}",
        )
    if _unpadded(actual) != _unpadded(expected):
        return None
    return Text(
        "the same options in another order or with another padding",
        "选项相同，但顺序或填充不同",
    )


def _unpadded(options: str) -> list[str]:
    """Options in any order, as they are written in a script, without what only fills."""
    return sorted(one for one in options.strip("<>").split(",") if one not in {"nop", "eol"})


def _again(scene: Scene) -> Text | None:
    """What came is a repetition."""
    if scene.field not in {"seq", "payload length"} and not scene.field.startswith("flag"):
        return None
    sent = scene.segments(inbound=False)
    actual = scene.part("seq", expected=False)
    if len(sent) < 2 or not actual:
        return None
    count = sum(
        tcp.seq == sent[-1].seq and tcp.length == sent[-1].length and tcp.length > 0 for tcp in sent
    )
    if count < 2 or scene.failure.unread:
        return None
    return Text(
        f"this segment is sent again (time {count}): nothing that the script injected has acknowledged it",
        f"这是此报文段第 {count} 次发送：脚本注入的报文都没有确认它",
    )


def _nothing_came(scene: Scene) -> Text | None:
    failure = scene.failure
    if failure.actual is not None or failure.expected is None or failure.kind != "packet":
        return None
    received = scene.segments(inbound=True)
    wanted = _size(scene, expected=True)
    if received and wanted and received[-1].window == 0:
        return Text("the peer's window is 0: data waits", "对端窗口为 0：数据在等待")
    one = scene.traffic.sockets.under_test
    if one is None:
        return None
    course = Course(scene.traffic.of(one))
    if course.reset_at is not None:
        return Text("a RST had ended the connection before", "此前连接已被 RST 终止")
    if course.fins and course.fin_acked_at is None and course.fin_end is not None:
        number = one.numbers.seq_to_script(course.fin_end, Flags.ACK)
        return Text(
            f"the FIN was never acknowledged (no ACK of {number} came): the stack repeats it, later",
            f"FIN 一直未被确认（没有 ack {number}）：协议栈稍后会重传",
        )
    if scene.traffic.foreign:
        return Text(
            f"{scene.traffic.foreign} packets of other connections were seen and left out",
            f"看到 {scene.traffic.foreign} 个属于其他连接的报文，已忽略",
        )
    if scene.endpoint is not None:
        state = scene.endpoint.state
        return Text(
            f"the socket is in {state}, and what was injected gave it no reason to send",
            f"套接字处于 {state}，注入的报文没有让它需要发送什么",
        )
    return None


def _delayed_ack(scene: Scene) -> Text | None:
    """A pure ACK that is late by the time of a delayed one."""
    difference = scene.failure.difference
    if scene.failure.kind != "time" or difference is None or _size(scene, expected=False):
        return None
    if scene.part("flags", expected=False) != ".":
        return None
    return Text(
        "a bare ACK may be delayed up to 0.5 s (RFC 9293 section 3.8.6.3), and how long is the stack's own choice",
        "纯 ACK 最多可延迟 0.5 秒（RFC 9293 3.8.6.3 节），具体由协议栈决定",
    )


def _window(scene: Scene) -> Text | None:
    if scene.field != "win":
        return None
    syn = next((tcp for tcp in scene.segments(inbound=True) if Flags.SYN in tcp.flags), None)
    scaled = syn is not None and any(option.kind == 3 for option in syn.options)
    if scaled:
        return Text(
            "win is the 16 bits of the header: window scaling was negotiated, and the buffer's size decides it",
            "win 是头部中的 16 位字段：已协商窗口缩放，其值取决于缓冲区大小",
        )
    return Text(
        "window scale not negotiated: win is the window itself, as the buffer's size gives it",
        "未协商窗口缩放：win 就是窗口本身，取决于缓冲区大小",
    )


def _push(scene: Scene) -> Text | None:
    if scene.field != "flag PSH":
        return None
    return Text(
        "when PSH is set is the stack's choice (RFC 9293 section 3.9.1.2): at the end of what one call wrote, as a rule",
        "何时置 PSH 由协议栈决定（RFC 9293 3.9.1.2 节）：通常在一次写入的末尾",
    )


RULES: Final[tuple[Rule, ...]] = (
    _came_later, _fin_with_data, _reset, _options, _window, _pieces, _again, _push, _delayed_ack, _nothing_came,
)  # fmt: skip
"""From the most telling one on."""
