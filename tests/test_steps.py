"""No end steps back in what `explain` tells, whatever was lost: RFC 9293 Figure 5 has no way back."""

from pathlib import Path

import pytest

import finwait
from finwait.explain import Explanation
from finwait.network import Link, Played, Record, packets, play
from finwait.wire.pcapng import write

from .network.test_closings import CLOSINGS, faults

ROOT = Path(__file__).parent.parent
CAPTURES = sorted(
    path for name in ("examples", "tests/captures") for path in (ROOT / name).glob("*.pcap*")
)
ORDER = (
    *({"CLOSED", "LISTEN"}, {"SYN-SENT"}, {"SYN-RECEIVED"}, {"ESTABLISHED"}),
    *({"FIN-WAIT-1", "CLOSE-WAIT"}, {"FIN-WAIT-2", "CLOSING", "LAST-ACK"}, {"TIME-WAIT"}),
)
"""How far from its beginning an end stands; it may leave for CLOSED from everywhere."""
RANK = {state: rank for rank, states in enumerate(ORDER) for state in states}


def steps_back(told: Explanation) -> list[str]:
    return [
        f"frame {s.number}: {who} {old} > {new}"
        for s in told.segments
        for who, old, new in s.moves
        if RANK[new] <= RANK[old] and new != "CLOSED"
    ]


def all_steps_back(path: Path) -> list[str]:
    count = len(finwait.analyze(path))
    return [line for number in range(count) for line in steps_back(finwait.explain(path, number))]


def views(played: Played) -> list[list[Record]]:
    """What was sent, and what each end saw."""
    nodes = played.network.nodes
    return [played.network.wire, nodes["client"].seen, nodes["server"].seen]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_in_every_capture(path: Path) -> None:
    assert not all_steps_back(path)


@pytest.mark.parametrize("name", CLOSINGS)
def test_whatever_packet_goes_wrong(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    for number, fault in faults(CLOSINGS[name]):
        for seen in filter(None, views(play(CLOSINGS[name], faults={number: fault}))):
            path.write_bytes(b"".join(write(packets(seen))))
            assert not all_steps_back(path), f"packet {number} {fault.value}"


FAR, NEAR = Link(delay=90_000, loss=0.2), Link(delay=500, jitter=3_000, loss=0.2)
SEVERAL = [
    ("server-first", 725382468, FAR, "the ACK and both FINs are lost, and sent again"),
    ("simultaneous", 878423576, NEAR, "the repeated FIN shows that the other one has arrived"),
    ("simultaneous", 26714926, Link(delay=90_000, jitter=3_000, loss=0.2), "the same"),
]
"""Found by chance: a seed, a link, and what it shows."""


@pytest.mark.parametrize(
    ("name", "seed", "link", "why"), SEVERAL, ids=lambda value: str(value)[:12]
)
def test_when_several_are_lost(name: str, seed: int, link: Link, why: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    played = play(CLOSINGS[name], seed=seed, link=link)
    for seen in views(played):
        path.write_bytes(b"".join(write(packets(seen))))
        assert not all_steps_back(path), why
