"""Scripts that both stages have to pass: what the kernel does is proven by it, and our endpoint does the same by the same lines."""

from pathlib import Path

import pytest

from finwait.script import report
from finwait.script.job import Job
from finwait.script.outcome import Outcome, Status
from finwait.script.syntax import Dialect
from finwait.wire import Tcp

from .kernels import apart, needs_kernel

OPEN = """\
`sysctl -q net.ipv4.tcp_rmem="4096 131072 6291456"`
0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
{option}
+0   bind(3, ..., ...) = 0
+0   listen(3, 1) = 0
+0   < S 0:0(0) win 65535 <mss 1460{scale}>
+0   > S. 0:0(0) ack 1 <mss 1460{answer}>
+.02 < . 1:1(0) ack 1 win 65535
+0   accept(3, ..., ...) = 4
"""
PLAIN = OPEN.format(option="", scale="", answer="")
SCALED = OPEN.format(option="", scale=",nop,wscale 7", answer=",nop,wscale 7")
SMALL = "+0 setsockopt(3, SOL_SOCKET, SO_RCVBUF, [8000], 4) = 0"
SMALL_SCALED = OPEN.format(option=SMALL, scale=",nop,wscale 7", answer=",nop,wscale 0")


def arrivals(sizes: tuple[int, ...], windows: tuple[int, ...]) -> str:
    """Segments that nobody reads, each acknowledged at once with the window given."""
    lines, at = "", 1
    for size, window in zip(sizes, windows, strict=True):
        lines += f"+.02 < P. {at}:{at + size}({size}) ack 1 win 65535\n"
        at += size
        lines += f"+0 > . 1:1(0) ack {at} win {window}\n"
    return lines


SCRIPTS = {
    # tcp_try_coalesce: the second and the third lie in the memory of the first, so the buffer does not fill.
    "small segments share memory": PLAIN
    + arrivals((50,) * 6, (64190, 64140, 64090, 64040, 64040, 64040))
    + "+.01 close(4) = 0\n+0 > R. 1:1(0) ack 301 win 64040\n",
    # tcp_event_data_recv: only segments of 128 octets and more open the window further.
    "a small segment does not open the window": SCALED
    + arrivals((1460, 1460, 100), (525, 548, 548)),
    "a segment of 128 octets does": SCALED + arrivals((1460, 1460, 128), (525, 548, 571)),
    # tun_get_user: the first 3,712 octets of a packet above a page lie in its head, the others in whole pages.
    "packets above a page": SCALED + arrivals((3900, 3970, 4000, 10000), (472, 441, 410, 581)),
    # __tcp_ack_snd_check: who has not read all is acknowledged at once only as long as the window stays as large.
    "a window that shrinks lets the ACK wait": SCALED
    + arrivals((32768,), (646,))
    + "+.02 < P. 32769:65537(32768) ack 1 win 65535\n+.04~+.06 > . 1:1(0) ack 65537 win 390\n",
    # __tcp_cleanup_rbuf: more than a segment is acknowledged when it is read, at the latest.
    "a read sends the ACK that waited": SCALED
    + "+0 write(4, ..., 19) = 19\n+0 > P. 1:20(19) ack 1\n"
    + "+.01 < FP. 1:1001(1000) ack 20 win 65535\n+.01 read(4, ..., 10) = 10\n+0 > . 20:20(0) ack 1002\n"
    + "+.01 read(4, ..., 1000) = 990\n+.01 close(4) = 0\n+0 > F. 20:20(0) ack 1002\n",
    # tcp_openreq_init_rwin: a buffer that was set limits the scale, too.
    "a small buffer needs no scale": SMALL_SCALED + arrivals((1000,) * 3, (6300, 5300, 4300)),
    # __tcp_close frees the queue before tcp_send_active_reset chooses the window.
    "a close with everything unread": SMALL_SCALED
    + arrivals((1000,) * 3, (6300, 5300, 4300))
    + "+.01 close(4) = 0\n+0 > R. 1:1(0) ack 3001 win 6000\n",
    "a close with a part unread": SMALL_SCALED
    + arrivals((1000,) * 3, (6300, 5300, 4300))
    + "+.01 read(4, ..., 2500) = 2500\n+.01 close(4) = 0\n+0 > R. 1:1(0) ack 3001 win 6000\n",
    # tcp_event_data_sent: an ato of 0 makes no conversation of what is said first.
    "data right after the handshake is acknowledged at once": PLAIN
    + "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n"
    + "+0 < P. 1:101(100) ack 101 win 65535\n+0 > . 101:101(0) ack 101\n"
    + "+.01 write(4, ..., 100) = 100\n+0 > P. 101:201(100) ack 101\n",
}

