"""Sequence numbers: 32 bits that wrap (RFC 9293 section 3.4)."""

from dataclasses import dataclass
from typing import Final, overload

MODULUS: Final = 1 << 32
"""RFC 9293 section 3.4: all arithmetic on sequence numbers is modulo 2^32."""
HALF: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class Seq:
    """A sequence or acknowledgment number.

    There is no `<`: on numbers that wrap it would be a bug. `before` and its kin compare in
    modulo-2^32 order and are right while two numbers lie less than 2^31 apart, which a window of
    at most 2^30 octets guarantees (RFC 7323 section 2.3). `Seq + n` and `Seq - n` move by octets;
    `Seq - Seq` is the signed distance.

    Raises ValueError if `value` is not in [0, 2^32).
    """

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value < MODULUS:
            raise ValueError(f"a sequence number has 32 bits, {self.value} does not fit")

    def __add__(self, octets: int) -> "Seq":
        if not isinstance(octets, int):
            return NotImplemented
        return Seq((self.value + octets) % MODULUS)

    @overload
    def __sub__(self, other: "Seq") -> int: ...
    @overload
    def __sub__(self, other: int) -> "Seq": ...
    def __sub__(self, other: "Seq | int") -> "Seq | int":
        if isinstance(other, Seq):
            return self.since(other)
        if isinstance(other, int):
            return Seq((self.value - other) % MODULUS)
        return NotImplemented

    def __str__(self) -> str:
        return str(self.value)

    def since(self, start: "Seq") -> int:
        """Signed distance from `start`, in octets: in [-2^31, 2^31)."""
        return (self.value - start.value + HALF) % MODULUS - HALF

    def before(self, other: "Seq") -> bool:
        """Say whether this number comes before `other`."""
        return self.since(other) < 0

    def after(self, other: "Seq") -> bool:
        """Say whether this number comes after `other`."""
        return self.since(other) > 0

    def at_or_before(self, other: "Seq") -> bool:
        """Say whether this number is `other` or comes before it."""
        return self.since(other) <= 0

    def at_or_after(self, other: "Seq") -> bool:
        """Say whether this number is `other` or comes after it."""
        return self.since(other) >= 0

    def later(self, other: "Seq") -> "Seq":
        """Give the later of the two."""
        return other if self.before(other) else self

    def within(self, start: "Seq", octets: int) -> bool:
        """Say whether this is one of the `octets` numbers from `start` on (the window test of 3.4)."""
        return (self.value - start.value) % MODULUS < octets
