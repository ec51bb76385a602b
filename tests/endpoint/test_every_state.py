"""What has to hold in each state alike: a bad ACK, an abort, a repeated FIN, time running out."""

from dataclasses import replace
from itertools import pairwise

import pytest

from finwait.endpoint import FREEBSD, LINUX, RFC9293, Errno, Option, Profile
from finwait.tcp import Flags, State
from matrix import Bench, reach, shown, standing

ACKED = [
    *(State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2, State.CLOSE_WAIT),
    *(State.CLOSING, State.LAST_ACK, State.TIME_WAIT),
]
PEER_FIN_IN = {State.CLOSE_WAIT, State.CLOSING, State.LAST_ACK, State.TIME_WAIT}
FIN_SENT = {State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK}


def run(bench: Bench, until: int = 10**12) -> list[tuple[int, str]]:
    """Let timers go off until nothing is left to do; gives what was sent, with its time since then."""
    start, sent = bench.now, []
    while (due := bench.host.deadline()) is not None and due <= until:
        bench.now = due
        bench.host.tick(due)
        sent += [(due - start, shown(packet)) for packet in bench.host.transmit()]
    return sent


@pytest.mark.parametrize("state", ACKED)
def test_an_ack_of_what_was_never_sent_draws_an_ack(state: State) -> None:
    """RFC 9293 3.10.7.4, fifth; RFC 5961 section 5.2."""
    bench = reach(RFC9293, state)
    rcv = 2 if state in PEER_FIN_IN else 1
    (answer,) = bench.give(Flags.ACK, rcv, 1000)
    assert shown(answer).startswith(". ")
    assert standing(bench) is state


def test_linux_challenges_such_an_ack() -> None:
    """Measured on 6.18; before that it said nothing in ESTABLISHED (tcp_rcv_established)."""
    assert len(reach(LINUX, State.ESTABLISHED).give(Flags.ACK, 1, 1000)) == 1
    assert len(reach(LINUX, State.CLOSE_WAIT).give(Flags.ACK, 2, 1000)) == 1


def test_a_bad_ack_in_syn_sent_draws_a_rst_and_the_opening_goes_on() -> None:
    bench = reach(LINUX, State.SYN_SENT)
    assert [shown(answer) for answer in bench.give(Flags.ACK, 1, 99)] == ["R 99"]
    assert bench.give(Flags.RST | Flags.ACK, 1, 99) == []
    assert standing(bench) is State.SYN_SENT


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        (State.LISTEN, None),
        (State.SYN_SENT, None),
        (State.ESTABLISHED, "R. 1 ack 1"),
        (State.FIN_WAIT_1, "R. 2 ack 1"),
        (State.FIN_WAIT_2, "R. 2 ack 1"),
        (State.CLOSE_WAIT, "R. 1 ack 2"),
        (State.CLOSING, None),
        (State.LAST_ACK, None),
        (State.TIME_WAIT, None),
    ],
)
def test_abort(state: State, answer: str | None) -> None:
    """RFC 9293 3.10.5: who is owed a RST."""
    bench = reach(LINUX, state)
    bench.host.abort(bench.now, bench.socket)
    assert [shown(packet) for packet in bench.host.transmit()] == ([answer] if answer else [])
    assert standing(bench) is State.CLOSED


@pytest.mark.parametrize("profile", [RFC9293, LINUX], ids=lambda profile: profile.name)
@pytest.mark.parametrize("state", sorted(PEER_FIN_IN))
def test_the_fin_again_is_acknowledged_again(profile: Profile, state: State) -> None:
    bench = reach(profile, state)
    ack = 1 if state in FIN_SENT | {State.CLOSE_WAIT} else 2
    answers = [shown(answer) for answer in bench.give(Flags.FIN | Flags.ACK, 1, ack)]
    assert answers == [f". {1 if state is State.CLOSE_WAIT else 2} ack 2"]
    assert standing(bench) is state


@pytest.mark.parametrize("state", [State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK])
def test_the_fin_is_repeated_until_the_connection_is_given_up(state: State) -> None:
    """RFC 9293 3.8.3: no RST, no word; the user learns of a timeout."""
    bench = reach(LINUX, state)
    sent = run(bench)
    assert all(text.startswith("F. 1 ") for _, text in sent)
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(sent)]
    assert gaps[2:6] == [2 * gap for gap in gaps[1:5]]
    assert standing(bench) is State.CLOSED
    assert bench.host.get_option(bench.socket, Option.SO_ERROR).error is Errno.ETIMEDOUT


