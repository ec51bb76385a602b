"""How the events of the table are written in a picture, in English and in Chinese."""

from typing import Final

from finwait.tcp import Edge, Event, Guard
from finwait.verdict.language import Lang, Text

RECEIVED: Final[dict[Event, Text]] = {
    Event.RCV_SYN: Text("rcv SYN", "收到 SYN"),
    Event.RCV_SYN_ACK: Text("rcv SYN,ACK", "收到 SYN,ACK"),
    Event.RCV_ACK_OF_SYN: Text("rcv ACK of SYN", "收到对 SYN 的 ACK"),
    Event.RCV_BAD_ACK: Text("rcv bad ACK", "收到无效的 ACK"),
    Event.RCV_FIN: Text("rcv FIN", "收到 FIN"),
    Event.RCV_ACK_OF_FIN: Text("rcv ACK of FIN", "收到对 FIN 的 ACK"),
    Event.RCV_RST: Text("rcv RST", "收到 RST"),
    Event.RCV_INEXACT_RST: Text("rcv RST, not at RCV.NXT", "收到 RST，但序号不等于 RCV.NXT"),
    Event.RETRANSMISSION_TIMEOUT: Text("retransmission timeout", "重传超时"),
    Event.USER_TIMEOUT: Text("user timeout", "用户超时"),
    Event.FIN_WAIT_2_TIMEOUT: Text("FIN-WAIT-2 timeout", "FIN-WAIT-2 超时"),
    Event.TIME_WAIT_TIMEOUT: Text("2 MSL timeout", "2 MSL 超时"),
}
"""Events that are not a user's."""
OWN: Final[dict[Event, Text]] = {
    Event.OPEN_PASSIVE: Text("passive OPEN", "被动 OPEN"),
    Event.CLOSE: Text("CLOSE", "应用 CLOSE"),
    Event.ABORT: Text("ABORT", "应用 ABORT"),
    Event.SND_SYN: Text("snd SYN", "发送 SYN"),
    Event.SND_FIN: Text("snd FIN", "发送 FIN"),
    Event.SND_RST: Text("snd RST", "发送 RST"),
}
CALLS: Final[dict[str, Text]] = {
    "OPEN passive": Text("passive OPEN", "被动 OPEN"),
    "OPEN active": Text("active OPEN", "主动 OPEN"),
    "SEND": Text("SEND", "SEND"),
    "CLOSE": Text("CLOSE", "应用 CLOSE"),
    "ABORT": Text("ABORT", "应用 ABORT"),
}
"""User calls of RFC 9293 section 3.9.1."""
GUARDS: Final[dict[Guard, Text]] = {
    Guard.PASSIVE_OPEN: Text("after a passive OPEN", "仅限被动打开之后"),
    Guard.FIN_ACKED: Text("that also acks our FIN", "且同时确认己方 FIN"),
    Guard.REUSE_ALLOWED: Text("for a new connection", "用于新连接"),
}


def cause(edge: Edge, lang: Lang) -> str:
    """Write what makes an end take the edge: the user's call where there is one, else the event."""
    if edge.calls:
        either = Text(" or ", " 或 ").say(lang)
        return either.join(CALLS[call].say(lang) for call in edge.calls)
    return event(edge.event, lang)


def event(which: Event, lang: Lang) -> str:
    """Write an event."""
    return (RECEIVED.get(which) or OWN[which]).say(lang)


def sent(edge: Edge, lang: Lang) -> str:
    """Write the segment that goes out; empty for none."""
    if edge.sends is None:
        return ""
    if edge.sends == "again":
        return Text("snd the oldest segment again", "重发最早的未确认报文段").say(lang)
    return Text(f"snd {edge.sends}", f"发送 {edge.sends}").say(lang)
