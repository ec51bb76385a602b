"""TCP over IPv4 or IPv6: built and parsed, with checksums (RFC 9293 3.1, RFC 791, RFC 8200)."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from enum import IntFlag

TCP = 6  # protocol number, IANA
IPV4_HEADER = 20  # bytes, without options (RFC 791 3.1)
IPV6_HEADER = 40  # bytes (RFC 8200 3)
TCP_HEADER = 20  # bytes, without options (RFC 9293 3.1)


class Flags(IntFlag):
    """The control bits, as they lie in the header."""

    FIN = 1
    SYN = 2
    RST = 4
    PSH = 8
    ACK = 16
    URG = 32


@dataclass(frozen=True)
class Segment:
    """One TCP segment and as much of its IP header as an experiment turns."""

    src: str
    dst: str
    sport: int
    dport: int
    seq: int
    ack: int
    flags: Flags
    window: int = 65535
    options: bytes = b""
    payload: bytes = b""
    ttl: int = 64
    ip_id: int = 0

    @property
    def fin(self) -> bool:
        """Say whether it has FIN."""
        return bool(self.flags & Flags.FIN)

    @property
    def syn(self) -> bool:
        """Say whether it has SYN."""
        return bool(self.flags & Flags.SYN)

    @property
    def rst(self) -> bool:
        """Say whether it has RST."""
        return bool(self.flags & Flags.RST)

    @property
    def end(self) -> int:
        """The number after the last one that the segment takes (RFC 9293 3.4)."""
        return (self.seq + len(self.payload) + self.syn + self.fin) % (1 << 32)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def build(segment: Segment) -> bytes:
    """The IP packet that carries `segment`. Options are padded to whole words."""
    source = ipaddress.ip_address(segment.src).packed
    target = ipaddress.ip_address(segment.dst).packed
    options = segment.options + b"\0" * (-len(segment.options) % 4)
    length = TCP_HEADER + len(options) + len(segment.payload)
    offset = (TCP_HEADER + len(options)) // 4 << 12
    head = struct.pack("!HHIIHH", segment.sport, segment.dport, segment.seq, segment.ack,
                       offset | segment.flags, segment.window)  # fmt: skip
    rest = options + segment.payload
    if len(source) == 4:
        pseudo = source + target + struct.pack("!BBH", 0, TCP, length)
    else:
        pseudo = source + target + struct.pack("!II", length, TCP)
    total = checksum(pseudo + head + b"\0\0\0\0" + rest)
    tcp = head + struct.pack("!HH", total, 0) + rest
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28, length, TCP, segment.ttl) + source + target + tcp
    ip = struct.pack("!BBHHHBB", 0x45, 0, IPV4_HEADER + length, segment.ip_id, 0x4000,
                     segment.ttl, TCP)  # fmt: skip
    total = checksum(ip + b"\0\0" + source + target)
    return ip + struct.pack("!H", total) + source + target + tcp


def parse(packet: bytes) -> Segment | None:
    """The segment in an IP packet; None if it holds no TCP. For packets of our own kernels: no
    fragments and no extension headers."""
    if len(packet) < IPV4_HEADER:
        return None
    if packet[0] >> 4 == 4:
        start, protocol, ttl = (packet[0] & 15) * 4, packet[9], packet[8]
        source, target = packet[12:16], packet[16:20]
        (end, ip_id) = struct.unpack("!HH", packet[2:6])
    else:
        start, protocol, ttl, ip_id = IPV6_HEADER, packet[6], packet[7], 0
        source, target = packet[8:24], packet[24:40]
        end = IPV6_HEADER + int.from_bytes(packet[4:6], "big")
    if protocol != TCP or len(packet) < start + TCP_HEADER:
        return None
    sport, dport, seq, ack, bits, window = struct.unpack("!HHIIHH", packet[start : start + 16])
    data = start + (bits >> 12) * 4
    return Segment(
        str(ipaddress.ip_address(source)), str(ipaddress.ip_address(target)),
        sport, dport, seq, ack, Flags(bits & 0x3F), window,
        packet[start + TCP_HEADER : data], packet[data:end], ttl, ip_id,
    )  # fmt: skip