@pytest.mark.parametrize("state", [State.ESTABLISHED, State.CLOSE_WAIT])
def test_data_is_repeated_until_the_connection_is_given_up(state: State) -> None:
    bench = reach(LINUX, state)
    assert bench.host.send(bench.now, bench.socket, b"hello").value == 5
    bench.host.transmit()
    start = bench.now
    assert len(run(bench)) == 15
    assert 924 <= (bench.now - start) / 1e6 <= 1100  # ip-sysctl: "at least 924.6 seconds"
    assert bench.host.receive(bench.now, bench.socket, 1).error is (
        Errno.ETIMEDOUT if state is State.ESTABLISHED else None
    )


def test_the_syn_is_repeated_and_given_up() -> None:
    """Linux: four repeats a second apart (tcp_syn_linear_timeouts), then doubled."""
    bench = reach(LINUX, State.SYN_SENT)
    times = [at // 1_000_000 for at, _ in run(bench)]
    assert times == [1, 2, 3, 4, 5, 7, 11, 19, 35, 67]
    assert bench.host.get_option(bench.socket, Option.SO_ERROR).error is Errno.ETIMEDOUT


def test_the_syn_ack_is_repeated_and_forgotten() -> None:
    bench = reach(LINUX, State.SYN_RECEIVED)
    assert [at // 1_000_000 for at, _ in run(bench)] == [1, 3, 7, 15, 31]
    assert standing(bench) is State.LISTEN


def test_freebsd_gives_a_handshake_75_seconds() -> None:
    bench = reach(FREEBSD, State.SYN_SENT)
    run(bench)
    assert bench.now == 75_000_000


@pytest.mark.parametrize("profile", [RFC9293, LINUX, FREEBSD], ids=lambda profile: profile.name)
def test_time_wait_lasts_two_msl(profile: Profile) -> None:
    bench = reach(profile, State.TIME_WAIT)
    start = bench.now
    assert run(bench) == []
    assert bench.now - start == profile.time_wait
    assert standing(bench) is State.CLOSED


def test_insecure_syn_resets() -> None:
    """FreeBSD insecure_syn: RFC 793 page 71."""
    from finwait.endpoint import SynInSynchronized

    old = replace(FREEBSD, syn_in_synchronized=SynInSynchronized.RESET_IN_WINDOW)
    bench = reach(old, State.ESTABLISHED)
    assert [shown(answer) for answer in bench.give(Flags.SYN, 1)] == ["R. 1 ack 1"]
    assert standing(bench) is State.CLOSED
    assert len(reach(old, State.ESTABLISHED).give(Flags.SYN, 70_000)) == 1


def test_insecure_rst_ends_anywhere_in_the_window() -> None:
    from finwait.endpoint import RstInSynchronized

    old = replace(FREEBSD, rst_in_synchronized=RstInSynchronized.IN_WINDOW)
    bench = reach(old, State.ESTABLISHED)
    bench.give(Flags.RST, 500)
    assert standing(bench) is State.CLOSED


def test_syn_fin_is_dropped_where_asked() -> None:
    bench = reach(replace(FREEBSD, drop_syn_fin=True), State.LISTEN)
    assert bench.give(Flags.SYN | Flags.FIN, 0) == []
    assert reach(LINUX, State.LISTEN).give(Flags.SYN | Flags.FIN, 0) == []
    assert len(reach(RFC9293, State.LISTEN).give(Flags.SYN | Flags.FIN, 0)) == 1


def test_challenge_acks_are_limited() -> None:
    """Linux: one a half second a connection; FreeBSD: five a second; RFC 5961 section 7."""
    linux = reach(LINUX, State.ESTABLISHED)
    assert [len(linux.give(Flags.RST, 100)) for _ in range(3)] == [1, 0, 0]
    linux.now += 500_000
    assert len(linux.give(Flags.RST, 100)) == 1
    freebsd = reach(FREEBSD, State.ESTABLISHED)
    assert [len(freebsd.give(Flags.RST, 100)) for _ in range(7)] == [1, 1, 1, 1, 1, 0, 0]
