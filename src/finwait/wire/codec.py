"""Packets to bytes and back. Bytes from a device are not trusted: every length is checked before it is used."""

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from finwait.tcp import Flags
from finwait.wire.checksum import checksum, pseudo_header
from finwait.wire.packet import Icmp, Packet, Tcp, TcpOption, Udp

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58  # IANA protocol numbers
EOL, NOP = 0, 1
"""RFC 9293 section 3.2: the two options without a length octet."""
TCP_HEADER: Final = 20
UDP_HEADER: Final = 8
EXTENSIONS: Final = frozenset({0, 43, 60})
"""IPv6 headers that are stepped over: hop-by-hop, routing, destination (RFC 8200 section 4)."""
TCP_IN_UDP: Final = 9899
"""The registered port of tunnelling over UDP (RFC 6951 section 5.1; FreeBSD's tests use it for TCP)."""


class BadPacket(ValueError):
    """Octets that are no packet of ours. `offset` is where they stop making sense."""

    def __init__(self, offset: int, what: str) -> None:
        super().__init__(f"octet {offset}: {what}")
        self.offset = offset


# --- building ---


def encode(packet: Packet) -> bytes:
    """Give the octets of a packet, with right checksums. Raises ValueError if a value does not fit its field."""
    try:
        protocol, body = _encode_body(packet)
        return _encode_ip(packet, protocol, len(body)) + body
    except struct.error as error:
        raise ValueError(f"a value does not fit its field: {error}") from error


def encode_tcp(packet: Packet, tcp: Tcp) -> bytes:
    """Give the TCP segment of a packet alone."""
    options = encode_options(tcp.options)
    words = (TCP_HEADER + len(options)) // 4
    if words > 0xF:
        raise ValueError(f"{len(options)} octets of options, and a header holds 40 (RFC 9293 3.1)")
    control = words << 12 | tcp.reserved << 9 | int(tcp.flags)
    head = struct.pack(
        "!HHIIHHHH", tcp.src_port, tcp.dst_port, tcp.seq, tcp.ack, control, tcp.window, 0, tcp.urgent
    )  # fmt: skip
    return _summed(packet, TCP, head + options + tcp.payload, 16)


def encode_options(options: tuple[TcpOption, ...]) -> bytes:
    """Lay options out in their order, filled up with end-of-list to whole words (RFC 9293 section 3.2)."""
    parts = [
        bytes([option.kind])
        if option.kind in {EOL, NOP}
        else bytes([option.kind, len(option.data) + 2]) + option.data
        for option in options
    ]
    octets = b"".join(parts)
    return octets + bytes(-len(octets) % 4)


def _encode_body(packet: Packet) -> tuple[int, bytes]:
    body = packet.body
    if isinstance(body, Tcp):
        segment = encode_tcp(packet, body)
        if packet.udp_ports is None:
            return TCP, segment
        # The inner checksum covers what the outer one does not: the pseudo-header is the same (RFC 6951 5.3).
        return UDP, _encode_udp(packet, Udp(*packet.udp_ports, segment))
    if isinstance(body, Udp):
        return UDP, _encode_udp(packet, body)
    head = struct.pack("!BBHI", body.type, body.code, 0, body.rest) + body.payload
    if packet.src.version == 6:
        return ICMPV6, _summed(packet, ICMPV6, head, 2)
    return ICMP, head[:2] + struct.pack("!H", checksum(head)) + head[4:]


def _encode_udp(packet: Packet, udp: Udp) -> bytes:
    head = struct.pack("!HHHH", udp.src_port, udp.dst_port, UDP_HEADER + len(udp.payload), 0)
    octets = _summed(packet, UDP, head + udp.payload, 6)
    # A sum of 0 would mean that there is none (RFC 768).
    return octets if octets[6:8] != b"\0\0" else octets[:6] + b"\xff\xff" + octets[8:]


def _summed(packet: Packet, protocol: int, octets: bytes, place: int) -> bytes:
    pseudo = pseudo_header(packet.src, packet.dst, protocol, len(octets))
    return octets[:place] + struct.pack("!H", checksum(pseudo + octets)) + octets[place + 2 :]


def _encode_ip(packet: Packet, protocol: int, length: int) -> bytes:
    if packet.src.version == 6:
        first = 6 << 28 | packet.tos << 20 | packet.flow_label
        return (
            struct.pack("!IHBB", first, length, protocol, packet.ttl)
            + packet.src.packed
            + packet.dst.packed
        )
    fragment = 0x4000 if packet.dont_fragment else 0
    head = struct.pack(
        "!BBHHHBBH", 0x45, packet.tos, 20 + length, packet.ident, fragment, packet.ttl, protocol, 0
    )  # fmt: skip
    head += packet.src.packed + packet.dst.packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:]


# --- reading ---


def decode(octets: bytes, udp_port: int | None = None) -> Packet:
    """Read a packet; `udp_port`: UDP to or from it carries TCP. Checksums are not looked at: a device may leave them to the card.

    Raises BadPacket, which names the octet.
    """
    if not octets:
        raise BadPacket(0, "there is nothing")
    match octets[0] >> 4:
        case 4:
            return _decode_v4(octets, udp_port)
        case 6:
            return _decode_v6(octets, udp_port)
        case version:
            raise BadPacket(0, f"IP version {version}")


