"""The examples of the documents run, and their tables are complete."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import finwait
from finwait import _core
from finwait.capture.connection import Connection
from finwait.verdict.columns import described

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
    assert [name for one in described() for name in one.names] == _core.COLUMNS
    lines = (ROOT / "docs/columns.md").read_text().splitlines()
    assert [line for line in lines if line.startswith("| ")][1:] == [
        f"| {', '.join(one.names)} | {one.type} | {one.meaning.en} |" for one in described()
    ]


SHOWN = [
    (name, number)
    for name in ("README.md", "README.zh-CN.md", "docs/cli.md")
    for number, _ in enumerate(re.findall(r"^```console$", (ROOT / name).read_text(), re.MULTILINE))
]


@pytest.mark.parametrize(("name", "number"), SHOWN)
def test_what_is_shown_is_real(name: str, number: int) -> None:
    """Runs the command of a console block; `…` in the block stands for anything."""
    block = re.findall(r"^```console\n\$ (.*?)\n(.*?)^```$", (ROOT / name).read_text(), BLOCK)[
        number
    ]
    command, shown = block
    program, *arguments = shlex.split(command)
    assert program == "finwait"
    done = subprocess.run(
        [sys.executable, "-m", "finwait.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    pattern = ".*?".join(re.escape(part) for part in re.split("…", shown.rstrip()))
    assert re.fullmatch(pattern, done.stdout.rstrip(), re.DOTALL), done.stdout


BLOCK = re.MULTILINE | re.DOTALL


def test_what_needs_root_is_found() -> None:
    """sudo has a path of its own, on which nothing of .venv/bin is."""
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*")]:
        if path.is_file() and path.suffix in {".md", ".py"}:
            assert "sudo finwait" not in path.read_text(encoding="utf-8"), path
