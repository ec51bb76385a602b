"""Openings: simultaneous, deferred, overflowing, fast; and what ICMP does to them."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from finwait.endpoint import FREEBSD, LINUX, RFC9293, Errno, Host, Option, Profile
from finwait.endpoint.cookie import KEY, cookie_for, read_key
from finwait.tcp import Flags, State
from finwait.wire import Icmp, Packet, Tcp, TcpOption
from matrix import ISS, LOCAL, MSS_ONLY, PEER_PORT, PORT, REMOTE, Bench, reach, shown, standing

ACK = Flags.ACK


def both(profile: Profile) -> Bench:
    """SYN-RECEIVED by a simultaneous open."""
    bench = reach(profile, State.SYN_SENT)
    bench.give(Flags.SYN, 0, options=MSS_ONLY)
    assert standing(bench) is State.SYN_RECEIVED
    return bench


@pytest.mark.parametrize("profile", [RFC9293, LINUX, FREEBSD], ids=lambda profile: profile.name)
def test_simultaneous_open(profile: Profile) -> None:
    """RFC 9293 3.5, Figure 7: the peer's SYN,ACK establishes."""
    bench = both(profile)
    bench.give(Flags.SYN | ACK, 0, 1, options=MSS_ONLY)
    assert standing(bench) is State.ESTABLISHED


def test_after_a_simultaneous_open_a_rst_refuses_and_a_syn_is_challenged() -> None:
    bench = both(RFC9293)
    assert [shown(packet) for packet in bench.give(Flags.SYN, 5)] == [". 1 ack 1"]
    bench.give(Flags.RST, 1)
    assert standing(bench) is State.CLOSED
    assert bench.host.get_option(bench.socket, Option.SO_ERROR).error is Errno.ECONNREFUSED


def test_abort_in_syn_received_owes_a_rst() -> None:
    bench = both(LINUX)
    bench.host.abort(bench.now, bench.socket)
    assert [shown(packet) for packet in bench.host.transmit()] == ["R. 1 ack 1"]


def listening(
    profile: Profile, option: Option | None = None, value: int = 0, backlog: int = 5
) -> Bench:
    bench = Bench(profile)
    bench.socket = bench.host.open()
    bench.host.bind(bench.socket, None, PORT)
    if option is not None:
        bench.host.set_option(0, bench.socket, option, value)
    bench.host.listen(0, bench.socket, backlog)
    return bench


def test_defer_accept_waits_for_data() -> None:
    bench = listening(LINUX, Option.TCP_DEFER_ACCEPT, 3)
    bench.give(Flags.SYN, 0, options=MSS_ONLY)
    bench.give(ACK, 1, 1)
    assert bench.host.accept(bench.now, bench.socket).error is Errno.EAGAIN
    bench.give(ACK, 1, 1, b"hello")
    child = bench.host.accept(bench.now, bench.socket).value
    assert bench.host.receive(bench.now, child, 10).data == b"hello"


def test_a_full_queue_drops_the_third_ack_and_new_syns() -> None:
    """Linux: one more than the backlog fits; the SYN,ACK is repeated, and a later ACK finds room."""
    bench = listening(LINUX, backlog=0)

    def arrive(port: int, flags: Flags, seq: int, ack: int = 0) -> int:
        bench.host.arrive(0, Packet(REMOTE, LOCAL, Tcp(port, PORT, seq, ack, flags, 1000)))
        return len(bench.host.transmit())

    assert [arrive(port, Flags.SYN, 5000) for port in (1, 2)] == [1, 1]
    assert [arrive(port, ACK, 5001, ISS + 1) for port in (1, 2)] == [0, 0]
    assert [c.state for _, c in bench.host.connections()] == [State.ESTABLISHED, State.SYN_RECEIVED]
    assert arrive(3, Flags.SYN, 5000) == 0
    assert not bench.host.accept(0, bench.socket).error
    assert arrive(2, ACK, 5001, ISS + 1) == 0
    assert not bench.host.accept(0, bench.socket).error


def test_closing_a_listener_resets_who_waits() -> None:
    bench = reach(LINUX, State.SYN_RECEIVED)
    bench.give(ACK, 1, 1)
    bench.host.close(bench.now, bench.socket)
    assert [shown(packet) for packet in bench.host.transmit()] == ["R. 1 ack 1"]


