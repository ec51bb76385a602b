"""What every net has: hosts, sockets that never block, and waiting for what is to happen."""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from finwait.lab.calls import Words, both
from finwait.lab.netns import Namespace
from finwait.lab.record import Recorder
from finwait.verdict.language import Text

CLIENT4, SERVER4 = "192.0.2.1", "198.51.100.80"  # RFC 5737: for documentation
CLIENT6, SERVER6 = "2001:db8:1::1", "2001:db8:2::80"  # RFC 3849
DELAYED_ACK = 0.06  # s; Linux acks at the latest after 40 ms (kernel: TCP_DELACK_MIN)

# The numbers of /proc/net/tcp (kernel: net/tcp_states.h), spelled as RFC 9293 3.3.2.
STATES = ("", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
          "CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "SYN-RECEIVED")  # fmt: skip


class Host:
    """A kernel's TCP in a namespace of its own, with one address."""

    def __init__(self, address: str) -> None:
        self.namespace = Namespace()
        self.address = address
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def endpoint(self) -> socket.socket:
        """Make a socket that never blocks."""
        with self.namespace.entered():
            made = socket.socket(self.family, socket.SOCK_STREAM)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return made

    def listen(self, port: int, backlog: int = 64) -> socket.socket:
        """Make a listener."""
        listener = self.endpoint()
        listener.bind((self.address, port))
        listener.listen(backlog)
        return listener

    def dial(self, port: int, to: tuple[str, int]) -> socket.socket:
        """Sends the SYN and does not wait."""
        caller = self.endpoint()
        caller.bind((self.address, port))
        caller.connect_ex(to)
        return caller

    def destroy(self, port: int, peer_port: int) -> None:
        """`ss -K`: the kernel aborts the socket as an administrator would have it."""
        command = ["ss", "-K", "sport", "=", str(port), "and", "dport", "=", str(peer_port)]
        with self.namespace.entered():
            subprocess.run(command, check=True, capture_output=True)

    def states(self) -> dict[tuple[int, int], str]:
        """(local port, remote port) -> state, also of sockets that no process owns any more."""
        table = {}
        with self.namespace.entered():
            for name in ("tcp", "tcp6"):
                for line in Path("/proc/thread-self/net", name).read_text().splitlines()[1:]:
                    _, local, remote, state = line.split()[:4]
                    ports = int(local.rpartition(":")[2], 16), int(remote.rpartition(":")[2], 16)
                    table[ports] = STATES[int(state, 16)]
        return table

    def sysctl(self, **values: int | str) -> None:
        """Sets `net.ipv4.…`: there Linux keeps what concerns TCP, for IPv6 too."""
        for name, value in values.items():
            self.namespace.sysctl(f"net.ipv4.{name}", value)


class InVain(TimeoutError):
    """What was awaited did not come; `text` says it in every language."""

    def __init__(self, seconds: float, what: Text) -> None:
        self.text = Text(
            f"waited {seconds:g} s in vain until {what.en}",
            f"等待了 {seconds:g} 秒，始终没有等到：{what.zh}",
        )
        super().__init__(self.text.en)


class Net:
    """A net with two ends. `step` is its own: move, or just let pass, what is ready."""

    recorder: Recorder
    client_address: str
    server_address: str
    awaited: Text | None = None
    """What is waited for now."""

    def step(self, timeout: float) -> bool:
        """Waits at most `timeout` s for something to happen; True if something did."""
        raise NotImplementedError

    def close(self) -> None:
        """Lets go of everything."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def until(self, done: Callable[[], object], what: Words, timeout: float = 15.0) -> None:
        """Moves packets until `done()`; InVain, which names `what`, if that never comes."""
        end = time.monotonic() + timeout
        self.awaited = both(what)
        while not done():
            if time.monotonic() > end:
                raise InVain(timeout, self.awaited)
            self.step(0.005)
        self.awaited = None

    def wait(self, seconds: float) -> None:
        """Moves packets for so long: for an experiment whose subject is time itself."""
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0:
            self.step(min(rest, 0.005))

    def settle(self, quiet: float = DELAYED_ACK) -> None:
        """Moves packets until nothing has moved for `quiet` s."""
        last = time.monotonic()
        while time.monotonic() - last < quiet:
            if self.step(0.005):
                last = time.monotonic()

    def accept(self, listener: socket.socket) -> socket.socket:
        """Wait for a connection and take it."""
        found: list[socket.socket] = []

        def ready() -> bool:
            try:
                found.append(listener.accept()[0])
            except BlockingIOError:
                return False
            return True

        self.until(ready, "a connection could be accepted")
        found[0].setblocking(False)
        return found[0]

    def connected(self, caller: socket.socket) -> socket.socket:
        """Waits for the handshake of a dialled socket."""
        self.until(lambda: state(caller) == "ESTABLISHED", "the handshake was done")
        return caller

    def hear(self, listener: socket.socket, count: int) -> bytes:
        """Reads exactly `count` bytes."""
        got = bytearray()

        def enough() -> bool:
            with suppress(BlockingIOError):
                got.extend(listener.recv(count - len(got)))
            return len(got) == count

        self.until(enough, f"{count} bytes came")
        return bytes(got)

    def hear_end(self, listener: socket.socket) -> None:
        """Reads up to the other side's FIN."""

        def ended() -> bool:
            try:
                return listener.recv(65536) == b""
            except BlockingIOError:
                return False

        self.until(ended, "the other side's FIN came")

    def hear_reset(self, listener: socket.socket) -> None:
        """Waits for the error that a RST leaves behind."""
        self.until(
            lambda: state(listener) == "CLOSED" or _failed(listener), "the RST came",
        )  # fmt: skip

    def exchange(
        self,
        asker: socket.socket,
        answerer: socket.socket,
        ask: bytes = b"ping",
        answer: bytes = b"pong",
    ) -> None:
        """One request and its reply, both read."""
        asker.send(ask)
        self.hear(answerer, len(ask))
        answerer.send(answer)
        self.hear(asker, len(answer))


def state(of: socket.socket) -> str:
    """The state of a socket that we still hold (getsockopt TCP_INFO)."""
    return STATES[of.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]]


def unread(of: socket.socket) -> int:
    """Bytes that lie in the kernel, received and not yet read (ioctl FIONREAD)."""
    return _count(of, 0x541B)  # asm-generic/ioctls.h FIONREAD


def unacked(of: socket.socket) -> int:
    """Bytes that the peer has not acked, sent or not (ioctl SIOCOUTQ)."""
    return _count(of, 0x5411)  # linux/sockios.h SIOCOUTQ


def _count(of: socket.socket, command: int) -> int:
    (count,) = struct.unpack("i", fcntl.ioctl(of, command, b"\0" * 4))
    return int(count)


def linger(on: socket.socket, seconds: int) -> None:
    """SO_LINGER: with 0 s, close() sends a RST instead of a FIN."""
    on.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, seconds))


def forget(which: socket.socket) -> None:
    """Closes a socket without a word on the wire, as a power cut would (TCP_REPAIR, linux/tcp.h)."""
    tcp_repair = 19
    which.setsockopt(socket.IPPROTO_TCP, tcp_repair, 1)
    which.close()


def _failed(on: socket.socket) -> bool:
    return on.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
