"""How far two clocks are apart, and whether one runs faster, from segments that both captures saw.

Nothing arrives before it was sent. So B's clock minus A's, over time, is a line that runs below the points
(time at A, time at B - time at A) of the segments that go from A to B, and above those of the segments that
go back. Which line it is nobody can know better than the strip between both allows.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple

Told = Literal["times", "clocks", "option", ""]
Point = tuple[float, float]
"""When a segment passed A, in seconds of A's clock since the comparison's zero; B's time of it minus A's, in seconds."""
FASTEST: Final = 500e-6
"""A clock that is steered runs at most so much faster or slower (NTP: RFC 5905 appendix A.5.5, MAXFREQ 500e-6)."""
PARTS: Final = 32
"""Parts of the captures' time. Each keeps the outline of its points, nothing else."""
ENOUGH: Final = 6
"""Parts with segments of both directions that prove a drift if all agree: with fewer, chance
agrees now and then (tests/compare/test_clocks.py draws queues of several kinds)."""
OUTLINE: Final = 64
"""Points of one part that are kept, at least, before they are thinned to their outline."""
GRAIN: Final = 2e-6
"""Seconds: pcap writes microseconds, and two are compared."""


class Drift(NamedTuple):
    """B's clock runs faster than A's by `ppm` parts in a million, give or take `error`."""

    ppm: float
    error: float


class Fit(NamedTuple):
    """The lines that can be B's clock minus A's: `low` to `high` at zero, and so much more each second."""

    low: float
    high: float
    rate: float
    steady: bool
    """A constant offset explains all times; `rate` is 0 unless a drift is proved."""
    drift: Drift | None
    """None: not proved."""
    error: float
    """Seconds by which `offset` may be wrong: half of the strip, and what another lean that is possible changes of it."""

    @property
    def offset(self) -> float:
        """B's clock minus A's at zero."""
        return (self.low + self.high) / 2


class Clocks(NamedTuple):
    """What the clocks say of one connection."""

    offset: float
    """B's clock minus A's when the connection began, in seconds."""
    delay: float
    """Seconds on the way between the two places, one way: the mean of both directions' shortest."""
    near_client: str
    """"A" or "B": which capture was made nearer to the client; "" if that is open."""
    told_by: Told = ""
    """What tells it: its own "times", the "clocks" of all connections, or the "option"; "" if nothing does."""
    rate: float = 0.0
    """Seconds that B's clock gains on A's each second."""


class Envelope:
    """The lowest points of one direction, part by part of the time; `sign` -1 keeps the highest."""

    def __init__(self, span: float, sign: int = 1) -> None:
        self.parts: list[list[Point]] = [[] for _ in range(PARTS)]
        self._long = span / PARTS or 1.0
        self._sign = sign
        self._room = [OUTLINE] * PARTS

    def add(self, points: Iterable[Point]) -> None:
        """Take points; what lies before or after the span counts to its first or last part."""
        for point in points:
            place = min(max(int(point[0] / self._long), 0), PARTS - 1)
            part = self.parts[place]
            part.append(point)
            if len(part) > self._room[place]:
                part[:] = outline(part, self._sign)
                self._room[place] = max(OUTLINE, 2 * len(part))

    def __bool__(self) -> bool:
        """Tell whether there is any point."""
        return any(self.parts)

    def points(self) -> list[Point]:
        """Give all that is kept."""
        return [point for part in self.parts for point in part]


def outline(points: Iterable[Point], sign: int = 1) -> list[Point]:
    """Give the lower convex hull of points (sign -1: the upper one), by time."""
    hull: list[Point] = []
    for t, d in sorted(points, key=lambda p: (p[0], sign * p[1])):
        while len(hull) > 1 and sign * _turn(hull[-2], hull[-1], (t, d)) <= 0:
            hull.pop()
        if not hull or hull[-1][0] != t:
            hull.append((t, d))
    return hull


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def lowest(points: Iterable[Point], rate: float) -> float:
    """Give the least difference that is left when a drift is taken away."""
    return min(d - rate * t for t, d in points)


def highest(points: Iterable[Point], rate: float) -> float:
    """Give the greatest."""
    return max(d - rate * t for t, d in points)


