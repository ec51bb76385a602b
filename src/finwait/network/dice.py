"""Chance from a seed. The house's model has no randomness of its own: a seed is an argument like any other."""

from typing import Final

_MASK: Final = (1 << 64) - 1


class Dice:
    """SplitMix64 (Steele, Lea and Flood 2014, Figure 17): small, and good enough to lose packets by."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def next(self) -> int:
        """Draw 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def chance(self, probability: float) -> bool:
        """Say yes that often; draws always, so that one link's odds do not shift another's luck."""
        return self.next() < probability * (1 << 64)

    def below(self, limit: int) -> int:
        """Draw from 0 to limit-1; 0 if the limit is 0."""
        return self.next() % limit if limit else 0
