"""A judged connection in one line, and its evidence in words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from finwait.capture.connection import Connection, end
from finwait.verdict.catalogue import Entry, entry
from finwait.verdict.language import Lang, Text, count, duration, size

NS = 1_000_000_000

TIME_WAIT_RFC = 240
"""Seconds: 2 MSL (RFC 9293 3.6.1 MUST-13) with the MSL of 2 minutes (RFC 9293 3.4.2)."""
TIME_WAIT_LINUX = 60
"""Seconds: TCP_TIMEWAIT_LEN (Linux include/net/tcp.h)."""
TIME_WAIT_MACOS = 30
"""Seconds: twice net.inet.tcp.msl, which is 15 s on macOS."""


class Ends(NamedTuple):
    """The two ends of a connection, with the part each plays."""

    client: str
    server: str

    @classmethod
    def of(cls, row: Connection) -> "Ends":
        """Take the ends of a row."""
        return cls(end(row.client_ip, row.client_port), end(row.server_ip, row.server_port))

    def named(self, who: str, lang: Lang) -> str:
        """Name an end: "client" is "10.0.0.2:5000 (client)"; "both" and "none" are words."""
        word = entry("closed_by", who).title.say(lang)
        address = {"client": self.client, "server": self.server}.get(who)
        if address is None:
            return word
        return f"{address}（{word}）" if lang == "zh" else f"{address} ({word})"


def peer_of(who: str) -> str:
    """Give the other end of "client" or "server"."""
    return "server" if who == "client" else "client"


def reset_after_fin(closed_by: str, reset_by: str) -> bool:
    """Say whether one end closed by FIN first and the other one's RST ended it then."""
    return {closed_by, reset_by} == {"client", "server"}


def why_skipped(skipped: Mapping[str, int], lang: Lang) -> str:
    """Say in brackets why frames were not used, the most frequent reason first; nothing if none was skipped."""
    reasons = [
        f"{count(number)} {entry('skip', slug).title.say(lang)}"
        for slug, number in sorted(skipped.items(), key=lambda item: -item[1])
        if number
    ]
    if not reasons:
        return ""
    return f"（{'，'.join(reasons)}）" if lang == "zh" else f" ({', '.join(reasons)})"


def holder(row: Connection) -> str:
    """Say who holds TIME-WAIT after the last segment: client, server, both or none."""
    client, server = row.client_state == "TIME-WAIT", row.server_state == "TIME-WAIT"
    return "both" if client and server else "client" if client else "server" if server else "none"


