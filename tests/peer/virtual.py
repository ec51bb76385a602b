"""The peer and one of our own hosts, in virtual time over a wire of 10 ms."""

import heapq
from collections.abc import Callable
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path

from finwait.capture.connection import Connection
from finwait.capture.connections import analyze
from finwait.endpoint import LINUX, Happening, Host, Notice
from finwait.network.application import Manner, Process
from finwait.peer.actor import Actor
from finwait.peer.background import part_of
from finwait.peer.steps import Step
from finwait.wire import Packet, pcapng

PEER, US = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
PORT = 8080
DELAY = 10_000
END = 30_000_000


class World:
    """Plays at once; the packets are those that pass at the peer."""

    def __init__(self, close: str, manner: Manner, after: str | None = None) -> None:
        self.steps: list[Step] = []
        self.now = 0
        self.packets: list[tuple[int, Packet]] = []
        self._things: list[tuple[int, int, Callable[[], None]]] = []
        self._counter = count()
        self.actor = Actor(
            part_of(close, after, b"x" * 1000, None), (PEER, PORT), self.steps.append
        )
        self.host = Host(LINUX, [US])
        socket = self.host.open()
        self.process = Process(manner, self.host, socket, self._later, 0)
        self.host.connect(0, socket, PEER, PORT)
        self._play()

    def words(self) -> list[str]:
        return [step.word for step in self.steps]

    def _later(self, at: int, what: Callable[[int], None]) -> None:
        self._at(at, lambda: what(self.now))

    def _at(self, at: int, what: Callable[[], None]) -> None:
        heapq.heappush(self._things, (at, next(self._counter), what))

    def _play(self) -> None:
        self._carry()
        while self.now < END:
            due = [at for at in (self.host.deadline(), self.actor.deadline()) if at is not None]
            due += [self._things[0][0]] if self._things else []
            if not due or min(due) > END:
                return
            self.now = max(self.now, min(due))
            while self._things and self._things[0][0] <= self.now:
                heapq.heappop(self._things)[2]()
                self._carry()
            self.host.tick(self.now)
            self.actor.tick(self.now)
            self._carry()

    def _carry(self) -> None:
        for notice in self.host.events():
            if notice.happening is Happening.CONNECTED:
                self.process.go_on(self.now)
            else:
                self.process.react(self.now, Notice(notice.socket, notice.happening))
        for packet in self.host.transmit():
            self._at(self.now + DELAY, lambda packet=packet: self._to_peer(packet))  # type: ignore[misc]
        for packet in self.actor.transmit():
            self.packets.append((self.now, packet))
            self._at(self.now + DELAY, lambda packet=packet: self.host.arrive(self.now, packet))  # type: ignore[misc]

    def _to_peer(self, packet: Packet) -> None:
        self.packets.append((self.now, packet))
        self.actor.arrive(self.now, packet)

    def verdict(self, folder: Path) -> Connection:
        path = folder / "play.pcapng"
        path.write_bytes(b"".join(pcapng.write(self.packets)))
        return analyze(path)[0]