def fit(there: Envelope, back: Envelope) -> Fit | None:
    """Fit a line between what goes from A to B and what goes back; None if there is none."""
    below, above = outline(there.points()), outline(back.points(), -1)
    if not below or not above:
        return None

    def strip(rate: float) -> float:
        return lowest(below, rate) - highest(above, rate)

    best = _peak(strip)
    drift = _drift(there, back, strip, best)
    steady = strip(0.0) >= -GRAIN
    if drift is not None:
        best = drift.ppm / 1e6
    elif steady:
        best = 0.0
    if strip(best) < -GRAIN:
        return None
    if drift is not None:
        leans = [(drift.ppm + sign * drift.error) / 1e6 for sign in (-1, 1)]
    else:  # also a steady clock may be one whose drift is not proved
        leans = [_edge(strip, best, end, -GRAIN) for end in (-FASTEST, FASTEST)]
    low, high = highest(above, best), lowest(below, best)
    middle = (low + high) / 2
    error = max(
        max(lowest(below, rate) - middle, middle - highest(above, rate)) for rate in (*leans, best)
    )
    return Fit(low, high, best, steady and drift is None, drift, error)


def _peak(strip: Callable[[float], float]) -> float:
    """Find the rate that leaves the widest strip, which is concave in it."""
    low, high = -FASTEST, FASTEST
    for _ in range(60):
        one, two = low + (high - low) / 3, high - (high - low) / 3
        if strip(one) < strip(two):
            low = one
        else:
            high = two
    return (low + high) / 2


def _drift(there: Envelope, back: Envelope, strip: Callable[[float], float], best: float) -> Drift | None:  # fmt: skip
    """Say how fast a clock is, if a round trip that is as short in every part of the time proves it.

    The strip is what is left of the shortest round trip. A part in which it is wider by w had no faster
    segments than that, so its place is uncertain by w, and every rate that narrows the strip by no more is possible.
    """
    pairs = zip(there.parts, back.parts, strict=True)
    widths = [lowest(x, best) - highest(y, best) for x, y in pairs if x and y]
    if len(widths) < ENOUGH or abs(best) > 0.99 * FASTEST:
        return None
    least = strip(best) - (max(widths) - strip(best)) - GRAIN
    low = _edge(strip, best, -FASTEST, least)
    high = _edge(strip, best, FASTEST, least)
    if low <= 0 <= high or low <= -FASTEST or high >= FASTEST:
        return None
    return Drift((low + high) / 2 * 1e6, (high - low) / 2 * 1e6)


def _edge(strip: Callable[[float], float], inside: float, outside: float, least: float) -> float:
    """Find where the strip becomes narrower than `least`."""
    if strip(outside) >= least:
        return outside
    for _ in range(40):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if strip(middle) >= least else (inside, middle)
    return inside


def nearer(
    client: Sequence[Point], server: Sequence[Point], rate: float | None, *, search: bool = True
) -> str:
    """Say which capture is nearer to the client, "" if that is open.

    One order of the two places must be possible and the other not, at this rate or, where none is known, at any.
    `search` for such a rate, where it takes one: 60 times as long.
    """
    if not client or not server:
        return ""
    if rate is None:
        quick = _quick(client, server)
        if quick is not None or not search:
            return quick or ""
        ways = [(outline(client), outline(server, -1)), (outline(server), outline(client, -1))]
        rates = [_peak(lambda r, w=way: lowest(w[0], r) - highest(w[1], r)) for way in ways]  # type: ignore[misc]
    else:
        ways, rates = [(client, server), (server, client)], [rate, rate]  # type: ignore[list-item]
    a, b = (lowest(x, r) - highest(y, r) > GRAIN for (x, y), r in zip(ways, rates, strict=True))
    return "" if a == b else "A" if a else "B"


def _quick(client: Sequence[Point], server: Sequence[Point]) -> str | None:
    """Decide without looking for rates, if a drift could not change it; None if it could."""
    times = [t for t, _ in (*client, *server)]
    most = FASTEST * (max(times) - min(times))
    a = min(d for _, d in client) - max(d for _, d in server)
    b = min(d for _, d in server) - max(d for _, d in client)
    if a > most and b < -most:
        return "A"
    return "B" if b > most and a < -most else None


def told_by(pool: Fit, client: Sequence[Point], server: Sequence[Point]) -> str:
    """Say which capture is nearer to the client of a connection whose own times do not tell, by the clocks of all."""
    if pool.high - pool.low <= GRAIN:
        return ""
    votes = set()
    for points, forward, backward in ((client, "A", "B"), (server, "B", "A")):
        rest = [d - pool.rate * t for t, d in points]
        if rest and min(rest) >= pool.high:
            votes.add(forward)
        elif rest and max(rest) <= pool.low:
            votes.add(backward)
    return votes.pop() if len(votes) == 1 else ""
