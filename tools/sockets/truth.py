"""What truly happened to a connection, as far as a capture at one of its ends can show it.

Nothing here reads finwait's core. States are the kernels' own (tracepoints, sock_diag), with the packet or the call that moved
each; what closed the connection follows from when each FIN and RST left its sender and came to the other end, which the wire
noted; why there was a RST is the kernel's word for it. Where a wire cannot show what a kernel did, the truth is told as the wire
can show it, and the limit is named: see `LIMITS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from finwait.lab.history import OWNER, Event, history
from finwait.lab.packet import Segment, parse
from finwait.lab.wire import Side

from .crowd import OTHER, Carried
from .perform import Played
from .plan import SIDES

LIMITS: Final = {
    "queued-fin": "close() with data still unsent: the kernel is in FIN-WAIT-1 or LAST-ACK from the call on, but the FIN waits behind"
    " the data; the wire knows of the close when the FIN leaves, and never if it does not",
    "silent-end": "an end that goes to CLOSED without a packet: the time of FIN-WAIT-2 is over, or a close() that aborts in LAST-ACK or"
    " CLOSING",
    "in-flight": "what the far end did with the last packets that were on their way to it, or did without a word that came here",
    "which-first": "FIN-WAIT-2 or CLOSING of a far end: a packet was lost, or crossed the far end's RST, and its sender cannot know",
    "crossing-hidden": "FINs that crossed, where the first sending of one and all that would have shown it were lost: its repeat acks the other",
    "unseen-fin": "a RST of an end whose FIN was lost, or waits behind its data: to whoever did not see the FIN its sender has lost its memory",
    "only-possible": "why there was a RST, where finwait says no more than that its cause is possible",
}
"""What a capture at one end cannot show."""
MICROSECOND: Final = 1_000
"""Nanoseconds: tracepoints are told in microseconds, cut off."""
PROMPT: Final = 3_000_000
"""Nanoseconds in which a call's packet leaves, if nothing holds it up."""
NEVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Sighting:
    """A packet as it passed the end where the capture was made."""

    at: int
    packet: Carried
    segment: Segment

    @property
    def by(self) -> Side:
        """Who sent it."""
        return self.packet.sender


@dataclass(slots=True)
class Truth:
    """Of a connection, for a capture at `tap`."""

    tap: Side
    close: str
    closed_by: str
    finished: bool
    reset_by: str = "none"
    reset_form: str = ""
    reset_means: list[str] = field(default_factory=list)
    """Slugs of finwait.lab.reasons: the kernel's reason; and that of the RST before, if this one repeats it."""
    states: dict[Side, list[str]] = field(default_factory=dict)
    """After ESTABLISHED, as far as the wire can show."""
    proved: dict[Side, int] = field(default_factory=dict)
    """How many of these states something that was captured can prove; the rest may be told, or not."""
    limits: set[str] = field(default_factory=set)


