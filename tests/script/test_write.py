"""What is written is read as the same tree."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from finwait.errors import Misuse
from finwait.script.parser import parse
from finwait.script.syntax import Dialect, Script
from finwait.script.write import write

from .trees import bare, scripts

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.pkt"))


def again(script: Script) -> Script:
    return parse(write(script), script.path, script.defines)


@settings(max_examples=150, deadline=None)
@given(scripts())
def test_a_written_tree_is_read_as_itself(script: Script) -> None:
    text = write(script)
    assert bare(parse(text, "")) == script, text


@settings(max_examples=60, deadline=None)
@given(scripts())
def test_each_dialect_reads_what_is_written_for_it(script: Script) -> None:
    for dialect in (Dialect.GOOGLE, Dialect.NPLAB):
        try:
            text = write(script, dialect)
        except Misuse:
            assert dialect is Dialect.GOOGLE
            continue
        twice = parse(text, "", dialect=dialect)
        assert write(twice, dialect) == text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_survive_writing(path: Path) -> None:
    script = parse(path.read_text(encoding="utf-8"), path.name)
    assert bare(again(script)) == bare(script)
