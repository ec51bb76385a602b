"""Compile the grammar of scripts into the tables that finwait parses by: `python tools/script_tables.py`.

lark reads `grammar.lark` and makes the LALR(1) tables; finwait loads them without lark, whose import alone takes
longer than parsing a script (docs/decisions.md 45).
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lark import Lark, Token
from lark.grammar import Rule, Symbol, Terminal
from lark.lexer import Lexer, LexerState, PatternStr
from lark.parsers.lalr_analysis import Shift

FOLDER = Path(__file__).parent.parent / "src" / "finwait" / "script"
GRAMMAR = FOLDER / "grammar.lark"
TABLES = FOLDER / "grammar.json"
START = "script"


class NoLexer(Lexer):
    """finwait has its own, which knows what the parser expects."""

    def __init__(self, conf: object) -> None:
        """Take what every lexer is given, and nothing of it."""

    def lex(self, lexer_state: LexerState, parser_state: object) -> Iterator[Token]:
        """Never called."""
        raise NotImplementedError


def compile_grammar(text: str) -> dict[str, Any]:
    """Give the tables as JSON can hold them.

    `terminals`: name to regular expression (with flags), in order; `ignored`: names of those between words; `literals`:
    text to name; `rules`: (method, symbol, size, what becomes of each child, whether a single child stands for the rule);
    `rows`: for each state, symbol to what to do: a state (0 and up) or ~rule. State 0 is the first.
    """
    lark = Lark(text, parser="lalr", start=START, lexer=NoLexer, maybe_placeholders=True)
    terminals, literals = {}, {}
    for terminal in lark.terminals:
        pattern = terminal.pattern
        if isinstance(pattern, PatternStr):
            literals[pattern.value] = terminal.name
        else:
            terminals[terminal.name] = pattern.to_regexp()
    table = lark.parser.parser._parse_table
    rules = sorted(lark.rules, key=lambda rule: json.dumps(_rule(rule)) + str(rule))
    number_of = {rule: number for number, rule in enumerate(rules)}
    order = _walk(table.states, table.start_states[START])
    state_of = {state: number for number, state in enumerate(order)}
    rows = [
        {
            symbol: state_of[target] if action is Shift else ~number_of[target]
            for symbol, (action, target) in sorted(table.states[state].items())
        }
        for state in order
    ]
    return {
        "terminals": terminals,
        "ignored": list(lark.ignore_tokens),
        "literals": literals,
        "rules": [_rule(rule) for rule in rules],
        "rows": rows,
        "last": state_of[table.end_states[START]],
    }


def _walk(states: dict[int, dict[str, tuple[object, Any]]], first: int) -> list[int]:
    """Order the states by how they are reached, so that the same grammar always gives the same tables."""
    order = [first]
    for state in order:
        for _, (action, target) in sorted(states[state].items(), key=lambda item: item[0]):
            if action is Shift and target not in order:
                order.append(target)
    return order


def _rule(rule: Rule) -> list[object]:
    """Describe a rule. A child is dropped (0), kept (1), or its children are taken in its place (2); -1 is an absent one."""
    children: list[int] = []
    absent = list(rule.options.empty_indices) or [False] * len(rule.expansion)
    symbols = iter(rule.expansion)
    for empty in absent:
        if empty:
            children.append(-1)
            continue
        symbol = next(symbols, None)
        if symbol is not None:
            children.append(_kept(symbol))
    children += [_kept(symbol) for symbol in symbols]
    inlined = rule.origin.name.startswith("_")
    method = "" if inlined else rule.alias or rule.origin.name
    single = bool(rule.options.expand1) and not rule.alias
    return [method, rule.origin.name, len(rule.expansion), children, single]


def _kept(symbol: Symbol) -> int:
    if isinstance(symbol, Terminal):
        return 0 if symbol.filter_out else 1
    return 2 if symbol.name.startswith("_") else 1


def main() -> None:
    """Write the tables beside the grammar."""
    tables = compile_grammar(GRAMMAR.read_text(encoding="utf-8"))
    TABLES.write_text(json.dumps(tables, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{TABLES}: {len(tables['rows'])} states, {len(tables['rules'])} rules")


if __name__ == "__main__":
    main()
