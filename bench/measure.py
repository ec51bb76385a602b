"""Running a command on chosen cores and saying what it took."""

import os
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One run of a command: wall-clock and processor seconds, largest resident set in kB."""

    wall: float
    cpu: float
    rss_kb: int
    stdout: str
    stderr: str


@dataclass
class Series:
    """Runs of one command, in the order they were made."""

    runs: list[Run]

    @property
    def best(self) -> float:
        return min(r.wall for r in self.runs)

    @property
    def median(self) -> float:
        return statistics.median(r.wall for r in self.runs)

    @property
    def cpu(self) -> float:
        return min(r.cpu for r in self.runs)


_ENVIRONMENT = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}
"""Python keeps what it has compiled, as it does wherever it was not told otherwise."""


class Failed(Exception):
    """A command that ended badly, or did not do what it was measured for."""


def once(command: str, cores: str = "0") -> Run:
    """Runs a shell command pinned to `cores` and waits for all of it.

    Processor time is that of every process of the command; the resident set is the largest one's.
    """
    with Path("/dev/null").open("rb") as nothing:
        began = time.perf_counter()
        process = subprocess.Popen(
            ["taskset", "-c", cores, "bash", "-c", f"set -o pipefail; {command}"],
            stdin=nothing,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_ENVIRONMENT,
        )
        stdout, stderr = _output_of(process)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed(f"{command}: exit code {process.returncode}\n{stderr[-2000:]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, stdout, stderr)


def _output_of(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Reads both pipes to their ends without reaping the process: wait4 does that."""
    texts = ["", ""]

    def drain(n: int) -> None:
        stream = (process.stdout, process.stderr)[n]
        assert stream is not None
        texts[n] = stream.read()

    threads = [threading.Thread(target=drain, args=(n,)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return texts[0], texts[1]


def warm(path: Path) -> None:
    """Reads a file so that the page cache holds it."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


def cached_share(path: Path) -> float:
    """How much of a file the page cache holds, 0 to 1."""
    out = subprocess.run(
        ["fincore", "--bytes", "--noheadings", "--output", "RES", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(out.stdout) / path.stat().st_size
