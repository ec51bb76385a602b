"""Hosts on links in virtual time: what is sent arrives later, twice, or never, and every packet is written down."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from finwait.endpoint import Host, Notice
from finwait.network.dice import Dice
from finwait.network.link import Fault, Link, Wire
from finwait.wire import Address, Packet

HELD_AT_MOST: Final = 50_000
"""Microseconds that a held packet waits for one to pass it: longer than a delayed ACK, shorter than a timeout."""
MOST_EVENTS: Final = 200_000
"""More happenings than any closing needs: who needs them is in a live-lock."""


class LiveLock(AssertionError):
    """The hosts never come to rest. A bug of the endpoint."""


class Fate(Enum):
    """What became of a packet."""

    ARRIVED = "arrived"
    LOST = "lost"
    TWICE = "twice"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Record:
    """A packet at one place."""

    at: int
    packet: Packet
    fate: Fate


@dataclass(slots=True)
class Node:
    """A host with its address and what was seen at its door: what it sent, and what arrived."""

    name: str
    host: Host
    address: Address
    seen: list[Record] = field(default_factory=list)
    react: Callable[[int, Notice], None] | None = None
    """The application: told of everything that happens to its sockets."""


class Network:
    """Runs hosts against each other. The same hosts, links, faults and seed give the same packets.

    `faults` picks packets by the number of their sending, from 0, over the whole network.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        link: Link | Mapping[tuple[str, str], Link] = Link(),  # noqa: B008 - frozen
        seed: int = 0,
        faults: Mapping[int, Fault] | None = None,
    ) -> None:
        self.now = 0
        self.nodes = nodes
        self.wire: list[Record] = []
        """Every packet as it was sent, lost ones too."""
        self._faults = dict(faults or {})
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._by_address = {node.address: node for node in nodes.values()}
        dice = Dice(seed)
        self._wires: dict[tuple[str, str], Wire] = {}
        for sender in nodes:
            for receiver in nodes:
                if sender != receiver:
                    ways = link if isinstance(link, Link) else link.get((sender, receiver), Link())
                    self._wires[sender, receiver] = Wire(ways, Dice(dice.next()))
        self._held: dict[tuple[str, str], list[Packet]] = {}
        self.watch: Callable[[], None] | None = None
        """Called after each happening: who wants to see every state looks here."""

    def at(self, time: int, what: Callable[[], None]) -> None:
        """Have something happen at a time (at once if it is past), after what was asked for earlier."""
        self._order += 1
        heapq.heappush(self._queue, (max(time, self.now), self._order, what))

    def run(self, until: int | None = None) -> None:
        """Let time pass until then, or until all is quiet for ever. Raises LiveLock."""
        for _ in range(MOST_EVENTS):
            self._settle()
            then = self._next()
            if then is None or (until is not None and then > until):
                if until is not None:
                    self.now = max(self.now, until)
                return
            self.now = max(self.now, then)
            if self._queue and self._queue[0][0] <= self.now:
                heapq.heappop(self._queue)[2]()
            else:
                for node in self.nodes.values():
                    deadline = node.host.deadline()
                    if deadline is not None and deadline <= self.now:
                        node.host.tick(self.now)
        raise LiveLock(f"{MOST_EVENTS} happenings by {self.now / 1e6:.3f} s, and no end")

    def _next(self) -> int | None:
        """When the next thing happens."""
        times = [self._queue[0][0]] if self._queue else []
        times += [
            deadline
            for node in self.nodes.values()
            if (deadline := node.host.deadline()) is not None
        ]
        return min(times, default=None)

    def _settle(self) -> None:
        """Send what the hosts want to send, and tell applications, until nobody has anything to say."""
        for _ in range(MOST_EVENTS):
            busy = False
            for node in self.nodes.values():
                for packet in node.host.transmit():
                    busy = True
                    self._send(node, packet)
                for notice in node.host.events():
                    if node.react is not None:
                        busy = True
                        node.react(self.now, notice)
            if self.watch is not None:
                self.watch()
            if not busy:
                return
        raise LiveLock(f"at {self.now / 1e6:.3f} s the hosts talk without end")

    def _send(self, sender: Node, packet: Packet) -> None:
        number = len(self.wire)
        receiver = self._by_address.get(packet.dst)
        if receiver is None:
            self._note(sender, packet, Fate.LOST)
            return
        way = (sender.name, receiver.name)
        passage = self._wires[way].carry(self.now, self._faults.get(number))
        if passage.held:
            self._note(sender, packet, Fate.HELD)
            self._held.setdefault(way, []).append(packet)
            self.at(self.now + HELD_AT_MOST, lambda: self._let_go(way, receiver, self.now))
            return
        fates = {0: Fate.LOST, 1: Fate.ARRIVED, 2: Fate.TWICE}
        self._note(sender, packet, fates[len(passage.arrivals)])
        for arrival in passage.arrivals:
            self.at(arrival, lambda: self._arrive(receiver, packet))
        if passage.arrivals:
            self._let_go(way, receiver, passage.arrivals[-1])

    def _let_go(self, way: tuple[str, str], receiver: Node, at: int) -> None:
        """Deliver what was held on this way."""
        for packet in self._held.pop(way, []):
            self.at(at, lambda packet=packet: self._arrive(receiver, packet))  # type: ignore[misc]

    def _note(self, sender: Node, packet: Packet, fate: Fate) -> None:
        record = Record(self.now, packet, fate)
        self.wire.append(record)
        sender.seen.append(record)

    def _arrive(self, receiver: Node, packet: Packet) -> None:
        receiver.seen.append(Record(self.now, packet, Fate.ARRIVED))
        receiver.host.arrive(self.now, packet)


def packets(records: list[Record]) -> Iterator[tuple[int, Packet]]:
    """Give what a capture at that place holds: time in microseconds, and packet."""
    for record in records:
        yield record.at, record.packet
