"""The ends of a connection that a user brings about, and what becomes of the peer's later words."""

from dataclasses import replace

import pytest

from finwait.endpoint import FREEBSD, LINUX, RFC9293, Ends, Errno, Option, Profile
from finwait.tcp import Flags, State
from matrix import LOCAL, MSS_ONLY, PEER_PORT, PORT, REMOTE, Bench, reach, shown, standing

ACK, FIN = Flags.ACK, Flags.FIN | Flags.ACK


def said(bench: Bench) -> list[str]:
    """What the host has sent since it was last asked."""
    return [shown(packet) for packet in bench.host.transmit()]


def answers(bench: Bench, flags: Flags, seq: int, ack: int = 0, data: bytes = b"") -> list[str]:
    return [shown(packet) for packet in bench.give(flags, seq, ack, data)]


def test_close_with_unread_data_resets() -> None:
    """RFC 1122 4.2.2.13, RFC 2525 2.17; FreeBSD sends a FIN and resets what comes later (tcp_disconnect)."""
    for profile, answer in (
        (LINUX, "R. 1 ack 11"),
        (RFC9293, "R. 1 ack 11"),
        (FREEBSD, "F. 1 ack 11"),
    ):
        bench = reach(profile, State.ESTABLISHED)
        bench.give(ACK, 1, 1, bytes(10))
        bench.host.close(bench.now, bench.socket)
        assert said(bench) == [answer]


def test_close_with_linger_zero_resets() -> None:
    bench = reach(LINUX, State.ESTABLISHED)
    bench.host.set_option(bench.now, bench.socket, Option.SO_LINGER, 0)
    bench.host.close(bench.now, bench.socket)
    assert said(bench) == ["R. 1 ack 1"]
    assert standing(bench) is State.CLOSED


@pytest.mark.parametrize("profile", [LINUX, FREEBSD, RFC9293], ids=lambda profile: profile.name)
def test_data_after_close_draws_a_reply_rst(profile: Profile) -> None:
    bench = reach(profile, State.ESTABLISHED)
    bench.host.close(bench.now, bench.socket)
    assert said(bench) == ["F. 1 ack 1"]
    assert answers(bench, ACK, 1, 1, bytes(10)) == ["R 1"]
    assert standing(bench) is State.CLOSED


def test_data_that_acknowledges_the_fin_of_an_orphan_draws_it_too() -> None:
    bench = reach(LINUX, State.ESTABLISHED)
    bench.host.close(bench.now, bench.socket)
    assert answers(bench, ACK, 1, 2, bytes(10)) == ["R 2"]


def orphan(profile: Profile) -> Bench:
    """In FIN-WAIT-2, and nobody holds the socket."""
    bench = reach(profile, State.ESTABLISHED)
    bench.host.close(bench.now, bench.socket)
    bench.give(ACK, 1, 2)
    assert standing(bench) is State.FIN_WAIT_2
    bench.host.transmit()
    return bench


def test_an_orphan_in_fin_wait_2_is_forgotten() -> None:
    bench = orphan(LINUX)
    assert bench.host.deadline() == bench.now + 60_000_000
    bench.host.tick(bench.now + 60_000_000)
    assert standing(bench) is State.CLOSED
    assert orphan(RFC9293).host.deadline() is None  # RFC 9293 waits for ever


def test_the_small_record_of_fin_wait_2() -> None:
    """Linux tcp_timewait_state_process, substate FIN-WAIT-2."""
    assert answers(orphan(LINUX), ACK, 1, 2, bytes(10)) == ["R 2"]
    bench = orphan(LINUX)
    assert answers(bench, ACK, 1, 2) == []
    assert answers(bench, ACK, -20, 2) == [". 2 ack 1"]
    assert answers(bench, FIN, 1, 2) == [". 2 ack 2"]
    assert standing(bench) is State.TIME_WAIT
    bench = orphan(LINUX)
    assert answers(bench, Flags.RST, 500) == []
    assert standing(bench) is State.CLOSED
    bench = orphan(LINUX)
    assert answers(bench, Flags.RST, -20) == [". 2 ack 1"]
    assert answers(bench, Flags.SYN, 500) == ["R. 0 ack 501"]


def test_linger2_below_zero_knows_no_fin_wait_2() -> None:
    bench = reach(LINUX, State.ESTABLISHED)
    bench.host.set_option(bench.now, bench.socket, Option.TCP_LINGER2, -1)
    bench.host.close(bench.now, bench.socket)
    assert answers(bench, ACK, 1, 2) == ["R 2"]
    bench = reach(LINUX, State.FIN_WAIT_2)
    bench.host.set_option(bench.now, bench.socket, Option.TCP_LINGER2, -1)
    bench.host.close(bench.now, bench.socket)
    assert said(bench) == ["R. 2 ack 1"]


