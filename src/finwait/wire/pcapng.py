"""A small writer of pcapng (draft-ietf-opsawg-pcapng-04): raw IP, microseconds, comments. It gives bytes; who opened the file writes them."""

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from finwait.wire.codec import encode
from finwait.wire.packet import Packet

SECTION, INTERFACE, ENHANCED = 0x0A0D0D0A, 1, 6
"""Block types (draft section 4)."""
BYTE_ORDER: Final = 0x1A2B3C4D
RAW_IP: Final = 101
"""LINKTYPE_RAW: the packet begins with its IP header."""
COMMENT, IF_NAME, IF_TSRESOL, END = 1, 2, 9, 0
"""Option codes (draft sections 3.5 and 4.2)."""
MICROSECONDS: Final = 6
"""if_tsresol: a negative power of ten."""
EPOCH: Final = 1_000_000_000_000_000
"""When virtual time begins, in microseconds since 1970: 2001-09-09T01:46:40Z, which nobody takes for now. Always the same, so
that the same packets make the same file."""


def header(interface: str = "wire") -> bytes:
    """Give what a file begins with: a section and one interface."""
    section = struct.pack("<IHHq", BYTE_ORDER, 1, 0, -1)
    name = _option(IF_NAME, interface.encode()) + _option(IF_TSRESOL, bytes([MICROSECONDS]))
    return _block(SECTION, section) + _block(
        INTERFACE, struct.pack("<HHI", RAW_IP, 0, 0) + name + _option(END, b"")
    )


def record(at: int, octets: bytes, comment: str = "") -> bytes:
    """Give one packet: `at` in microseconds since 1970."""
    head = struct.pack("<IIIII", 0, at >> 32, at & 0xFFFFFFFF, len(octets), len(octets))
    said = _option(COMMENT, comment.encode()) + _option(END, b"") if comment else b""
    return _block(ENHANCED, head + _padded(octets) + said)


def write(
    packets: Iterable[tuple[int, Packet]], interface: str = "wire", epoch: int = EPOCH
) -> Iterator[bytes]:
    """Give a whole file, part by part; times are microseconds from `epoch`, which counts from 1970."""
    yield header(interface)
    for at, packet in packets:
        yield record(epoch + at, encode(packet))


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
