"""`finwait run --stage kernel` as a shell starts it: the hour of its captures, and how it ends when it is interrupted."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import finwait
from finwait.wire.pcapng import EPOCH

from .kernels import is_gone, namespaces, needs_kernel

EXAMPLE = Path(__file__).parents[2] / "examples/closing.pkt"
RUN = [sys.executable, "-m", "finwait.cli", "run", "--lang", "en"]
LIMIT = 30.0
"""Seconds for what takes less than one."""
BEGUN = """\
0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0  bind(3, ..., ...) = 0
+0  listen(3, 1) = 0
"""
FOUR_WAY = (
    BEGUN
    + """\
+0  < S 0:0(0) win 1000 <mss 1460>
+0  > S. 0:0(0) ack 1 <...>
+0  < . 1:1(0) ack 1 win 1000
+0  accept(3, ..., ...) = 4
+0  close(4) = 0
+0  > F. 1:1(0) ack 1
+0  < F. 1:1(0) ack 2 win 1000
+0  > . 2:2(0) ack 2
"""
)
TELL = "echo $PACKETDRILL_PID $(readlink /proc/self/ns/net) > told"
"""Tells who plays, and where, to the test that reads the FIFO `told`."""
WAITS = {
    "a pause": f"+0 `{TELL}`\n+60 close(3) = 0",
    "a call that blocks": f"+0 `{TELL}`\n+0...60 accept(3, ..., ...) = 4",
    "a call that should not block": f"+0 `{TELL}`\n+0 accept(3, ..., ...) = 4",
    "a packet that does not come": f"+0 `{TELL}`\n+0 < S 0:0(0) win 1000\n+0 > S. 0:0(0) ack 1 <...>\n+60 > R. 1:1(0) ack 1",
    "a command with a child": f"+0 `{TELL}; sleep 60; true`",
    "a process that a command left": f"+0 `sleep 60 > left 2>&1 & {TELL}`\n+60 close(3) = 0",
}
"""What a play is at when the signal comes."""
DEAF = """\
+0 %{
import os, signal
with open("told", "w") as told:
    told.write(f"{os.getpid()} {os.readlink('/proc/self/ns/net')}\\n")
while True:
    try:
        signal.pause()
    except BaseException:
        pass
}%
"""


@needs_kernel
def test_captures_and_ladders_have_the_hour_of_the_play(tmp_path: Path) -> None:
    (tmp_path / "x.pkt").write_text(FOUR_WAY)
    kept = tmp_path / "kept.pcapng"
    before = time.time()
    done = subprocess.run(
        [*RUN, tmp_path / "x.pkt", "--stage", "kernel", "--explain", "--pcap", kept],
        capture_output=True, text=True, timeout=LIMIT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = finwait.analyze(kept)
    assert before <= row.first_ts / 1e9 < row.last_ts / 1e9 <= time.time()
    held = datetime.fromtimestamp(row.last_ts / 1e9 + 60, UTC)
    assert f"until {held:%H:%M:%S} UTC" in done.stdout


def test_captures_of_the_model_are_the_same_each_time(tmp_path: Path) -> None:
    kept = [tmp_path / f"{number}.pcapng" for number in range(2)]
    for path in kept:
        subprocess.run([*RUN, EXAMPLE, "--until", "1", "--pcap", path], check=True, timeout=LIMIT)
    assert kept[0].read_bytes() == kept[1].read_bytes()
    (row,) = finwait.analyze(kept[0])
    assert row.first_ts == EPOCH * 1000


@pytest.fixture
def told(tmp_path: Path) -> Iterator[int]:
    """The FIFO by which plays in `tmp_path` tell that they are under way."""
    os.mkfifo(tmp_path / "told")
    fd = os.open(tmp_path / "told", os.O_RDWR | os.O_NONBLOCK)
    yield fd
    os.close(fd)


def hear(told: int, count: int) -> list[tuple[int, str]]:
    """Wait until so many plays have told who they are; gives their processes and namespaces."""
    lines: list[str] = []
    while len(lines) < count:
        ready, _, _ = select.select([told], [], [], LIMIT)
        assert ready, f"{len(lines)} of {count} plays began"
        lines += os.read(told, 4096).decode().splitlines()
    return [(int(pid), home) for pid, home in (line.split() for line in lines)]


@needs_kernel
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", WAITS)
def test_an_interrupted_play_is_told_and_leaves_nothing(
    at: str, how: signal.Signals, tmp_path: Path, told: int
) -> None:
    (tmp_path / "x.pkt").write_text(BEGUN + WAITS[at] + "\n")
    running = subprocess.Popen(
        [*RUN, tmp_path / "x.pkt", "--stage", "kernel"], stdout=subprocess.PIPE, text=True
    )
    ((player, home),) = hear(told, 1)
    assert home in namespaces()
    running.send_signal(how)
    out, _ = running.communicate(timeout=LIMIT)
    assert running.returncode == 128 + how
    assert ": interrupted, " in out
    assert is_gone(home)
    assert not Path("/proc", str(player)).exists()


@needs_kernel
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_many_interrupted_plays_leave_nothing(
    how: signal.Signals, tmp_path: Path, told: int
) -> None:
    """A whole group of processes hears Ctrl-C on a terminal; kill -9 kills the runner alone."""
    for number in range(4):
        (tmp_path / f"{number}.pkt").write_text(BEGUN + WAITS["a pause"] + "\n")
    running = subprocess.Popen(
        [*RUN, tmp_path, "--stage", "kernel", "-j", "2"],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    plays = hear(told, 2)
    (os.killpg if how is signal.SIGINT else os.kill)(running.pid, how)
    out, _ = running.communicate(timeout=LIMIT)
    assert all(is_gone(home) for _, home in plays)
    if how is signal.SIGKILL:
        return
    assert running.returncode == 128 + how
    assert out.count(": interrupted, ") == 2
    assert "2 plays: 0 passed, 2 not" in out


@needs_kernel
def test_the_second_signal_ends_it_at_once(tmp_path: Path, told: int) -> None:
    """A script's code that goes on whatever comes is waited for, but not by who asks twice."""
    (tmp_path / "x.pkt").write_text(BEGUN + DEAF)
    running = subprocess.Popen(
        [*RUN, "x.pkt", "--stage", "kernel"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    ((_, home),) = hear(told, 1)
    running.send_signal(signal.SIGTERM)
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=LIMIT)
    assert running.returncode in {128 + signal.SIGTERM, 128 + signal.SIGINT}
    assert not out
    assert is_gone(home)
