"""The tables are those of the grammar, and every alternative of every rule is used by a test script."""

import json
import logging
from pathlib import Path

import pytest
from lark import logger

import script_tables
from finwait.script import automaton
from finwait.script.build import Builder
from finwait.script.lexer import CONTEXTUAL, Lexer
from finwait.script.source import Source
from finwait.script.syntax import Dialect

from .snippets import SNIPPETS

EVERYTHING = Path(__file__).parent / "everything.pkt"


def test_the_tables_are_those_of_the_grammar(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger.name):
        fresh = script_tables.compile_grammar(script_tables.GRAMMAR.read_text(encoding="utf-8"))
    assert "conflict" not in caplog.text.lower()
    kept = json.loads(script_tables.TABLES.read_text(encoding="utf-8"))
    assert fresh == kept, "run: python tools/script_tables.py"


def test_a_state_takes_at_most_one_contextual_terminal() -> None:
    """Else the lexer could not know which one to try."""
    for row in automaton.tables().rows:
        assert sum(name in row for name in CONTEXTUAL) <= 1, row


def test_every_rule_has_its_method() -> None:
    for rule in automaton.tables().rules:
        if rule.method and not rule.single:
            assert callable(getattr(Builder, rule.method)), rule


def test_every_alternative_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[automaton.Rule] = set()
    plain = automaton._value

    def value(rule: automaton.Rule, *rest: object) -> object:
        used.add(rule)
        return plain(rule, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(automaton, "_value", value)
    texts = [EVERYTHING.read_text(encoding="utf-8")]
    texts += [snippet.text for snippet in SNIPPETS if snippet.ours]
    for text in texts:
        source = Source(text, "x.pkt", Dialect.FINWAIT)
        builder = Builder(source)
        builder.defines = {}
        parts = automaton.tables()
        lexer = Lexer(source, automaton.words(Dialect.FINWAIT), parts.literals, {}, frozenset())
        lexer.defines = builder.defines
        automaton.run(lexer, builder, builder.took)
    shapes = {(rule.symbol, rule.method) for rule in used}
    unused = {
        (rule.symbol, rule.method)
        for rule in automaton.tables().rules
        if (rule.symbol, rule.method) not in shapes
    }
    assert not unused
    share = len(used) / len(set(automaton.tables().rules))
    print(f"{len(used)} of {len(set(automaton.tables().rules))} alternatives ({share:.0%})")
    assert share > 0.8
