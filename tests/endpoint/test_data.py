"""Data: segments, windows, loss, timers, options."""

from dataclasses import replace
from itertools import pairwise

import pytest

from finwait.endpoint import FREEBSD, LINUX, RFC9293, Option, Profile, Rule
from finwait.endpoint.negotiate import SACK_OK, TIMESTAMPS
from finwait.tcp import Flags, State
from finwait.wire import Packet, Tcp, TcpOption
from matrix import IRS, ISS, LOCAL, PEER_PORT, PORT, REMOTE, Bench, reach, shown, standing

ACK = Flags.ACK
MSS = TcpOption(2, (1000).to_bytes(2, "big"))
SACK = (MSS, TcpOption(SACK_OK))


def stamp(value: int, echo: int = 0) -> TcpOption:
    return TcpOption(TIMESTAMPS, value.to_bytes(4, "big") + echo.to_bytes(4, "big"))


def opened(profile: Profile, *options: TcpOption) -> Bench:
    """ESTABLISHED by an active open; the peer's SYN,ACK has `options`."""
    bench = reach(profile, State.SYN_SENT)
    bench.give(Flags.SYN | ACK, 0, 1, options=options or (MSS,))
    assert standing(bench) is State.ESTABLISHED
    return bench


def texts(packets: list[Packet]) -> list[str]:
    """Answers with their lengths."""
    return [
        f"{shown(packet)} +{len(packet.body.payload)}"
        for packet in packets
        if isinstance(packet.body, Tcp)
    ]


def send(bench: Bench, octets: int, *, more: bool = False, urgent: bool = False) -> list[str]:
    bench.host.send(bench.now, bench.socket, bytes(octets), more=more, urgent=urgent)
    return texts(bench.host.transmit())


def wait(bench: Bench) -> list[str]:
    """Let the next timer go off."""
    due = bench.host.deadline()
    assert due is not None
    bench.now = due
    bench.host.tick(due)
    return texts(bench.host.transmit())


def test_full_segments_and_the_rest() -> None:
    assert send(opened(LINUX), 2500) == [
        ". 1 ack 1 +1000",
        ". 1001 ack 1 +1000",
        ". 2001 ack 1 +500",
    ]


def test_nagle_holds_a_small_segment_while_another_is_out() -> None:
    """RFC 9293 3.7.4; Minshall's form in Linux asks for a small one, the others for any."""
    for profile in (LINUX, RFC9293, FREEBSD):
        bench = opened(profile)
        assert send(bench, 100) == [". 1 ack 1 +100"]
        assert send(bench, 100) == []
        assert texts(bench.give(ACK, 1, 101)) == [". 101 ack 1 +100"]
    assert len(send(opened(LINUX), 1500)) == 2
    assert len(send(opened(RFC9293), 1500)) == 1
    assert len(send(opened(FREEBSD), 1500)) == 2  # it looks once, before a run of segments
    bench = opened(LINUX)
    bench.host.set_option(bench.now, bench.socket, Option.TCP_NODELAY, 1)
    assert len(send(bench, 100) + send(bench, 100)) == 2


def test_cork_waits_for_more() -> None:
    bench = opened(LINUX)
    bench.host.set_option(bench.now, bench.socket, Option.TCP_CORK, 1)
    assert send(bench, 100) == []
    bench.host.set_option(bench.now, bench.socket, Option.TCP_CORK, 0)
    assert texts(bench.host.transmit()) == [". 1 ack 1 +100"]
    assert send(bench, 10, more=True) == []
    assert texts(bench.give(ACK, 1, 101)) == [". 101 ack 1 +10"]  # any later event sends it
    bench.give(ACK, 1, 111)
    assert send(bench, 10, more=True) == []
    assert wait(bench) == [". 111 ack 1 +10"]  # Linux: held for one timeout only


def test_a_closed_window_is_probed() -> None:
    """RFC 9293 3.8.6.1; Linux probes with an old number, others with new data."""
    for profile, probe in ((LINUX, ". 0 ack 1 +0"), (FREEBSD, ". 1 ack 1 +1")):
        bench = opened(profile)
        bench.host.arrive(bench.now, _window(0))
        bench.host.transmit()
        assert send(bench, 10) == []
        assert wait(bench) == [probe]
        bench.host.arrive(bench.now, _window(1000))
        assert texts(bench.host.transmit()) == [". 1 ack 1 +10"]


