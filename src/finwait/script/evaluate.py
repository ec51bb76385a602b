"""Expressions of a script to what a stage takes: names to numbers, struct literals to members by name."""

import struct
from collections.abc import Iterable
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv6Address

from finwait.errors import BadScript
from finwait.script import syntax
from finwait.script.constants import NUMBERS
from finwait.script.syntax import NOWHERE, Expr, Position
from finwait.stage.stage import Value


class Evaluator:
    """Gives values to expressions of one script. Raises BadScript, with the place, for what has none."""

    def __init__(self, path: str) -> None:
        self.path = path

    def value(self, expression: Expr, at: Position = NOWHERE) -> Value:
        """Give the value of an expression; `at`: where its event stands, for an error."""
        match expression:
            case syntax.Omitted():
                return None
            case syntax.Integer(number):
                return number
            case syntax.Symbol(name, place):
                return self.number(name, place if place.line else at)
            case syntax.String(octets):
                return octets
            case syntax.Or(parts):
                return self._any(parts, at)
            case syntax.Items(items):
                return [self.value(item, at) for item in items]
            case syntax.Struct(fields):
                return self._struct(fields, at)
            case syntax.Function(name, argument):
                return self._function(name, argument, at)

    def number(self, name: str, at: Position) -> int:
        """Give the number of a name."""
        if name not in NUMBERS:
            raise self.error(f"nothing is called {name}{meant(name, NUMBERS)}", at)
        return NUMBERS[name]

    def error(self, message: str, at: Position) -> BadScript:
        """Make an error that names the place."""
        return BadScript(self.path, at.line, message, column=at.column)

    def _any(self, parts: tuple[Expr, ...], at: Position) -> int:
        total = 0
        for part in parts:
            bits = self.value(part, at)
            if not isinstance(bits, int):
                raise self.error("only numbers are joined by |", at)
            total |= bits
        return total

    def _struct(self, fields: tuple[syntax.Field, ...], at: Position) -> dict[str, Value]:
        """Members by name; those without one are counted from 0. A member named like a constant
        (TCP_NLA_…) keeps its name.
        """
        return {
            str(place) if field.name is None else field.name: self.value(field.value, at)
            for place, field in enumerate(fields)
        }

    def _function(self, name: str, argument: Expr, at: Position) -> Value:
        given = self.value(argument, at)
        try:
            match name, given:
                case "inet_addr", bytes():
                    return IPv4Address(given.decode()).packed
                case "inet6_addr", bytes():
                    return IPv6Address(given.decode()).packed
                case "htonl", int():
                    return int.from_bytes(struct.pack(">I", given), "little")
                case "htons", int():
                    return int.from_bytes(struct.pack(">H", given), "little")
        except (ValueError, struct.error) as problem:
            raise self.error(f"{name}: {problem}", at) from None
        raise self.error(f"{name} takes something else", at)


def meant(name: str, known: Iterable[str]) -> str:
    """End a sentence about an unknown name with the known one that was probably meant."""
    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else ""
