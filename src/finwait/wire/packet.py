"""One packet as meaning: what a TUN device carries, field by field. `codec.py` turns it into bytes and back."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

from finwait.tcp import Flags

Address: TypeAlias = IPv4Address | IPv6Address

TTL: Final = 255
"""What a script's injected packet carries unless it says otherwise, as packetdrill does."""


@dataclass(frozen=True, slots=True)
class TcpOption:
    """One TCP option as it lies in the header, in its place: order and padding matter to a script."""

    kind: int
    """RFC 9293 section 3.2; 0 (end of list) and 1 (no operation) have no length octet."""
    data: bytes = b""
    """What follows the length octet."""


@dataclass(frozen=True, slots=True)
class Tcp:
    """A TCP header and its payload (RFC 9293 section 3.1). All numbers are those of the header."""

    src_port: int
    dst_port: int
    seq: int
    ack: int = 0
    flags: Flags = Flags(0)  # noqa: RUF009 - an IntFlag is immutable
    window: int = 0
    urgent: int = 0
    options: tuple[TcpOption, ...] = ()
    payload: bytes = b""
    reserved: int = 0
    """The three bits between data offset and AE, which should be 0."""

    @property
    def length(self) -> int:
        """SEG.LEN: payload, SYN and FIN (RFC 9293 section 3.4)."""
        return len(self.payload) + (Flags.SYN in self.flags) + (Flags.FIN in self.flags)


@dataclass(frozen=True, slots=True)
class Udp:
    """A UDP datagram (RFC 768)."""

    src_port: int
    dst_port: int
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Icmp:
    """An ICMP (RFC 792) or ICMPv6 (RFC 4443) message; the packet's version says which."""

    type: int
    code: int
    rest: int = 0
    """The second 32 bits of the header: next-hop MTU (RFC 1191, low 16 bits; ICMPv6 all 32), identifier and number, …"""
    payload: bytes = b""
    """For an error: the quoted packet, from its IP header on."""


@dataclass(frozen=True, slots=True)
class Packet:
    """An IP packet, not fragmented. Both addresses are of one family."""

    src: Address
    dst: Address
    body: Tcp | Udp | Icmp
    ttl: int = TTL
    """TTL or hop limit."""
    tos: int = 0
    """DS field and ECN (RFC 3168 section 5), eight bits."""
    flow_label: int = 0
    """IPv6 only, 20 bits."""
    ident: int = 0
    """IPv4 only."""
    dont_fragment: bool = False
    """IPv4 only."""
    udp_ports: tuple[int, int] | None = None
    """TCP in UDP (RFC 6951's way, as FreeBSD does): the outer source and destination port."""
