"""Many plays: one after the other in this process, or some at a time, each in a process of its own."""

import mmap
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from finwait.cli.signals import Signals, in_child, in_worker, timed, too_long, worker
from finwait.script.job import Job
from finwait.script.outcome import Failure, Outcome, Status
from finwait.script.syntax import NOWHERE
from finwait.verdict.language import Text

if TYPE_CHECKING:
    from finwait.kernel.apart import Apart

LIMIT: Final = 180.0
"""Seconds that one script may take, as google's runner has it."""
GRACE: Final = 3.0
"""Seconds that a play has to tell where it is, once its time is over; then its process is killed."""
TICK: Final = 0.5
"""Seconds between two looks at where plays are."""
COUNTS: Final = struct.Struct("=II")
"""Events played, and all: what a process of a play writes into the page that it shares."""
SWITCH: Final = 0.0002
"""Seconds until a thread that woke from a blocking call gets its turn: the 5 ms of Python are more than a script's tolerance."""


Watch = Callable[[str, int, int], None]
"""Is told the path of a play that goes on, how many of its events were played, and of how many (0: it has not begun)."""


def unwatched(path: str, done: int, total: int) -> None:
    """Be told, and show nothing."""


def play_all(
    jobs: list[Job], at_once: int, limit: float = LIMIT, signals: Signals | None = None, watch: Watch = unwatched
) -> Iterator[Outcome]:  # fmt: skip
    """Play, and give the outcomes in the order of the jobs. The kernel's scripts each have a process, because a namespace is a process's.

    Once `signals` has one, the plays that go on are told as interrupted, and no other begins.
    """
    signals = Signals() if signals is None else signals
    if not jobs:
        return
    if jobs[0].stage == "kernel":
        yield from _apart(jobs, at_once, limit, signals, watch)
    elif at_once == 1 or len(jobs) == 1:
        for job in jobs:
            if signals:
                return
            yield timed(job, limit, signals, partial(watch, job.path))
    else:
        yield from _pool(jobs, at_once, limit, signals)


def _pool(jobs: list[Job], at_once: int, limit: float, signals: Signals) -> Iterator[Outcome]:
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    chunk = max(1, min(16, len(jobs) // (4 * at_once)))
    with ProcessPoolExecutor(at_once, get_context("spawn"), worker) as pool:
        try:
            for outcome in pool.map(partial(in_worker, limit=limit), jobs, chunksize=chunk):
                if outcome is not None:
                    yield outcome
        except BrokenProcessPool:  # a signal found a process that had not begun to listen
            if not signals:
                raise


@dataclass(slots=True)
class _Running:
    number: int
    job: Job
    process: "Apart[Outcome]"
    page: mmap.mmap
    """Where it has come to: COUNTS."""
    begun: float
    """time.monotonic()"""
    asked: float | None = None
    """When it was told to end."""


def _apart(jobs: list[Job], at_once: int, limit: float, signals: Signals, watch: Watch) -> Iterator[Outcome]:  # fmt: skip
    from finwait.kernel.apart import Apart

    sys.setswitchinterval(SWITCH)
    waiting = list(enumerate(jobs))
    running: dict[int, _Running] = {}
    done: dict[int, Outcome] = {}
    told = 0
    try:
        with _woken() as wake:
            while (waiting and not signals) or running:
                while waiting and len(running) < at_once and not signals:
                    number, job = waiting.pop(0)
                    sys.stdout.flush()  # a fork takes a copy of what is not written yet
                    page = mmap.mmap(-1, COUNTS.size)
                    process = Apart(in_child(job, limit, partial(COUNTS.pack_into, page, 0)))
                    running[process.fileno()] = _Running(number, job, process, page, time.monotonic())  # fmt: skip
                first = next(iter(running.values()))
                watch(first.job.path, *COUNTS.unpack_from(first.page))
                for fd in _ended(running, wake, limit, signals):
                    one = running.pop(fd)
                    done[one.number] = _answer(one, limit)
                while told in done:
                    yield done.pop(told)
                    told += 1
    finally:
        for one in running.values():
            with suppress(OSError):
                one.process.stop()


@contextmanager
def _woken() -> Iterator[int]:
    """Give a descriptor that is readable once a signal came: a select() alone sleeps on."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = None
    try:
        with suppress(ValueError):  # in another thread than the main one, no signal comes
            before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        yield read
    finally:
        if before is not None:
            signal.set_wakeup_fd(before)
        os.close(read)
        os.close(write)


def _ended(running: dict[int, _Running], wake: int, limit: float, signals: Signals) -> list[int]:
    """Wait for some to end; those whose time is over, and all after a signal, are told to."""
    ends = [
        limit + one.begun if one.asked is None else one.asked + GRACE for one in running.values()
    ]
    left = min(max(min(ends) - time.monotonic(), 0), TICK)
    ready, _, _ = select.select([wake, *running], [], [], left)
    if wake in ready:
        os.read(wake, 64)
        ready.remove(wake)
    now = time.monotonic()
    for fd, one in running.items():
        if one.asked is None:
            over = now - one.begun >= limit
            if (over or signals) and fd not in ready:
                one.asked = now
                os.kill(one.process.pid, signal.SIGTERM if signals else signal.SIGUSR1)
        elif now - one.asked >= GRACE and fd not in ready:
            ready.append(fd)
    return ready


def _answer(one: _Running, limit: float) -> Outcome:
    from finwait.kernel.apart import Ended

    late = one.asked is not None and time.monotonic() - one.asked >= GRACE
    try:
        return one.process.answer(0.0 if late else limit)
    except Ended as ended:
        message = too_long(limit) if ended.late else Text(str(ended), ended.say("zh"))
        lasted = round((time.monotonic() - one.begun) * 1_000_000)
        return one.job.failed(Failure("time", NOWHERE, "", message), Status.FAILED, lasted)
