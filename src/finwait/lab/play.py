"""Plays one experiment: the world, the story, the capture, the kernel's words, the judgement."""

import os
import shutil
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from finwait.capture.nameless import nameless
from finwait.errors import CannotOpen, FinwaitError, Misuse
from finwait.explain import explain
from finwait.explain.explanation import Explanation
from finwait.kernel.namespace import Namespace
from finwait.kernel.prompt import go_first
from finwait.lab.beside import beside, comments, with_kernel
from finwait.lab.clock import now
from finwait.lab.experiment import Expected, Experiment
from finwait.lab.history import ENDS, Event, history, turn
from finwait.lab.judge import WORST, Agreement, Row, judge
from finwait.lab.kernel_words import NOTHING, KernelWords, Said, Tells
from finwait.lab.leg import Leg
from finwait.lab.net import InVain
from finwait.lab.netns import private_mounts
from finwait.lab.proxy import LEGS
from finwait.lab.record import Recorder
from finwait.lab.remote import Astray, OutOfTime, TooLate
from finwait.lab.travel import LANES, Hop, travel
from finwait.lab.world import PORTS, Step, World, own_addresses
from finwait.picture.ladder import Ladder
from finwait.verdict.language import Lang, Text
from finwait.wire import pcapng


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one connection."""

    ladder: Ladder
    connection: int
    """Its number in the capture."""
    before: str
    """The verdict on the connection with the same ends before it; empty if there was none."""
    verdict: str
    cause: str
    evidence: tuple[str, ...]
    """For it."""
    against: tuple[str, ...]
    time_wait: tuple[str, ...]
    doubts: tuple[str, ...]
    """What no packet shows of the last states."""
    events: list[Event]
    row: Row
    capture: bytes = field(repr=False)
    """pcapng, with the kernel's events as comments on the packets."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one experiment. It travels between processes."""

    name: str
    began: int
    """Nanoseconds of CLOCK_REALTIME; the times of steps count from here."""
    took: float
    """Seconds, all in all."""
    steps: list[Step]
    legs: tuple[Played, ...]
    """One; with a proxy the client's and the server's."""
    hops: tuple[Hop, ...] = ()
    """With a proxy: how the close travels from leg to leg."""

    @property
    def same(self) -> bool:
        """Whether nothing differs from what was expected, of every connection."""
        return all(leg.row.same for leg in self.legs)

    @property
    def agreement(self) -> Agreement:
        """How far expectation, wire and kernel agree, of every connection."""
        return max((leg.row.agreement for leg in self.legs), key=WORST.index)


Came = Result | FinwaitError | OSError
"""What came of an experiment: a result, or what stopped it."""


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
        _, port = own_addresses(experiment.six)
        tells = words.start(range(port, port + PORTS)) if trace else NOTHING
        stack.callback(words.stop)
        go_first()
        if experiment.need and shutil.which(experiment.need) is None:
            raise CannotOpen(
                experiment.need,
                "not installed, and this experiment needs it",
                "未安装，而这个实验需要它",
            )
        world = World(experiment, lang, heard)
        stack.callback(world.close)
        _tell(experiment, world)
        world.sample()
        until = now()
        said = words.read()
    legs = tuple(
        _played(experiment.name, leg, wanted, _Heard(said, tells, until, world.turns), lang)
        for leg, wanted in zip(world.legs, experiment.expectations, strict=True)
    )
    if len(legs) > 1:
        legs = tuple(_at_proxy(leg, number, lang) for number, leg in enumerate(legs))
    hops = travel([leg.wire for leg in world.legs]) if len(legs) > 1 else ()
    return Result(experiment.name, began, (now() - began) / 1e9, world.steps, legs, hops)


class _Heard(NamedTuple):
    said: list[Said]
    tells: Tells
    until: int
    turns: list[int]