def test_closing_before_there_is_a_connection_says_nothing() -> None:
    for state in (State.LISTEN, State.SYN_SENT):
        bench = reach(LINUX, state)
        bench.host.close(bench.now, bench.socket)
        assert said(bench) == []
        assert standing(bench) is State.CLOSED


def test_shutdown_in_syn_received_of_a_simultaneous_open() -> None:
    """RFC 9293 3.10.4: with nothing queued, the FIN goes out at once."""
    bench = reach(LINUX, State.SYN_SENT)
    assert answers(bench, Flags.SYN, 0) == ["S. 0 ack 1"]
    assert standing(bench) is State.SYN_RECEIVED
    bench.host.shutdown(bench.now, bench.socket, read=False, write=True)
    assert said(bench) == ["F. 1 ack 1"]
    assert standing(bench) is State.FIN_WAIT_1


def test_simultaneous_close_carries_no_fin_twice_but_in_freebsd() -> None:
    """diagnosis: Linux answers the crossing FIN with a bare ACK after its own FIN, FreeBSD with the FIN again."""
    assert answers(reach(LINUX, State.FIN_WAIT_1), FIN, 1, 1) == [". 2 ack 2"]
    assert answers(reach(FREEBSD, State.FIN_WAIT_1), FIN, 1, 1) == ["F. 1 ack 2"]


def test_fin_waits_for_data_before_it() -> None:
    bench = reach(LINUX, State.ESTABLISHED)
    assert answers(bench, FIN, 11, 1) == [". 1 ack 1"]
    assert standing(bench) is State.ESTABLISHED
    assert answers(bench, ACK, 1, 1, bytes(10)) == [". 1 ack 12"]
    assert standing(bench) is State.CLOSE_WAIT
    assert bench.host.receive(bench.now, bench.socket, 100).value == 10
    assert bench.host.receive(bench.now, bench.socket, 100).value == 0


def test_what_the_user_is_told() -> None:
    """Linux: ECONNRESET once; after the peer's FIN a reader sees only the end, a writer EPIPE."""
    bench = reach(LINUX, State.ESTABLISHED)
    bench.give(Flags.RST, 1)
    assert bench.host.receive(bench.now, bench.socket, 1).error is Errno.ECONNRESET
    assert bench.host.receive(bench.now, bench.socket, 1).error is None
    assert bench.host.send(bench.now, bench.socket, b"x").error is Errno.EPIPE
    bench = reach(LINUX, State.CLOSE_WAIT)
    bench.give(Flags.RST, 2)
    assert bench.host.receive(bench.now, bench.socket, 1).error is None
    assert bench.host.send(bench.now, bench.socket, b"x").error is Errno.EPIPE


def test_shutdown_of_reading_still_acknowledges() -> None:
    bench = reach(LINUX, State.ESTABLISHED)
    bench.host.shutdown(bench.now, bench.socket, read=True, write=False)
    assert bench.host.receive(bench.now, bench.socket, 10).value == 0
    assert answers(bench, ACK, 1, 1, bytes(10)) == [". 1 ack 11"]


def in_time_wait(profile: Profile) -> Bench:
    """A child of a listener stands in TIME-WAIT, and the listener still listens."""
    bench = reach(profile, State.SYN_RECEIVED)
    bench.give(ACK, 1, 1)
    child = bench.host.accept(bench.now, bench.socket).value
    bench.host.shutdown(bench.now, child, read=False, write=True)
    bench.give(FIN, 1, 2)
    bench.host.transmit()
    assert standing(bench) is State.TIME_WAIT
    return bench


def test_a_higher_syn_opens_anew_in_time_wait() -> None:
    """RFC 1122 4.2.2.13; Linux numbers the new connection above the old one."""
    for profile in (LINUX, FREEBSD):
        bench = in_time_wait(profile)
        (answer,) = bench.give(Flags.SYN, 70_000, options=MSS_ONLY)
        assert shown(answer) == "S. 65539 ack 70001"
        assert standing(bench) is State.SYN_RECEIVED
    assert [shown(packet) for packet in in_time_wait(LINUX).give(Flags.SYN, 1)] == [". 2 ack 2"]
    assert in_time_wait(FREEBSD).give(Flags.SYN, 1) == []


def test_rfc_1337_keeps_time_wait() -> None:
    bench = reach(replace(LINUX, time_wait_reset=False), State.TIME_WAIT)
    assert answers(bench, Flags.RST, 2) == []
    assert standing(bench) is State.TIME_WAIT


def test_tcpdrop_ends_a_connection_by_its_ends() -> None:
    bench = reach(FREEBSD, State.TIME_WAIT)
    ends = Ends(LOCAL, PORT, REMOTE, PEER_PORT)
    assert bench.host.drop(bench.now, ends)
    assert not bench.host.drop(bench.now, ends)
