"""Every closing between two of our endpoints: alone, and with each packet lost, doubled or swapped once."""

from pathlib import Path

import pytest

from finwait.endpoint import FREEBSD, LINUX, RFC9293
from finwait.network import Closing, Fault, Played, closings, play
from finwait.tcp import State

from .judge import verdict

CLOSINGS = {closing.name: closing for closing in closings()}
LASTING = {"left-open"}
"""Nobody closes: ESTABLISHED for ever (RFC 9293 section 3.6)."""
GRACEFUL = {"four-way", "three-way", "simultaneous"}
PROFILES = {"linux": LINUX, "freebsd": FREEBSD, "rfc9293": RFC9293}


def whole(played: Played) -> bool:
    """What each process said, the other heard, once and in order."""
    assert played.server is not None
    return played.client.heard == played.server.said and played.server.heard == played.client.said


def check_rest(played: Played) -> None:
    """Both ends have come to the state that RFC 9293 leaves them in."""
    last = {played.paths[end][-1] for end in ("client", "server")}
    if played.closing.name in LASTING:
        assert last == {State.ESTABLISHED}
    else:
        assert last <= {State.CLOSED, State.LISTEN}


@pytest.mark.parametrize("name", CLOSINGS)
@pytest.mark.parametrize("profile", PROFILES)
def test_each_closing_is_what_it_is_called(name: str, profile: str, tmp_path: Path) -> None:
    played = play(CLOSINGS[name], profiles=(PROFILES[profile], PROFILES[profile]))
    check_rest(played)
    truth = played.truth
    assert (truth.close, truth.closed_by) == (played.closing.close, played.closing.closed_by)
    seen = verdict(played, tmp_path / "x.pcapng")
    assert (seen.close, seen.closed_by) == (truth.close, truth.closed_by)
    if truth.close in GRACEFUL:
        assert whole(played)
        assert seen.finished


def faults(closing: Closing) -> list[tuple[int, Fault]]:
    """Each packet of the clean play, in each way."""
    count = len(play(closing).network.wire)
    return [(number, fault) for number in range(count) for fault in Fault]


@pytest.mark.parametrize("name", CLOSINGS)
def test_one_packet_goes_wrong(name: str, tmp_path: Path) -> None:
    closing = CLOSINGS[name]
    for number, fault in faults(closing):
        played = play(closing, faults={number: fault})
        where = f"{name}: packet {number} {fault.value}"
        check_rest(played)
        truth = played.truth
        if truth.close in GRACEFUL:
            assert whole(played), where
        seen = verdict(played, tmp_path / "x.pcapng")
        assert (seen.close, seen.closed_by) == (truth.close, truth.closed_by), where


@pytest.mark.parametrize(
    ("name", "waits"),
    [("four-way", {"client"}), ("three-way", {"client"}), ("server-first", {"server"}),
     ("simultaneous", {"client", "server"}), ("client-aborts", set()), ("data-after-close", {"client"})],
)  # fmt: skip
def test_time_wait_is_with_whoever_closed_first(name: str, waits: set[str]) -> None:
    played = play(CLOSINGS[name])
    held = {end for end, path in played.paths.items() if State.TIME_WAIT in path}
    assert held == (waits if name != "data-after-close" else set())


def test_the_same_seed_gives_the_same_packets() -> None:
    closing = CLOSINGS["four-way"]
    assert play(closing, seed=7).network.wire == play(closing, seed=7).network.wire
