"""Joining one connection of two captures, segment by segment."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from finwait.capture.connection import Connection
from finwait.compare.clocks import Clocks
from finwait.compare.judge import Judge, Octets
from finwait.compare.meeting import NATURAL, Meeting, Pair
from finwait.compare.pairs import paired
from finwait.compare.proof import Proof, proofs
from finwait.compare.sighting import Sighting, changes

STEADY: Final = 3
"""So many segments of an end that are all rewritten show a device that rewrites; fewer may be other sendings."""


class Difference(NamedTuple):
    """One segment that is not the same at both places."""

    kind: str
    """lost: sent and never arrived. injected: arrived and never sent. changed: arrived otherwise than it was sent.
    doubled: arrived, and sent, but not so often. missed: on the wire, as its numbers show, and in one capture only.
    outside: before or after the other capture. unclear: in one capture only, and neither of these is proved."""
    sender: str
    """client or server: the end that the segment names."""
    a: int | None
    """Its frame in A, if it is there."""
    b: int | None
    name: str
    """Its control bits, relative sequence number and length."""
    fields: dict[str, tuple[str, str]]
    """Of a changed one: what differs, at A and at B."""


class Hops(NamedTuple):
    """How many routers' decrements lie between the two places."""

    usual: int | None
    """None if no segment of this end was seen at both."""
    others: tuple[int, ...]
    """Frames in A of segments with another difference of TTL."""


@dataclass(frozen=True, slots=True)
class Joined:
    """One connection in both captures."""

    a: Connection
    b: Connection
    clocks: Clocks
    both: int
    """Segments seen at both places."""
    resegmented: int
    """Segments whose octets the other capture has in other pieces (offloading at one end)."""
    copies: Mapping[str, int]
    """Packets that "A" and "B" have twice in no time: captured twice, or doubled on the way."""
    holes: Mapping[str, int]
    """Segments that "A" and "B" missed, as numbers show."""
    left_out: bool
    """There were too many segments: the middle was not compared."""
    differences: tuple[Difference, ...]
    hops: Mapping[str, Hops]
    translated: tuple[str, ...]
    """The ends whose address or port is not the same in both captures: NAT."""
    proofs: tuple[Proof, ...]
    contradicted: bool
    """The times say otherwise which capture is nearer to the client than whoever asked; the times were followed."""


def join(meeting: Meeting, spans: dict[str, tuple[int, int]]) -> Joined:
    """Join one connection. `spans`: when each capture, "A" and "B", began and ended, by its own clock."""
    pairs, only_a, only_b, hidden, copies = paired(meeting)
    only_a, only_b, cut = _resegmented(only_a, only_b)
    lone = [(one, "A") for one in only_a] + [(one, "B") for one in only_b]
    judge = Judge(meeting, spans, hidden)
    kinds = judge.judge(lone)
    found = [_alone(kind, *one) for kind, one in zip(kinds, lone, strict=True)]
    usual = Counter(x.who for x, _ in meeting.alike)
    changed = [(x, y, fields) for x, y in pairs if (fields := _changed(x, y, meeting, usual))]
    found += [
        Difference("changed", x.who, x.frame, y.frame, x.name, fields) for x, y, fields in changed
    ]
    found.sort(key=lambda one: (one.a or 0, one.b or 0))
    a, b = meeting.a, meeting.b
    return Joined(
        a=a.row,
        b=b.row,
        clocks=meeting.clocks,
        both=len(pairs),
        resegmented=cut,
        copies=copies,
        holes=judge.holes,
        left_out=a.gap is not None or b.gap is not None,
        differences=tuple(found),
        hops={
            who: _hops([pair for pair in pairs if pair[0].who == who])
            for who in ("client", "server")
        },
        translated=_translated(a.row, b.row),
        proofs=tuple(proofs(judge, list(zip(kinds, lone, strict=True)), pairs)),
        contradicted=meeting.contradicted,
    )


def _alone(kind: str, one: Sighting, where: str) -> Difference:
    a, b = (one.frame, None) if where == "A" else (None, one.frame)
    return Difference(kind, one.who, a, b, one.name, {})


def _translated(a: Connection, b: Connection) -> tuple[str, ...]:
    here, there = {"client": a.client, "server": a.server}, {"client": b.client, "server": b.server}
    if here["client"] == there["server"] and here["server"] == there["client"]:
        return ()  # the captures differ in who called
    return tuple(who for who in here if here[who] != there[who])


def _resegmented(only_a: list[Sighting], only_b: list[Sighting]) -> tuple[list[Sighting], list[Sighting], int]:  # fmt: skip
    """Leave out segments whose octets the other place has in other pieces."""
    left_a = _uncovered(only_a, only_b)
    left_b = _uncovered(only_b, only_a)
    return left_a, left_b, len(only_a) + len(only_b) - len(left_a) - len(left_b)


def _uncovered(mine: list[Sighting], others: list[Sighting]) -> list[Sighting]:
    keys = {one.key for one in mine}
    pieces = [one for one in others if one.payload and one.span and one.key not in keys]
    if not pieces:
        return mine
    there = {who: Octets([one for one in pieces if one.who == who]) for who in ("client", "server")}
    return [one for one in mine if not (one.payload and one.span and there[one.who].has(one))]


def _changed(x: Sighting, y: Sighting, meeting: Meeting, usual: Counter[str]) -> dict[str, tuple[str, str]]:  # fmt: skip
    fields = changes(x, y)
    if (
        x.span and x.ack != y.ack
    ):  # another sending of the same octets acks more and offers another window
        return {}
    if fields.keys() <= NATURAL and not (x.ip_id and x.ip_id == y.ip_id):
        device = x.who in meeting.rewritten and usual[x.who] >= STEADY
        return fields if device else {}
    return fields


def _hops(pairs: Sequence[Pair]) -> Hops:
    apart = [(x.ttl - y.ttl, x.frame) for x, y in pairs]
    if not apart:
        return Hops(None, ())
    counted = Counter(value for value, _ in apart)
    usual = max(counted, key=lambda value: counted[value])
    return Hops(usual, tuple(frame for value, frame in apart if value != usual))