def _need(octets: bytes, end: int, what: str) -> None:
    if len(octets) < end:
        raise BadPacket(len(octets), f"{what} ends at {end}")


def _decode_v4(octets: bytes, udp_port: int | None) -> Packet:
    _need(octets, 20, "the IPv4 header")
    first, tos, length, ident, fragment, ttl, protocol, _sum = struct.unpack(
        "!BBHHHBBH", octets[:12]
    )
    header = (first & 0xF) * 4
    if header < 20:
        raise BadPacket(0, f"an IPv4 header of {header} octets")
    _need(octets, header, "the IPv4 header")
    length = length or len(octets)  # 0 where the card would have cut it into segments
    if length < header:
        raise BadPacket(2, f"an IPv4 packet of {length} octets, and its header has {header}")
    _need(octets, length, "the IPv4 packet")
    if fragment & 0x3FFF:
        raise BadPacket(6, "a fragment")
    src, dst = IPv4Address(octets[12:16]), IPv4Address(octets[16:20])
    body, ports = _decode_body(octets, header, length, protocol, udp_port)
    return Packet(
        src, dst, body, ttl, tos, ident=ident, dont_fragment=bool(fragment & 0x4000), udp_ports=ports
    )  # fmt: skip


def _decode_v6(octets: bytes, udp_port: int | None) -> Packet:
    _need(octets, 40, "the IPv6 header")
    first, length, protocol, ttl = struct.unpack("!IHBB", octets[:8])
    end = 40 + length if length else len(octets)
    _need(octets, end, "the IPv6 packet")
    at = 40
    while protocol in EXTENSIONS:
        _need(octets, at + 8, "an IPv6 extension header")
        protocol, at = octets[at], at + 8 + octets[at + 1] * 8
        if at > end:
            raise BadPacket(at, "an IPv6 extension header leaves the packet")
    src, dst = IPv6Address(octets[8:24]), IPv6Address(octets[24:40])
    body, ports = _decode_body(octets, at, end, protocol, udp_port)
    return Packet(
        src, dst, body, ttl, first >> 20 & 0xFF, flow_label=first & 0xFFFFF, udp_ports=ports
    )


def _decode_body(
    octets: bytes, at: int, end: int, protocol: int, udp_port: int | None
) -> tuple[Tcp | Udp | Icmp, tuple[int, int] | None]:
    match protocol:
        case 6:
            return decode_tcp(octets, at, end), None
        case 17:
            udp = _decode_udp(octets, at, end)
            if udp_port in {udp.src_port, udp.dst_port} and udp_port is not None:
                return decode_tcp(octets, at + UDP_HEADER, end), (udp.src_port, udp.dst_port)
            return udp, None
        case 1 | 58:
            if end < at + 8:
                raise BadPacket(at, "an ICMP message of less than 8 octets")
            kind, code, _sum, rest = struct.unpack("!BBHI", octets[at : at + 8])
            return Icmp(kind, code, rest, octets[at + 8 : end]), None
        case _:
            raise BadPacket(at, f"IP protocol {protocol}")


def decode_tcp(octets: bytes, at: int, end: int) -> Tcp:
    """Read the TCP segment that lies from `at` to `end`. Raises BadPacket."""
    if end < at + TCP_HEADER:
        raise BadPacket(at, "a TCP header of less than 20 octets")
    src, dst, seq, ack, control, window, _sum, urgent = struct.unpack(
        "!HHIIHHHH", octets[at : at + TCP_HEADER]
    )
    header = (control >> 12) * 4
    if header < TCP_HEADER or at + header > end:
        raise BadPacket(at + 12, f"a TCP header of {header} octets")
    return Tcp(
        src, dst, seq, ack, Flags(control & 0x1FF), window, urgent,
        options=_decode_options(octets, at + TCP_HEADER, at + header),
        payload=octets[at + header : end], reserved=control >> 9 & 0x7,
    )  # fmt: skip


def _decode_options(octets: bytes, at: int, end: int) -> tuple[TcpOption, ...]:
    options = []
    while at < end:
        kind = octets[at]
        if kind in {EOL, NOP}:
            options.append(TcpOption(kind))
            at += 1
            continue
        length = octets[at + 1] if at + 1 < end else 0
        if length < 2 or at + length > end:
            raise BadPacket(at, f"TCP option {kind} of {length} octets")
        options.append(TcpOption(kind, octets[at + 2 : at + length]))
        at += length
    return tuple(options)


def _decode_udp(octets: bytes, at: int, end: int) -> Udp:
    if end < at + UDP_HEADER:
        raise BadPacket(at, "a UDP header of less than 8 octets")
    src, dst, length = struct.unpack("!HHH", octets[at : at + 6])
    if not UDP_HEADER <= length <= end - at:
        raise BadPacket(at + 4, f"a UDP datagram of {length} octets")
    return Udp(src, dst, octets[at + UDP_HEADER : at + length])
