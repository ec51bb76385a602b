"""Joining one connection of two captures, segment by segment."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from finwait.compare.clocks import Clocks, clocks
from finwait.compare.sighting import Sighting, changes, sightings
from finwait.explain.conversation import ACK, FIN, RST, Conversation
from finwait.verdict.verdict import peer_of

SLACK: Final = 0.001
"""Seconds by which the estimate of the clocks may be wrong."""


class Difference(NamedTuple):
    """One segment that is not the same at both places."""

    kind: str
    """lost: sent and never arrived. injected: arrived and never sent. changed: arrived otherwise than it was sent.
    missed: on the wire, as its ACK shows, and in one capture only. outside: before or after the other capture.
    unclear: in one capture only, and which is nearer to its sender is not known."""
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

    a: Conversation
    b: Conversation
    clocks: Clocks
    both: int
    """Segments seen at both places."""
    resegmented: int
    """Segments whose octets the other capture has in other pieces (offloading at one end)."""
    differences: tuple[Difference, ...]
    hops: dict[str, Hops]

    def near(self, who: str) -> str:
        """Name the capture that was made nearer to an end: "A", "B", or "" if that is not known."""
        near = self.clocks.near_client
        return near if who == "client" or not near else {"A": "B", "B": "A"}[near]

    @property
    def translated(self) -> tuple[str, ...]:
        """Name the ends whose address or port is not the same in both captures: NAT."""
        a, b = self.a.row, self.b.row
        pairs = {"client": (a.client, b.client), "server": (a.server, b.server)}
        return tuple(who for who, (here, there) in pairs.items() if here != there)


def join(a: Conversation, b: Conversation, ends: Mapping[str, float]) -> Joined:
    """Join one connection. `ends`: when each capture, "A" and "B", ended, by its own clock."""
    of_a, of_b = _by_key(sightings(a)), _by_key(sightings(b))
    once = [
        (one[0].who, one[0].at, two[0].at)
        for key, one in of_a.items()
        if len(one) == 1 and len(two := of_b.get(key, [])) == 1
    ]
    time = clocks(once)
    pairs, only_a, only_b = _paired(of_a, of_b, time)
    only_a, only_b, cut = _resegmented(only_a, only_b)
    judge = _Judge(a, b, time, ends)
    found = [judge.alone(one, "A") for one in only_a] + [judge.alone(one, "B") for one in only_b]
    found += [
        Difference("changed", x.who, x.frame, y.frame, x.name, fields)
        for x, y in pairs
        if (fields := _changed(x, y))
    ]
    found.sort(key=lambda one: (one.a or 0, one.b or 0))
    hops = {
        who: _hops([pair for pair in pairs if pair[0].who == who]) for who in ("client", "server")
    }
    return Joined(a, b, time, len(pairs), cut, tuple(found), hops)


def _by_key(seen: Iterable[Sighting]) -> dict[tuple[object, ...], list[Sighting]]:
    found: dict[tuple[object, ...], list[Sighting]] = defaultdict(list)
    for one in seen:
        found[one.key].append(one)
    return found


_Pairs = list[tuple[Sighting, Sighting]]


def _paired(
    of_a: dict[tuple[object, ...], list[Sighting]], of_b: dict[tuple[object, ...], list[Sighting]], time: Clocks,
) -> tuple[_Pairs, list[Sighting], list[Sighting]]:  # fmt: skip
    """Pair copies of one segment: each that arrived with the latest one sent early enough before it."""
    pairs: _Pairs = []
    only_a: list[Sighting] = []
    only_b: list[Sighting] = []
    for key in {**of_a, **of_b}:
        here, there = of_a.get(key, []), of_b.get(key, [])
        alike: _Pairs = []
        for look in {one.look for one in here} & {one.look for one in there}:
            alike += _matched(
                [x for x in here if x.look == look], [y for y in there if y.look == look], time
            )
        # what no device touched is its own copy; else the order of the copies has to do
        found = alike or _matched(here, there, time)
        pairs += found
        taken_a, taken_b = {id(x) for x, _ in found}, {id(y) for _, y in found}
        only_a += [x for x in here if id(x) not in taken_a]
        only_b += [y for y in there if id(y) not in taken_b]
    return pairs, only_a, only_b


def _matched(here: list[Sighting], there: list[Sighting], time: Clocks) -> _Pairs:
    """Pair each of the fewer copies with the one that lies as far from it as the way is long."""
    if len(here) == len(there):
        return list(zip(here, there, strict=True))
    if len(here) > len(there):
        return [(x, y) for y, x in _taken(there, here, -time.offset, time.delay)]
    return _taken(here, there, time.offset, time.delay)


def _taken(few: list[Sighting], many: list[Sighting], shift: float, delay: float) -> _Pairs:
    left = list(many)
    found: _Pairs = []
    for one in reversed(few):
        mate = _nearest(left, one.at + shift, delay)
        left.remove(mate)
        found.append((one, mate))
    return found


def _nearest(copies: Sequence[Sighting], at: float, delay: float) -> Sighting:
    return min(copies, key=lambda one: abs(abs(one.at - at) - delay))


def _resegmented(only_a: list[Sighting], only_b: list[Sighting]) -> tuple[list[Sighting], list[Sighting], int]:  # fmt: skip
    """Leave out segments whose octets the other place has in other pieces."""
    left_a = [one for one in only_a if not _covered(one, only_b)]
    left_b = [one for one in only_b if not _covered(one, only_a)]
    return left_a, left_b, len(only_a) + len(only_b) - len(left_a) - len(left_b)


def _covered(one: Sighting, others: Iterable[Sighting]) -> bool:
    s = one.segment
    if not s.payload or s.flags & RST:
        return False
    at = s.seq
    for other in sorted(others, key=lambda other: other.segment.seq):
        o = other.segment
        if other.who == one.who and o.payload and o.payload != s.payload and o.seq <= at < o.end:
            at = o.end
    return at >= s.end - bool(s.flags & FIN)


def _changed(x: Sighting, y: Sighting) -> dict[str, tuple[str, str]]:
    fields = changes(x.segment, y.segment)
    if x.segment.span:  # another sending of the same octets may ack more and offer another window
        again = x.segment.step.ack != y.segment.step.ack
        if again:
            return {}
    return fields


def _hops(pairs: Sequence[tuple[Sighting, Sighting]]) -> Hops:
    apart = [(x.segment.step.ttl - y.segment.step.ttl, x.frame) for x, y in pairs]
    if not apart:
        return Hops(None, ())
    values = [value for value, _ in apart]
    usual = max(set(values), key=values.count)
    return Hops(usual, tuple(frame for value, frame in apart if value != usual))


class _Judge:
    """Says what it means that only one capture has a segment."""

    def __init__(self, a: Conversation, b: Conversation, time: Clocks, ends: Mapping[str, float]) -> None:  # fmt: skip
        self.captures = {"A": a, "B": b}
        self.time = time
        self.span = {
            name: (c.segments[0].step.ts / 1e9, ends[name]) for name, c in self.captures.items()
        }

    def alone(self, one: Sighting, where: str) -> Difference:
        """Judge a segment that only one capture has."""
        kind = self._kind(one, where)
        a, b = (one.frame, None) if where == "A" else (None, one.frame)
        return Difference(kind, one.who, a, b, one.name, {})

    def _kind(self, one: Sighting, where: str) -> str:
        other = "B" if where == "A" else "A"
        near = self.time.near_client
        if not near:
            return "unclear"
        senders = near if one.who == "client" else {"A": "B", "B": "A"}[near]
        sent_here = senders == where
        there = one.at + (self.time.offset if where == "A" else -self.time.offset)
        there += self.time.delay if sent_here else -self.time.delay
        began, ended = self.span[other]
        if there < began - SLACK:
            return "outside"
        if self._acked(one, other):
            return "missed"
        if there > ended + SLACK and sent_here:
            return "outside"
        return "lost" if sent_here else "injected"

    def _acked(self, one: Sighting, other: str) -> bool:
        """Tell whether the end that it goes to acked octets that the other capture never saw."""
        s = one.segment
        if not s.span or s.flags & RST:
            return False
        c = self.captures[other]
        raw_end = (s.step.seq + s.span) % (1 << 32)
        seen = any(
            t.who == one.who
            and t.span
            and not t.copy
            and _reaches(t.step.seq, t.span, s.step.seq, raw_end)
            for t in c.segments
        )
        if seen:
            return False
        return any(
            t.who == peer_of(one.who) and t.flags & ACK and not t.flags & RST and not t.copy
            and (t.step.ack - raw_end) % (1 << 32) < 1 << 30
            for t in c.segments
        )  # fmt: skip


def _reaches(seq: int, span: int, start: int, end: int) -> bool:
    """Tell whether numbers overlap, modulo 2**32."""
    return (start - seq) % (1 << 32) < span or (seq - start) % (1 << 32) < (end - start) % (1 << 32)
