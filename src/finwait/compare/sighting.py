"""One segment as one capture saw it, in numbers that are the same at both ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from finwait.explain.conversation import ACK, FIN, RST, SYN, Conversation, Segment
from finwait.script.tcp_options import from_wire, split
from finwait.tcp import Flags

HEADER: Final = 20
"""Octets of a TCP header without options (RFC 9293 section 3.1)."""
KIND: Final = SYN | FIN | RST


@dataclass(frozen=True, slots=True)
class Sighting:
    """A segment at one place."""

    frame: int
    at: float
    """Seconds since 1970, by the clock of that capture."""
    who: str
    """Its sender: client or server."""
    segment: Segment

    @property
    def key(self) -> tuple[object, ...]:
        """What no device between changes: sender, numbers, length, SYN, FIN and RST."""
        step = self.segment.step
        ack = step.ack if step.flags & ACK else None
        # of what carries octets, a copy may ack more than the one before; a pure ACK is nothing but its ack
        return (
            self.who,
            step.seq,
            step.payload,
            step.flags & KIND,
            None if self.segment.span else ack,
        )

    @property
    def look(self) -> tuple[object, ...]:
        """What of it tells copies with one key apart, if no device between touched it."""
        step = self.segment.step
        return step.ip_id, step.ack, step.window, step.flags, step.header[HEADER:]

    @property
    def name(self) -> str:
        """Name it as RFC 9293 does: its control bits, number and length."""
        s = self.segment
        flags = Flags(s.flags & 0x3F).words().replace(",", "+")
        return f"{flags} seq {s.seq} len {s.payload}" if s.payload else f"{flags} seq {s.seq}"


def sightings(c: Conversation) -> list[Sighting]:
    """Give the segments of a connection, without those captured twice or broken."""
    return [Sighting(s.number, s.step.ts / 1e9, s.who, s) for s in c.segments if not s.copy]


def options(s: Segment) -> Mapping[str, str]:
    """Give the options of a segment by name, as text."""
    return {
        option.name: " ".join(map(str, option.numbers)) or (option.data or b"").hex()
        for option in map(from_wire, split(s.step.header[HEADER:]))
        if option.name not in {"nop", "eol"}
    }


def changes(a: Segment, b: Segment) -> dict[str, tuple[str, str]]:
    """Say what of a segment is not the same at both places, apart from its TTL: name, at A, at B."""
    found: dict[str, tuple[str, str]] = {}
    pairs = [
        ("flags", Flags(a.flags).words(), Flags(b.flags).words()),
        ("window", str(a.step.window), str(b.step.window)),
        ("ack", str(a.step.ack if a.flags & ACK else ""), str(b.step.ack if b.flags & ACK else "")),
    ]
    if a.step.header and b.step.header:
        mine, theirs = options(a), options(b)
        pairs += [
            (name, mine.get(name, "none"), theirs.get(name, "none")) for name in {**mine, **theirs}
        ]
    for name, here, there in pairs:
        if here != there:
            found[name] = here, there
    common = min(len(a.step.data), len(b.step.data))
    if a.step.data[:common] != b.step.data[:common]:
        found["payload"] = a.step.data[:16].hex(), b.step.data[:16].hex()
    return found
