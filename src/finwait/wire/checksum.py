"""The Internet checksum (RFC 1071) and the pseudo-headers that TCP, UDP and ICMPv6 sum with it."""

import struct

from finwait.wire.packet import Address


def fold(data: bytes) -> int:
    """Sum 16-bit words in one's complement; an odd last octet counts as the upper half of a word."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checksum(data: bytes) -> int:
    """Give the checksum of data whose own checksum field is 0."""
    return fold(data) ^ 0xFFFF


def pseudo_header(src: Address, dst: Address, protocol: int, length: int) -> bytes:
    """RFC 9293 section 3.1 for IPv4, RFC 8200 section 8.1 for IPv6."""
    if src.version == 4:
        return src.packed + dst.packed + struct.pack("!BBH", 0, protocol, length)
    return src.packed + dst.packed + struct.pack("!IHBB", length, 0, 0, protocol)
