"""The kernel's table of TCP sockets, asked by netlink (sock_diag(7)): also those that no process owns, and TIME-WAIT."""

import ipaddress
import socket
import struct
from dataclasses import dataclass
from typing import Final

from finwait.lab.netns import Namespace

NETLINK_SOCK_DIAG: Final = 4
SOCK_DIAG_BY_FAMILY: Final = 20
NLM_F_REQUEST, NLM_F_DUMP = 0x01, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
"""linux/netlink.h, linux/sock_diag.h"""
HEADER: Final = 16
"""struct nlmsghdr"""
MESSAGE: Final = 72
"""struct inet_diag_msg: 4 octets, a sockid of 48, five words."""
EVERY_STATE: Final = 0xFFFFFFFF

STATES: Final = ("", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
          "CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "SYN-RECEIVED")  # fmt: skip
"""The numbers of net/tcp_states.h, spelled as RFC 9293 3.3.2."""


@dataclass(frozen=True, slots=True)
class Held:
    """A socket in the kernel's table."""

    local: str
    remote: str
    state: str
    orphan: bool
    """No process has it: it is the kernel's alone."""
    unread: int
    """Octets that nobody has read; of a listener, connections that nobody has accepted."""


class SocketTable:
    """Asks one namespace."""

    def __init__(self, namespace: Namespace, family: int) -> None:
        self._family = family
        with namespace.entered():
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)

    def read(self) -> list[Held]:
        """Give every TCP socket. Raises OSError if the kernel refuses."""
        body = struct.pack("=BBBBI48x", self._family, socket.IPPROTO_TCP, 0, 0, EVERY_STATE)
        head = struct.pack(
            "=IHHII", HEADER + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0
        )
        self._socket.send(head + body)
        found: list[Held] = []
        while True:
            data = self._socket.recv(1 << 17)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind == NLMSG_DONE:
                    return found
                if kind == NLMSG_ERROR:
                    raise OSError(-struct.unpack_from("=i", data, HEADER)[0], "sock_diag")
                found.append(_held(data[HEADER : HEADER + MESSAGE]))
                data = data[(length + 3) & ~3 :]

    def close(self) -> None:
        """Let go."""
        self._socket.close()


def _held(message: bytes) -> Held:
    family, state = message[:2]
    sport, dport = struct.unpack_from("!HH", message, 4)
    size = 4 if family == socket.AF_INET else 16
    ends = []
    for at, port in ((8, sport), (24, dport)):
        address = ipaddress.ip_address(message[at : at + size])
        ends.append(f"[{address}]:{port}" if size == 16 else f"{address}:{port}")
    unread, _, _, inode = struct.unpack_from("=IIII", message, 56)
    return Held(ends[0], ends[1], STATES[state], inode == 0, unread)
