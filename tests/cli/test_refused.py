"""Outputs that cannot be written: a sentence that names them, code 3, and nothing left behind."""

import subprocess
from pathlib import Path

import pytest

from .command import COMMAND, FOUR_WAY, environment, finwait

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")
TOLD = [
    *(["analyze", "--format", form, FOUR_WAY] for form in ("table", "ndjson", "json", "csv")),
    *(["analyze", "--format", form, FOUR_WAY] for form in ("parquet", "arrow")),
    ["explain", FOUR_WAY, "0"],
    ["explain", "--format", "json", FOUR_WAY, "0"],
    ["explain", "--segment", "1", FOUR_WAY, "0"],
    ["catalogue"],
    ["--help"],
    ["analyze", "--help"],
]


@pytest.mark.parametrize("arguments", TOLD, ids=" ".join)
def test_standard_output_is_full(arguments: list[str]) -> None:
    with FULL.open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, env=environment({})
        )
    assert done.returncode == 3
    assert done.stderr.decode() == (
        "finwait: standard output cannot be written: No space left on device;"
        " free some space, or write elsewhere\n"
    )


def test_a_full_file_is_named() -> None:
    for arguments in (["analyze", "--format", "csv", "-o"], ["explain", "--svg"]):
        rest = [FOUR_WAY] if arguments[0] == "analyze" else [FOUR_WAY, "0"]
        done = finwait(*arguments, str(FULL), *rest)
        assert done.code == 3
        assert "finwait: /dev/full cannot be written: No space left on device; free" in done.err
    assert (
        "无法写入 /dev/full：磁盘已满"
        in finwait("analyze", "--lang", "zh", "--format", "csv", "-o", str(FULL), FOUR_WAY).err
    )


@pytest.mark.parametrize("form", ["txt", "ndjson", "json", "csv", "parquet", "arrow"])
def test_a_disk_that_fills_keeps_nothing_of_it(form: str, tiny: Path) -> None:
    done = finwait("analyze", "-o", str(tiny / f"x.{form}"), *[FOUR_WAY] * 400)
    assert done.code == 3
    assert f"finwait: {tiny}/x.{form} cannot be written: No space left" in done.err
    assert done.out == "", "no summary of what could not be kept"
    assert not list(tiny.iterdir())


def test_closed_standard_streams() -> None:
    def closed(stream: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["sh", "-c", f'exec "$@" {stream}>&-', "sh", *COMMAND, "analyze", FOUR_WAY],
            capture_output=True,
            env=environment({}),
        )

    done = closed("1")
    assert done.returncode == 1
    assert done.stderr.startswith(b"finwait: standard output is closed")
    done = closed("2")
    assert done.returncode == 0
    assert b"four-way" in done.stdout
