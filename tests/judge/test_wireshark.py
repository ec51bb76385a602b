"""`completeness` against tshark's `tcp.completeness`, and where tshark begins a new stream."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from finwait import _core

from . import tshark
from .captures import OWN, tcp, write
from .differences import completeness

FIN, SYN, RST, ACK = 1, 2, 4, 16

# Captures that tshark parts into connections differently, and why. See docs/peers.md.
_LIVING = (
    "a SYN in a living connection that draws a challenge ACK begins nothing (RFC 5961 section 4)"
)
PARTED = {
    "two-vlans.pcap": "tshark does not look at VLANs",
    "half-open-call.pcap": _LIVING,
    "syn-in-connection.pcap": _LIVING,
}

pytestmark = tshark.needed


@pytest.mark.parametrize("capture", OWN, ids=lambda path: path.name)
def test_every_capture_of_ours(capture: Path) -> None:
    found = list(completeness(capture))
    if capture.name in PARTED:
        assert found, f"{capture.name} need not be excused any more"
    else:
        assert found == []


def test_segments_at_random(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Connections of one to six segments with any flags, from either end, with and without payload.

    A SYN comes first from its end and always with the same number, so that none begins anew, and
    without RST: to finwait, SYN and RST together are a RST.
    """
    dice = random.Random(str(request.config.getoption("--hypothesis-seed")))
    packets = []
    for port in range(1024, 6024):
        spoken: dict[bool, int] = {}
        for _ in range(dice.randint(1, 6)):
            reply = dice.random() < 0.5
            flags = dice.choice([SYN, ACK, ACK, FIN, RST, 0]) | dice.choice([0, ACK, ACK, FIN, RST])
            if flags & RST or spoken.get(reply, SYN) & SYN == 0:
                flags &= ~SYN
            spoken.setdefault(reply, flags)
            seq = 1000 if flags & SYN else dice.choice([1001, 1002])
            ack = 1001 if flags & ACK else 0
            payload = dice.choice([0, 0, 5])
            packets.append(tcp((port, 80), flags, seq, ack, payload, reply=reply))
    capture = tmp_path / "random.pcap"
    write(capture, packets)
    assert list(completeness(capture)) == []


HANDSHAKE = [
    tcp((1024, 80), SYN, 100),
    tcp((1024, 80), SYN | ACK, 500, 101, reply=True),
    tcp((1024, 80), ACK, 101, 501),
]
ANOTHER = [
    tcp((1024, 80), SYN, 9100),
    tcp((1024, 80), SYN | ACK, 7500, 9101, reply=True),
    tcp((1024, 80), ACK, 9101, 7501),
]


@pytest.mark.parametrize(
    ("packets", "connections"),
    [
        ([*HANDSHAKE, *ANOTHER], 2),
        ([*HANDSHAKE, HANDSHAKE[0]], 1),
        ([HANDSHAKE[0], tcp((1024, 80), RST | ACK, 0, 101, reply=True), HANDSHAKE[0]], 1),
        ([HANDSHAKE[0], ANOTHER[0]], 2),
        ([HANDSHAKE[1], HANDSHAKE[0], HANDSHAKE[2]], 1),
    ],
    ids=["reused", "syn-again", "same-isn-after-rst", "other-isn-unanswered", "syn-ack-first"],
)
def test_what_begins_a_connection(tmp_path: Path, packets: list[bytes], connections: int) -> None:
    capture = tmp_path / "syn.pcap"
    write(capture, packets)
    assert len(tshark.streams(capture)) == connections
    assert len(_core.analyze([str(capture)])) == connections
    assert list(completeness(capture)) == []
