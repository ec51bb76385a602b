"""An experiment whose time had passed on a busy machine is played again, and never judged."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from finwait.lab import run as runner
from finwait.lab.experiments import ALL
from finwait.lab.experiments.closing import three_way
from finwait.lab.net import DELAYED_ACK
from finwait.lab.play import Result
from finwait.lab.remote import Astray, TooLate
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


@pytest.mark.parametrize(
    ("story", "english", "chinese"),
    [
        (waits, "waiting until the client was CLOSED", "当时在等待：客户端处于 CLOSED"),
        (sleeps, f"at {Path(__file__).name}:", f"位于 {Path(__file__).name}:"),
        (does_not_listen, "waiting until the client was CLOSED", "当时在等待：客户端处于 CLOSED"),
    ],
)
def test_an_experiment_out_of_time_says_what_it_waited_for(
    lab: None,
    story: Callable[[World], None],
    english: str,
    chinese: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del lab
    monkeypatch.setattr(runner, "LIMIT", 1.0)
    ((_, ending),) = run([replace(ALL["four-way"], story=story)], "en")
    assert isinstance(ending, Astray)
    assert ending.say("en").startswith(f"stopped after 1 s, {english}")
    assert ending.say("zh").startswith(f"运行 1 秒后被终止，{chinese}")
    assert ending.steps


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
