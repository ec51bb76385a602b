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
CASES = [(path, side) for path in CAPTURES for side in ("client", "server")]
IDS = [f"{path.stem}-{side}" for path, side in CASES]
LIMIT = 60.0
"""Seconds for one play on the kernel."""
needs_kernel = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)


@pytest.mark.parametrize(("path", "side"), CASES, ids=IDS)
def test_the_model_closes_the_same_way(path: Path, side: str, tmp_path: Path) -> None:
    again = rehearse(path, "model", tmp_path, side=side)
    assert again.passed, again.said()
    assert again.same, again.said()


@needs_kernel
@pytest.mark.parametrize(("path", "side"), CASES, ids=IDS)
def test_the_kernel_closes_the_same_way(path: Path, side: str, tmp_path: Path) -> None:
    def play() -> Rehearsed:
        return rehearse(path, "kernel", tmp_path, side=side)

    again = Apart(play).answer(LIMIT)
    assert again.same, again.said()


def octets(script: str, folder: Path, direction: Direction) -> int:
    """How many a script injects or expects."""
    path = folder / "x.pkt"
    path.write_text(script)
    bodies = (
        e.action.body
        for e in load(path).events
        if isinstance(e.action, PacketAction) and e.action.direction is direction
    )
    return sum(body.seq.length for body in bodies if isinstance(body, TcpBody))


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


def test_the_peer_sent_it_so_there_was_room(tmp_path: Path) -> None:
    """The whole download: what the stack's window would not take was sent, so the application had read before."""
    path = next(one for one in CAPTURES if one.name == "download-9000.pcap")
    made = finwait.reproduce(path, 0, side="client", whole=True)
    assert made.same
    assert made.script.count(" read(") > 1
    assert octets(made.script, tmp_path, Direction.IN) == 300_000
