"""The wire that many connections share: two kernels, and between them every packet in our hands, with its times at both ends."""

from __future__ import annotations

import asyncio
import heapq
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from finwait.lab.clock import now
from finwait.lab.packet import IPV4_HEADER, IPV6_HEADER
from finwait.lab.wire import Side, Wire

from .plan import Fate, Plan

LATE: Final = 0.03
"""Seconds that a late packet needs more than others: those behind it overtake it."""
OTHER: Final[dict[Side, Side]] = {"client": "server", "server": "client"}


@dataclass(slots=True)
class Carried:
    """A packet: when it left its sender, and when each copy of it arrived; nanoseconds of CLOCK_REALTIME."""

    sender: Side
    data: bytes
    sent: int
    arrived: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Line:
    """What one connection has of the wire."""

    plan: Plan
    log: list[Carried] = field(default_factory=list)
    on_the_way: int = 0
    moved: int = field(default_factory=now)
    """When something last moved."""
    cut: bool = False
    """Nothing is carried any more, and nothing noted."""
    arrived: Callable[[Side], None] = lambda side: None
    """Called when a packet has arrived at an end."""

    def seen(self, side: Side) -> list[tuple[int, bytes]]:
        """Give the capture made at an end: what it sent as it left, what it got as it arrived."""
        frames: list[tuple[int, bytes]] = []
        for packet in self.log:
            times = [packet.sent] if packet.sender == side else packet.arrived
            frames += [(at, packet.data) for at in times]
        return sorted(frames, key=lambda frame: frame[0])


class Crowd(Wire):
    """Carries the packets of all connections, each as its plan wants, on the running loop of asyncio."""

    def __init__(self, *, six: bool, addresses: tuple[str, str]) -> None:
        super().__init__(six=six, addresses=addresses)
        self._ports = IPV6_HEADER if six else IPV4_HEADER
        self._lines: dict[tuple[int, int], Line] = {}
        self._queue: list[tuple[int, int, Carried, Line]] = []
        self._number = 0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._pumping = False
        for side, descriptor in self._fds.items():
            self._loop.add_reader(descriptor, self._ready, side)

    def line(self, ports: tuple[int, int], plan: Plan) -> Line:
        """Begin to carry for a connection; ports: the client's and the server's."""
        self._lines[ports] = line = Line(plan)
        return line

    def drain(self, side: Side) -> None:
        """Note what an end has sent: before anything else reaches it, so that the order at that end is the true one."""
        while True:
            with suppress(BlockingIOError):
                self._take(side, os.read(self._fds[side], 65536))
                continue
            return

    def _ready(self, side: Side) -> None:
        self.drain(side)
        self._pump()

    def _take(self, side: Side, data: bytes) -> None:
        start = self._ports
        source, target = (int.from_bytes(data[at : at + 2], "big") for at in (start, start + 2))
        line = self._lines.get((source, target) if side == "client" else (target, source))
        if line is None or line.cut:
            return
        packet = Carried(side, data, now())
        number = sum(one.sender == side for one in line.log)
        line.log.append(packet)
        line.moved = packet.sent
        fate = line.plan.fates.get((side, number))
        due = packet.sent + int(line.plan.delay * 1e9)
        if fate == Fate.LATE:
            due += int(LATE * 1e9)
        if fate != Fate.LOSE:
            self._send(due, packet, line)
        if fate == Fate.DOUBLE:
            self._send(due, packet, line)

    def _send(self, due: int, packet: Carried, line: Line) -> None:
        self._number += 1
        line.on_the_way += 1
        heapq.heappush(self._queue, (due, self._number, packet, line))

    def _pump(self) -> None:
        """Hand over what is due."""
        if self._pumping:
            return
        self._pumping = True
        while self._queue and self._queue[0][0] <= now():
            _, _, packet, line = heapq.heappop(self._queue)
            line.on_the_way -= 1
            if not line.cut:
                self._hand_over(packet, line)
        self._pumping = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._queue:
            wait = max(self._queue[0][0] - now(), 0) / 1e9
            self._timer = self._loop.call_later(wait, self._pump)

    def _hand_over(self, packet: Carried, line: Line) -> None:
        to = OTHER[packet.sender]
        self.drain(to)
        line.moved = now()
        packet.arrived.append(line.moved)
        os.write(self._fds[to], packet.data)
        line.arrived(to)
        self.drain(to)

    def close(self) -> None:
        """Let go of everything."""
        for descriptor in self._fds.values():
            self._loop.remove_reader(descriptor)
        if self._timer is not None:
            self._timer.cancel()
        super().close()
