"""Runs experiments, each in a process of its own, some at a time."""

import os
import select
import signal
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final, NamedTuple

from finwait.errors import FinwaitError
from finwait.kernel.apart import Apart, Ended
from finwait.kernel.namespace import Namespace
from finwait.lab.experiment import Experiment
from finwait.lab.janitor import Janitor
from finwait.lab.net import CLIENT4, Host
from finwait.lab.play import Came, Result, play
from finwait.lab.remote import OutOfTime, TooLate
from finwait.lab.world import Step
from finwait.verdict.language import Lang

TRY: Final = 60.0
"""Seconds for finding out whether this machine permits experiments."""
GRACE: Final = 5.0
"""Seconds more until its process is killed, if it does not say by itself that its time is over."""

TRIES: Final = 5
"""Times that an experiment is played at most, where the machine is too slow for it."""
ANSWER: Final = 5.0
"""Seconds for an answer that has begun to come."""
STOPS: Final = (signal.SIGINT, signal.SIGTERM)

Ending = tuple[Experiment, Came]


def run(
    experiments: Sequence[Experiment],
    lang: Lang,
    jobs: int = 1,
    begins: Callable[[Experiment], None] = lambda experiment: None,
    heard: Callable[[Step], None] = lambda step: None,
    *,
    trace: bool = True,
) -> Generator[Ending]:
    """Run experiments, up to `jobs` at once; gives the ending of each, in their order.

    begins, heard: called as an experiment begins (in this process) and for each of its steps (in its own).
    One that the machine was too slow for (TooLate) is played again, TRIES times at most.
    KeyboardInterrupt while it waits: those that have ended are given, and then it goes on.
    Nothing is left behind, also when the caller stops early or this process is killed.
    """
    janitor = Janitor()
    order, waiting = list(experiments), list(experiments)
    running: dict[Apart[Result], tuple[Experiment, float]] = {}
    ended: dict[str, Came] = {}
    tries: Counter[str] = Counter()
    work = _Work(lang, os.getpid(), heard, trace)
    try:
        while order:
            while waiting and len(running) < max(jobs, 1):
                experiment = waiting.pop(0)
                begins(experiment)
                end = time.monotonic() + experiment.time_limit + GRACE
                running[work.begin(experiment)] = experiment, end
            _wait(running, ended)
            waiting[:0] = _again(experiments, ended, tries)
            while order and order[0].name in ended:
                experiment = order.pop(0)
                yield experiment, ended.pop(experiment.name)
    except KeyboardInterrupt:
        yield from ((each, ended[each.name]) for each in order if each.name in ended)
        raise
    finally:
        for apart in running:
            apart.stop()
        janitor.close()


def check() -> None:
    """Find out whether this machine lets us make experiments, by trying. Raises MissingPrivilege, CannotOpen, OSError."""
    Apart(_try).answer(TRY)


def _try() -> None:
    Namespace().enter()
    host = Host(CLIENT4)
    host.namespace.device("wire")


class _Work(NamedTuple):
    lang: Lang
    runner: int
    heard: Callable[[Step], None]
    trace: bool

    def begin(self, experiment: Experiment) -> Apart[Result]:
        def work() -> Result:
            for number in STOPS:  # its parent's, who ends it
                signal.signal(number, signal.SIG_IGN)
            _alarm(experiment.time_limit)
            return play(experiment, *self[:3], trace=self.trace)

        return Apart(work)


def _wait(
    running: dict[Apart[Result], tuple[Experiment, float]],
    ended: dict[str, Came],
) -> None:
    """Wait until one of those that run has ended, or has taken too long."""
    first = min(end for _, end in running.values())
    ready, _, _ = select.select(list(running), [], [], max(first - time.monotonic(), 0))
    now = time.monotonic()
    with _undisturbed():
        for apart in ready:
            experiment, _ = running.pop(apart)
            ended[experiment.name] = _ending(apart)
        for apart in [each for each, (_, end) in running.items() if end <= now]:
            experiment, _ = running.pop(apart)
            apart.stop()
            ended[experiment.name] = OutOfTime(experiment.time_limit, killed=True)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait, so that no ending is lost between its process and the table."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _again(
    experiments: Sequence[Experiment],
    ended: dict[str, Came],
    tries: Counter[str],
) -> list[Experiment]:
    """Take out those that have to be played again."""
    late = []
    for experiment in experiments:
        name = experiment.name
        if isinstance(ended.get(name), TooLate) and tries[name] < TRIES - 1:
            tries[name] += 1
            del ended[name]
            late.append(experiment)
    return late


def _alarm(limit: float) -> None:
    """Raise OutOfTime in this process after so many seconds, and again, for a story may catch everything."""

    def ring(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise OutOfTime(limit)

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit, GRACE / 2)


def _ending(apart: Apart[Result]) -> Came:
    try:
        return apart.answer(ANSWER)
    except (Ended, FinwaitError, OSError) as error:
        return error
