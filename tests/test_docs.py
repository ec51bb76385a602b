"""The examples of the documents run, and their tables are complete."""

import doctest
import re
from pathlib import Path

import pytest

import finwait
from finwait import _core
from finwait.capture.connection import Connection

ROOT = Path(__file__).parent.parent


def test_python_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testfile(
        str(ROOT / "docs/python.md"),
        module_relative=False,
        globs={"finwait": finwait, "folder": tmp_path},
        encoding="utf-8",
    )
    assert failed == 0
    assert tried > 15


def test_every_name_at_the_door_is_there() -> None:
    for name in finwait.__all__:
        assert getattr(finwait, name).__name__ == name
    assert set(dir(finwait)) == {*finwait.__all__, "__version__"}
    with pytest.raises(AttributeError, match="nonsense"):
        _ = finwait.nonsense  # type: ignore[attr-defined]


def test_columns_are_the_same_everywhere() -> None:
    assert list(Connection._fields) == _core.COLUMNS
    rows = re.findall(r"^\| ([a-z_, ]+) \|", (ROOT / "docs/columns.md").read_text(), re.MULTILINE)
    documented = [name for row in rows for name in row.split(", ") if name != "column"]
    assert documented == _core.COLUMNS