def _window(size: int) -> Packet:
    return Packet(REMOTE, LOCAL, Tcp(PEER_PORT, PORT, IRS + 1, ISS + 1, ACK, size))


def test_reading_opens_the_window() -> None:
    bench = opened(LINUX)
    seq = 1
    for _ in range(70):
        bench.give(ACK, seq, 1, bytes(1000))
        seq += 1000
    bench.host.receive(bench.now, bench.socket, 10**6)
    (update,) = bench.host.transmit()
    assert isinstance(update.body, Tcp)
    assert update.body.window > 30_000


def test_duplicate_acks_bring_the_segment_again() -> None:
    """RFC 5681 3.2 and RFC 6582: fast retransmit, then a partial ACK finds the next hole."""
    bench = opened(LINUX)
    send(bench, 6000)
    assert [len(bench.give(ACK, 1, 1)) for _ in range(2)] == [0, 0]
    assert texts(bench.give(ACK, 1, 1)) == [". 1 ack 1 +1000"]
    assert texts(bench.give(ACK, 1, 2001)) == [". 2001 ack 1 +1000"]
    assert texts(bench.give(ACK, 1, 6001)) == []


def test_sack_finds_the_hole() -> None:
    def block(left: int, right: int) -> tuple[TcpOption, ...]:
        data = (ISS + left).to_bytes(4, "big") + (ISS + right).to_bytes(4, "big")
        return (TcpOption(5, data),)

    bench = opened(LINUX, *SACK)
    send(bench, 6000)
    assert bench.give(ACK, 1, 1, options=block(1001, 3001)) == []
    assert texts(bench.give(ACK, 1, 1, options=block(1001, 4001))) == [". 1 ack 1 +1000"]


def test_the_tail_is_probed() -> None:
    """RFC 8985 section 7: two round trips and a delayed ACK, then the timeout."""
    bench = opened(LINUX, *SACK)
    send(bench, 100)
    start = bench.now
    assert wait(bench) == [". 1 ack 1 +100"]
    assert bench.now - start == 210_000  # never later than RTO: 10 ms + 200 ms
    assert wait(bench) == [". 1 ack 1 +100"]
    assert bench.now - start == 420_000


def test_early_octets_wait_and_are_reported() -> None:
    bench = opened(LINUX, *SACK)
    (answer,) = bench.give(ACK, 101, 1, bytes(100))
    assert isinstance(answer.body, Tcp)
    assert [option.kind for option in answer.body.options] == [1, 1, 5]
    assert texts(bench.give(ACK, 1, 1, bytes(150))) == [". 1 ack 201 +0"]
    assert bench.host.receive(bench.now, bench.socket, 1000).value == 200
    (again,) = bench.give(ACK, 1, 1, bytes(100))
    assert isinstance(again.body, Tcp)
    assert len(again.body.options[-1].data) == 8  # RFC 2883: the duplicate


@pytest.mark.parametrize("profile", [LINUX, RFC9293, FREEBSD], ids=lambda profile: profile.name)
def test_an_old_timestamp_is_an_old_duplicate(profile: Profile) -> None:
    """PAWS (RFC 7323 section 5.3); a RST is taken without it."""
    bench = reach(profile, State.SYN_SENT)
    bench.give(Flags.SYN | ACK, 0, 1, options=(MSS, stamp(1000)))
    assert texts(bench.give(ACK, 1, 1, bytes(10), (stamp(500),))) == [". 1 ack 1 +0"]
    assert bench.host.unread(bench.socket) == 0
    bench.give(Flags.RST, 1)
    assert standing(bench) is State.CLOSED


def test_a_missing_timestamp() -> None:
    """RFC 7323 3.2 drops the segment; Linux takes it."""
    for profile, taken in ((RFC9293, 0), (LINUX, 10)):
        bench = reach(profile, State.SYN_SENT)
        bench.give(Flags.SYN | ACK, 0, 1, options=(MSS, stamp(1000)))
        bench.give(ACK, 1, 1, bytes(10))
        assert bench.host.unread(bench.socket) == taken


def test_an_ack_from_long_ago_is_challenged() -> None:
    """RFC 5961 section 5.2."""
    bench = opened(LINUX)
    send(bench, 100)
    bench.give(ACK, 1, 101)
    assert texts(bench.give(ACK, 1, -200)) == [". 101 ack 1 +0"]


