"""What lies between two hosts, and what it does to a packet."""

from dataclasses import dataclass
from enum import Enum

from finwait.network.dice import Dice


class Fault(Enum):
    """What becomes of one packet, picked by its number."""

    LOSE = "lose"
    DUPLICATE = "duplicate"
    SWAP = "swap"
    """Comes after the next packet of its direction."""


@dataclass(frozen=True, slots=True)
class Link:
    """One direction of a link. Times are microseconds, the rest are probabilities."""

    delay: int = 10_000
    jitter: int = 0
    """Up to so much is added; packets keep their order nevertheless."""
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    """A packet is held until the next one has passed it."""
    cut_at: int | None = None
    """From this time on nothing comes through."""


@dataclass(frozen=True, slots=True)
class Passage:
    """How one packet fares: when its copies arrive, none if it is lost, or that it waits for the next one."""

    arrivals: tuple[int, ...] = ()
    held: bool = False


class Wire:
    """One direction of a link at work."""

    def __init__(self, link: Link, dice: Dice) -> None:
        self.link = link
        self._dice = dice
        self._last_arrival = 0

    def carry(self, now: int, fault: Fault | None = None) -> Passage:
        """Decide how a packet fares that is sent now. Draws the same number of chances for each."""
        link, dice = self.link, self._dice
        lost, twice, held = (
            dice.chance(odds) for odds in (link.loss, link.duplication, link.reordering)
        )
        arrival = max(now + link.delay + dice.below(link.jitter + 1), self._last_arrival)
        if lost or fault is Fault.LOSE or (link.cut_at is not None and now >= link.cut_at):
            return Passage()
        if held or fault is Fault.SWAP:
            return Passage(held=True)
        self._last_arrival = arrival
        return Passage((arrival, arrival) if twice or fault is Fault.DUPLICATE else (arrival,))
