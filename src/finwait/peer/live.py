"""The peer at work: on a TUN device, in real time, with a capture of all that passes."""

import os
import select
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from finwait.errors import CannotWrite, Misuse
from finwait.kernel.device import Device
from finwait.kernel.holders import is_local
from finwait.peer.actor import Actor, Numbers
from finwait.peer.steps import Tell
from finwait.peer.talk import Part
from finwait.wire import Address, Packet, codec, pcapng

MICRO: Final = 1_000_000
AT_ONCE: Final = 64
"""Packets that are taken before timers get their turn."""
LISTENING: Final = "0A"
"""TCP_LISTEN in /proc/net/tcp (net/tcp_states.h)."""


class Capture:
    """What passes the device, as pcapng. Everything raises CannotWrite, which calls the file by `name`."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        with self._named():
            self._file: IO[bytes] = path.open("wb")
        self.packets = 0
        self._write(pcapng.header("finwait"))

    def note(self, octets: bytes) -> None:
        """Keep a packet that passes now."""
        self._write(pcapng.record(time.time_ns() // 1000, octets))
        self.packets += 1

    def close(self) -> None:
        """All is written."""
        with self._named():
            self._file.close()

    def flushed(self) -> Path:
        """Give the file with all that has passed so far."""
        if not self._file.closed:
            with self._named():
                self._file.flush()
        return self._path

    def _write(self, octets: bytes) -> None:
        with self._named():
            self._file.write(octets)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CannotWrite(self._name, error) from error


class Live:
    """A peer on its device. name: what the capture is called, which may have another path for the moment."""

    def __init__(  # noqa: PLR0917 - of two callers
        self, part: Part, at: tuple[Address, int], kernel: Address, pcap: Path, tell: Tell, name: str
    ) -> None:  # fmt: skip
        self._open = True
        self._turning = threading.RLock()
        self._zero = time.monotonic_ns()
        clock = self._zero // 1_000_000
        numbers = Numbers(int.from_bytes(os.urandom(4), "big"), clock & 0xFFFFFFFF)
        self.device = Device(kernel, at[0])
        try:
            self.actor = Actor(part, at, tell, numbers)
            self.capture = Capture(pcap, name)
        except BaseException:
            self.device.close()
            raise

    def now(self) -> int:
        """Microseconds since it began."""
        return (time.monotonic_ns() - self._zero) // 1000

    def connect(self, to: tuple[Address, int]) -> None:
        """Begin a connection to a server of this machine. Raises Misuse if it is none."""
        if not is_local(to[0]):
            raise Misuse(
                f"{to[0]} is no address of this machine: the peer talks to programs here only",
                f"{to[0]} 不是本机地址：对端只与本机上的程序通信",
            )
        port = 32768 + int.from_bytes(os.urandom(2), "big") % 28000
        with self._turning:
            self.actor.connect(self.now(), to, port)
            self._send()

    def turn(self, limit: float | None, also: Collection[int] = ()) -> Collection[int]:
        """Wait at most `limit` seconds for something to do, do it, and give which of the descriptors `also` are readable."""
        at = self.actor.deadline()
        if at is not None:
            left = max(at - self.now(), 0) / MICRO
            limit = left if limit is None else min(limit, left)
        ready, _, _ = select.select([self.device.fd, *also], [], [], limit)
        with self._turning:
            if self.device.fd in ready:
                self._take()
            at = self.actor.deadline()
            if at is not None and at <= self.now():
                self.actor.tick(self.now())
            self._send()
        return [fd for fd in ready if fd != self.device.fd]

    @contextmanager
    def still(self) -> Iterator[Path]:
        """Give the capture so far, for another thread: what was told is in it, and nothing happens meanwhile."""
        with self._turning:
            yield self.capture.flushed()

    def settle(self, quiet: float, limit: float) -> None:
        """Go on until nothing has passed for `quiet` seconds, at most for `limit`."""
        end = time.monotonic() + limit
        before, since = self.capture.packets, time.monotonic()
        while (now := time.monotonic()) < min(since + quiet, end):
            self.turn(min(since + quiet, end) - now)
            if self.capture.packets != before:
                before, since = self.capture.packets, time.monotonic()

    def _take(self) -> None:
        for _ in range(AT_ONCE):
            octets = self.device.read()
            if octets is None:
                return
            packet = _understood(octets)
            if packet is None or packet.dst != self.actor.at[0]:
                continue  # what the kernel sends to find its neighbours
            self.capture.note(octets)
            self.actor.arrive(self.now(), packet)
            self._send()

    def _send(self) -> None:
        for packet in self.actor.transmit():
            octets = codec.encode(packet)
            self.capture.note(octets)
            self.device.write(octets)

    def close(self) -> None:
        """The device goes away; the capture is whole."""
        with self._turning:
            if self._open:
                self._open = False
                self.device.close()
                self.capture.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:  # fmt: skip
        self.close()


def _understood(octets: bytes) -> Packet | None:
    try:
        return codec.decode(octets)
    except codec.BadPacket:
        return None


def listens(to: tuple[Address, int]) -> bool:
    """Say whether a program of this namespace listens at a port, at this address or at any."""
    return any(address == to[0] or address.is_unspecified for address in listeners(to[1]))


def listeners(port: int) -> list[Address]:
    """Give the addresses at which programs of this namespace listen at a port."""
    return [address for address, found in _listening() if found == port]


def _listening() -> Iterator[tuple[Address, int]]:
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/thread-self/net/{name}").read_text().splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            words = line.split()
            if words[3] == LISTENING:
                address, _, port = words[1].partition(":")
                yield _read(address), int(port, 16)


def _read(address: str) -> Address:
    """Read an address as /proc/net/tcp has it: words of 32 bits, each as this machine has it in memory."""
    octets = bytes.fromhex(address)
    words = (octets[at : at + 4] for at in range(0, len(octets), 4))
    found = ip_address(b"".join(w[::-1] if sys.byteorder == "little" else w for w in words))
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def until(live: Live, done: Callable[[], bool], also: Collection[int] = (), limit: float | None = None) -> bool:  # fmt: skip
    """Play until `done`, one of `also` is readable, or `limit` seconds are over; says whether it was `done`."""
    end = None if limit is None else time.monotonic() + limit
    while not done():
        left = None if end is None else end - time.monotonic()
        if left is not None and left <= 0:
            return False
        if live.turn(left, also):
            return False
    return True


def end_of(text: str) -> tuple[Address, int]:
    """Read "192.0.2.1:8080" or "[2001:db8::1]:8080". Raises Misuse."""
    host, _, port = str(text).rpartition(":")
    wrong = Misuse(
        f"{text}: write ADDRESS:PORT, no name, an IPv6 address in brackets",
        f"{text}：请写 地址:端口，不用主机名，IPv6 地址加方括号",
    )
    bare = host.removeprefix("[").removesuffix("]")
    if host != (f"[{bare}]" if ":" in bare else bare):  # fd00::1:8080 is an address, too
        raise wrong
    try:
        address = ip_address(bare)
        number = int(port)
    except ValueError:
        raise wrong from None
    if not 0 < number < 65536:
        raise wrong
    if not _is_of_one_host(address):
        raise Misuse(
            f"{text}: {address} is no address that one host has; write one such as 192.0.2.1",
            f"{text}：{address} 不是单个主机的地址；请使用例如 192.0.2.1 的地址",
        )
    return address, number


def _is_of_one_host(address: Address) -> bool:
    """Say whether packets can go to this address and come from it, whatever device they pass."""
    if isinstance(address, IPv6Address) and (address.is_link_local or address.ipv4_mapped):
        return False  # the one says nothing without its device, the other is IPv4 (RFC 4291 section 2.5.5.2)
    this_network = address.version == 4 and int(address) >> 24 == 0  # RFC 1122 section 3.2.1.3
    future = address.version == 4 and address.is_reserved  # 240.0.0.0/4, RFC 1112 section 4
    return not (address.is_multicast or address.is_unspecified or this_network or future)


def kernel_side(at: Address, to: Address | None) -> Address:
    """Choose the kernel's address on the device: that of the server, unless the namespace has it already. Raises Misuse."""
    if to is not None and to.is_loopback:
        raise Misuse(
            f"{to} is reached over the loopback only: let the server listen at {beside(at)}, or at any address",
            f"{to} 只能经回环接口到达：请让服务器监听 {beside(at)} 或任意地址",
        )
    return beside(at) if to is None or is_local(to) else to


def beside(peer: Address) -> Address:
    """Give the kernel an address next to the peer's: the one below, or above it if that would end in 0."""
    last = int(peer)
    return type(peer)(last - 1 if last & 0xFF > 1 else last + 1)