def test_keep_alive() -> None:
    """RFC 9293 3.8.4: old number, no data; after so many probes a RST."""
    bench = opened(LINUX)
    for option, value in (
        (Option.TCP_KEEPIDLE, 10),
        (Option.TCP_KEEPINTVL, 5),
        (Option.TCP_KEEPCNT, 2),
        (Option.SO_KEEPALIVE, 1),
    ):
        bench.host.set_option(bench.now, bench.socket, option, value)
    start = bench.now
    assert wait(bench) == [". 0 ack 1 +0"]
    assert bench.now - start == 10_000_000
    assert wait(bench) == [". 0 ack 1 +0"]
    assert wait(bench) == ["R. 1 ack 1 +0"]
    assert bench.now - start == 20_000_000


def test_reading_everything_sends_the_ack_that_waits() -> None:
    bench = opened(LINUX)
    bench.host.set_option(bench.now, bench.socket, Option.TCP_QUICKACK, 1)
    c = bench.host.connection(bench.socket)
    assert c is not None
    for number in range(17):  # Linux acknowledges the first sixteen at once
        bench.give(ACK, 1 + 10 * number, 1, bytes(10))
    c = bench.host.connection(bench.socket)
    assert c is not None
    assert c.ack_at is not None
    bench.host.receive(bench.now, bench.socket, 1000)
    assert texts(bench.host.transmit()) == [". 1 ack 171 +0"]


def test_urgent_data() -> None:
    bench = opened(LINUX)
    urgent = Tcp(PEER_PORT, PORT, IRS + 1, ISS + 1, ACK | Flags.URG, 1000, 5, payload=bytes(10))
    bench.host.arrive(bench.now, Packet(REMOTE, LOCAL, urgent))
    assert bench.host.readiness(bench.socket).readable
    bench.host.transmit()
    bench.host.send(bench.now, bench.socket, b"x", urgent=True)
    (packet,) = bench.host.transmit()
    assert isinstance(packet.body, Tcp)
    assert packet.body.flags & Flags.URG
    assert packet.body.urgent == 1


def test_the_user_timeout_cuts_retransmission_short() -> None:
    bench = opened(LINUX)
    bench.host.set_option(bench.now, bench.socket, Option.TCP_USER_TIMEOUT, 1000)
    send(bench, 10)
    start = bench.now
    while standing(bench) is not State.CLOSED:
        wait(bench)
    assert 1_200_000 <= bench.now - start <= 1_300_000


def test_a_window_of_the_smallest_kind() -> None:
    """No buffer is too small for one octet to come through."""
    bench = opened(replace(RFC9293, receive_buffer=1000))
    bench.give(ACK, 1, 1, bytes(1000))
    assert bench.give(ACK, 1001, 1, bytes(10)) != []
    assert bench.host.receive(bench.now, bench.socket, 2000).value == 1000


def test_what_the_local_device_drops_is_tried_again_until_the_user_is_tired_of_it() -> None:
    bench = opened(LINUX)
    bench.host.set_option(bench.now, bench.socket, Option.TCP_USER_TIMEOUT, 2000)
    bench.host.fill_device(True)
    assert send(bench, 10) == []
    tries = []
    while standing(bench) is State.ESTABLISHED:
        assert wait(bench) == []
        tries.append(bench.now)
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert gaps == [500_000] * 4


def test_a_device_with_room_again_takes_what_waited() -> None:
    bench = opened(LINUX)
    bench.host.fill_device(True)
    send(bench, 10)
    bench.host.fill_device(False)
    assert wait(bench) == [". 1 ack 1 +10"]


def test_a_spurious_timeout_is_noticed() -> None:
    """F-RTO (RFC 5682 3.1): the ACK covers what was never sent again, so nothing was lost."""
    bench = opened(LINUX, *SACK)
    send(bench, 3000)
    assert wait(bench) == [". 2001 ack 1 +1000"]  # the probe of the tail
    before = bench.host.status(bench.socket).snd_cwnd
    assert wait(bench) == [". 1 ack 1 +1000"]
    assert bench.host.status(bench.socket).snd_cwnd < before
    bench.host.rules()
    bench.give(ACK, 1, 3001)
    assert Rule.SPURIOUS_TIMEOUT in bench.host.rules()
    assert bench.host.status(bench.socket).snd_cwnd >= before
