"""300 KB between real sockets, captured above an offload (lo, MTU in the name; 96 octets of each frame are kept).

One segment has up to 64 KB there, and more is under way than a new connection may have or a buffer takes.
"""

import os
from pathlib import Path

import pytest

import finwait
from finwait.kernel.apart import Apart
from finwait.reproduce.part import MOST_OCTETS
from finwait.script.parser import load
from finwait.script.syntax import Direction, PacketAction, TcpBody
from random_connections import Rehearsed, rehearse

CAPTURES = sorted((Path(__file__).parent / "captures/bulk").glob("*.pcap"))
CASES = [(path, side, whole) for path in CAPTURES for side in ("client", "server") for whole in (False, True)]  # fmt: skip
IDS = [f"{path.stem}-{side}{'-whole' * whole}" for path, side, whole in CASES]
SHRINKS = {("cancelled-65536", "client", True)}
"""Where Linux takes a smaller share of the buffer for payload in the end, so that the RST looks like one with unread octets."""
LIMIT = 60.0
"""Seconds for one play on the kernel."""
needs_kernel = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)


@pytest.mark.parametrize(("path", "side", "whole"), CASES, ids=IDS)
def test_the_model_closes_the_same_way(path: Path, side: str, whole: bool, tmp_path: Path) -> None:
    again = rehearse(path, "model", tmp_path, side=side, whole=whole)
    assert again.passed, again.said()
    assert again.same is again.made.same is ((path.stem, side, whole) not in SHRINKS), again.said()


@needs_kernel
@pytest.mark.parametrize(("path", "side", "whole"), CASES, ids=IDS)
def test_the_kernel_closes_the_same_way(path: Path, side: str, whole: bool, tmp_path: Path) -> None:
    def play() -> Rehearsed:
        return rehearse(path, "kernel", tmp_path, side=side, whole=whole)

    again = Apart(play).answer(LIMIT)
    assert again.same is ((path.stem, side, whole) not in SHRINKS), again.said()


def bodies(script: str, folder: Path, direction: Direction) -> list[TcpBody]:
    """The segments that a script injects or expects."""
    path = folder / "x.pkt"
    path.write_text(script)
    actions = [e.action for e in load(path).events if isinstance(e.action, PacketAction)]
    return [a.body for a in actions if a.direction is direction and isinstance(a.body, TcpBody)]


def octets(script: str, folder: Path, direction: Direction) -> int:
    """How many a script injects or expects."""
    return sum(body.seq.length for body in bodies(script, folder, direction))


@pytest.mark.parametrize("name", ["unread-1500.pcap", "unread-65536.pcap"])
def test_bulk_before_the_close_is_left_out(name: str, tmp_path: Path) -> None:
    path = next(one for one in CAPTURES if one.name == name)
    short, whole = (finwait.reproduce(path, 0, side="client", whole=whole) for whole in (False, True))  # fmt: skip
    assert octets(short.script, tmp_path, Direction.IN) <= MOST_OCTETS
    assert octets(whole.script, tmp_path, Direction.IN) > 100_000


def test_what_leaves_in_one_piece_is_acked_on_the_way() -> None:
    path = next(one for one in CAPTURES if one.name == "download-9000.pcap")
    made = finwait.reproduce(path, 0, side="server")
    assert "not in the capture: room for more" in made.script


def test_what_cannot_leave_any_more_is_not_waited_for(tmp_path: Path) -> None:
    """95,000 octets were under way when the server aborted; a new connection has fewer, and no ACK came that lets more leave."""
    path = next(one for one in CAPTURES if one.name == "killed-65536.pcap")
    again = rehearse(path, "model", tmp_path, side="server")
    assert again.outcome.lasted < 1_000_000
    starts = [body.seq.start for body in bodies(again.made.script, tmp_path, Direction.OUT) if body.seq.length]  # fmt: skip
    assert starts == sorted(set(starts))


def test_a_large_last_segment_is_acked_by_the_fin_that_answers_it(tmp_path: Path) -> None:
    """More than a segment is acked at once; so all but an octet comes before the FIN."""
    path = next(one for one in CAPTURES if one.name == "download-65536.pcap")
    again = rehearse(path, "model", tmp_path, side="client")
    assert again.got.close == "three-way"
    assert "all but its last octet" in again.made.script


def test_no_window_is_larger_than_the_captured_ones() -> None:
    """Neither that of a RST in answer to what came too late, nor that of an ACK that makes room."""
    path = next(one for one in CAPTURES if one.name == "answered-early-9000.pcap")
    made = finwait.reproduce(path, 0, side="client", whole=True)
    assert "win 65535" not in made.script
    assert made.same


def test_the_peer_sent_it_so_there_was_room(tmp_path: Path) -> None:
    """The whole download: what the stack's window would not take was sent, so the application had read before."""
    path = next(one for one in CAPTURES if one.name == "download-9000.pcap")
    made = finwait.reproduce(path, 0, side="client", whole=True)
    assert made.same
    assert made.script.count(" read(") > 1
    assert octets(made.script, tmp_path, Direction.IN) == 300_000
