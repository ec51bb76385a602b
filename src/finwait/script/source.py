"""The text of a script: offsets to lines and columns, and errors that show the place."""

from bisect import bisect_right
from typing import Final
from unicodedata import category, combining, east_asian_width

from finwait.errors import BadScript
from finwait.script.syntax import Dialect, Position

SHOWN: Final = 100
"""Columns of a source line that an error shows; longer lines are cut around the place."""


LONGEST: Final = 300
"""Characters of what an error says was found."""


class Fault(Exception):
    """Something wrong at an offset. Never leaves the parser: it becomes a BadScript."""

    def __init__(self, at: int, found: str, *expected: str, length: int = 1) -> None:
        super().__init__(found)
        self.at = at
        self.found = found
        self.expected = expected
        self.length = length


class Token(str):
    """A word of the script that knows where it stands, and as what the lexer took it."""

    __slots__ = ("at", "kind")
    at: int
    kind: str


class Source:
    """A script's text while it is parsed."""

    def __init__(self, text: str, path: str, dialect: Dialect) -> None:
        self.text = text
        self.path = path
        self.dialect = dialect
        self._starts = [0]
        at = text.find("\n")
        while at >= 0:
            self._starts.append(at + 1)
            at = text.find("\n", at + 1)

    def position(self, at: int) -> Position:
        """Give line and column of an offset, both from 1."""
        line = bisect_right(self._starts, at)
        return Position(line, at - self._starts[line - 1] + 1)

    def offset(self, place: Position) -> int:
        """Give the offset of a line and column; the other way round of `position`."""
        line = min(max(place.line, 1), len(self._starts))
        return min(self._starts[line - 1] + max(place.column - 1, 0), len(self.text))

    def line(self, number: int) -> str:
        """Give a line without its end."""
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[self._starts[number - 1] : end].rstrip("\r\n")

    def error(self, fault: Fault) -> BadScript:
        """Say a fault as a person reads it, with the line and a caret under the place."""
        place = self.position(fault.at)
        line = self.line(place.line)
        message = printable(fault.found)
        if len(message) > LONGEST:
            message = f"{message[:LONGEST]}…"
        if fault.expected:
            message += f"; expected {listed(fault.expected)}"
        shown, caret = underlined(line, place.column - 1, fault.length)
        return BadScript(
            self.path,
            place.line,
            f"{message}\n{shown}\n{caret}" if line.strip() else message,
            column=place.column,
            expected=fault.expected,
            source=line,
        )


def listed(choices: tuple[str, ...]) -> str:
    """Join choices with commas and an `or`."""
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"


def underlined(line: str, column: int, length: int) -> tuple[str, str]:
    """Give a line and, for the next line, a caret under its column (from 0), whatever the width of what stands before."""
    begin = max(0, column - SHOWN // 2) if len(line) > SHOWN else 0
    window = line[begin : begin + SHOWN]
    before = window[: column - begin]
    cut = "…" if begin else ""
    pad = " " * len(cut) + "".join(_blank(ch) for ch in before)
    under = window[column - begin : column - begin + length]
    carets = "^" * max(1, sum(len(_blank(ch)) for ch in under))
    return printable(cut + window), pad + carets


def _blank(ch: str) -> str:
    """Give what takes the place of a character on the line below: a tab stays one."""
    if ch == "\t":
        return ch
    if combining(ch) or category(ch) in {"Mn", "Me", "Cf"}:
        return ""
    return "  " if east_asian_width(ch) in "WF" else " " * len(printable(ch))


def printable(text: str) -> str:
    """Write what a terminal would act on, or cannot show, as an escape."""
    return "".join(
        ch if ch in "\t\n" or category(ch) not in {"Cc", "Cs"} else f"\\x{ord(ch) & 0xFF:02x}"
        for ch in text
    )
