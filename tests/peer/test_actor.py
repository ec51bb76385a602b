"""Each way to close, in virtual time against our own endpoint; the analysis of the packets is the judge."""

from dataclasses import replace
from pathlib import Path

import pytest

from finwait.errors import Misuse
from finwait.network.application import Leave, Manner
from finwait.peer.actor import Actor
from finwait.peer.background import part_of
from finwait.peer.ending import Act, Moment, When, ending, endings, moment
from finwait.tcp import Flags
from finwait.wire import Tcp

from .virtual import PEER, PORT, World

QUICK = Manner(says=19, leaves=Leave.CLOSE, leaves_at=1_000_000)
"""Asks, and closes a second later, or when the peer does."""
# A Linux acks a segment above its first guess of the segment size (536) at once: so `truncate` alone takes three.
VERDICTS = {
    "three-way": ("three-way", "client"),
    "four-way": ("four-way", "client"),
    "simultaneous": ("simultaneous", "both"),
    "close-first": ("four-way", "server"),
    "half-close": ("four-way", "server"),
    "truncate": ("three-way", "server"),
    "reset": ("reset", "server"),
    "reset-half-way": ("reset", "server"),
    "reset-after-fin": ("reset", "client"),
    "linger-data": ("reset", "server"),
    "never-close": ("half-closed", "client"),
    "never-ack-fin": ("fin-unanswered", "client"),
    "never-ack-last-fin": ("four-way", "server"),
    "lose-fin": ("three-way", "server"),
    "lose-last-ack": ("four-way", "server"),
    "silent": ("vanished", "none"),
    "no-reply": ("three-way", "client"),
    "zero-window": ("reset", "client"),
    "injected-reset": ("reset", "server"),
    "blind-reset": ("three-way", "client"),
    "refuse": ("refused", "server"),
    "no-answer": ("unanswered", "none"),
}


def test_every_close_has_its_verdict() -> None:
    assert VERDICTS.keys() == endings().keys()


@pytest.mark.parametrize("close", endings())
def test_the_packets_say_what_was_asked_for(close: str, tmp_path: Path) -> None:
    found = World(close, QUICK).verdict(tmp_path)
    assert (found.close, found.closed_by) == VERDICTS[close]


def test_an_injected_reset_is_told_from_one_of_the_peer(tmp_path: Path) -> None:
    assert World("injected-reset", QUICK).verdict(tmp_path).cause == "injected-reset"
    assert World("reset", QUICK).verdict(tmp_path).cause != "injected-reset"


def test_a_blind_reset_is_challenged() -> None:
    world = World("blind-reset", QUICK)
    assert len(world.process.heard) == 1000
    assert world.process.error is None


@pytest.mark.parametrize(("after", "heard"), [("request", 0), ("500", 500), ("half", 500), ("reply", 1000)])  # fmt: skip
def test_after(after: str, heard: int) -> None:
    world = World("reset", QUICK, after)
    assert len(world.process.heard) == heard
    assert world.process.error == "ECONNRESET"


def test_after_a_time() -> None:
    world = World("close-first", Manner(says=19), "2s")
    closed = next(step.at for step in world.steps if step.word == "close")
    connected = next(step.at for step in world.steps if step.word == "connected")
    assert closed - connected == 2_000_000


def test_after_the_handshake() -> None:
    world = World("reset", Manner(says=19, hears=1000), "connect")
    assert world.words()[:3] == ["listens", "connected", "abort"]


def test_silence_is_whole() -> None:
    world = World("silent", replace(QUICK, leaves_at=100_000))
    fell = next(step.at for step in world.steps if step.word == "dark")
    assert not [at for at, packet in world.packets if at > fell and packet.src == PEER]


def test_a_lost_fin_comes_again() -> None:
    world = World("lose-fin", QUICK)
    fins = [
        packet
        for _, packet in world.packets
        if isinstance(packet.body, Tcp) and Flags.FIN in packet.body.flags and packet.src == PEER
    ]
    assert "lost-fin" in world.words()
    assert fins


def test_moments() -> None:
    assert moment(ending("reset"), None) == Moment(When.REQUEST)
    assert moment(ending("reset"), "1.5s") == Moment(When.TIME, 1_500_000)
    assert moment(ending("reset"), "20ms") == Moment(When.TIME, 20_000)
    assert moment(ending("reset"), "0") == Moment(When.OCTETS, 0)
    assert ending("four-way").hesitates == 200_000
    assert ending("reset").act is Act.ABORT


@pytest.mark.parametrize(
    ("close", "after", "said"),
    [
        ("reste", None, "no close 'reste': did you mean reset.*\\nthere are three-way, "),
        ("reset", "9" * 5000, "--after 9"),
        ("reset", "9" * 400 + "s", "--after 9"),
        ("reset", "soon", "--after soon: write connect, "),
        ("reset", "-1", "--after -1"),
        ("four-way", "reply", "there is no moment to choose"),
    ],
)
def test_misuse(close: str, after: str | None, said: str) -> None:
    with pytest.raises(Misuse, match=said) as caught:
        part_of(close, after, b"", None)
    assert caught.value.say("zh") != str(caught.value)


def test_a_peer_that_connects_cannot_refuse() -> None:
    with pytest.raises(Misuse, match="cannot connect"):
        Actor(part_of("refuse", None, b"", "192.0.2.2:80"), (PEER, PORT), lambda _: None)
