"""Every closing between two of our endpoints: alone, and with each packet lost, doubled or swapped once."""

from pathlib import Path

import pytest

from finwait.endpoint import FREEBSD, LINUX, RFC9293
from finwait.network import Closing, Fate, Fault, Played, Truth, closings, play
from finwait.tcp import State

from .judge import verdict

CLOSINGS = {closing.name: closing for closing in closings()}
GRACEFUL = {"four-way", "three-way", "simultaneous"}
OTHERWISE = {
    # FreeBSD acks a FIN at once (tcp_input: TF_ACKNOW), before the process can close.
    ("freebsd", "three-way"): ("four-way", "client"),
    ("freebsd", "server-first-three-way"): ("four-way", "server"),
    # RFC 9293 3.8.6.3 lets an ACK wait up to half a second: longer than the process thinks.
    ("rfc9293", "four-way"): ("three-way", "client"),
    ("rfc9293", "server-first"): ("three-way", "server"),
    # FreeBSD's tcp_disconnect flushes what nobody read and sends a FIN.
    ("freebsd", "unread-data"): ("four-way", "server"),
}
"""What a profile does in its own way."""
PROFILES = {"linux": LINUX, "freebsd": FREEBSD, "rfc9293": RFC9293}


def whole(played: Played) -> bool:
    """What each process said, the other heard, once and in order."""
    assert played.server is not None
    return played.client.heard == played.server.said and played.server.heard == played.client.said


def deaf(played: Played, end: str) -> bool:
    """This end has nothing to send, so that it can never learn that the other is gone (RFC 9293 section 3.5.1)."""
    other = "server" if end == "client" else "client"
    sent = [
        record
        for record in played.network.nodes[other].seen
        if record.packet.src == played.network.nodes[other].address
    ]
    return not sent or sent[-1].fate is Fate.LOST


def check_rest(played: Played, where: str = "") -> None:
    """Both ends have come to CLOSED, or to the state that RFC 9293 leaves them in."""
    for end, path in played.paths.items():
        if path[-1] in {State.CLOSED, State.LISTEN}:
            continue
        nobody_closes = played.closing.close == "open"
        assert path[-1] is State.ESTABLISHED, where
        assert nobody_closes or deaf(played, end), f"{where}: {end} waits in {path[-1]}"


@pytest.mark.parametrize("name", CLOSINGS)
@pytest.mark.parametrize("profile", PROFILES)
def test_each_closing_is_what_it_is_called(name: str, profile: str, tmp_path: Path) -> None:
    played = play(CLOSINGS[name], profiles=(PROFILES[profile], PROFILES[profile]))
    check_rest(played)
    truth = played.truth
    said = (played.closing.close, played.closing.closed_by)
    assert (truth.close, truth.closed_by) == OTHERWISE.get((profile, name), said)
    seen = verdict(played, tmp_path / "x.pcapng")
    assert (seen.close, seen.closed_by) == (truth.close, truth.closed_by)
    if truth.close in GRACEFUL and played.closing.close in GRACEFUL:
        assert whole(played)
        assert seen.finished


def door(truth: Truth) -> str:
    """Where to look from: who closed first knows whether an ACK came before the other's FIN."""
    return truth.closed_by if truth.close in {"four-way", "three-way"} else "wire"


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
        check_rest(played, where)
        truth = played.truth
        if truth.close in GRACEFUL:
            assert whole(played), where
        seen = verdict(played, tmp_path / "x.pcapng", door(truth))
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
