"""What a verb does not need is not imported: a small capture is explained before one notices."""

import subprocess
import sys

import pytest

from .command import FOUR_WAY, ROOT, environment

HEAVY = {"pyarrow", "duckdb", "polars", "pandas", "rich", "numpy", "asyncio"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["analyze", "--help"],
        ["analyze", FOUR_WAY],
        ["analyze", "--format", "ndjson", FOUR_WAY],
        ["explain", FOUR_WAY, "0"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported(arguments: list[str]) -> None:
    code = (
        "import sys; from finwait.cli import main; code = main(sys.argv[1:]);"
        "print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=environment({}),
        check=True,
    )
    assert "finwait.cli" in done.stderr.split()
    assert not HEAVY & set(done.stderr.split())


def test_the_door_imports_next_to_nothing() -> None:
    """Until it has, Ctrl-C is Python's: a traceback."""
    code = "import os, signal, sys; had = set(sys.modules); import finwait.cli; print(*set(sys.modules) - had)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        env=environment({"PYTHONPATH": str(ROOT / "src")}),
        check=True,
    )
    assert {name for name in done.stdout.split() if not name.startswith("finwait")} == set()


def test_the_package_runs() -> None:
    for module in ("finwait", "finwait.cli"):
        done = subprocess.run(
            [sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith("finwait ")
