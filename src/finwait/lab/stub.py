"""One kernel, and we are the other end: every number is ours to choose."""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Callable

from finwait.lab.net import CLIENT4, CLIENT6, SERVER4, SERVER6, Host, Net
from finwait.lab.packet import Flags, Segment, build, parse
from finwait.lab.record import RAW, Recorder

MSS = struct.pack("!BBH", 2, 4, 1460)  # maximum segment size option, RFC 9293 3.2


class Stub(Net):
    """A kernel's host on one side of a TUN device, ourselves on the other.

    The kernel is the server unless `kernel_is_client`.
    """

    def __init__(self, *, six: bool = False, kernel_is_client: bool = False) -> None:
        self.client_address, self.server_address = (CLIENT6, SERVER6) if six else (CLIENT4, SERVER4)
        ends = (self.client_address, self.server_address)
        address, self.peer_address = ends if kernel_is_client else ends[::-1]
        self.recorder = Recorder(RAW)
        self.inbox: list[Segment] = []
        self.host = Host(address)
        space = self.host.namespace
        self.descriptor = space.device("wire")
        if not six:
            space.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        space.ip("link set wire up")
        space.ip(f"address add {address}/{128 if six else 32} dev wire" + " nodad" * six)
        space.ip(f"route add {'::/0' if six else '0.0.0.0/0'} dev wire")

    def step(self, timeout: float) -> bool:
        """Take what the kernel sends."""
        ready, _, _ = select.select([self.descriptor], [], [], timeout)
        moved = False
        while ready:
            try:
                data = os.read(self.descriptor, 65536)
            except BlockingIOError:
                break
            segment = parse(data)
            if segment is not None:
                moved = True
                self.recorder.add(data)
                self.inbox.append(segment)
        return moved

    def put(self, segment: Segment) -> None:
        """Hands the kernel a segment."""
        data = build(segment)
        self.recorder.add(data)
        os.write(self.descriptor, data)

    def close(self) -> None:
        """Let go of everything."""
        os.close(self.descriptor)
        self.host.namespace.close()


class Peer:
    """Our end of one connection. It does nothing by itself: what it sends is said line by line.

    `nxt` is the next number that we shall send and `rcv` the next that we expect; both move with
    what is sent and taken, and either may be said otherwise in `send`.
    """

    def __init__(self, stub: Stub, port: int, kernel_port: int, isn: int) -> None:
        self.stub = stub
        self.port, self.kernel_port = port, kernel_port
        self.nxt, self.rcv = isn, 0
        self.isn, self.kernel_isn = isn, 0

    def send(
        self, flags: Flags, data: bytes = b"", *, seq: int | None = None, ack: int | None = None,
        window: int = 65535, options: bytes = b"",
    ) -> None:  # fmt: skip
        """Send a segment; what is not given follows from what went before."""
        segment = Segment(
            self.stub.peer_address, self.stub.host.address, self.port, self.kernel_port,
            self.nxt if seq is None else seq,
            (self.rcv if ack is None else ack) if flags & Flags.ACK else 0,
            flags, window, options, data,
        )  # fmt: skip
        if seq is None:
            self.nxt = segment.end
        self.stub.put(segment)

    def take(self, match: Callable[[Segment], bool], what: str, timeout: float = 15.0) -> Segment:
        """Waits for a segment of the kernel's that matches, and expects what follows it."""
        found: list[Segment] = []

        def come() -> bool:
            while self.stub.inbox and not found:
                segment = self.stub.inbox.pop(0)
                if segment.dport == self.port and match(segment):
                    found.append(segment)
            return bool(found)

        self.stub.until(come, what, timeout)
        self.rcv = found[0].end
        return found[0]

    def connect(self, listener: socket.socket) -> socket.socket:
        """Opens towards the kernel; returns its socket."""
        self.send(Flags.SYN, options=MSS)
        answer = self.take(lambda s: s.syn, "the SYN-ACK came")
        self.kernel_isn = answer.seq
        self.send(Flags.ACK)
        return self.stub.accept(listener)

    def accept(self, caller: socket.socket) -> None:
        """Answers the kernel's SYN."""
        call = self.take(lambda s: s.syn, "the SYN came")
        self.kernel_isn = call.seq
        self.send(Flags.SYN | Flags.ACK, options=MSS)
        self.stub.connected(caller)
