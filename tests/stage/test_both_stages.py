"""What the kernel does with its receive buffer, as scripts that both stages have to pass: the kernel first, our endpoint by the same lines."""

from pathlib import Path

import pytest

from finwait.script import report
from finwait.script.job import Job
from finwait.script.outcome import Status

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


@pytest.mark.parametrize("name", SCRIPTS)
def test_on_our_endpoint(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pkt"
    path.write_text(SCRIPTS[name])
    outcome = Job(str(path)).run()
    assert outcome.status is Status.PASSED, report.text(outcome, "en")


@needs_kernel
@pytest.mark.parametrize("name", SCRIPTS)
def test_on_the_kernel(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pkt"
    path.write_text(SCRIPTS[name])
    outcome = apart(Job(str(path), stage="kernel", options={"tolerance_usecs": "20000"}).run)
    assert outcome.status is Status.PASSED, report.text(outcome, "en")
