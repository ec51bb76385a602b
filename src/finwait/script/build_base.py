"""What the builders of packets, calls and scripts share: numbers, octets and times."""

from typing import Final

from finwait.script.source import Fault, Source, Token

LATEST: Final = 2**63 - 1
"""Microseconds: what the references' s64 can hold."""
LONGEST: Final = 40
"""Digits of a number that is worth reading: Python refuses thousands, and no field is as wide."""


class BaseBuilder:
    """Reads words as values. `taken` is the end of the last word that the parser took."""

    taken = 0

    def __init__(self, source: Source) -> None:
        self.source = source

    def took(self, end: int) -> None:
        """Note the end of a word."""
        self.taken = end

    def integer(self, word: Token, low: int, high: int, what: str) -> int:
        """Read a number within bounds; `what` says of what."""
        if len(word) <= LONGEST:
            value = int(word)
            if low <= value <= high:
                return value
        bounds = f"a number from {low} to {high}"
        raise Fault(
            word.at, f"the {what} {shortened(word)} is out of range", bounds, length=len(word)
        )

    def octets(self, word: Token, what: str, longest: int) -> bytes:
        """Read hexadecimal digits, two an octet."""
        try:
            octets = bytes.fromhex(word)
        except ValueError:
            octets = None
        if octets is None or not word.isascii():
            raise Fault(
                word.at,
                f"{shortened(word)} is not {what}",
                "pairs of hexadecimal digits",
                length=len(word),
            )
        if len(octets) > longest:
            raise Fault(
                word.at, f"{what} of {len(octets)} octets", f"at most {longest}", length=len(word)
            )
        return octets

    def microseconds(self, word: Token) -> int:
        """Read seconds exactly, without a float between; digits after the sixth are dropped."""
        if word[0] == "-":
            raise Fault(word.at, "a time is not negative", length=len(word))
        whole, _, fraction = word.partition(".")
        if len(whole) <= LONGEST:
            value = int(whole or "0") * 1_000_000 + int(fraction[:6].ljust(6, "0"))
            if value <= LATEST:
                return value
        raise Fault(word.at, "this time is too far away", length=len(word))


def shortened(word: str) -> str:
    """Keep an error readable."""
    return word if len(word) <= LONGEST else f"{word[:LONGEST]}…"


def alike(word: str, *known: str) -> list[str]:
    """Give the known words nearest to one, or a few of them."""
    from difflib import get_close_matches  # only an error needs it

    names = sorted(set(known))
    return get_close_matches(word, names, n=3) or names[:4]
