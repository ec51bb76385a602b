"""One segment opened: every field of its header, bit by bit, with what it means in its connection."""

from collections.abc import Callable
from typing import Final, NamedTuple

from finwait.errors import Misuse
from finwait.explain.conversation import (
    ACK,
    FIN,
    OF_SENDER,
    RST,
    SYN,
    URG,
    WRAP,
    Conversation,
    Segment,
)
from finwait.explain.header import FIXED, Field, Option, decode
from finwait.explain.item import Facts
from finwait.explain.words import messages, say
from finwait.verdict.catalogue import entry
from finwait.verdict.language import Lang
from finwait.verdict.verdict import peer_of

SHIFT_MAX: Final = 14
"""RFC 7323 2.3: a larger shift is taken as 14."""
SHOWN: Final = 64
"""Payload bytes that are shown."""
ACE: Final = ("AE", "CWR", "ECE")
"""A counter of three bits after a handshake with accurate ECN (RFC 9768 3.2.2)."""
FLAG_NAMES: Final = frozenset({"AE", "CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"})


Said = tuple[str, Facts]
"""Key of a text in section `header`, and its facts."""


class Opened(NamedTuple):
    """One line of an opened segment."""

    field: str
    """Name in the reader's language."""
    octets: str
    """The bytes of the header it lies in."""
    bits: str
    """Its bits, or the bytes of an option in hexadecimal."""
    value: str
    meaning: str


def find(c: Conversation, number: int) -> Segment:
    """Find a segment by its frame number. Raises Misuse if it is not one of this connection."""
    for s in c.segments:
        if s.number == number:
            return s
    first, last = c.row.first_frame, c.row.last_frame
    raise Misuse(
        f"frame {number} is not of connection {c.row.conn}, whose segments are among frames {first}"
        f" to {last}" + (" (some of the middle are left out)" if c.truncated else ""),
        f"第 {number} 帧不属于连接 {c.row.conn}：它的报文段在第 {first} 帧到第 {last} 帧之间"
        + ("（中间有一些未保留）" if c.truncated else ""),
    )


def opened(c: Conversation, s: Segment, lang: Lang) -> list[Opened]:
    """Open a segment."""
    header = decode(s.step.header)
    lines = [_field(c, s, field, lang) for field in header.fields]
    lines += [_option(c, s, option, lang) for option in header.options]
    if header.missing and s.step.header:
        meaning = say("header", "missing", {"missing_bytes": header.missing}, lang)
        lines.append(Opened(_name("missing", lang), "", "?", "", meaning))
    return lines


def context(c: Conversation, s: Segment, lang: Lang) -> list[str]:
    """Say what the core says of the segment, and what the IP header around it says."""
    untrue = OF_SENDER if s.index in c.forged else ()
    lines = [
        entry("label", slug).sentence.say(lang)
        for slug in s.step.labels
        if slug in s.labels and slug not in untrue
    ]
    lines.append(say("header", "ip", {"ttl": s.step.ttl, "ip_id": s.step.ip_id}, lang))
    if not s.step.header:
        lines.append(say("header", "fragments", {}, lang))
    return lines


def payload(s: Segment) -> list[str]:
    """Show the first bytes of the payload: offset, hexadecimal, text."""
    data = s.step.data[:SHOWN]
    lines = []
    for at in range(0, len(data), 16):
        chunk = data[at : at + 16]
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in chunk)
        lines.append(f"{at:04x}  {chunk.hex(' '):47}  {text}")
    return lines


def _name(key: str, lang: Lang) -> str:
    return messages(lang, "fields").get(key, key)


