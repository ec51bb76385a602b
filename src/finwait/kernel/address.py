"""Socket addresses as the kernel takes them, for the three families in which a script can play."""

import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from finwait.wire import Address


@dataclass(frozen=True, slots=True)
class Family:
    """ipv4, ipv6 or ipv4-mapped-ipv6: which sockets are made, and how an address is written for them."""

    name: str

    @property
    def domain(self) -> int:
        """AF_INET or AF_INET6."""
        return socket.AF_INET if self.name == "ipv4" else socket.AF_INET6

    def pack(self, address: Address, port: int) -> bytes:
        """Give a struct sockaddr_in or sockaddr_in6."""
        if self.domain == socket.AF_INET:
            return (
                struct.pack("=HH", socket.AF_INET, socket.htons(port)) + address.packed + bytes(8)
            )
        wide = address.packed
        if isinstance(address, IPv4Address):
            wide = bytes(10) + b"\xff\xff" + wide  # RFC 4291 section 2.5.5.2
        return (
            struct.pack("=HHI", socket.AF_INET6, socket.htons(port), 0)
            + wide
            + struct.pack("=I", 0)
        )


def unspecified() -> bytes:
    """Give a struct sockaddr of AF_UNSPEC: connect() to it disconnects."""
    return struct.pack("=H", socket.AF_UNSPEC) + bytes(14)


def port_of(raw: bytes) -> int:
    """Read the port of either kind of address."""
    (port,) = struct.unpack_from("!H", raw, 2)
    return int(port)
