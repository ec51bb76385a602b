"""What a user may ask for by mistake: a sentence and exit code 1, never a traceback or a lost capture."""

import shutil
import subprocess
from pathlib import Path

import pytest

from .command import COMMAND, FOUR_WAY, environment, finwait


@pytest.mark.parametrize("option", ["-o", "--stats"])
def test_a_capture_is_never_written_over(option: str, tmp_path: Path) -> None:
    capture = tmp_path / "four-way.pcap"
    shutil.copy(FOUR_WAY, capture)
    before = capture.read_bytes()
    for read in (capture, tmp_path):
        done = finwait("analyze", "--format", "csv", option, str(capture), str(read))
        assert done.code == 1
        assert "give another name" in done.err
        assert capture.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", FOUR_WAY, "9" * 24),
        ("explain", FOUR_WAY, "9" * 6000),
        ("analyze", "--threads", "9" * 24, FOUR_WAY),
        ("analyze", "--max-connections", "9" * 20, FOUR_WAY),
    ],
)
def test_huge_numbers(arguments: tuple[str, ...]) -> None:
    done = finwait(*arguments)
    assert done.code == 1
    assert "Traceback" not in done.err


def test_closed_standard_input() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "analyze", "-"],
        capture_output=True,
        env=environment({}),
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "standard input is closed" in done.stderr
