"""Many plays: one after the other in this process, or some at a time, each in a process of its own."""

import select
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from finwait.script.job import Job
from finwait.script.outcome import Failure, Outcome, Status
from finwait.script.syntax import NOWHERE
from finwait.verdict.language import Text

LIMIT: Final = 180.0
"""Seconds that one script may take on the kernel, as google's runner has it."""

SWITCH: Final = 0.0002
"""Seconds until a thread that woke from a blocking call gets its turn: the 5 ms of Python are more than a script's tolerance."""


def play_all(jobs: list[Job], at_once: int, limit: float = LIMIT) -> Iterator[Outcome]:
    """Play, and give the outcomes in the order of the jobs. The kernel's scripts each have a process, because a namespace is a process's."""
    if not jobs:
        return
    if jobs[0].stage == "kernel":
        yield from _apart(jobs, at_once, limit)
    elif at_once == 1 or len(jobs) == 1:
        for job in jobs:
            yield job.run()
    else:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
            yield from pool.map(_run, jobs, chunksize=max(1, min(16, len(jobs) // (4 * at_once))))


def _run(job: Job) -> Outcome:
    return job.run()


def _apart(jobs: list[Job], at_once: int, limit: float) -> Iterator[Outcome]:
    from finwait.kernel.apart import Apart

    sys.setswitchinterval(SWITCH)
    waiting = list(enumerate(jobs))
    running: dict[int, tuple[int, Job, Apart[Outcome]]] = {}
    done: dict[int, Outcome] = {}
    told = 0
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                number, job = waiting.pop(0)
                sys.stdout.flush()  # a fork takes a copy of what is not written yet
                begun = Apart(job.run)
                running[begun.fileno()] = number, job, begun
            ready, _, _ = select.select(list(running), [], [], limit)
            for fd in ready or list(running):
                number, job, begun = running.pop(fd)
                done[number] = _answer(job, begun, limit if ready else 0.0, limit)
            while told in done:
                yield done.pop(told)
                told += 1
    finally:
        for _, _, begun in running.values():
            with suppress(OSError):
                begun.stop()


def _answer(job: Job, begun: "object", left: float, limit: float) -> Outcome:
    from finwait.kernel.apart import Apart, Ended

    if not isinstance(begun, Apart):
        raise TypeError("only what was begun answers")
    try:
        answer = begun.answer(left)
    except Ended as ended:
        message = Text(str(ended), str(ended))
        if ended.late:
            message = Text(f"it was stopped after {limit:.0f} s", f"运行 {limit:.0f} 秒后被终止")
        return job.failed(Failure("time", NOWHERE, "", message), Status.FAILED)
    if not isinstance(answer, Outcome):
        raise TypeError("a play gives an outcome")
    return answer