def clock(ts: int) -> str:
    """Write the time of day in UTC, to the second: "12:00:05 UTC"."""
    return datetime.fromtimestamp(ts // NS, UTC).strftime("%H:%M:%S UTC")


def one_way(row: Connection) -> bool:
    """Say whether one direction alone was captured."""
    return "one-direction" in row.notes


def cause_of(row: Connection) -> Entry:
    """Give the cause of a row, with what is to be said and done about it where the capture shows so much of it."""
    found = entry("cause", row.cause)
    if one_way(row):
        sentence, advice = found.sentence_one_way, found.advice_one_way
    elif row.client_fins or row.server_fins:
        sentence, advice = found.sentence_closing, found.advice_closing
    else:
        return found
    return found._replace(sentence=sentence or found.sentence, advice=advice or found.advice)


_NO_END: Final = frozenset({"capture-ended", "stray-reset"})
"""Causes that say that the capture holds no end of the connection."""
FORGED: Final = "injected-reset"
"""The cause that says that the end that the RST names did not send it."""
REJECTED: Final = "handshake-rejected"
"""The cause that says that the server did not take the ACK of its SYN."""
REFUSED_IN_TIME_WAIT: Final = "time-wait-reuse-refused"
"""The cause that says that an earlier connection's TIME-WAIT answered the SYN."""
_HELD = Text(
    "TIME-WAIT is held by {who} until {until} (60 s on Linux)",
    "TIME-WAIT 由{who}保持到 {until}（Linux 为 60 秒）",
)
_GAVE_WAY = Text(
    "TIME-WAIT was held by {who} until frame {frame}, {after} later: a SYN replaced it by the next connection",
    "TIME-WAIT 由{who}保持到第 {frame} 帧（{after}之后）：一个 SYN 以下一个连接取代了它",
)

_IN_NAME = Text(
    "a RST in the name of {closer} ended the connection",
    "一个以{closer}的名义发出的 RST 终止了连接",
)
_IN_NAME_AFTER_FIN = Text(
    "{closer} closed first, a RST in the name of {other} then ended the connection",
    "{closer}先关闭，随后一个以{other}的名义发出的 RST 终止了连接",
)
_CLOSER_UNSEEN = Text(
    "{title}; who closed first the capture does not show", "{title}；抓包没有显示谁先关闭"
)
_SENDER_ONLY = Text(
    "{sender} sent a FIN; whether it was acked, and who closed first, the capture does not show",
    "{sender}发出了 FIN；是否得到确认、谁先关闭，抓包没有显示",
)
_OLD_ANSWER = Text(
    "{server} answered the SYN for an earlier connection only",
    "{server}只以早先连接的名义回应了 SYN",
)


def sentence(
    row: Connection | Mapping[str, object],
    lang: Lang = "en",
    *,
    replaced: tuple[int, int] | None = None,
) -> str:
    """Tell a connection in one line: who closed, how, why, and who holds TIME-WAIT.

    `row` is a `Connection` or a record of the core. Raises TypeError or KeyError if it is neither.
    replaced: frame and time (nanoseconds since the Unix epoch) of the SYN that ended that TIME-WAIT, if one is known to have.
    """
    row = row if isinstance(row, Connection) else Connection.of(row)
    ends = Ends.of(row)
    close = entry("close", row.close)
    line = _line(row, close)
    parts = [
        line.say(lang).format(
            title=close.title.say(lang),
            closer=ends.named(row.closed_by, lang),
            sender=ends.named("client" if row.client_fins else "server", lang),
            other=ends.named(peer_of(row.closed_by), lang),
            client=ends.named("client", lang),
            server=ends.named("server", lang),
        )
    ]
    if row.cause not in ("orderly", "capture-ended"):
        cause, sure = entry("cause", row.cause), entry("confidence", row.confidence).title.say(lang)
        parts.append(
            f"{cause.title.say(lang)}（{sure}）"
            if lang == "zh"
            else f"{cause.title.say(lang)} ({sure})"
        )
    who = holder(row)
    if who != "none":
        name = entry("closed_by", who).title.say(lang)
        named = name if lang == "zh" or who == "both" else f"the {name}"
        if replaced is not None:
            frame, ts = replaced
            after = duration((ts - row.last_ts) / NS, lang)
            parts.append(_GAVE_WAY.say(lang).format(who=named, frame=frame, after=after))
        else:
            until = clock(row.last_ts + TIME_WAIT_LINUX * NS)
            parts.append(_HELD.say(lang).format(who=named, until=until))
    text = ("；" if lang == "zh" else "; ").join(parts)
    return text[:1].upper() + text[1:]


def _line(row: Connection, close: Entry) -> Text:
    """Choose the line that says how it ended and by whom."""
    line = close.line or close.title
    after_fin = reset_after_fin(row.closed_by, row.reset_by)
    if row.cause == FORGED:
        line = _IN_NAME_AFTER_FIN if after_fin else _IN_NAME
    elif row.cause == REFUSED_IN_TIME_WAIT:
        line = _OLD_ANSWER
    elif after_fin:
        line = close.line_after_fin or line
    elif not row.finished and row.closed_by in ("client", "server"):
        line = close.line_unacked or line
    if one_way(row):
        line = close.line_one_way or line
    elif row.confidence != "certain" and row.cause in _NO_END:
        line = close.line_unsure or line
    if row.closed_by == "none" and "{closer}" in line.en:
        line = _SENDER_ONLY if row.close == "fin-unanswered" else _CLOSER_UNSEEN
    return line


def said(evidence: str, lang: Lang = "en") -> str:
    """Put one piece of evidence in words.

    "idle-gap-ns=5000213000" is "5.0 s without payload before the close".
    """
    slug, _, number = evidence.partition("=")
    found = entry("evidence", slug)
    if found.said is None or not number:
        return found.sentence.say(lang)
    try:
        value = int(number)
    except ValueError:
        return found.sentence.say(lang)
    if found.unit == "frame" and value == 0:  # 0: that frame was not captured
        return found.sentence.say(lang)
    text = found.said_one if value == 1 and found.said_one else found.said
    return text.say(lang).format(n=_amount(value, found.unit, lang))


def _amount(value: int, unit: str | None, lang: Lang) -> str:
    match unit:
        case "ns":
            return duration(value / NS, lang)
        case "s":
            return duration(float(value), lang)
        case "bytes":
            return size(value, lang)
        case "frame":
            return str(value)
        case _:
            return count(value)
