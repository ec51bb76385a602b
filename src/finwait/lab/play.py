"""Plays one experiment: the world, the story, the capture, the kernel's words, the judgement."""

import os
import shutil
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from finwait.errors import CannotOpen, FinwaitError
from finwait.explain import explain
from finwait.explain.explanation import Explanation
from finwait.kernel.namespace import Namespace
from finwait.kernel.prompt import go_first
from finwait.lab.beside import beside, comments, with_kernel
from finwait.lab.clock import now
from finwait.lab.experiment import Experiment
from finwait.lab.history import Event, history, turn
from finwait.lab.judge import Row, judge
from finwait.lab.kernel_words import KernelWords
from finwait.lab.netns import private_mounts
from finwait.lab.programs import Astray
from finwait.lab.record import Recorder
from finwait.lab.world import Step, World
from finwait.picture.ladder import Ladder
from finwait.verdict.language import Lang
from finwait.wire import pcapng


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one experiment. It travels between processes."""

    name: str
    began: int
    """Nanoseconds of CLOCK_REALTIME; the times of steps count from here."""
    took: float
    """Seconds, all in all."""
    steps: list[Step]
    ladder: Ladder
    verdict: str
    cause: str
    evidence: tuple[str, ...]
    time_wait: tuple[str, ...]
    events: list[Event]
    row: Row
    capture: bytes = field(repr=False)
    """pcapng, with the kernel's events as comments on the packets."""


def play(
    experiment: Experiment,
    lang: Lang,
    runner: int,
    heard: Callable[[Step], None] = lambda step: None,
    *,
    trace: bool = True,
) -> Result:
    """Play an experiment in this process, which should be one of its own (`finwait.kernel.apart`).

    runner: the process whose janitor removes what is left behind. trace: listen to tracepoints, if they may be had.
    Raises MissingPrivilege where namespaces are refused, Astray if the story goes another way, OSError.
    """
    began = now()
    with ExitStack() as stack:
        Namespace().enter()
        if trace and os.geteuid() == 0:
            private_mounts()
        words = KernelWords(runner)
        traced = trace and words.start()
        stack.callback(words.stop)
        go_first()
        if experiment.need and shutil.which(experiment.need) is None:
            raise CannotOpen(experiment.need, "not installed, and this experiment needs it")
        world = World(experiment, lang, heard)
        stack.callback(world.close)
        _tell(experiment, world)
        world.sample()
        until = now()
        ends = {"client": world.end("client"), "server": world.end("server")}
        every = history(words.read(), world.samples, ends, traced=traced, until=until)
    events = turn(every, experiment.expected.connection, world.turns)
    told = explained(world.wire.recorder, experiment.expected.connection)
    row = judge(experiment.name, experiment.expected, told, events, traced=traced)
    places = beside(events, world.wire.packets, world.from_port)
    verdict = told.verdict(lang)
    return Result(
        name=experiment.name,
        began=began,
        took=(now() - began) / 1e9,
        steps=world.steps,
        ladder=with_kernel(told.ladder(lang), places, lang),
        verdict=verdict.sentence,
        cause=verdict.cause.sentence.say(lang),
        evidence=tuple(verdict.evidence_for),
        time_wait=tuple(told.time_wait.text(lang)),
        events=events,
        row=row,
        capture=commented(world.wire.recorder, comments(places)),
    )


def _tell(experiment: Experiment, world: World) -> None:
    """Play the story; it may be somebody's own code."""
    try:
        experiment.story(world)
    except TimeoutError as error:
        raise Astray(f"{experiment.name}: {error}") from error
    except (FinwaitError, OSError):
        raise
    except Exception as error:
        line = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(line.filename).name}:{line.lineno}"
        raise Astray(f"{experiment.name}: {where}: {type(error).__name__}: {error}") from error


def commented(recorder: Recorder, words: dict[int, str]) -> bytes:
    """Write a capture with a comment on some of its frames, which count from 1."""
    parts = [pcapng.header()]
    for number, frame in enumerate(recorder.frames, 1):
        parts.append(pcapng.record(frame.ts // 1000, frame.data, words.get(number, "")))
    return b"".join(parts)


def explained(recorder: Recorder, connection: int) -> Explanation:
    """Have finwait explain what was captured, from memory: no file is left behind."""
    descriptor = os.memfd_create("finwait-lab.pcapng")
    try:
        os.write(descriptor, commented(recorder, {}))
        return explain(f"/proc/self/fd/{descriptor}", connection)
    finally:
        os.close(descriptor)
