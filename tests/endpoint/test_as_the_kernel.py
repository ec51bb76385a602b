"""What random closings on the real kernel taught (tools/differential): each rule with the smallest play that showed it."""

from finwait.endpoint import FREEBSD, LINUX, Errno
from finwait.endpoint.negotiate import SACK_OK
from finwait.tcp import Flags, State
from finwait.wire import Packet, Tcp, TcpOption
from matrix import Bench, reach, shown, standing

ACK, FIN, PSH, SYN = Flags.ACK, Flags.FIN, Flags.PSH, Flags.SYN
SACK = 5


def opened(*, sack: bool = False) -> Bench:
    """ESTABLISHED by an active open."""
    bench = reach(LINUX, State.SYN_SENT)
    mss = TcpOption(2, (1460).to_bytes(2, "big"))
    bench.give(SYN | ACK, 0, 1, options=(mss, TcpOption(SACK_OK)) if sack else (mss,))
    assert standing(bench) is State.ESTABLISHED
    return bench


def bodies(packets: list[Packet]) -> list[Tcp]:
    return [packet.body for packet in packets if isinstance(packet.body, Tcp)]


def run_timer(bench: Bench) -> list[Packet]:
    due = bench.host.deadline()
    assert due is not None
    bench.now = due
    bench.host.tick(due)
    return bench.host.transmit()


def blocks(tcp: Tcp) -> list[bytes]:
    return [option.data for option in tcp.options if option.kind == SACK]


def test_the_ack_of_the_syn_counts_as_the_oldest() -> None:
    """Linux tcp_ack: SND.UNA - bytes_acked is the oldest, and our SYN is one of these only if we opened."""
    bench = opened()
    assert [shown(p) for p in bench.give(ACK, 1, -1)] == [". 1 ack 1"]
    assert bench.give(ACK, 1, 0) == []


def test_a_fin_ends_the_reports_of_duplicates() -> None:
    """Linux tcp_fin resets SACK: its ACK, which may wait, reports nothing of what was thrown away."""
    bench = opened(sack=True)
    (early,) = bodies(bench.give(ACK | PSH, 11, 1, data=b"x" * 10))
    assert len(blocks(early)) == 1
    assert bench.give(FIN | ACK, 1, 1) == []
    (late,) = bodies(run_timer(bench))
    assert blocks(late) == []


def test_a_repeated_early_segment_is_reported_twice() -> None:
    """RFC 2883 section 4.2; Linux tcp_data_queue_ofo."""
    bench = opened(sack=True)
    bench.give(ACK | PSH, 11, 1, data=b"x")
    (again,) = bodies(bench.give(ACK | PSH, 11, 1, data=b"x"))
    assert [len(data) for data in blocks(again)] == [16]


def test_a_timeout_that_lost_nothing_is_taken_back() -> None:
    """F-RTO (RFC 5682): an ACK of what was never sent again."""
    bench = opened(sack=True)
    bench.host.send(bench.now, bench.socket, bytes(3000))
    bench.host.transmit()
    window = bench.host.status(bench.socket).snd_cwnd
    run_timer(bench)  # the tail probe
    run_timer(bench)
    assert bench.host.status(bench.socket).snd_cwnd == 1
    bench.give(ACK, 1, 2921)
    assert bench.host.status(bench.socket).snd_cwnd == window


def test_the_reset_after_our_own_peer_closed_breaks_the_pipe() -> None:
    """Linux tcp_reset: EPIPE in CLOSE-WAIT."""
    bench = opened()
    bench.give(FIN | ACK, 1, 1)
    assert [shown(p) for p in bench.give(ACK | PSH, 1, 1, data=b"x" * 9)] == ["R 1"]
    assert bench.host.send(bench.now, bench.socket, b"x").error is Errno.EPIPE


def test_time_wait_leaves_the_socket_on_linux_alone() -> None:
    assert LINUX.time_wait_leaves_socket
    assert not FREEBSD.time_wait_leaves_socket


def test_large_segments_open_the_window_further() -> None:
    """Linux tcp_measure_rcv_mss: what part of the buffer is window depends on the size of segments."""
    bench = opened()
    (answer,) = bodies(bench.give(ACK | PSH, 1, 1, data=bytes(1460)))
    assert answer.window > 64240
