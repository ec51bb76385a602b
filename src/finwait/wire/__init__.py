"""Packets as meaning and as bytes: IP, TCP, UDP and ICMP, built and read. No socket and no clock."""

from finwait.wire.codec import BadPacket, decode, encode
from finwait.wire.packet import Address, Icmp, Packet, Tcp, TcpOption, Udp

__all__ = ["Address", "BadPacket", "Icmp", "Packet", "Tcp", "TcpOption", "Udp", "decode", "encode"]
