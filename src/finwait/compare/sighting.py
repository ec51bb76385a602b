"""One segment as one capture saw it, in numbers that are the same at both ends."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from finwait.capture.connection import Connection
from finwait.explain.conversation import ACK, FIN, RST, SYN, WRAP
from finwait.explain.given import Explained, Step
from finwait.script.tcp_options import from_wire, split
from finwait.tcp import Flags
from finwait.verdict.verdict import peer_of

HEADER: Final = 20
"""Octets of a TCP header without options (RFC 9293 section 3.1)."""
SHOWN: Final = 16
"""Octets of a payload that was changed."""
KIND: Final = SYN | FIN | RST
WORDS: Final = 0x3F
"""Control bits that are named; ECN's are left to the devices of the way (RFC 3168)."""
Key = tuple[str, int, int, int, int | None]
Look = tuple[object, ...]


class Sighting:
    """A segment at one place."""

    __slots__ = (
        "ack", "acks", "at", "captured", "data", "digest", "flags", "frame", "header", "ignored", "ip_id", "key", "look", "payload", "seq",
        "span", "ts", "ttl", "who", "window",
    )  # fmt: skip

    def __init__(self, step: Step, who: str) -> None:
        self.frame: int = step.number
        self.ts: int = step.ts
        """Nanoseconds since 1970, by the clock of that capture."""
        self.who = who
        self.seq: int = step.seq
        self.flags: int = step.flags
        self.ack: int | None = step.ack if step.flags & ACK else None
        self.payload: int = step.payload
        self.window: int = step.window
        self.ttl: int = step.ttl
        self.ip_id: int = step.ip_id
        self.header: bytes = step.header
        self.data: bytes = step.data
        self.captured: int = step.captured
        self.digest: int = step.digest
        self.ignored = False
        """A RST that ends nothing."""
        self.at = self.acks = 0
        """`seq` and `ack`, relative and unwrapped: see `number`."""
        syn_fin = bool(self.flags & SYN) + bool(self.flags & FIN)
        self.span: int = 0 if self.flags & RST else self.payload + syn_fin
        """Numbers it takes (RFC 9293 section 3.4); a RST takes none, whatever it carries."""
        self.key: Key = (
            who,
            self.seq,
            self.payload,
            self.flags & KIND,
            None if self.span else self.ack,
        )
        """What no device between changes. Of what carries octets a copy may ack more than the one before; a pure ACK
        is nothing but its ack."""
        self.look: Look = (
            self.ip_id,
            self.ack,
            self.window,
            self.flags,
            self.header[HEADER:],
            self.data,
            self.digest,
        )
        """What of it tells copies with one key apart, if no device between touched it."""

    @property
    def end(self) -> int:
        """The relative number after the last one that it takes."""
        return self.at + self.span

    @property
    def name(self) -> str:
        """Name it as RFC 9293 does: its control bits, number and length."""
        flags = Flags(self.flags & WORDS).words().replace(",", "+")
        seq = 0 if self.flags & RST and self.seq == 0 else self.at
        return f"{flags} seq {seq} len {self.payload}" if self.payload else f"{flags} seq {seq}"


@dataclass(slots=True)
class Seen:
    """One connection at one place."""

    row: Connection
    isn: dict[str, int | None]
    sightings: list[Sighting] = field(default_factory=list)
    """Its segments in the order of the capture, without `spares` and without broken ones."""
    spares: list[Sighting] = field(default_factory=list)
    """Packets that it has again within no time: captured twice, doubled on the way, or sent again at once (see `copies`)."""
    gap: tuple[int, int] | None = None
    """Times between which segments were left out, because there are too many; nanoseconds."""

    def swapped(self) -> "Seen":
        """Give it with the roles changed: without a handshake, who called is a guess."""
        self.isn = {who: self.isn[peer_of(who)] for who in self.isn}
        for one in (*self.sightings, *self.spares):
            one.who = peer_of(one.who)
            one.key = (one.who, *one.key[1:])
        return self

    def of(self, who: str) -> list[Sighting]:
        """Give what one end sent."""
        return [one for one in self.sightings if one.who == who]


def seen(told: Explained, head: int) -> Seen:
    """Take a connection from the core. `head`: how many steps come before those that were left out."""
    found = Seen(Connection.of(told.row), {"client": told.client_isn, "server": told.server_isn})
    for step in told.steps:
        labels = step.labels
        if "bad-checksum" not in labels:
            one = Sighting(step, "client" if step.from_client else "server")
            one.ignored = "rst-ignored" in labels
            (found.spares if "duplicate" in labels else found.sightings).append(one)
    if told.truncated:
        found.gap = told.steps[head - 1].ts, told.steps[head].ts
    return found