def _field(c: Conversation, s: Segment, field: Field, lang: Lang) -> Opened:
    value, bits = field.value, field.binary
    if value is None and field.name in ("seq", "ack", "window"):
        value = {"seq": s.step.seq, "ack": s.step.ack, "window": s.step.window}[field.name]
    if value is None:
        meaning = say("header", "not-captured", {}, lang)
        return Opened(_name(field.name, lang), field.octets, bits, "?", meaning)
    if field.name in FLAG_NAMES:
        key, facts = _flag(c, s, field.name, bool(value))
    else:
        key, facts = _PLAIN[field.name](c, s, value)
    shown = f"0x{value:04x}" if field.name == "checksum" else str(value)
    meaning = say("header", key, facts, lang)
    return Opened(_name(field.name, lang), field.octets, bits, shown, meaning)


def _source_port(c: Conversation, s: Segment, value: int) -> Said:
    del c, value
    return "port", {"who": s.who}


def _destination_port(c: Conversation, s: Segment, value: int) -> Said:
    del c, value
    return "port", {"who": peer_of(s.who)}


def _data_offset(c: Conversation, s: Segment, value: int) -> Said:
    del c, s
    if value < 5:
        return "data-offset-bad", {"value": value}
    size: Facts = {"header_bytes": value * 4, "option_bytes": value * 4 - FIXED}
    return ("data-offset" if value > 5 else "data-offset-plain"), size


def _reserved(c: Conversation, s: Segment, value: int) -> Said:
    del c, s
    return ("reserved-set" if value else "reserved"), {}


def _checksum(c: Conversation, s: Segment, value: int) -> Said:
    del c, value
    return ("checksum-bad" if "bad-checksum" in s.labels else "checksum"), {}


def _urgent(c: Conversation, s: Segment, value: int) -> Said:
    if s.flags & URG:
        return "urgent", {"last": c.shown(s.who, s.seq + value)}
    return ("urgent-stray" if value else "urgent-none"), {}


def _seq(c: Conversation, s: Segment, value: int) -> Said:
    if s.has(RST | ACK) and value == 0:
        return "seq-zero", {}
    facts: Facts = {"relative": s.seq, "who": s.who}
    if s.flags & RST:
        drew = c.drew(s)
        return ("seq-reply", facts | {"trigger": drew.number}) if drew else ("seq-rst", facts)
    facts |= {"first": s.seq, "last": s.end - 1, "next": s.end}
    if s.flags & FIN and s.payload:
        return "seq-data-fin", facts | {"fin": s.end - 1, "last": s.end - 2}
    for key, is_it in (
        ("seq-syn", s.flags & SYN),
        ("seq-fin", s.flags & FIN),
        ("seq-keep-alive", "keep-alive" in s.labels),
        ("seq-data", s.payload),
        ("seq-old", "old-ack" in s.labels),
    ):
        if is_it:
            return key, facts
    return "seq-empty", facts


def _ack(c: Conversation, s: Segment, value: int) -> Said:
    if not s.flags & ACK:
        return ("ack-unused-set" if value else "ack-unused"), {}
    peer = peer_of(s.who)
    facts: Facts = {"relative": s.ack, "peer": peer, "last": s.ack - 1}
    other = c.fins[peer]
    if "old-ack" in s.labels:
        return "ack-old", facts | {"who": s.who}
    if s.flags & RST and s.step.seq == 0:
        return "ack-reply", facts
    if other is not None and s.ack == other.number + 1:
        return "ack-fin", facts | {"fin": other.number}
    if other is not None and s.ack == other.number and other.first.index < s.index:
        return "ack-short", facts | {"need": other.number + 1}
    return ("ack-syn" if s.flags & SYN or s.ack == 1 else "ack"), facts


def _window(c: Conversation, s: Segment, value: int) -> Said:
    facts: Facts = {"window_bytes": s.window, "raw": value, "who": s.who}
    peer = peer_of(s.who)
    facts |= {"peer": peer, "edge": c.shown(peer, s.ack + s.window - 1)}
    shift = c.wscale[s.who]
    if s.flags & RST:
        return ("window-rst-zero" if value == 0 else "window-rst"), facts
    if s.flags & SYN or value == 0:
        return ("window-syn" if s.flags & SYN else "window-zero"), facts
    if shift is not None and c.wscale[peer] is not None:
        scale: Facts = {"shift": min(shift, SHIFT_MAX), "factor": 1 << min(shift, SHIFT_MAX)}
        return "window-scaled", facts | scale
    return ("window-unknown" if c.isn[s.who] is None else "window"), facts