def _played(name: str, leg: Leg, expected: Expected, heard: _Heard, lang: Lang) -> Played:
    """Judge one connection."""
    ends = {"client": leg.end("client"), "server": leg.end("server")}
    traced = heard.tells.states
    every = history(heard.said, leg.samples, ends, traced=traced, until=heard.until)
    events = turn(every, expected.connection, heard.turns)
    told = explained(commented(leg.wire.recorder, {}), expected.connection)
    places = beside(events, leg.wire.packets, leg.from_port)
    turns = min(expected.connection, len(heard.turns))
    until = (*heard.turns, heard.until)[turns]
    last = {who: leg.stood(who, until) for who in ENDS}
    verdict = told.verdict(lang)
    old = {who: leg.held(who, heard.turns[turns - 1]) for who in ENDS} if turns else {}
    return Played(
        ladder=with_kernel(told.ladder(lang), places, told.row.first_ts, lang, stood=old),
        connection=expected.connection,
        before=_before(leg, expected.connection, lang) if turns else "",
        verdict=verdict.sentence,
        cause=verdict.cause.sentence.say(lang),
        evidence=verdict.evidence_for,
        against=verdict.evidence_against,
        time_wait=tuple(told.time_wait.text(lang)),
        doubts=tuple(told.doubts_told(lang)),
        events=events,
        row=judge(name, expected, told, events, heard.tells, last=last),
        capture=commented(leg.wire.recorder, comments(places)),
    )


def _before(leg: Leg, connection: int, lang: Lang) -> str:
    told = explained(commented(leg.wire.recorder, {}), connection - 1)
    return told.verdict(lang).sentence


def _at_proxy(played: Played, number: int, lang: Lang) -> Played:
    """Say in the picture of a leg which end the proxy is."""
    ladder, proxy = played.ladder, LANES[1].say(lang)
    left, right = ladder.left, ladder.right
    if number == 0:
        right = right._replace(role=f"{right.role} = {proxy}")
    else:
        left = left._replace(role=f"{left.role} = {proxy}")
    title = f"{ladder.title} ({LEGS[number].say(lang)})"
    ladder = ladder._replace(title=title, left=left, right=right)
    return replace(played, ladder=ladder)


def _tell(experiment: Experiment, world: World) -> None:
    """Play the story; it may be somebody's own code."""
    try:
        experiment.story(world)
    except TooLate:
        raise
    except (InVain, Astray, Misuse) as error:
        raise _astray(world, _why(error, experiment, world)) from error
    except (FinwaitError, OSError):
        raise
    except (Exception, SystemExit) as error:
        said = f"{_line(error, experiment)}: {type(error).__name__}: {error}"
        raise _astray(world, Text(said, said)) from error


def _astray(world: World, why: Text) -> Astray:
    error = Astray(why.en, why.zh)
    error.steps = world.steps
    return error


def _why(error: InVain | Astray | Misuse, experiment: Experiment, world: World) -> Text:
    """Say at which line and why a story came to an end before its own, and where both ends are now."""
    said = error.text if isinstance(error, InVain) else Text(str(error), error.say("zh"))
    if isinstance(error, OutOfTime) and (what := world.awaited) is not None:
        said = Text(f"{said.en}, waiting until {what.en}", f"{said.zh}，当时在等待：{what.zh}")
    line, stands = _line(error, experiment), world.stands()
    return Text(f"{line}: {said.en}; {stands.en}", f"{line}：{said.zh}；此时{stands.zh}")


def _line(error: BaseException, experiment: Experiment) -> str:
    """Name the line of the story's file that an error comes from."""
    lines = traceback.extract_tb(error.__traceback__)
    file, number = experiment.place or (lines[-1].filename, lines[-1].lineno)
    own = [each.lineno for each in lines if each.filename == file]
    number = own[-1] if own else number  # it could not even be called
    return f"{Path(file).name}:{number}"


def commented(recorder: Recorder, words: dict[int, str]) -> bytes:
    """Write a capture with a comment on some of its frames, which count from 1."""
    parts = [pcapng.header()]
    for number, frame in enumerate(recorder.frames, 1):
        parts.append(pcapng.record(frame.ts // 1000, frame.data, words.get(number, "")))
    return b"".join(parts)


def explained(capture: bytes, connection: int) -> Explanation:
    """Have finwait explain a connection of a capture that is in memory: no file is left behind. Raises Misuse if there is none."""
    with nameless(capture) as (_, path):
        try:
            return explain(path, connection)
        except Misuse:
            raise Misuse(
                f"no connection {connection} went over the wire, counted from 0 (`Expected.connection`): did the story make it?",
                f"线路上没有连接 {connection}（从 0 数起，`Expected.connection`）：过程建立它了吗？",
            ) from None