SACK = OPEN.format(option="", scale=",sackOK,nop,nop", answer=",nop,nop,sackOK")
PROBES = {
    # tcp_send_loss_probe: a second probe is not sent while one is unanswered; the timeout is that of the oldest segment, and over.
    "one probe at a time": SACK
    + """\
+0   write(4, ..., 100) = 100
+0   > P. 1:101(100) ack 1
+0   write(4, ..., 10) = 10
+.2~+.25 > P. 101:111(10) ack 1
+.12 shutdown(4, SHUT_WR) = 0
+0   > F. 111:111(0) ack 1
+0~+.05 > FP. 1:111(110) ack 1
""",
    # tcp_process_tlp_ack: an ACK that comes twice ends a probe, also when nothing is in flight.
    "an ACK that comes twice ends a probe": SACK
    + """\
+0   write(4, ..., 3000) = 3000
+0   > P. 1:3001(3000) ack 1
+.03~+.06 > P. 2921:3001(80) ack 1
+.01 < . 1:1(0) ack 3001 win 65535
+.01 < . 1:1(0) ack 3001 win 65535
+.01 write(4, ..., 100) = 100
+0   > P. 3001:3101(100) ack 1
+.01 shutdown(4, SHUT_WR) = 0
+0   > F. 3101:3101(0) ack 1
+.02~+.08 > F. 3101:3101(0) ack 1
""",
}
STAGES = ("model", pytest.param("kernel", marks=needs_kernel))


def play(stage: str, text: str, folder: Path, dialect: Dialect = Dialect.FINWAIT) -> Outcome:
    """Play where it is to be played; the kernel may be late on a busy machine."""
    path = folder / "x.pkt"
    path.write_text(text)
    job = Job(str(path), stage=stage, dialect=dialect, options={"tolerance_usecs": "20000"})
    outcome = apart(job.run) if stage == "kernel" else job.run()
    assert outcome.status is Status.PASSED, report.text(outcome, "en")
    return outcome


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_receive_buffer(name: str, stage: str, tmp_path: Path) -> None:
    play(stage, SCRIPTS[name], tmp_path)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", PROBES)
def test_the_tail_loss_probe(name: str, stage: str, tmp_path: Path) -> None:
    play(stage, PROBES[name], tmp_path)


@pytest.mark.parametrize("stage", STAGES)
def test_nplab_connects_to_where_a_syn_came_from(stage: str, tmp_path: Path) -> None:
    """So nplab's dialect has simultaneous opens whose numbers do not begin at 0; in the others the first SYN is another connection's."""
    begins = """\
0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0   fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0   bind(3, ..., ...) = 0
+0   < S 1000:1000(0) win 65535 <mss 1460>
+0   > R. 0:0(0) ack 1
+.01 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0   > S 0:0(0) <...>
"""
    crosses = """\
+.01 < S 1000:1000(0) win 65535 <mss 1460>
+0   > S. 0:0(0) ack 1001 <...>
+.01 < . 1:1(0) ack 1 win 65535
+0   close(3) = 0
+0   > F. 1:1(0) ack 1
"""
    outcome = play(stage, begins + crosses, tmp_path, Dialect.NPLAB)
    assert len(ports(outcome)) == 1
    assert len(ports(play(stage, begins, tmp_path))) == 2


def ports(outcome: Outcome) -> set[int]:
    """The peer's."""
    found = set()
    for crossing in outcome.crossings:
        if isinstance(crossing.packet.body, Tcp):
            tcp = crossing.packet.body
            found.add(tcp.src_port if crossing.inbound else tcp.dst_port)
    return found
