"""What a user may ask for by mistake: a sentence and exit code 1, never a traceback or a lost capture."""

import os
import pty
import subprocess

import pytest

from .command import COMMAND, FOUR_WAY, environment, finwait


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


@pytest.mark.parametrize(
    "verb",
    [["analyze", "-"], ["explain", "-", "0"], ["reproduce", "-", "0"], ["compare", FOUR_WAY, "-"]],
)
def test_standard_input_that_cannot_be_read(verb: list[str]) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, *verb],
        capture_output=True,
        env=environment({}),
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("finwait: standard input is closed: give it a capture")
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*COMMAND, *verb], stdin=theirs, capture_output=True, env=environment({}), text=True
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 1
    assert done.stderr.startswith("finwait: standard input is a terminal: give it a capture")


def test_standard_input_is_read_once() -> None:
    for verb in (["analyze", "-", "-"], ["compare", "-", "-"]):
        assert "standard input can be read once" in finwait(*verb, stdin=b"").err
