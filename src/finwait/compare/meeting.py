"""One connection that both captures have: which segments are the same, as far as they are alike."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Final

from finwait.compare.clocks import Clocks, Fit, Point, Told, highest, lowest, nearer, told_by
from finwait.compare.sighting import Key, Seen, Sighting, changes, number

Pair = tuple[Sighting, Sighting]
"""A segment at A and at B."""
SLACK: Final = 0.001
"""Seconds by which the times of two captures may be wrong at most: a host stamps a packet before or after it waits.
On a short way it is as long as the way, but no less than BRIEF."""
BRIEF: Final = 10e-6
AGAIN: Final = 0.15
"""Seconds: what comes so much later than all others may have been sent again (Linux waits 200 ms, TCP_RTO_MIN)."""
NATURAL: Final = frozenset({"ack", "window", "TS", "sack", "flags"})
"""What a sender itself changes when it sends octets again."""


class Meeting:
    """Two sightings of one connection."""

    def __init__(self, a: Seen, b: Seen, zero: int, said: str = "") -> None:
        """`zero`: the time of A from which seconds are counted, in nanoseconds. `said`: which capture is nearer to the
        client, "A" or "B", as whoever asks knows; it counts where the times do not tell."""
        number(a, b)
        self.said = said
        self.a, self.b, self.zero = a, b, zero
        self.of_a, self.of_b = _by_key(a.sightings), _by_key(b.sightings)
        self.alike: list[Pair] = []
        """Pairs that are the same in everything that tells copies apart, and the only ones that are."""
        self.rewritten: set[str] = set()
        """Ends of which no segment is the same: a device changes each."""
        alone: dict[str, list[Pair]] = {"client": [], "server": []}
        for key, here in self.of_a.items():
            there = self.of_b.get(key)
            if there is None:
                continue
            if len(here) == 1 and len(there) == 1:
                if here[0].look == there[0].look:
                    self.alike.append((here[0], there[0]))
                else:
                    alone[key[0]].append((here[0], there[0]))
            else:
                self.alike += _only(here, there)
        for who, pairs in alone.items():
            if not any(x.who == who for x, _ in self.alike):
                self.rewritten.add(who)
                self.alike += pairs
        self.clocks = Clocks(0.0, 0.0, "", "")
        self.pool: Fit | None = None

    @cached_property
    def points(self) -> dict[str, list[Point]]:
        """What the pairs say of the clocks, by sender."""
        found: dict[str, list[Point]] = {"client": [], "server": []}
        for x, y in self.alike:
            found[x.who].append(((x.ts - self.zero) / 1e9, (y.ts - x.ts) / 1e9))
        return found

    def near(self, rate: float | None, *, search: bool = True) -> str:
        """Name the capture that is nearer to the client by the connection's own times."""
        return nearer(self.points["client"], self.points["server"], rate, search=search)

    def _nearer(self, pool: Fit | None, rate: float) -> tuple[str, Told]:
        client, server = self.points["client"], self.points["server"]
        if near := self.near(rate):
            return near, "times"
        if pool is not None and (near := told_by(pool, client, server)):
            return near, "clocks"
        return (self.said, "option") if self.said else ("", "")

    @property
    def contradicted(self) -> bool:
        """Tell whether the times say otherwise than whoever asked."""
        return bool(self.said) and self.said != self.clocks.near_client

    def set_clocks(self, pool: Fit | None) -> None:
        """Settle what the clocks say, by those of all connections if they fit."""
        client, server = self.points["client"], self.points["server"]
        self.pool = pool
        rate = pool.rate if pool is not None else 0.0
        near, by = self._nearer(pool, rate)
        begin = min((t for t, _ in (*client, *server)), default=0.0)
        there, back = (client, server) if near != "B" else (server, client)
        offset, delay = 0.0, 0.0
        if there and back:
            low, high = highest(back, rate), lowest(there, rate)
            offset, delay = (low + high) / 2, max((high - low) / 2, 0.0)
        elif there or back:
            rest = sorted(d - rate * t for t, d in there or back)
            offset = rest[len(rest) // 2]
        if pool is not None and near:
            offset = pool.offset
        self.clocks = Clocks(offset + rate * begin, delay, near, by, rate)

    @property
    def slack(self) -> float:
        """Seconds by which a time may be wrong here."""
        return min(SLACK, max(BRIEF, self.clocks.delay))

    def near_to(self, who: str) -> str:
        """Name the capture nearer to an end, "" if that is open."""
        near = self.clocks.near_client
        return near if who == "client" or not near else {"A": "B", "B": "A"}[near]

    @cached_property
    def _ranges(self) -> dict[str, tuple[float, float] | None]:
        rate = self.clocks.rate
        found: dict[str, tuple[float, float] | None] = {}
        for who, points in self.points.items():
            found[who] = (lowest(points, rate), highest(points, rate)) if points else None
        for who, other in (("client", "server"), ("server", "client")):
            # nothing of this end was seen twice: as long on the way as the other's, the other way round
            spread = found[other]
            if found[who] is None and spread is not None and self.pool is not None:
                middle = 2 * self.pool.offset
                found[who] = middle - spread[1], middle - spread[0]
        return found

    def elsewhere(self, one: Sighting, where: str) -> tuple[float, float] | None:
        """Say when a segment of A (`where`) passed B, or of B passed A: the earliest and the latest that others of its
        sender took, in nanoseconds of the other capture's clock. None: nothing of its sender was seen at both."""
        found = self._ranges[one.who]
        if found is None:
            return None
        low, high = found[0] - self.slack, found[1] + self.slack
        rate = self.clocks.rate
        if where == "A":
            gained = rate * (one.ts - self.zero) / 1e9
            return one.ts + (low + gained) * 1e9, one.ts + (high + gained) * 1e9
        at_a = one.ts - (low + high) / 2 * 1e9
        gained = rate * (at_a - self.zero) / 1e9
        return one.ts - (high + gained) * 1e9, one.ts - (low + gained) * 1e9

    def apart(self, x: Sighting, y: Sighting) -> float:
        """Say how far a pair's times are from those of the others of its sender, in seconds: 0 is within them,
        less than 0 too early at B, more than 0 too late."""
        found = self._ranges[x.who]
        if found is None:
            return 0.0
        rest = (y.ts - x.ts) / 1e9 - self.clocks.rate * (x.ts - self.zero) / 1e9
        return min(rest - found[0], 0.0) or max(rest - found[1], 0.0)

    def same_packet(self, x: Sighting, y: Sighting) -> bool:
        """Tell whether two that differ can be one that a device changed, and not two sendings."""
        if x.who in self.rewritten:
            return True
        if x.ip_id and y.ip_id:
            return x.ip_id == y.ip_id and self.in_time(x, y)
        return self.in_time(x, y) and not changes(x, y).keys() <= NATURAL

    def in_time(self, x: Sighting, y: Sighting) -> bool:
        """Tell whether a pair may be one packet by its times."""
        apart = self.apart(x, y)
        near = self.near_to(x.who)
        early, late = (-apart, apart) if near == "A" else (apart, -apart)
        return not near or (early <= self.slack and late <= AGAIN)


def _by_key(seen: Iterable[Sighting]) -> dict[Key, list[Sighting]]:
    found: dict[Key, list[Sighting]] = defaultdict(list)
    for one in seen:
        found[one.key].append(one)
    return dict(found)


def _only(here: list[Sighting], there: list[Sighting]) -> list[Pair]:
    """Of several copies, those whose look is found once at each place."""
    looks_a, looks_b = Counter(x.look for x in here), Counter(y.look for y in there)
    other = {y.look: y for y in there}
    return [(x, other[x.look]) for x in here if looks_a[x.look] == looks_b[x.look] == 1]