def test_fast_open_takes_the_data_of_a_syn() -> None:
    """RFC 7413 section 4.2: with a good cookie; without one a cookie is given."""
    profile = replace(LINUX, fast_open_server=True)
    bench = listening(profile, Option.TCP_FASTOPEN, 5)
    (answer,) = bench.give(Flags.SYN, 0, 0, b"early", (*MSS_ONLY, TcpOption(34, b"")))
    assert shown(answer) == "S. 0 ack 1"
    assert isinstance(answer.body, Tcp)
    assert TcpOption(34, cookie_for(KEY, REMOTE, LOCAL)) in answer.body.options
    bench = listening(profile, Option.TCP_FASTOPEN, 5)
    cookie = TcpOption(34, cookie_for(KEY, REMOTE, LOCAL))
    (answer,) = bench.give(Flags.SYN, 0, 0, b"early", (*MSS_ONLY, cookie))
    assert shown(answer) == "S. 0 ack 6"
    child = bench.host.accept(bench.now, bench.socket).value
    assert bench.host.receive(bench.now, child, 10).data == b"early"
    bench.give(ACK, 6, 1)
    assert standing(bench) is State.ESTABLISHED


def test_fast_open_sends_data_with_the_syn_once_the_cookie_is_known() -> None:
    host = Host(LINUX, [LOCAL], isn=lambda _ends, _now: ISS)
    socket = host.open()
    result = host.send(0, socket, b"early", to=(REMOTE, PORT), fast_open=True)
    assert result.error is Errno.EINPROGRESS
    host.transmit()
    host.cookies[REMOTE] = (bytes(8), 1460, False)
    again = host.open()
    assert host.send(0, again, b"early", to=(REMOTE, PORT), fast_open=True).value == 5
    (syn,) = host.transmit()
    assert isinstance(syn.body, Tcp)
    assert syn.body.payload == b"early"


def icmp(code: int, seq: int, mtu: int = 0) -> Packet:
    """Destination unreachable that quotes our segment `seq`, counted from ISS."""
    quoted = bytes([0x45]) + bytes(8) + b"\x06" + bytes(2) + LOCAL.packed + REMOTE.packed
    ports = PORT.to_bytes(2, "big") + PEER_PORT.to_bytes(2, "big")
    quoted += ports + (ISS + seq).to_bytes(4, "big")
    return Packet(REMOTE, LOCAL, Icmp(3, code, mtu, quoted))


def test_a_hard_error_ends_a_handshake_if_it_quotes_what_is_in_flight() -> None:
    """RFC 1122 4.2.3.9 and RFC 5927: number checked first."""
    bench = reach(FREEBSD, State.SYN_SENT)
    bench.host.arrive(bench.now, icmp(3, 77))
    assert standing(bench) is State.SYN_SENT
    bench.host.arrive(bench.now, icmp(1, 0))  # a soft one
    assert standing(bench) is State.SYN_SENT
    bench.host.arrive(bench.now, icmp(3, 0))
    assert bench.host.get_option(bench.socket, Option.SO_ERROR).error is Errno.ECONNREFUSED
    linux = reach(LINUX, State.SYN_SENT)
    linux.host.arrive(linux.now, icmp(1, 0))
    assert linux.host.get_option(linux.socket, Option.SO_ERROR).error is Errno.EHOSTUNREACH


def test_too_big_makes_segments_smaller() -> None:
    bench = reach(LINUX, State.ESTABLISHED)
    bench.host.send(bench.now, bench.socket, bytes(1460))
    bench.host.transmit()
    bench.host.arrive(bench.now, icmp(4, 1, 1000))
    sizes = [
        len(packet.body.payload) for packet in bench.host.transmit() if isinstance(packet.body, Tcp)
    ]
    assert sizes == [960, 500]


@pytest.mark.parametrize(
    ("peer", "mine", "cookie"),
    [
        ("192.0.2.1", "192.168.0.1", "3021b9d889017eeb"),
        ("fd3d:fa7b:d17d::1", "fd3d:0a0b:17d6::1", "c1d1e9742a47a9bc"),
    ],
)
def test_cookies_are_those_of_linux(peer: str, mine: str, cookie: str) -> None:
    """The values are what google's run_all.py defines as TFO_COOKIE for this key."""
    key = read_key("a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4")
    assert cookie_for(key, ip_address(peer), ip_address(mine)).hex() == cookie


def test_a_linux_syn_gives_up_when_doublings_alone_would_have() -> None:
    """Seen on Linux 6.18 with TCP_SYNCNT 1: SYNs at 0, 1 and 2 s, ETIMEDOUT at 3 s."""
    host = Host(LINUX, [LOCAL])
    socket = host.open()
    host.set_option(0, socket, Option.TCP_SYNCNT, 1)
    host.connect(0, socket, REMOTE, PEER_PORT)
    sent = [0] * len(host.transmit())
    while (due := host.deadline()) is not None:
        host.tick(due)
        sent += [due] * len(host.transmit())
    assert sent == [0, 1_000_000, 2_000_000]
    assert due is None
    assert host.get_option(socket, Option.SO_ERROR).error is Errno.ETIMEDOUT
