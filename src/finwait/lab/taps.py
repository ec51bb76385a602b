"""A wire that is captured at both ends: what each saw, by clocks of their own, and what the wire did."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from finwait.lab.packet import Segment, build
from finwait.lab.record import RAW, Recorder
from finwait.lab.wire import Packet, Side, Wire

DELAY = 0.0005
"""Seconds on the way: a length of cable that microseconds can measure."""
AHEAD = 123_456_789_000
"""Nanoseconds by which the server's clock is ahead, unless something else is asked for."""


class Taps(Wire):
    """A wire whose log gives the captures of both ends: a packet that was lost is in its sender's only, one that a stranger
    put in is in its receiver's only."""

    def __init__(self, *, six: bool = False) -> None:
        super().__init__(six=six, tap="client")
        self._skips: list[tuple[int, int]] = []

    def _deliver(self, packet: Packet) -> None:
        time.sleep(DELAY)
        super()._deliver(packet)

    def skip(self, seconds: float) -> None:
        """Moves both clocks forward from here: nobody waits 350 s for an idle timeout."""
        self._skips.append((time.time_ns(), int(seconds * 1e9)))

    def forge(self, like: Segment, to: Side, **fields: object) -> Segment:
        """Puts in a segment that its sender never sent: `like` one of its own, but for `fields`."""
        segment = replace(like, **fields)  # type: ignore[arg-type]
        self.inject(segment, to=to)
        return segment

    def lost(self) -> list[Packet]:
        """What the wire lost, in the order of sending."""
        return [packet for packet in self.packets if not packet.delivered]

    def seen(self, end: Side) -> list[tuple[int, Packet]]:
        """When each packet passed an end, by one clock for both, and the packet; in the order of time."""
        found = [
            (packet.sent if packet.sender == end else packet.delivered, packet)
            for packet in self.packets
            if (packet.delivered if packet.sender != end else not packet.forged)
        ]
        found = [(at + sum(far for since, far in self._skips if since <= at), p) for at, p in found]
        return sorted(found, key=lambda one: one[0])

    def captures(
        self, folder: Path, *, ahead: int = AHEAD, rate: float = 0.0,
        at_server: Callable[[Packet], Iterable[Segment | bytes]] = lambda packet: [packet.data],
    ) -> tuple[Path, Path]:  # fmt: skip
        """Writes what each end saw: a pcap at the client, a pcapng at the server.

        The server's clock is ahead, and gains `rate` seconds each second. `at_server`: what a device or a bad capture
        makes of a packet there: none, one, or several, a microsecond apart.
        """
        client, server = Recorder(RAW), Recorder(RAW)
        for at, packet in self.seen("client"):
            client.add(packet.data, at)
        begin = self.packets[0].sent
        for at, packet in self.seen("server"):
            clock = at + ahead + int(rate * (at - begin))
            for place, one in enumerate(at_server(packet)):
                data = one if isinstance(one, bytes) else build(one)
                server.add(data, clock + 1000 * place)
        paths = folder / "client.pcap", folder / "server.pcapng"
        client.save(paths[0])
        server.save(paths[1])
        return paths
