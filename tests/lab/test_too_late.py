"""An experiment whose time had passed on a busy machine is played again, and never judged."""

import itertools
import math
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from finwait.errors import Misuse
from finwait.kernel.apart import Ended
from finwait.lab import run as runner
from finwait.lab.experiments import ALL
from finwait.lab.experiments.closing import three_way
from finwait.lab.net import DELAYED_ACK
from finwait.lab.play import Result
from finwait.lab.remote import Astray, OutOfTime, TooLate
from finwait.lab.run import TRIES, run
from finwait.lab.world import World


def busy_at_first(counted: Path, times: int) -> Callable[[World], None]:
    """Three-way, on a machine whose server program sleeps through the delayed ACK at first."""

    def story(world: World) -> None:
        played = len(counted.read_text()) if counted.exists() else 0
        counted.write_text("x" * (played + 1))
        if played >= times:
            three_way(world)
            return
        world.connect()
        world.client.close()
        world.server.receive_end()
        time.sleep(DELAYED_ACK)  # the machine, not the story, is late here
        world.settle()
        world.server.close()
        world.in_time("server")

    return story


def test_what_came_too_late_is_played_again(lab: None, tmp_path: Path) -> None:
    del lab
    counted = tmp_path / "played"
    experiment = replace(ALL["three-way"], story=busy_at_first(counted, 2))
    begun: list[str] = []
    ((_, ending),) = run([experiment], "en", begins=lambda each: begun.append(each.name))
    assert isinstance(ending, Result)
    assert ending.same
    assert len(begun) == len(counted.read_text()) == 3


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_machine_that_is_always_too_slow_is_told_so(lab: None, tmp_path: Path, lang: str) -> None:
    del lab
    counted = tmp_path / "played"
    experiment = replace(ALL["three-way"], story=busy_at_first(counted, 99))
    ((_, ending),) = run([experiment], "en")
    assert isinstance(ending, TooLate)
    assert ("too busy" if lang == "en" else "太忙") in ending.say(lang)
    assert len(counted.read_text()) == TRIES


def waits(world: World) -> None:
    world.connect()
    world.until("client", "CLOSED")


def sleeps(world: World) -> None:
    world.connect()
    time.sleep(30)


def does_not_listen(world: World) -> None:
    world.connect()
    with suppress(Exception):
        time.sleep(30)
    world.until("client", "CLOSED")


def loops(world: World) -> None:
    world.connect()
    while True:
        pass


def never_returns(world: World) -> None:
    world.connect()
    deque(itertools.count(), maxlen=0)  # no Python in it that could hear the alarm


CLOSED = (", waiting until the client was CLOSED", "，当时在等待：客户端处于 CLOSED")
HERE = Path(__file__).name


@pytest.mark.parametrize(
    ("story", "line", "waiting"),
    [
        (waits, 2, CLOSED),
        (sleeps, 2, ("", "")),
        (loops, 3, ("", "")),
        (does_not_listen, 4, CLOSED),
    ],
)
def test_an_experiment_out_of_time_says_where_and_what_it_waited_for(
    lab: None, story: Callable[[World], None], line: int, waiting: tuple[str, str]
) -> None:
    """And the others go on."""
    del lab
    (_, ending), (_, other) = run(
        [replace(ALL["four-way"], name="own", story=story, time_limit=1.0), ALL["four-way"]], "en"
    )
    assert isinstance(ending, Astray)
    lines = {f"{HERE}:{story.__code__.co_firstlineno + each}" for each in (line, line - 1)}
    english, _, _ = ending.say("en").partition("; the client is")
    where, _, why = english.partition(": ")
    assert where in lines
    assert why == f"stopped after 1 s (time_limit){waiting[0]}"
    assert f"：运行 1 秒（time_limit）后被终止{waiting[1]}；此时客户端处于" in ending.say("zh")
    assert ending.steps
    assert isinstance(other, Result)


def test_an_experiment_that_does_not_listen_is_killed(
    lab: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    del lab
    monkeypatch.setattr(runner, "GRACE", 0.5)
    own = replace(ALL["four-way"], name="own", story=never_returns, time_limit=0.5)
    (_, ending), (_, other) = run([own, ALL["four-way"]], "en")
    assert isinstance(ending, OutOfTime)
    assert "did not listen, and was killed" in ending.say("en")
    assert "被杀死" in ending.say("zh")
    assert isinstance(other, Result)


@pytest.mark.parametrize(("number", "how"), [(9, "SIGKILL"), (40, "-40")])
def test_an_experiment_whose_process_is_killed_is_told_with_the_signal(
    lab: None, number: int, how: str
) -> None:
    del lab
    own = replace(ALL["four-way"], name="own", story=lambda _: os.kill(os.getpid(), number))
    ((_, ending),) = run([own], "en")
    assert isinstance(ending, Ended)
    assert ending.say("en").endswith(f"ended without an answer ({how})")
    assert ending.say("zh").endswith(f"没有给出结果就结束了（{how}）")


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan, math.inf])
def test_a_time_limit_that_is_none_is_misuse(limit: float) -> None:
    with pytest.raises(Misuse, match="time_limit"):
        replace(ALL["four-way"], time_limit=limit)


def test_what_a_held_wire_had_sent_again_is_too_late(lab: None) -> None:
    del lab

    def story(world: World) -> None:
        world.connect()
        world.settle()
        world.wire.hold("client")
        world.client.close()
        world.until_held(2, "the FIN was sent again")
        world.wire.release()
        world.in_one_go()

    ((_, ending),) = run([replace(ALL["four-way"], story=story)], "en")
    assert isinstance(ending, TooLate)
