"""Two kernels, and every packet between them passes through our hands."""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from finwait.lab.clock import now
from finwait.lab.net import CLIENT4, CLIENT6, SERVER4, SERVER6, Host, Net
from finwait.lab.packet import Segment, build, parse
from finwait.lab.record import ETHERNET, RAW, Recorder

Side: TypeAlias = Literal["client", "server"]
Match: TypeAlias = Callable[[Side, Segment], bool]

ETHERNET_HEADER = 14
MACS = {"client": "02:00:00:00:00:01", "server": "02:00:00:00:00:02"}  # locally administered


@dataclass
class Packet:
    """A packet on its way."""

    sender: Side
    data: bytes
    segment: Segment
    sent: int = field(default_factory=now)
    """When it was read from its sender, in nanoseconds of CLOCK_REALTIME."""
    delivered: int = 0
    """When it was handed to its receiver; 0: it was not."""
    forged: bool = False
    """Neither end sent it."""
    frame: int = 0
    """Its number in the capture, from 1; 0: it was not captured."""
    captured: int = 0
    """The time that its frame has."""


@dataclass
class _Loss:
    match: Match
    times: int


class Wire(Net):
    """A wire that can lose, hold, reorder and invent packets.

    tap: whose end the capture is made at. What is lost on the way *to* that end is not captured.
    vlan: captured as on a trunk: every Ethernet frame gets this 802.1Q tag; a pair has one for the
    client's frames and one for the server's.
    """

    def __init__(
        self,
        *,
        six: bool = False,
        ethernet: bool = False,
        vlan: int | tuple[int, int] = 0,
        tap: Side = "client",
        addresses: tuple[str, str] | None = None,
    ) -> None:
        usual = (CLIENT6, SERVER6) if six else (CLIENT4, SERVER4)
        self.client_address, self.server_address = addresses or usual
        self.moved: Callable[[], object] = lambda: None
        """Called after each packet that was carried."""
        self._start = ETHERNET_HEADER if ethernet else 0
        both = vlan if isinstance(vlan, tuple) else (vlan, vlan)
        tags = [struct.pack("!HH", 0x8100, one) if one else b"" for one in both]
        self._tags: dict[Side, bytes] = {"client": tags[0], "server": tags[1]}
        self.tap = tap
        self.recorder = Recorder(ETHERNET if ethernet else RAW)
        self.packets: list[Packet] = []
        """Every packet so far, also those that were lost."""
        self.held: list[Packet] = []
        self._holding: set[Side] = set()
        self._losses: list[_Loss] = []
        self._fds: dict[Side, int] = {}
        self.last: dict[Side, Segment] = {}  # the last segment that each side sent
        self.client = self._host(self.client_address, "client")
        self.server = self._host(self.server_address, "server")

    def _host(self, address: str, side: Side) -> Host:
        host = Host(address)
        space, ethernet = host.namespace, bool(self._start)
        descriptor = space.device("wire", tap=ethernet)
        self._fds[side] = descriptor
        if host.family == socket.AF_INET:
            space.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        six = host.family == socket.AF_INET6
        lines = [f"link set wire address {MACS[side]}"] if ethernet else []
        lines += [
            "link set wire up",
            f"address add {address}/{128 if six else 32} dev wire" + " nodad" * six,
            f"route add {'::/0' if six else '0.0.0.0/0'} dev wire",
        ]
        if ethernet:
            peer = self.server_address if side == "client" else self.client_address
            other = MACS["server" if side == "client" else "client"]
            lines.append(f"neigh add {peer} lladdr {other} dev wire")
        space.ip(*lines)
        return host

    # What the wire does.

    def lose(self, match: Match, times: int = 1) -> None:
        """Loses the next `times` segments that match."""
        self._losses.append(_Loss(match, times))

    def cut(self, match: Match = lambda side, segment: True) -> None:
        """Loses all that match from now on."""
        self._losses.append(_Loss(match, -1))

    def mend(self) -> None:
        """Loses no more."""
        self._losses.clear()

    def hold(self, *senders: Side) -> None:
        """Keeps what these send until `release`."""
        self._holding.update(senders)

    def release(self, order: Callable[[list[Packet]], list[Packet]] = list) -> None:
        """Delivers what was held, in the order given."""
        self._holding.clear()
        held, self.held = order(self.held), []
        for packet in held:
            self._deliver(packet)

    def inject(self, segment: Segment, to: Side, *, seen: bool = False) -> None:
        """A segment that neither end has sent. On its way away from the tap it is captured only
        if `seen`: then the tap sits where the stranger does."""
        sender: Side = "server" if to == "client" else "client"
        data = build(segment)
        if self._start:
            ends = [bytes.fromhex(MACS[side].replace(":", "")) for side in (to, sender)]
            data = b"".join(ends) + (b"\x86\xdd" if ":" in segment.src else b"\x08\x00") + data
        packet = Packet(sender, data, segment, forged=True)
        self.packets.append(packet)
        if seen and sender == self.tap:
            self._capture(packet)
        self._deliver(packet)

    def _capture(self, packet: Packet) -> None:
        data = packet.data
        if tag := self._tags[packet.sender]:  # between the addresses and the type
            data = data[:12] + tag + data[12:]
        self.recorder.add(data)
        packet.frame = len(self.recorder.frames)
        packet.captured = self.recorder.frames[-1].ts

    @property
    def descriptors(self) -> list[int]:
        """Both ends, for select."""
        return list(self._fds.values())

    def step(self, timeout: float) -> bool:
        """Carry what is ready."""
        ready, _, _ = select.select(self.descriptors, [], [], timeout)
        return self.carry(ready)

    def carry(self, ready: Container[int]) -> bool:
        """Carry what these descriptors have; True if there was something."""
        moved = False
        for side, descriptor in self._fds.items():
            while descriptor in ready:
                try:
                    data = os.read(descriptor, 65536)
                except BlockingIOError:
                    break
                segment = parse(data[self._start :])
                if segment is not None:
                    moved = True
                    self._carry(Packet(side, data, segment))
                    self.moved()
        return moved

    def _carry(self, packet: Packet) -> None:
        self.last[packet.sender] = packet.segment
        self.packets.append(packet)
        if packet.sender == self.tap:
            self._capture(packet)
        for loss in self._losses:
            if loss.times and loss.match(packet.sender, packet.segment):
                loss.times -= 1
                return
        if packet.sender in self._holding:
            self.held.append(packet)
        else:
            self._deliver(packet)

    def _deliver(self, packet: Packet) -> None:
        if packet.sender != self.tap:
            self._capture(packet)
        packet.delivered = now()
        receiver: Side = "server" if packet.sender == "client" else "client"
        os.write(self._fds[receiver], packet.data)

    def open(self, port: int, from_port: int) -> tuple[socket.socket, socket.socket]:
        """A connection: the client's socket and the server's. Nobody listens afterwards."""
        with self.server.listen(port) as listener:
            return self.call(listener, from_port)

    def call(self, listener: socket.socket, from_port: int) -> tuple[socket.socket, socket.socket]:
        """The same with a listener that stays."""
        caller = self.client.dial(from_port, listener.getsockname()[:2])
        return self.connected(caller), self.accept(listener)

    def at_end(self, from_port: int, port: int) -> list[str]:
        """Where the kernels say that both ends stand now; a socket that is gone is not there."""
        ends = {
            "client": self.client.states().get((from_port, port)),
            "server": self.server.states().get((port, from_port)),
        }
        return [f"{who}: {where} at the end" for who, where in ends.items() if where]

    def close(self) -> None:
        """Let go of everything; both devices vanish."""
        for descriptor in self._fds.values():
            os.close(descriptor)
        self.client.namespace.close()
        self.server.namespace.close()
