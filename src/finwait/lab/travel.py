"""How a close travels through a proxy: what both wires carried from the first FIN or RST on, in one order."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from finwait.lab.wire import Packet, Wire
from finwait.picture.ladder_text import Style
from finwait.picture.width import cut, width
from finwait.verdict.language import Lang, Text

LANES: Final = (Text("client", "客户端"), Text("proxy", "代理"), Text("server", "服务器"))
ROOM: Final = (18, 40)
"""Columns between two lanes, at least and at most."""
MARGIN: Final = 14
"""Columns before the first lane (the time) and after the last."""
BYTES: Final = Text("{} bytes", "{} 字节")


class Hop(NamedTuple):
    """One segment on one of the two legs."""

    at: int
    """Nanoseconds of CLOCK_REALTIME."""
    leg: int
    """0: between client and proxy, 1: between proxy and server."""
    rightward: bool
    flags: str
    length: int
    kind: str
    """fin, rst, data or ack: what it is painted as."""


def travel(wires: Sequence[Wire]) -> tuple[Hop, ...]:
    """Give what was carried since the first FIN or RST, by the time at which it was sent."""
    every = [_hop(packet, leg) for leg, wire in enumerate(wires) for packet in wire.packets]
    every.sort(key=lambda hop: hop.at)
    ends = [place for place, hop in enumerate(every) if hop.kind in {"fin", "rst"}]
    return tuple(every[ends[0] :]) if ends else ()


def _hop(packet: Packet, leg: int) -> Hop:
    segment = packet.segment
    names = (("SYN", segment.syn), ("FIN", segment.fin), ("RST", segment.rst))
    flags = [name for name, there in names if there]
    length = len(segment.payload)
    kind = "rst" if segment.rst else "fin" if segment.fin else "data" if length else "ack"
    if not flags and not length:
        flags = ["ACK"]
    return Hop(packet.sent, leg, packet.sender == "client", " ".join(flags), length, kind)


def draw(hops: Sequence[Hop], began: int, style: Style, lang: Lang) -> list[str]:
    """Draw three lanes, client, proxy and server, and an arrow a segment, at seconds since `began`."""
    least, most = ROOM
    room = max(least, min(most, (style.columns - 2 * MARGIN) // 2))
    line = "│" if style.unicode else "|"
    lines = [style.paint("heading", _heads(room, lang))]
    for hop in hops:
        shown = style.paint(hop.kind, _shaft(hop, room, style, lang))
        lanes = [shown, " " * room] if hop.leg == 0 else [" " * room, shown]
        time = f"{(hop.at - began) / 1e9:{MARGIN - 4}.4f}"
        lines.append(f"{time}    {line}{lanes[0]}{line}{lanes[1]}{line}")
    return lines


def _heads(room: int, lang: Lang) -> str:
    text = ""
    for number, lane in enumerate(LANES):
        word = lane.say(lang)
        centre = MARGIN + number * (room + 1)
        text += " " * (centre - width(word) // 2 - width(text)) + word
    return text


def _shaft(hop: Hop, room: int, style: Style, lang: Lang) -> str:
    parts = [hop.flags] if hop.flags else []
    if hop.length:
        parts.append(BYTES.say(lang).format(hop.length))
    text = cut(", ".join(parts), room - 6)
    dash, right, left = ("─", "▶", "◀") if style.unicode else ("-", ">", "<")
    rest = dash * (room - width(text) - 5)
    if hop.rightward:
        return f"{dash * 2} {text} {rest}{right}"
    return f"{left}{rest} {text} {dash * 2}"
