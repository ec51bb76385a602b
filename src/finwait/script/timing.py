"""When an event is due, how far off it may be, and how a script writes a time."""

from dataclasses import dataclass
from typing import Final

from finwait.script.syntax import Time, TimeKind

SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Due:
    """When an event is to happen, in microseconds from the start of the script."""

    kind: TimeKind
    start: int
    end: int
    tolerance: int
    anchor: int
    """What `+T` counts from."""

    def off(self, at: int) -> int:
        """Microseconds by which a moment is too late (positive) or too early (negative), beyond the tolerance 0."""
        if self.kind is TimeKind.ANY:
            return 0
        if at > self.end + self.tolerance:
            return at - self.end
        return at - self.start if at < self.start - self.tolerance else 0


@dataclass(slots=True)
class Clockwork:
    """Counts when each event is due from where the one before it stood."""

    tolerance: int
    percent: float
    previous: int = 0
    """When the event before was due."""
    previous_in: bool = False
    """It was an injected packet: the next one counts from when it was due, not from when it came about."""

    def due(self, time: Time, now: int, *, inbound: bool) -> Due:
        """Say when an event is due that becomes current now."""
        anchor = self.previous if inbound and self.previous_in else now
        base = anchor if time.kind is TimeKind.RELATIVE else 0
        start = now if time.kind is TimeKind.ANY else base + time.start
        end = start if time.end is None else base + time.end
        due = Due(time.kind, start, end, self.allowed(start - self.previous), anchor)
        self.previous, self.previous_in = start, inbound
        return due

    def allowed(self, span: int) -> int:
        """The tolerance after a wait of so long."""
        return max(self.tolerance, round(self.percent / 100 * max(span, 0)))


def seconds(microseconds: int) -> str:
    """Write a time as a report does."""
    return f"{microseconds / SECOND:.6f}"
