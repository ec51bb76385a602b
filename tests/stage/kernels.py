"""The kernel stage for tests: each play in a process of its own, skipped where the machine does not let us."""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

import pytest

from finwait.errors import CannotOpen, MissingPrivilege
from finwait.kernel.apart import Apart
from finwait.stage.kernel import KernelStage, open_kernel
from finwait.stage.stage import Captured, Setup, SystemCall, Value
from finwait.tcp import Flags
from finwait.wire import Packet, Tcp, TcpOption

Answer = TypeVar("Answer")
LIMIT = 30.0
V4 = Setup(
    "ipv4", ip_address("192.168.0.1"), ip_address("192.168.0.1"), ip_address("192.0.2.1"), 16, 24
)
V6 = Setup(
    "ipv6", ip_address("fd3d:a0b:17d6::1"), ip_address("fd3d:a0b:17d6::1"), ip_address("2001:db8::1"), 64, 32
)  # fmt: skip
MAPPED = Setup("ipv4-mapped-ipv6", V4.local, V4.gateway, V4.remote, 16, 24)
MSS = (TcpOption(2, (1000).to_bytes(2, "big")),)


def apart(work: Callable[[], Answer]) -> Answer:
    return Apart(work).answer(LIMIT)


def _why_not() -> str:
    try:
        apart(lambda: open_kernel(V4).close())
    except (MissingPrivilege, CannotOpen) as error:
        return str(error)
    return ""


WHY_NOT = _why_not()
needs_kernel = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "-")


def namespaces() -> set[str]:
    """The network namespaces that some process is in."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.add(str((process / "ns/net").readlink()))
        except OSError:
            continue  # it ended meanwhile
    return found


def is_gone(namespace: str, limit: float = 10.0) -> bool:
    """Say whether nobody is in a network namespace any more, once those that were killed have ended."""
    end = time.monotonic() + limit
    while namespace in namespaces():
        if time.monotonic() > end:
            return False
        os.sched_yield()
    return True


@dataclass
class Peer:
    """The far end of one connection, played by hand."""

    stage: KernelStage
    fds: dict[str, int] = field(default_factory=dict)
    port: int = 0
    theirs: int = 0
    """The number that follows what the kernel sent."""
    seen: list[Captured] = field(default_factory=list)

    def call(self, name: str, *arguments: Value) -> int:
        """Make a call that is to succeed."""
        result = self.stage.call(SystemCall(name, arguments))
        assert result.value >= 0, f"{name}: {os.strerror(result.errno)}"
        return result.value

    def listen(self) -> int:
        fd = self.call("socket", None, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.call("setsockopt", fd, socket.SOL_SOCKET, socket.SO_REUSEADDR, [1], 4)
        self.call("bind", fd, None, None)
        self.call("listen", fd, 1)
        return fd

    def send(
        self, flags: Flags, seq: int, payload: bytes = b"", options: tuple[TcpOption, ...] = ()
    ) -> None:
        setup = self.stage.setup
        tcp = Tcp(
            self.port, setup.bind_port, seq, self.theirs if Flags.ACK in flags else 0, flags, 1000,
            options=options, payload=payload,
        )  # fmt: skip
        self.stage.inject(Packet(setup.remote, setup.local, tcp))

    def hear(self) -> Tcp:
        """The next TCP segment that the kernel sends."""
        while True:
            captured = self.stage.sniff(self.stage.now() + 2_000_000)
            assert captured is not None, "the kernel sends nothing"
            if isinstance(captured.packet.body, Tcp):
                self.seen.append(captured)
                self.theirs = (captured.packet.body.seq + captured.packet.body.length) % (1 << 32)
                return captured.packet.body

    def shake_hands(self) -> Tcp:
        """Open towards the listener; gives the SYN-ACK."""
        self.port = self.stage.ephemeral_port()
        self.send(Flags.SYN, 0, options=MSS)
        syn_ack = self.hear()
        self.send(Flags.ACK, 1)
        return syn_ack
