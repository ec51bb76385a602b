"""The captures that the judges are asked about."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
OWN = sorted(
    path
    for folder in (ROOT / "examples", ROOT / "tests" / "captures")
    for path in folder.glob("*.pcap*")
)
"""Captures that are part of this repository."""

CORPORA = [Path(folder) for folder in os.environ.get("FINWAIT_CORPORA", "").split(":") if folder]
"""Folders of other people's captures, which are never committed: FINWAIT_CORPORA, parted by colons."""

_MAGIC = {
    *(b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d"),
    b"\x0a\x0d\x0d\x0a",
}
_LARGEST = 20_000_000


def foreign() -> list[Path]:
    """Every pcap and pcapng file of up to 20 MB in the corpora."""
    return sorted(
        path
        for folder in CORPORA
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_size <= _LARGEST and _first(path) in _MAGIC
    )


def _first(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def tcp(
    ends: tuple[int, int],
    flags: int,
    seq: int,
    ack: int = 0,
    payload: int = 0,
    *,
    reply: bool = False,
) -> bytes:
    """A raw IPv4 packet between 10.0.0.1:ends[0] and 10.0.0.2:ends[1]; reply: the way back."""
    source, destination = b"\x0a\x00\x00\x01", b"\x0a\x00\x00\x02"
    ports = ends
    if reply:
        source, destination, ports = destination, source, (ends[1], ends[0])
    segment = struct.pack(">HHIIBBHHH", *ports, seq, ack, 5 << 4, flags, 1000, 0, 0) + bytes(
        payload
    )
    length = 20 + len(segment)
    return (
        struct.pack(">BBHHHBBH", 0x45, 0, length, 0, 0, 64, 6, 0) + source + destination + segment
    )


def write(path: Path, packets: Iterable[bytes]) -> None:
    """Writes raw IP packets, a millisecond apart, as a pcap file (link type 101)."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for i, packet in enumerate(packets):
            stamp = (1_700_000_000 + i // 1000, i % 1000 * 1000)
            file.write(struct.pack("<IIII", *stamp, len(packet), len(packet)) + packet)
