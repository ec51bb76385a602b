"""The kernel's table of TCP sockets, asked by netlink (sock_diag(7)): also those that no process owns, and TIME-WAIT."""

import errno
import ipaddress
import socket
import struct
from dataclasses import dataclass
from typing import Final

from finwait.lab.netns import Namespace

NETLINK_SOCK_DIAG: Final = 4
SOCK_DIAG_BY_FAMILY: Final = 20
NLM_F_REQUEST: Final = 0x01
NLMSG_ERROR: Final = 2
"""linux/netlink.h, linux/sock_diag.h"""
HEADER: Final = 16
"""struct nlmsghdr"""
MESSAGE: Final = 72
"""struct inet_diag_msg: 4 octets, a sockid of 48, five words."""
EVERY_STATE: Final = 0xFFFFFFFF
NO_COOKIE: Final = 0xFFFFFFFF
"""INET_DIAG_NOCOOKIE"""
CHUNK: Final = 1 << 14

STATES: Final = ("", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
          "CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "SYN-RECEIVED")  # fmt: skip
"""The numbers of net/tcp_states.h, spelled as RFC 9293 3.3.2."""


@dataclass(frozen=True, slots=True)
class Held:
    """A socket in the kernel's table."""

    state: str
    orphan: bool
    """No process has it: it is the kernel's alone."""
    unread: int
    """Octets that nobody has read, and one for a FIN."""


class SocketTable:
    """Asks one namespace."""

    def __init__(self, namespace: Namespace, family: int) -> None:
        self._family = family
        with namespace.entered():
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)

    def find(self, local: tuple[str, int], remote: tuple[str, int]) -> Held | None:
        """Give the socket of a connection, None if there is none. Raises OSError if the kernel refuses."""
        ends = struct.pack("!HH", local[1], remote[1])
        for address, _ in (local, remote):
            ends += ipaddress.ip_address(address).packed.ljust(16, b"\0")
        body = struct.pack("=BBBBI", self._family, socket.IPPROTO_TCP, 0, 0, EVERY_STATE)
        body += ends + struct.pack("=III", 0, NO_COOKIE, NO_COOKIE)
        head = struct.pack("=IHHII", HEADER + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0)
        self._socket.send(head + body)
        data = self._socket.recv(CHUNK)
        (kind,) = struct.unpack_from("=H", data, 4)
        if kind == NLMSG_ERROR:
            number = -struct.unpack_from("=i", data, HEADER)[0]
            if number == errno.ENOENT:
                return None
            raise OSError(number, "sock_diag")
        held = _held(data[HEADER : HEADER + MESSAGE])
        return None if held.state == "LISTEN" else held  # the listener answers for what it has not

    def close(self) -> None:
        """Let go."""
        self._socket.close()


def _held(message: bytes) -> Held:
    unread, _, _, inode = struct.unpack_from("=IIII", message, 56)
    return Held(STATES[message[1]], inode == 0, unread)
