"""The parser proper: an LALR(1) automaton over the tables that lark made of the grammar.

lark is not needed here: the tables are `grammar.json`, written by `tools/script_tables.py`, and a test
compares them with `grammar.lark`.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from finwait.script.lexer import CONTEXTUAL, END, Lexer, Words
from finwait.script.source import Fault
from finwait.script.syntax import Dialect

TABLES: Final = Path(__file__).with_name("grammar.json")
"""importlib.resources would take longer than the rest of the loading."""
DEEPEST: Final = 200
"""States on the stack: brackets in brackets end somewhere, here after some sixty, so that no walk over a tree can overflow."""
DROPPED, KEPT, SPLICED, ABSENT = 0, 1, 2, -1


class Rule(NamedTuple):
    """A rule of the grammar as the automaton applies it."""

    method: str
    """Of the builder; empty for a rule whose children are taken in its place."""
    symbol: str
    size: int
    children: tuple[int, ...]
    """DROPPED, KEPT, SPLICED or ABSENT (None), in order."""
    single: bool
    """One child stands for the whole."""


class Tables(NamedTuple):
    """What the grammar compiles to."""

    terminals: Mapping[str, str]
    ignored: list[str]
    literals: Mapping[str, str]
    rules: list[Rule]
    rows: list[dict[str, int]]
    """For each state, symbol to a state (0 and up) or ~rule."""
    specials: list[str | None]
    """For each state, the contextual terminal that it takes."""
    last: int


@cache
def tables() -> Tables:
    """Load the tables once."""
    raw = json.loads(TABLES.read_text(encoding="utf-8"))
    rules = [
        Rule(m, s, size, tuple(children), single) for m, s, size, children, single in raw["rules"]
    ]
    specials = [next((name for name in CONTEXTUAL if name in row), None) for row in raw["rows"]]
    return Tables(
        raw["terminals"], raw["ignored"], raw["literals"], rules, raw["rows"], specials, raw["last"]
    )


@cache
def words(dialect: Dialect) -> Words:
    """Give the terminals of a dialect, compiled once."""
    return Words(tables().terminals, tables().ignored, dialect)


class Unexpected(Exception):
    """A word that cannot stand where it does. `symbols`: those that could; `after`: what came before, and where."""

    def __init__(self, symbol: str, symbols: frozenset[str], after: tuple[str, int]) -> None:
        super().__init__(symbol)
        self.symbol = symbol
        self.symbols = symbols
        self.after = after


def run(lexer: Lexer, builder: Any, after: Callable[[int], None]) -> Any:
    """Parse: each reduced rule becomes what the builder's method of its name makes of its children.

    `after` is told the end of each word once it is taken.
    """
    parts = tables()
    rows, rules, specials, last = parts.rows, parts.rules, parts.specials, parts.last
    methods = [
        getattr(builder, rule.method) if rule.method and not rule.single else None for rule in rules
    ]
    states: list[int] = [0]
    values: list[Any] = []
    before_it = ("", 0)
    while True:
        state = states[-1]
        row = rows[state]
        symbol, value = lexer.next(row, specials[state])
        action = row.get(symbol)
        if action is None:
            raise Unexpected(symbol, expected(states), before_it)
        if action < 0:
            before = states.copy()
            while action < 0:
                rule = rules[~action]
                size = rule.size
                if size:
                    children = values[-size:]
                    del values[-size:], states[-size:]
                else:
                    children = []
                values.append(_value(rule, methods[~action], children))
                states.append(rows[states[-1]][rule.symbol])
                if symbol == END and states[-1] == last:
                    return values[-1]
                action = rows[states[-1]].get(symbol)
                if action is None:
                    raise Unexpected(symbol, expected(before), before_it)
        states.append(action)
        values.append(value)
        after(lexer.end)
        before_it = symbol, lexer.start
        if len(states) > DEEPEST:
            raise Fault(lexer.start, "brackets are nested too deeply here")


def _value(rule: Rule, method: Callable[..., Any] | None, children: list[Any]) -> Any:
    """Make a rule's value of those of its children; a rule that is taken apart later has a list."""
    if rule.single and len(children) == 1:
        return children[0]
    arguments: list[Any] = []
    given = iter(children)
    for what in rule.children:
        if what == ABSENT:
            arguments.append(None)
            continue
        child = next(given)
        if what == KEPT:
            arguments.append(child)
        elif what == SPLICED and arguments:
            arguments += child
        elif what == SPLICED:
            arguments = child  # its list has no other owner: a long list grows in place
    if rule.single:
        return arguments[0]
    return arguments if method is None else method(*arguments)


def expected(states: list[int]) -> frozenset[str]:
    """Give the terminals that could come next: those that the automaton would shift in the end."""
    return frozenset(
        symbol for symbol in tables().rows[states[-1]] if _shifts(list(states), symbol)
    )


def _shifts(states: list[int], symbol: str) -> bool:
    """Say whether a terminal is taken in the end, after the reductions that it causes. Nonterminals are none."""
    parts = tables()
    if symbol.islower() or (symbol.startswith("__") and not symbol.startswith("__ANON")):
        return False
    while True:
        action = parts.rows[states[-1]].get(symbol)
        if action is None:
            return False
        if action >= 0:
            return True
        rule = parts.rules[~action]
        if rule.size:
            del states[-rule.size :]
        states.append(parts.rows[states[-1]][rule.symbol])
        if symbol == END and states[-1] == parts.last:
            return True