_PLAIN: Final[dict[str, Callable[[Conversation, Segment, int], Said]]] = {
    "source-port": _source_port,
    "destination-port": _destination_port,
    "seq": _seq,
    "ack": _ack,
    "data-offset": _data_offset,
    "reserved": _reserved,
    "window": _window,
    "checksum": _checksum,
    "urgent": _urgent,
}


def _flag(c: Conversation, s: Segment, name: str, up: bool) -> Said:
    key = f"{name}-{'set' if up else 'clear'}"
    facts: Facts = {"who": s.who, "peer": peer_of(s.who)}
    if name in ACE and not s.flags & SYN and _accurate_ecn(c):
        return "ACE", {"marks": s.flags >> 6 & 7}
    if not up:
        return key, facts
    match name:
        case "SYN":
            facts["next"] = c.shown(s.who, s.seq + 1)
        case "FIN":
            facts["fin"] = c.shown(s.who, s.end - 1)
        case "RST":
            form = next((f for f in ("owner", "reply") if f"rst-{f}" in s.labels), "unclear")
            if s.index in c.forged:
                form = "forged"
            ignored = "rst-ignored" in s.labels
            key = "RST-old" if c.old_answer(s) else "RST-ignored" if ignored else f"RST-{form}"
        case "ECE" | "CWR" | "AE" if s.flags & SYN:
            key = f"{name}-syn"
        case _:
            pass
    return key, facts


def _accurate_ecn(c: Conversation) -> bool:
    """Tell whether both ends agreed on accurate ECN (RFC 9768 3.1.1 and Table 2)."""
    syns = [s for s in c.segments if s.flags & SYN]
    asked = any(not s.flags & ACK and s.flags >> 6 & 7 == 7 for s in syns)
    return asked and any(s.flags & ACK and s.flags >> 6 & 7 in (2, 3, 4, 6) for s in syns)


def _option(c: Conversation, s: Segment, option: Option, lang: Lang) -> Opened:
    facts: Facts = dict(option.numbers)
    facts["who"] = s.who
    if option.name == "window-scale":
        shift = min(option.numbers["value"], SHIFT_MAX)
        facts["factor"] = 1 << shift
    key = f"option-{option.name}"
    if option.name == "window-scale" and c.wscale[peer_of(s.who)] is None and s.flags & SYN:
        key = "option-window-scale-alone"
    if option.name == "sack":
        key, facts = _sack(c, s, option)
    first, last = option.offset, option.offset + len(option.raw) - 1
    octets = str(first) if first == last else f"{first}-{last}"
    value = _value(option)
    return Opened(
        _name(key if option.name == "sack" else f"option-{option.name}", lang),
        octets,
        option.raw.hex(" "),
        value,
        say("header", key, facts, lang),
    )


def _sack(c: Conversation, s: Segment, option: Option) -> Said:
    """Tell SACK blocks as relative numbers (RFC 2018 3); a D-SACK is below the ack (RFC 2883 4)."""
    peer = peer_of(s.who)
    edges = [(edge - c.base[peer]) % WRAP for edge in option.numbers.values()]
    blocks = list(zip(edges[::2], edges[1::2], strict=False))
    text = "; ".join(f"{left}-{right - 1}" for left, right in blocks)
    first = blocks[0]
    key = "option-dsack" if first[1] <= s.ack % WRAP else "option-sack"
    return key, {"blocks": text, "peer": peer, "ack": s.ack, "who": s.who}


def _value(option: Option) -> str:
    match option.name:
        case "mss" | "window-scale":
            return str(option.numbers["value"])
        case "timestamps":
            return f"{option.numbers['value']}, {option.numbers['echo']}"
        case "user-timeout":
            return f"{option.numbers['seconds']} s"
        case _:
            return ""
