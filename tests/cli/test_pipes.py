"""Pipes, signals and readers that leave: `tcpdump -w - | finwait analyze - | head`."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .command import COMMAND, FOUR_WAY, SEVERAL, environment, finwait, records

WAIT = 30
"""Seconds after which a test gives up on what should happen at once."""


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [*COMMAND, "analyze", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment({}),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def give(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(data)
    process.stdin.flush()


def line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode()


def two_captures() -> tuple[bytes, bytes, bytes]:
    """File header, a whole connection, and the first half of another one."""
    head, first = records(FOUR_WAY)
    _, second = records(next(path for path in SEVERAL if "three-way" in path))
    return head, b"".join(first), b"".join(second[: len(second) // 2])


def test_a_pipe_says_what_a_file_says() -> None:
    for form in ("ndjson", "json", "csv", "table"):
        piped = finwait("analyze", "--format", form, "-", stdin=Path(FOUR_WAY).read_bytes())
        named = finwait("analyze", "--format", form, FOUR_WAY)
        assert piped.out == named.out.replace(FOUR_WAY, "-")
        assert (piped.code, piped.err) == (0, "")


def test_standard_input_may_be_a_file() -> None:
    with Path(FOUR_WAY).open("rb") as file:
        done = subprocess.run(
            [*COMMAND, "analyze", "--format", "ndjson", "-"],
            stdin=file,
            capture_output=True,
            check=True,
        )
    assert json.loads(done.stdout)["source"] == "-"


@pytest.mark.parametrize("form", ["ndjson", "csv", "table"])
def test_connections_are_told_as_they_end(form: str) -> None:
    head, whole, half = two_captures()
    with running("--format", form, "--columns", "conn,close", "-") as process:
        give(process, head + whole)
        if form != "ndjson":
            assert "conn" in line(process)
        assert "four-way" in line(process), "told while the pipe is open"
        give(process, half)
        assert process.poll() is None
        out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, err) == (0, b"")
    assert b"open" in out, "what is open at the end is told at the end"
    assert (b"2 connections" in out) == (form == "table"), "the summary comes last"


def test_a_live_pipe_with_a_condition_and_a_limit() -> None:
    head, whole, half = two_captures()
    with running(
        *("--format", "ndjson", "--where", "close = 'four-way'", "--limit", "1", "-")
    ) as process:
        give(process, head + half)
        give(process, whole)
        assert json.loads(line(process))["close"] == "four-way"
        assert process.wait(timeout=WAIT) == 0, "enough is told: nobody waits for the pipe's end"


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_pipe_and_all_is_told(sign: signal.Signals, code: int) -> None:
    head, whole, half = two_captures()
    with running("--format", "ndjson", "-") as process:
        give(process, head + whole)
        assert json.loads(line(process))["close"] == "four-way"
        give(process, half)
        process.send_signal(sign)
        # Its input stays open: only the signal can end it.
        assert process.stdout is not None
        rest = process.stdout.read().decode()
        assert process.wait(timeout=WAIT) == code
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    # The second half may have been read or not when the signal came; never half of a row.
    assert [json.loads(text)["close"] for text in rest.splitlines()] in ([], ["open"])


def test_a_signal_while_reading_tells_what_was_read() -> None:
    head, whole, half = two_captures()
    with running("--format", "json", "--sort", "conn", "--stats", "/dev/stderr", "-") as process:
        give(process, head + whole + half)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT)
    # The signal may come before Python can take it.
    if b"interrupted" in err:
        assert process.returncode == 130
        assert isinstance(json.loads(out), list)
    else:
        assert process.returncode in {130, -signal.SIGINT}


PROMPT = 5
"""Seconds in which a signal has to be obeyed, on a busy machine too."""


@contextmanager
def feeding(process: subprocess.Popen[bytes], head: bytes, more: bytes) -> Iterator[None]:
    """Give a capture that never ends."""

    def feed() -> None:
        try:
            give(process, head)
            while True:
                give(process, more)
        except OSError:  # it is gone, as it should be
            pass

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield
    finally:
        process.kill()
        feeder.join()


@pytest.mark.parametrize("form", ["ndjson", "table"])
@pytest.mark.parametrize("more", [[], ["--sort", "conn"]], ids=["live", "to the end"])
def test_a_signal_ends_a_capture_without_end(form: str, more: list[str]) -> None:
    head, whole, _ = two_captures()
    with running("--format", form, *more, "-") as process, feeding(process, head, whole * 1000):
        assert process.stdout is not None
        time.sleep(1.5)  # old packets that come without a pause are told at the end
        process.send_signal(signal.SIGINT)
        before = time.monotonic()
        rest = process.stdout.read()
        assert process.wait(timeout=WAIT) == 130
        assert time.monotonic() - before < PROMPT
    assert rest.endswith(b"\n"), "whole lines"
    if form == "ndjson":
        assert {json.loads(each)["close"] for each in rest.splitlines()} <= {"four-way", "open"}
    elif more:  # of a live capture it is the usual end
        assert b"interrupted: this is what was read until then" in rest


@pytest.mark.parametrize("form", ["table", "json", "ndjson"])
def test_a_signal_while_writing_ends_after_a_whole_row(form: str) -> None:
    many = [FOUR_WAY] * 2000  # much more than a pipe holds
    with running("--format", form, *many) as process:
        assert process.stdout is not None
        start = process.stdout.read(1)  # it writes, and nobody reads on
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        told = (start + process.stdout.read()).decode()
        assert process.wait(timeout=WAIT) == 130
        assert process.stderr is not None
        assert b"interrupted while writing: some connections were not told" in process.stderr.read()
    if form == "json":
        assert 0 < len(json.loads(told)) < len(many)
    else:
        assert told.endswith("\n")
        assert len(told.splitlines()) < len(many)


@pytest.mark.parametrize("form", ["ndjson", "json", "csv", "table", "arrow"])
def test_it_ends_quietly_when_its_reader_leaves(form: str) -> None:
    many = [FOUR_WAY] * 400  # more than a pipe holds
    with running("--format", form, *many) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.wait(timeout=WAIT) == 141
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_arrow_into_a_pipe_is_a_stream() -> None:
    import pyarrow as pa

    with running("--format", "arrow", FOUR_WAY) as process:
        out, _ = process.communicate(timeout=WAIT)
    assert pa.ipc.open_stream(out).read_all().num_rows == 1


def on_a_terminal(*arguments: str, width: int = 80) -> str:
    """What a terminal of this width shows."""
    control, terminal = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "analyze", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
        env=environment({"COLUMNS": str(width), "TERM": "xterm"}),
    ) as process:
        os.close(terminal)
        shown = b""
        try:
            while data := os.read(control, 65536):
                shown += data
        except OSError:  # EIO: the other end of a terminal is gone
            pass
        assert process.wait(timeout=WAIT) in {0, 1}
    os.close(control)
    return shown.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colours_and_its_own_width() -> None:
    shown = on_a_terminal(*SEVERAL, width=70)
    assert "\x1b[32mfour-way" in shown
    plain = re.sub(r"\x1b\[\d+m", "", shown)
    table = plain[plain.index("\nconn") :].splitlines()
    assert max(map(len, table)) <= 70


def test_a_terminal_is_spared_binary() -> None:
    assert "is not for a terminal" in on_a_terminal("--format", "parquet", FOUR_WAY)


def test_a_tool_ends_quietly_when_its_reader_left() -> None:
    """`python tools/… | head`: as finwait does."""
    read, write = os.pipe()
    os.close(read)
    tool = Path(__file__).parents[2] / "tools/random_connections.py"
    command = [sys.executable, str(tool), "--count", "1", "--stage", "model"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