def number(a: Seen, b: Seen) -> None:
    """Give the segments of both relative numbers, counted from the same place."""
    base = {who: _base(a, b, who) for who in ("client", "server")}
    for one in (a, b):
        every = (
            sorted((*one.sightings, *one.spares), key=lambda s: s.frame)
            if one.spares
            else one.sightings
        )
        _count(every, base)


def _base(a: Seen, b: Seen, who: str) -> int:
    """Give the raw number that counts as 0: the initial one, or else the one before the first that is seen."""
    for c in (a, b):
        isn = c.isn[who]
        if isn is not None:
            return isn
    found = [n for c in (a, b) if (n := _first(c, who)) is not None]
    # the earlier of the two, modulo 2**32
    return (
        found[-1]
        if len(found) > 1 and (found[0] - found[1]) % WRAP < WRAP // 2
        else found[0]
        if found
        else 0
    )


def _first(c: Seen, who: str) -> int | None:
    """Give the number before the first of an end whose SYN was not seen, as its segments or else the ACKs of them tell."""
    sent = (one.seq - 1 for one in c.sightings if one.who == who and not one.flags & RST)
    acked = (one.ack - 1 for one in c.sightings if one.who != who and one.ack is not None)
    lone = (one.seq - 1 for one in c.sightings if one.who == who)
    return next((n for numbers in (sent, acked, lone) for n in numbers), None)


def _count(sightings: Iterable[Sighting], base: Mapping[str, int]) -> None:
    last = {"client": 0, "server": 0}

    def near(who: str, raw: int) -> int:
        ahead = (raw - base[who] - last[who]) % WRAP
        return last[who] + (ahead - WRAP if ahead >= WRAP // 2 else ahead)

    for one in sightings:
        one.at = near(one.who, one.seq)
        if one.ack is not None:
            one.acks = near(peer_of(one.who), one.ack)
        if one.span:
            last[one.who] = max(last[one.who], one.end)


def options(one: Sighting) -> Mapping[str, str]:
    """Give the options of a segment by name, as text."""
    return {
        option.name: " ".join(map(str, option.numbers)) or (option.data or b"").hex()
        for option in map(from_wire, split(one.header[HEADER:]))
        if option.name not in {"nop", "eol"}
    }


def changes(a: Sighting, b: Sighting) -> dict[str, tuple[str, str]]:
    """Say what of a segment is not the same at both places, apart from its TTL: name, at A, at B."""
    if a.look == b.look:
        return {}
    found: dict[str, tuple[str, str]] = {}
    pairs = [
        ("flags", Flags(a.flags & WORDS).words(), Flags(b.flags & WORDS).words()),
        ("window", str(a.window), str(b.window)),
        ("ack", "" if a.ack is None else str(a.ack), "" if b.ack is None else str(b.ack)),
    ]
    if a.header and b.header and a.header[HEADER:] != b.header[HEADER:]:
        mine, theirs = options(a), options(b)
        pairs += [
            (name, mine.get(name, "none"), theirs.get(name, "none")) for name in {**mine, **theirs}
        ]
    for name, here, there in pairs:
        if here != there:
            found[name] = here, there
    if not same_octets(a, b):
        found["payload"] = _octets(a, b), _octets(b, a)
    return found


def same_octets(a: Sighting, b: Sighting) -> bool:
    """Tell whether what was captured of the octets that both have is the same; of more than 256, if both have the same ones."""
    if (a.at, a.captured) == (b.at, b.captured) and a.digest != b.digest:
        return False
    start, end = max(a.at, b.at), min(a.at + len(a.data), b.at + len(b.data))
    if start >= end:
        return True
    return a.data[start - a.at : end - a.at] == b.data[start - b.at : end - b.at]


def _octets(one: Sighting, other: Sighting) -> str:
    """Show the octets of one from where the other differs."""
    start = max(one.at, other.at)
    mine, theirs = one.data[start - one.at :], other.data[start - other.at :]
    place = next(
        (i for i, pair in enumerate(zip(mine, theirs, strict=False)) if pair[0] != pair[1]), None
    )
    if place is None:
        return f"… (after {len(mine)} octets that are the same)"
    shown = mine[place : place + SHOWN].hex()
    return f"{shown} (octet {place + 1})" if place else shown
