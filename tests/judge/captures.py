"""The captures that the judges are asked about."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from itertools import count
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


def write(
    path: Path, packets: Iterable[bytes], *, link: int = 101, times: Iterable[float] | None = None
) -> None:
    """Writes packets as a pcap file: raw IP (link type 101), and a millisecond apart unless told."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link))
        after = (i / 1000 for i in count()) if times is None else times
        for packet, seconds in zip(packets, after, strict=times is not None):
            stamp = divmod(round(seconds * 1_000_000), 1_000_000)
            head = (1_700_000_000 + stamp[0], stamp[1], len(packet), len(packet))
            file.write(struct.pack("<IIII", *head) + packet)


def on_vlan(vlan: int, packet: bytes) -> bytes:
    """An Ethernet frame with an IPv4 packet in it; VLAN 0 is no tag."""
    tag = struct.pack(">HH", 0x8100, vlan) if vlan else b""
    return bytes(12) + tag + b"\x08\x00" + packet


def in_vxlan(vni: int, packet: bytes) -> bytes:
    """The packet in VXLAN over UDP over IPv4 (RFC 7348 section 5)."""
    inner = struct.pack(">II", 0x08 << 24, vni << 8) + on_vlan(0, packet)
    udp = struct.pack(">HHHH", 50000, 4789, 8 + len(inner), 0) + inner
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    return head + b"\xc0\x00\x02\x01\xc0\x00\x02\x02" + udp
