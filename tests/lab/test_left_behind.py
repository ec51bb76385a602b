"""Nothing is left behind: no process, namespace, device or tracing instance, however a run of the lab ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

LAB = [sys.executable, "-m", "finwait.cli", "lab"]
FOREVER = """
from finwait.lab.experiment import Expected, Experiment
from finwait.verdict.language import Text

def story(world):
    world.connect()
    world.wait({seconds})
    {then}

EXPERIMENTS = (
    Experiment(
        "forever", Text("For ever", "永远"), Text("Waits.", "等待。"), story,
        Expected(close="open", closed_by="none", cause="capture-ended", client="", server=""),
    ),
)
"""


def marked(mark: str) -> list[int]:
    """Processes that were started with this mark in their environment, by whatever way."""
    found = []
    for home in Path("/proc").iterdir():
        if home.name.isdigit():
            try:
                if mark.encode() in (home / "environ").read_bytes() and not _zombie(home):
                    found.append(int(home.name))
            except OSError:
                continue  # it went while we looked
    return found


def _zombie(home: Path) -> bool:
    return (home / "stat").read_text().rpartition(")")[2].split()[0] == "Z"


def namespaces(pids: list[int] | None = None) -> set[str]:
    """Network namespaces that these processes, or any, are in."""
    found = set()
    for home in Path("/proc").iterdir():
        if home.name.isdigit() and (pids is None or int(home.name) in pids):
            try:
                found.add(str((home / "ns/net").readlink()))
            except OSError:
                continue
    return found


def until(done: Callable[[], bool], what: str, limit: float = 20.0) -> None:
    end = time.monotonic() + limit
    while not done():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.01)


@pytest.fixture
def mark() -> Iterator[str]:
    name = f"FINWAIT_LAB_MARK={os.getpid()}-{time.monotonic_ns()}"
    yield name
    for pid in marked(name):
        os.kill(pid, signal.SIGKILL)


def begin(mark: str, *arguments: str) -> subprocess.Popen[str]:
    key, _, value = mark.partition("=")
    environment = {**os.environ, key: value, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [*LAB, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def nothing_left(mark: str, runner: int, instances: Callable[[], set[str]]) -> None:
    until(lambda: not marked(mark), "every process was gone")
    assert not {name for name in instances() if name.startswith(f"finwait-lab-{runner}-")}
    assert "wire" not in subprocess.run(["ip", "-o", "link"], capture_output=True, text=True).stdout


def test_after_success(mark: str, instances: Callable[[], set[str]]) -> None:
    running = begin(mark, "three-way")
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 0, out
    nothing_left(mark, running.pid, instances)


def test_after_failure(mark: str, instances: Callable[[], set[str]], tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(FOREVER.format(seconds=0.1, then="world.client.receive_ende()"))
    running = begin(mark, str(own))
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 4
    assert "receive_ende" in out
    nothing_left(mark, running.pid, instances)


@pytest.mark.parametrize(
    "then",
    [
        "while True: pass",  # it is told to stop
        "import itertools, collections; collections.deque(itertools.count(), maxlen=0)",  # and killed
    ],
)
def test_after_its_time(
    then: str, mark: str, instances: Callable[[], set[str]], tmp_path: Path
) -> None:
    own = tmp_path / "own.py"
    text = FOREVER.format(seconds=0.1, then=then)
    own.write_text(text.replace('server=""),', 'server=""), time_limit=1,'))
    running = begin(mark, str(own), "--lang", "en")
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 4
    assert "stopped after 1 s (time_limit)" in out
    nothing_left(mark, running.pid, instances)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("whom", ["runner", "group"])
def test_after_a_signal(
    how: signal.Signals, whom: str, mark: str, instances: Callable[[], set[str]], tmp_path: Path
) -> None:
    own = tmp_path / "own.py"
    own.write_text(FOREVER.format(seconds=50, then="pass"))
    running = begin(mark, str(own))
    assert running.stdout is not None
    for line in running.stdout:
        if "30 bytes" in line and "recv" in line:
            break
    assert len(marked(mark)) >= 4  # runner, janitor, experiment, two programs
    before, ours = instances(), namespaces(marked(mark)) - namespaces([os.getpid()])
    assert len(ours) >= 3  # the experiment's own, and one for each host
    (os.kill if whom == "runner" else os.killpg)(running.pid, how)
    running.stdout.read()
    assert running.wait(timeout=20) != 0
    running.stdout.close()
    nothing_left(mark, running.pid, instances)
    until(
        lambda: not ours & namespaces(), "their namespaces were gone"
    )  # a process lets go of its words first
    assert any(name.startswith(f"finwait-lab-{running.pid}-") for name in before) or not before
