"""How much an ending deserves a person's eye."""

from enum import IntEnum


class Gravity(IntEnum):
    """From nothing to see to look here first."""

    FINE = 0
    """Both sides closed by FIN and nothing stands out."""
    UNDECIDED = 1
    """The capture ended first, or the wire does not say."""
    ODD = 2
    """It ended, in a way that may be meant and may be a fault."""
    BROKEN = 3
    """Somebody lost a connection that they wanted, or never got it."""


_BY_FIN = frozenset({"four-way", "three-way", "simultaneous"})
_MEANT = frozenset({"deliberate-abort", "handshake-abandoned", "stray-reset", "stray-segments"})
"""Causes of a RST, or of none at all, that hurt nobody by themselves."""


def gravity(close: str, cause: str) -> Gravity:
    """Judge an ending by its two words."""
    if cause in _MEANT:
        return Gravity.ODD
    if close in _BY_FIN:
        return Gravity.FINE if cause in {"orderly", "unknown"} else Gravity.ODD
    if close == "open":
        quiet = cause in {"capture-ended", "unknown"}
        return Gravity.UNDECIDED if quiet else Gravity.ODD
    if close == "half-closed":
        return Gravity.UNDECIDED if cause == "capture-ended" else Gravity.ODD
    return Gravity.BROKEN