class Account:
    """All that is known of a connection, and the truths that follow."""

    def __init__(self, played: Played) -> None:
        self.played = played
        said = sorted(played.said, key=lambda one: one.at)
        self.events: list[Event] = history(said, played.samples, played.ends, traced=True, until=played.until)
        self.packets: list[tuple[Carried, Segment]] = []
        for packet in played.line.log:
            segment = parse(packet.data)
            if segment is not None:
                self.packets.append((packet, segment))
        self._resets = {who: [event for event in self.events if event.who == who and event.reason] for who in SIDES}

    def truth(self, tap: Side) -> Truth:
        """Tell it as a capture at `tap` can show it."""
        seen = self._sightings(tap)
        fins = {who: next((s for s in seen if s.by == who and s.segment.fin), None) for who in SIDES}
        acks = {who: _acked(fin, seen) for who, fin in fins.items()}
        self._handshake = next((s.at for s in seen if s.by == "client" and s.segment.flags & 16 and not s.segment.rst), NEVER)
        over = max((ack.at for ack in acks.values() if ack), default=NEVER) if all(acks.values()) else NEVER
        reset = next((s for s in seen if s.segment.rst and s.at <= over and self._counts(s, tap)), None)
        self._tap, self._hidden = tap, False
        found = Truth(tap, self._close(fins, acks, reset, seen), "none", reset is not None or over < NEVER)
        if self._hidden:
            found.limits.add("crossing-hidden")
        found.closed_by = self._closed_by(found.close, fins, reset)
        if reset is not None:
            self._name(found, reset, seen)
        for who in SIDES:
            self._follow(found, who, seen)
        return found

    def _sightings(self, tap: Side) -> list[Sighting]:
        seen = [
            Sighting(at, packet, segment)
            for packet, segment in self.packets
            for at in ([packet.sent] if packet.sender == tap else packet.arrived)
        ]
        return sorted(seen, key=lambda sighting: sighting.at)

    def _changes(self, who: Side) -> list[Event]:
        """Changes of an end's state, from the handshake's end on if there was one."""
        changes = [event for event in self.events if event.who == who and event.new]
        for place, event in enumerate(changes):
            if event.new == "ESTABLISHED":
                return changes[place + 1 :]
        return [event for event in changes if event.new not in {"LISTEN", "CLOSED"} or event.old not in {"LISTEN", "CLOSED"}]

    def _state(self, who: Side, at: int) -> str:
        """Where an end stood at a moment."""
        before = [event.new for event in self.events if event.who == who and event.new and event.at <= at]
        return before[-1] if before else "CLOSED"

    # How it closed.

    def _counts(self, rst: Sighting, tap: Side) -> bool:
        """Say whether a RST came from an end that was gone, or ended this one."""
        if rst.by == tap:
            return self._state(rst.by, rst.at) in {"CLOSED", "LISTEN"}
        if not any(event.who == tap and event.new == "ESTABLISHED" and event.at <= rst.at for event in self.events):
            return True  # a request has no socket of its own, and goes away without a word (tcp_check_req)
        return any(event.new == "CLOSED" and event.old != "TIME-WAIT" and self._moved_by(event) is rst.packet for event in self.events)

    def _data_came(self, said: Event) -> bool:
        """Say whether the last packet that had come to an end before its RST had payload."""
        came = [
            (at, bool(segment.payload))
            for packet, segment in self.packets if packet.sender != said.who
            for at in packet.arrived if at - MICROSECOND <= said.at
        ]  # fmt: skip
        return max(came, default=(0, False))[1]

    def _moved_by(self, event: Event) -> Carried | None:
        """Give the packet whose arrival moved an end; none if a call or a timer did."""
        call = max((call.at for call in self.played.calls if call.who == event.who and call.at <= event.at), default=0)
        last, packet = max(
            ((at, place) for place, (packet, _) in enumerate(self.packets) if packet.sender != event.who for at in packet.arrived
             if at - MICROSECOND <= event.at), default=(0, -1),
        )  # fmt: skip
        return self.packets[packet][0] if call <= last and event.at <= last + PROMPT else None

    def _close(self, fins: dict[Side, Sighting | None], acks: dict[Side, Sighting | None], reset: Sighting | None, seen: list[Sighting]) -> str:
        if not any(event.new == "ESTABLISHED" for event in self.events):
            if reset is None:
                return "unanswered"
            return "refused" if reset.by == "server" else "handshake-reset"
        if reset is not None:
            return "reset" if self._handshake < reset.at else "handshake-reset"
        mine = [fin for fin in fins.values() if fin]
        if not mine:
            return "open"
        if len(mine) == 1:
            return "half-closed" if acks[mine[0].by] else "fin-unanswered"
        if self._crossed():
            other = OTHER[self._tap]
            first = next(packet for packet, segment in self.packets if packet.sender == other and segment.fin)
            if not first.arrived and self._acks_fin(fins[other] or mine[0]) and not self._hole_shown(fins[other], seen):
                self._hidden = True
            return "simultaneous"
        first = min(mine, key=lambda fin: self._fin_sent(fin.by))
        ack = acks[first.by]
        return "three-way" if ack is not None and ack.segment.fin else "four-way"

    def _fin_sent(self, who: Side) -> int:
        return next((packet.sent for packet, segment in self.packets if packet.sender == who and segment.fin), NEVER)

    def _took_effect(self, fin: Sighting, reset: Sighting) -> bool:
        """Say whether a FIN came to a socket, or drew the RST."""
        came = [at for packet, segment in self.packets if packet.sender == fin.by and segment.fin for at in packet.arrived]
        others = [at for packet, segment in self.packets if packet.sender == fin.by and not segment.fin for at in packet.arrived]
        last = max((at for at in came if at <= reset.packet.sent), default=0)
        closed = any(segment.fin and packet.sender == reset.by for packet, segment in self.packets)
        drew = reset.by != fin.by and not closed and last > max((at for at in others if at <= reset.packet.sent), default=0)
        received = {"CLOSE-WAIT", "CLOSING", "TIME-WAIT"}
        return drew or fin.by == reset.by or any(event.who == reset.by and event.new in received for event in self.events)

    def _hole_shown(self, fin: Sighting | None, seen: list[Sighting]) -> bool:
        """Say whether a packet from behind a lost FIN came here before the FIN was sent again."""
        return fin is not None and any(s.by == fin.by and s.at < fin.at and s.segment.seq == fin.segment.end for s in seen)

    def _crossed(self) -> bool:
        """Say whether each FIN left before the other had come."""
        for who in SIDES:
            came = [at for packet, segment in self.packets if packet.sender == OTHER[who] and segment.fin for at in packet.arrived]
            if self._fin_sent(who) > min(came, default=NEVER):
                return False
        return True

    def _closed_by(self, close: str, fins: dict[Side, Sighting | None], reset: Sighting | None) -> str:
        if close in {"open", "unanswered"}:
            return "none"
        if close == "simultaneous":
            return "both"
        fin = min((one for one in fins.values() if one), key=lambda one: self._fin_sent(one.by), default=None)
        if reset is not None:
            ended = [one for one in fins.values() if one and one.at < reset.at and self._took_effect(one, reset)]
            return min((*ended, reset), key=lambda one: one.at).by
        return fin.by if fin else "none"

    def _acks_fin(self, ack: Sighting) -> bool:
        """Say whether a packet acks the other end's FIN."""
        ends = (segment.end for packet, segment in self.packets if packet.sender != ack.by and segment.fin)
        return bool(ack.segment.flags & 16) and any((ack.segment.ack - end) % (1 << 32) < 1 << 31 for end in ends)

    def _fin_called(self, who: Side) -> int:
        return next((event.at for event in self._changes(who) if event.new in {"FIN-WAIT-1", "LAST-ACK"}), NEVER)

    def _name(self, found: Truth, reset: Sighting, seen: list[Sighting]) -> None:
        """Find the kernel's reason: its resets and their packets come in the same order."""
        sent = [packet for packet, segment in self.packets if packet.sender == reset.by and segment.rst]
        place = next(place for place, packet in enumerate(sent) if packet is reset.packet)
        said = self._resets[reset.by]
        found.reset_by = reset.by
        means = said[place].means if len(said) == len(sent) else "not told"
        found.reset_form = "owner" if means in OWNER else "reply"
        if means == "data-after-close" and not self._data_came(said[place]):
            means = "linger2"  # the ACK of the FIN, with TCP_LINGER2 < 0, has the same reason (tcp_rcv_state_process)
        found.reset_means = [means]
        if means == "linger2" and any(segment.payload and not packet.arrived for packet, segment in self.packets if packet.sender != reset.by):
            found.reset_means.append("data-after-close")  # it was sent, and lost on the way
        if place and means not in OWNER and said[0].means in OWNER:
            # its own RST was not taken, for a hole before it (RFC 5961 3.2), and the ACK that asked drew this one
            found.reset_form = "owner or reply"
            found.reset_means.append(said[0].means)
        fin = [s for s in seen if s.by == reset.by and s.segment.fin and s.at <= reset.at]
        if self._fin_called(reset.by) <= reset.packet.sent and not fin:
            found.limits.add("unseen-fin")

    # Where the ends stood.

    def _follow(self, found: Truth, who: Side, seen: Iterable[Sighting]) -> None:
        changes = self._changes(who)
        path = [(event.at, event.new) for event in changes]
        fin = self._fin_sent(who)
        called = next((event.at for event in changes if event.new in {"FIN-WAIT-1", "LAST-ACK"}), NEVER)
        if called < NEVER and fin > called + PROMPT:
            path = _without_call(path, fin)
            found.limits.add("queued-fin")
        if path and path[-1][1] == "CLOSED" and self._silent(who, changes[-1]):
            path.pop()
            found.limits.add("silent-end")
        found.states[who] = _plain(state for _, state in path)
        last = NEVER if who == found.tap else max((s.packet.sent for s in seen if s.by == who), default=0)
        called = next((place for place, (_, state) in enumerate(path) if state in {"FIN-WAIT-1", "LAST-ACK"}), len(path))
        if who != found.tap and not any(s.by == who and s.segment.fin for s in seen):
            path = path[:called]  # a FIN that did not come here proves nothing
        if who != found.tap and not any(s.by == who and self._acks_fin(s) for s in seen):
            received = {"CLOSE-WAIT", "CLOSING", "TIME-WAIT"}
            path = path[: next((place for place, (_, state) in enumerate(path) if state in received), len(path))]
        found.proved[who] = len(_plain(state for at, state in path if at <= last))

    def _silent(self, who: Side, gone: Event) -> bool:
        """Say whether an end went away without a packet."""
        if self._moved_by(gone) is not None:
            return False
        return not any(0 <= event.at - gone.at < PROMPT and event.old == "CLOSED" for event in self._resets[who])

    def unheard(self, who: Side) -> bool:
        """Say whether something that was sent to an end, or its FIN, was lost, or came when the end had already gone."""
        gone = max((event.at for event in self._changes(who) if event.new == "CLOSED"), default=NEVER)
        late = any(packet.sender != who and any(at >= gone for at in packet.arrived) for packet, _ in self.packets)
        return late or any(not packet.arrived and (packet.sender != who or segment.fin) for packet, segment in self.packets)


