"""Ending a play by a signal: Ctrl-C, SIGTERM, and the time limit. What was played is told, and the line that it had come to."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import active_children
from types import FrameType
from typing import Final

from finwait.script.job import Job
from finwait.script.outcome import Failure, Outcome, Status
from finwait.script.runner import Heard, Interrupted, unheard
from finwait.script.syntax import NOWHERE
from finwait.verdict.language import Text

AGAIN: Final = 0.1
"""Seconds until the time limit is said once more: a script's code may catch everything."""
INTERRUPTED: Final = Text("interrupted", "被中断")


def too_long(limit: float) -> Text:
    """Say that a play took more than its time."""
    return Text(f"stopped after {limit:g} s", f"运行 {limit:g} 秒后被终止")


class Signals:
    """The signal that ended this process's work. The first ends the plays, the second the process."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.playing = False
        """Whether a play goes on in this process and has to be told."""
        self._wake: int | None = None

    def __bool__(self) -> bool:
        return self.number is not None

    @property
    def code(self) -> int:
        """Exit code, as shells count."""
        return 128 + (self.number or signal.SIGINT)

    def take(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        del frame
        if self:
            os._exit(self.code)
        self.number = number
        for child in active_children():
            child.terminate()
        if self.playing:
            self.playing = False
            raise Interrupted(INTERRUPTED)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals, where this thread may (only the main thread can)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.take) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


def timed(
    job: Job, limit: float, signals: Signals | None = None, heard: Heard = unheard
) -> Outcome:
    """Play in this process, at most so many seconds, where an alarm is to be had (main thread, no Windows)."""
    signals = Signals() if signals is None else signals
    with _alarm(limit):
        return guarded(job, signals, heard)


def guarded(job: Job, signals: Signals, heard: Heard = unheard) -> Outcome:
    """Play; an interruption that comes while no line is played yet is told, too."""
    try:
        signals.playing = True
        return job.run(heard)
    except Interrupted as enough:
        return job.failed(Failure("time", NOWHERE, "", enough.message), enough.status)
    finally:
        signals.playing = False


@contextmanager
def _alarm(limit: float) -> Iterator[None]:
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL  # somebody else's, as in tests
    ):
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise Interrupted(too_long(limit), Status.FAILED)

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit, max(limit, AGAIN))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


# --- in a process of its own ---


def in_child(job: Job, limit: float, heard: Heard) -> Callable[[], Outcome]:
    """Give the work of a forked process: SIGTERM and SIGUSR1 (the time is over) end the play; Ctrl-C its parent tells it."""

    def work() -> Outcome:
        signals = Signals()

        def over(number: int, frame: FrameType | None) -> None:
            del number, frame
            if signals.playing:
                raise Interrupted(too_long(limit), Status.FAILED)

        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signals.take)
        signal.signal(signal.SIGUSR1, over)
        return guarded(job, signals, heard)

    return work


_in_worker = Signals()


def worker() -> None:
    """Begin a process of a pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _in_worker.take)


def in_worker(job: Job, limit: float) -> Outcome | None:
    """Play in a pool's process; None once it was told to end."""
    return None if _in_worker else timed(job, limit, _in_worker)
