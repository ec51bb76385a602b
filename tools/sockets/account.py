"""All that is known of a connection that was played: packets with their times at both ends, calls, and the kernels' words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from finwait.lab.history import Event, history
from finwait.lab.packet import Flags, Segment, parse
from finwait.lab.wire import Side

from .crowd import OTHER, Carried
from .perform import Played
from .plan import SIDES

MICROSECOND: Final = 1_000
"""Nanoseconds: tracepoints are told in microseconds, cut off."""
PROMPT: Final = 3_000_000
"""Nanoseconds in which what a call or a packet causes happens, if nothing holds it up."""
NEVER: Final = 1 << 62
HALF: Final = 1 << 31
MODULUS: Final = 1 << 32
RECEIVED: Final = frozenset({"CLOSE-WAIT", "CLOSING", "TIME-WAIT"})
"""States of an end that has received the other's FIN."""
CALLED: Final = frozenset({"FIN-WAIT-1", "LAST-ACK"})
"""States that a call brings."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A packet as it passed the end where a capture was made."""

    at: int
    packet: Carried
    segment: Segment

    @property
    def by(self) -> Side:
        """Who sent it."""
        return self.packet.sender

    def acks(self, number: int) -> bool:
        """Say whether it acks all numbers below this one."""
        return bool(self.segment.flags & Flags.ACK) and (self.segment.ack - number) % MODULUS < HALF


class Account:
    """What is known."""

    def __init__(self, played: Played) -> None:
        self.played = played
        said = sorted(played.said, key=lambda one: one.at)
        self.events: list[Event] = history(
            said, played.samples, played.ends, traced=True, until=played.until
        )
        parsed = ((packet, parse(packet.data)) for packet in played.line.log)
        self.packets: list[tuple[Carried, Segment]] = [
            (packet, segment) for packet, segment in parsed if segment is not None
        ]

    # Packets.

    def seen(self, tap: Side) -> list[Sighting]:
        """Give the capture at an end: its own packets as they left, the other's as they arrived."""
        every = (
            Sighting(at, packet, segment)
            for packet, segment in self.packets
            for at in ([packet.sent] if packet.sender == tap else packet.arrived)
        )  # fmt: skip
        return sorted(every, key=lambda sighting: sighting.at)

    def sent(self, who: Side) -> Iterator[tuple[Carried, Segment]]:
        """Give what an end has sent."""
        return ((packet, segment) for packet, segment in self.packets if packet.sender == who)

    def fin_sent(self, who: Side) -> int:
        """Say when an end's FIN left it first."""
        return next((packet.sent for packet, segment in self.sent(who) if segment.fin), NEVER)

    def fin_came(self, who: Side) -> list[int]:
        """Say when an end's FIN came to the other."""
        return [at for packet, segment in self.sent(who) if segment.fin for at in packet.arrived]

    def fins_crossed(self) -> bool:
        """Say whether each FIN left before the other had come."""
        return all(
            self.fin_sent(who) <= min(self.fin_came(OTHER[who]), default=NEVER) for who in SIDES
        )

    def unheard(self, who: Side) -> bool:
        """Say whether something that was sent to an end, or its own FIN, was lost, or came when the end was gone."""
        gone = max(
            (event.at for event in self.changes(who) if event.new == "CLOSED"), default=NEVER
        )
        to_it = [packet for packet, _ in self.sent(OTHER[who])]
        late = any(at >= gone for packet in to_it for at in packet.arrived)
        lost = any(not packet.arrived for packet in to_it)
        return (
            late
            or lost
            or any(segment.fin and not packet.arrived for packet, segment in self.sent(who))
        )

    # States.

    def changes(self, who: Side) -> list[Event]:
        """Changes of an end's state, from the handshake's end on if there was one."""
        changes = [event for event in self.events if event.who == who and event.new]
        for place, event in enumerate(changes):
            if event.new == "ESTABLISHED":
                after = changes[place + 1 :]
                # a handshake's ACK that came twice can make two sockets, of which the second goes at once
                lives = [e.old not in {"CLOSED", "SYN-RECEIVED"} for e in after[1:]] + [False]
                return [
                    e
                    for e, more in zip(after, lives, strict=True)
                    if not (e.new == "CLOSED" and more)
                ]
        idle = {"LISTEN", "CLOSED"}
        return [event for event in changes if not {event.old, event.new} <= idle]

    def established(self, who: Side, at: int) -> bool:
        """Say whether an end had finished its handshake by then."""
        return any(e.who == who and e.new == "ESTABLISHED" and e.at <= at for e in self.events)

    def state(self, who: Side, at: int) -> str:
        """Say where an end stood at a moment."""
        before = [e.new for e in self.events if e.who == who and e.new and e.at <= at]
        return before[-1] if before else "CLOSED"

    def called(self, who: Side) -> int:
        """Say when an end called close() or shutdown(): its kernel is in FIN-WAIT-1 or LAST-ACK from then on."""
        return next((event.at for event in self.changes(who) if event.new in CALLED), NEVER)

    def moved_by(self, event: Event) -> tuple[Carried, Segment] | None:
        """Give the packet whose arrival caused an event at an end; none if a call or a timer did."""
        before = event.at + MICROSECOND
        call = max(
            (c.at for c in self.played.calls if c.who == event.who and c.at <= event.at), default=0
        )
        came = [
            (at, place)
            for place, (packet, _) in enumerate(self.packets) if packet.sender != event.who
            for at in packet.arrived if at <= before
        ]  # fmt: skip
        last, place = max(came, default=(0, -1))
        return self.packets[place] if call <= last and event.at <= last + PROMPT else None

    def resets(self, who: Side) -> list[Event]:
        """Give what the kernel said of the RSTs that an end sent, in their order."""
        return [event for event in self.events if event.who == who and event.reason]