def _acked(fin: Sighting | None, seen: list[Sighting]) -> Sighting | None:
    """Give the first packet of the other end that acks a FIN."""
    if fin is None:
        return None
    number = fin.segment.end
    for one in seen:
        if one.by != fin.by and one.segment.flags & 16 and not one.segment.rst and 0 <= (one.segment.ack - number) % (1 << 32) < 1 << 31:
            return one
    return None


def _without_call(path: list[tuple[int, str]], fin: int) -> list[tuple[int, str]]:
    """Tell a path as if close() had been called when the FIN left; `fin`: when that was."""
    states: list[tuple[int, str]] = []
    held = True
    for at, state in path:
        if held and at >= fin:
            states.append((fin, "LAST-ACK" if states and states[-1][1] == "CLOSE-WAIT" else "FIN-WAIT-1"))
            held = False
        if state in {"FIN-WAIT-1", "LAST-ACK"}:
            continue
        if held and state == "CLOSING":
            states.append((at, "CLOSE-WAIT"))
        elif states and states[-1][1] == "LAST-ACK" and state == "TIME-WAIT":
            states.append((at, "CLOSED"))
        else:
            states.append((at, state))
    if held and fin < NEVER:
        states.append((fin, "LAST-ACK" if states and states[-1][1] == "CLOSE-WAIT" else "FIN-WAIT-1"))
    return states


def _plain(states: Iterable[str]) -> list[str]:
    """Without repeats."""
    every = list(states)
    return every[:1] + [new for old, new in pairwise(every) if new != old]
