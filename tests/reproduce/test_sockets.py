"""Connections of real sockets between two kernels, made again; their wire has lost, doubled and delayed packets (tools/sockets)."""

import os
from pathlib import Path

import pytest

import finwait
from finwait.kernel.apart import Apart
from finwait.network import Closing, Fault, Leave, Manner, packets, play
from finwait.script.parser import load
from finwait.script.syntax import Call, Direction, Integer, PacketAction, TcpBody
from finwait.tcp import Flags
from finwait.wire import pcapng
from random_connections import Rehearsed, Result, captures_of_sockets, one, rehearse

HERE = Path(__file__).parent
FIRST, COUNT = 172, 24
"""Seeds with bulk both ways, losses of payload, aborts with unread octets and half-closes."""
ON_THE_KERNEL = 8
ITS_OWN_TIMERS = 1
"""Of them may come out otherwise: a busy machine is late, and a kernel's timers do not wait."""
LIMIT = 60.0
"""Seconds for all of them on the kernel."""
needs_kernel = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)


@pytest.fixture(scope="module")
def captures() -> list[tuple[int, bytes]]:
    return captures_of_sockets(FIRST, COUNT)


@needs_kernel
def test_what_real_sockets_did_the_model_does_again(captures: list[tuple[int, bytes]]) -> None:
    results = [one(seed, "model", made) for seed, made in captures]
    wrong = [result for result in results if not (result.same and result.passed)]
    assert not wrong


@needs_kernel
def test_what_real_sockets_did_a_kernel_does_again(captures: list[tuple[int, bytes]]) -> None:
    def play_them() -> list[Result]:
        return [one(seed, "kernel", made) for seed, made in captures[:ON_THE_KERNEL]]

    results = Apart(play_them).answer(LIMIT)
    wrong = [result for result in results if not result.same]
    assert len(wrong) <= ITS_OWN_TIMERS, wrong


def test_an_abort_whose_reset_was_refused_is_made_again(tmp_path: Path) -> None:
    """The RST came behind a hole, and again when a challenge ACK told the number that is expected (RFC 5961 3.2)."""
    again = rehearse(HERE / "captures/refused-reset.pcapng", "model", tmp_path)
    assert again.made.side == "server"
    assert again.same


def test_an_abort_after_both_fins_leaves_an_octet_unread(tmp_path: Path) -> None:
    """In LAST-ACK SO_LINGER 0 sends no RST; a close with unread octets does."""
    path = HERE / "captures/abort-in-last-ack.pcapng"
    again = rehearse(path, "model", tmp_path, side="server")
    assert again.same, again.said()
    assert "SO_LINGER" not in again.made.script


@pytest.mark.parametrize("side", ["client", "server"])
def test_unread_octets_show_in_the_window_that_is_left(side: str, tmp_path: Path) -> None:
    """60,000 were unread; the script keeps those before the RST, so that the window that they take is seen."""
    again = rehearse(HERE / "captures/unread-window.pcap", "model", tmp_path, side=side)
    assert again.made.captured.cause == "unread-data"
    assert again.same, again.said()


AFTER_THE_REPLY = HERE / "captures/linger-after-reply.pcap"


@pytest.mark.parametrize("stage", ["model", pytest.param("kernel", marks=needs_kernel)])
@pytest.mark.parametrize("side", [None, "client", "server"])
def test_an_abort_after_all_was_read_shows_nothing_unread(
    side: str | None, stage: str, tmp_path: Path
) -> None:
    """The client read 1,041 octets and aborted: the window of its RST is no smaller, and it is the one under test."""

    def play() -> Rehearsed:
        return rehearse(AFTER_THE_REPLY, stage, tmp_path, side=side)

    again = Apart(play).answer(LIMIT) if stage == "kernel" else play()
    assert again.made.side == (side or "client")
    assert again.made.captured == ("reset", "client", "abort")
    assert again.same, again.said()


def test_what_never_arrived_is_not_injected(tmp_path: Path) -> None:
    """Ten octets were sent five times (frames 8 to 12) and lost; 3 s after the last the server closes, and acks none of them."""
    path = HERE / "captures/lost-before-the-fin.pcap"
    again = rehearse(path, "model", tmp_path, side="server")
    assert again.passed, again.said()
    assert again.made.rehearsed[:2] == ("reset", "server")
    assert "// frame 12" not in again.made.script
    assert " R 501:501(0)" not in again.made.script
    assert "+5.015924 close(4) = 0" in again.made.script


@pytest.fixture
def lossy(tmp_path: Path) -> Path:
    """A capture at the sender of 20,000 octets, of which one segment is lost and sent again, as SACK blocks ask."""
    server = Manner(hears=1, says=20_000, leaves=Leave.CLOSE)
    closing = Closing("lossy", "four-way", "server", Manner(says=1), server)
    played = play(closing, faults={6: Fault.LOSE})
    path = tmp_path / "lossy.pcapng"
    path.write_bytes(b"".join(pcapng.write(packets(played.network.nodes["server"].seen))))
    return path


def test_a_loss_that_was_made_good_is_not_shown_again(lossy: Path, tmp_path: Path) -> None:
    assert any("retransmission" in s.labels for s in finwait.explain(lossy, 0).segments)
    made = finwait.reproduce(lossy, 0, whole=True, side="server")
    assert made.same
    assert "<nop,nop,sack" not in made.script
    sent = 0
    for body in expected(made.script, tmp_path):
        assert Flags.SYN in body.flags or body.seq.start >= sent
        sent = body.seq.start + body.seq.length
    assert sent == 20_002  # 20,000 octets, the FIN, and the next number


def test_what_is_written_later_leaves_segment_by_segment(lossy: Path, tmp_path: Path) -> None:
    made = finwait.reproduce(lossy, 0, whole=True, side="server")
    script = tmp_path / "x.pkt"
    script.write_text(made.script)
    sizes = [
        e.action.result.value
        for e in load(script).events
        if isinstance(e.action, Call)
        and e.action.name == "write"
        and isinstance(e.action.result, Integer)
    ]
    assert sum(sizes) == 20_000
    assert max(sizes[1:], default=0) <= 1448


def expected(script: str, folder: Path) -> list[TcpBody]:
    """Give the segments that a script expects of the stack under test."""
    path = folder / "x.pkt"
    path.write_text(script)
    return [
        e.action.body
        for e in load(path).events
        if isinstance(e.action, PacketAction)
        and e.action.direction is Direction.OUT
        and isinstance(e.action.body, TcpBody)
    ]
