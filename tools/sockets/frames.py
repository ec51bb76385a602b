"""Frames of one connection: read from a capture, written into one. A frame is (nanoseconds, octets from the IP header on)."""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

Frame: TypeAlias = tuple[int, bytes]
Frames: TypeAlias = list[Frame]
Ends: TypeAlias = frozenset[tuple[str, int]]

NANOSECONDS: Final = 0xA1B23C4D
"""Magic of a pcap file whose times are in nanoseconds (draft-ietf-opsawg-pcap-04 section 4)."""
MICROSECONDS: Final = 0xA1B2C3D4
SNAPLEN: Final = 262_144
ETHERNET, RAW, SLL2 = 1, 101, 276
"""Link types of the tcpdump registry."""
ETHERNET_HEADER: Final = 14
TCP: Final = 6
"""IANA protocol number."""
FIN, SYN, RST, ACK = 1, 2, 4, 16
"""Bits of the TCP header (RFC 9293 section 3.1)."""


class Unreadable(ValueError):
    """Not a capture that this reader takes: classic pcap, little-endian, raw IP or plain Ethernet."""


class Header(NamedTuple):
    """What is looked at of a frame."""

    src: tuple[str, int]
    dst: tuple[str, int]
    flags: int
    seq: int
    ack: int
    payload: int
    """Octets of payload on the wire."""


def header(octets: bytes) -> Header | None:
    """Look at a frame; None if it is no TCP over IP without extension headers."""
    if octets[:1] and octets[0] >> 4 == 4:
        start, protocol, at, size = (octets[0] & 15) * 4, octets[9], 12, 4
        length = int.from_bytes(octets[2:4], "big")
    elif octets[:1] and octets[0] >> 4 == 6:
        start, protocol, at, size = 40, octets[6], 8, 16
        length = 40 + int.from_bytes(octets[4:6], "big")
    else:
        return None
    if protocol != TCP or len(octets) < start + 14:
        return None
    *ports, seq, ack = struct.unpack_from("!HHII", octets, start)
    payload = length - start - (octets[start + 12] >> 4) * 4
    src, dst = octets[at : at + size], octets[at + size : at + 2 * size]
    return Header(
        (_address(src), ports[0]), (_address(dst), ports[1]), octets[start + 13], seq, ack, payload
    )


@lru_cache
def _address(octets: bytes) -> str:
    return str(ip_address(octets))


def read(path: Path) -> Frames:
    """Read the frames of a capture. Raises Unreadable."""
    octets = path.read_bytes()
    if len(octets) < 24 or int.from_bytes(octets[:4], "little") not in {MICROSECONDS, NANOSECONDS}:
        raise Unreadable(f"{path}: no little-endian pcap")
    unit = 1 if int.from_bytes(octets[:4], "little") == NANOSECONDS else 1000
    link = int.from_bytes(octets[20:24], "little")
    if link not in {RAW, ETHERNET}:
        raise Unreadable(f"{path}: link type {link}")
    found, at = [], 24
    while at < len(octets):
        seconds, part, captured, _ = struct.unpack_from("<IIII", octets, at)
        frame = octets[at + 16 : at + 16 + captured]
        if link == ETHERNET:
            if frame[12:14] not in {b"\x08\x00", b"\x86\xdd"}:
                raise Unreadable(f"{path}: more than Ethernet and IP")
            frame = frame[ETHERNET_HEADER:]
        found.append((seconds * 1_000_000_000 + part * unit, frame))
        at += 16 + captured
    return found


def connections(frames: Frames) -> dict[Ends, Frames]:
    """Part the frames by their two ends, in the order of first frames."""
    found: dict[Ends, Frames] = {}
    for frame in frames:
        what = header(frame[1])
        if what is not None:
            found.setdefault(frozenset((what.src, what.dst)), []).append(frame)
    return found


def pcap(frames: Frames, link: int = RAW) -> bytes:
    """Give a capture file of these frames, times in nanoseconds."""
    parts = [struct.pack("<IHHiIII", NANOSECONDS, 2, 4, 0, 0, SNAPLEN, link)]
    for ts, octets in frames:
        seconds, part = divmod(ts, 1_000_000_000)
        parts += [struct.pack("<IIII", seconds, part, len(octets), len(octets)), octets]
    return b"".join(parts)
