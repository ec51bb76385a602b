"""What truly happened to a connection, as far as a capture at one of its ends can show it.

Nothing here reads finwait's core. States are the kernels' own (tracepoints, sock_diag), with the packet or the call that moved
each; what closed the connection follows from when each FIN and RST left its sender and came to the other end, which the wire
noted; why there was a RST is the kernel's word for it. Where a wire cannot show what a kernel did, the truth is told as the wire
can show it, and the limit is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from finwait.lab.history import OWNER
from finwait.lab.packet import Flags
from finwait.lab.wire import Side

from .account import CALLED, MICROSECOND, NEVER, PROMPT, RECEIVED, Account, Sighting
from .crowd import OTHER
from .plan import SIDES

LIMITS: Final = {
    "queued-fin": "close() with data still unsent: the kernel is in FIN-WAIT-1 or LAST-ACK from the call on, but the FIN waits behind the"
    " data. The wire knows of the close when the FIN leaves, and never if it does not",
    "silent-end": "an end that goes to CLOSED without a packet: the time of FIN-WAIT-2 is over, or a close() aborts in LAST-ACK or CLOSING",
    "in-flight": "what the far end did after the last packet of it that came here",
    "which-first": "what of two packets that were on their way at once, or of which one was lost, the far end got first",
    "crossing-hidden": "FINs that crossed, where the first sending of one and all that would have shown it was lost: its repeat acks the"
    " other, as a FIN that came second does",
    "unseen-fin": "a RST of an end whose FIN was lost, or waits behind its data: whoever did not see the FIN must think that its sender has"
    " lost its memory",
    "closer-unseen": "who closed first, where one number of the far end was lost, which may have been its FIN, or where only what was sent"
    " after a FIN that nobody acked drew a RST: finwait says nobody",
    "which-drew": "which of several segments with the same ack number drew a RST, that gives this number back",
    "small-socket": "a RST within the window, but not at its edge, in FIN-WAIT-2 without a process: a socket would ask by a challenge ACK"
    " (RFC 5961 3.2), the small one that Linux keeps just goes",
    "refused": "a RST at the number that was acked last, of an end that had received more and delayed its ACK: its kernel refuses it",
    "only-possible": "why there was a RST, where finwait says no more than that a cause is possible",
}
"""What a capture at one end cannot show."""


@dataclass(slots=True)
class Truth:
    """Of a connection, for a capture at `tap`."""

    tap: Side
    close: str = ""
    closed_by: str = "none"
    finished: bool = False
    reset_by: str = "none"
    reset_form: str = ""
    """"owner", "reply", or "owner or reply" of a RST that repeats one which was not taken."""
    reset_means: list[str] = field(default_factory=list)
    """Slugs of finwait.lab.reasons: the kernel's reason; and that of the RST before, if this one repeats it."""
    states: dict[Side, list[str]] = field(default_factory=dict)
    """After ESTABLISHED, as far as the wire can show."""
    proved: dict[Side, int] = field(default_factory=dict)
    """How many of these states something that was captured proves; the rest may be told, or not."""
    limits: set[str] = field(default_factory=set)


def truth(account: Account, tap: Side) -> Truth:
    """Tell it as a capture at `tap` can show it."""
    return _Telling(account, tap).told


class _Telling:
    """The truth for one end."""

    def __init__(self, account: Account, tap: Side) -> None:
        self.account = account
        self.told = Truth(tap)
        self.seen = account.seen(tap)
        self.fins = {
            who: next((s for s in self.seen if s.by == who and s.segment.fin), None)
            for who in SIDES
        }
        self.acks = {who: self._acked(who) for who in SIDES}
        first, second = (ack.at if ack else NEVER for ack in self.acks.values())
        over = max(first, second)
        self.reset = next(
            (s for s in self.seen if s.segment.rst and s.at <= over and self._counts(s)), None
        )
        self.told.finished = self.reset is not None or over < NEVER
        self.told.close = self._close()
        self.told.closed_by = self._closed_by()
        if self.reset is not None:
            self._name(self.reset)
        for who in SIDES:
            self._follow(who)

    def _acked(self, who: Side) -> Sighting | None:
        """Give the first packet of the other end that acks this end's FIN."""
        fin = self.fins[who]
        if fin is None:
            return None
        return next(
            (s for s in self.seen if s.by != who and not s.segment.rst and s.acks(fin.segment.end)),
            None,
        )

    # How it closed, and who closed it.

    def _counts(self, rst: Sighting) -> bool:
        """Say whether a RST came from an end that was gone, or ended this one."""
        account, tap = self.account, self.told.tap
        if rst.by == tap:
            return account.state(rst.by, rst.at) in {"CLOSED", "LISTEN"}
        if account.state(tap, rst.at - MICROSECOND) == "CLOSED" and account.established(
            tap, rst.at
        ):
            return True  # this end had gone without a word: the wire cannot know that
        if not account.established(tap, rst.at):
            return True  # a request has no socket of its own, and goes away without a word (kernel: tcp_check_req)
        exact = rst.segment.seq == self._last_ack(rst.at)
        for event in account.events:
            if event.who != tap or event.new != "CLOSED" or event.old == "TIME-WAIT":
                continue
            by = account.moved_by(event)
            if by is not None and by[0] is rst.packet:
                if exact or event.by == "tracepoint":
                    return True
                self.told.limits.add("small-socket")
                return False
        if exact:
            self.told.limits.add("refused")
        return False

    def _last_ack(self, at: int) -> int | None:
        """Give the last ack number that this end had sent."""
        own = (s for s in self.seen if s.by == self.told.tap and s.at <= at)
        acks = [s.segment.ack for s in own if s.segment.flags & Flags.ACK]
        return acks[-1] if acks else None

    def _close(self) -> str:
        if not any(event.new == "ESTABLISHED" for event in self.account.events):
            if self.reset is None:
                return "unanswered"
            return "refused" if self.reset.by == "server" else "handshake-reset"
        if self.reset is not None:
            third = (
                s.at
                for s in self.seen
                if s.by == "client" and s.segment.flags & Flags.ACK and not s.segment.rst
            )
            # no half-open socket of Linux aborts: the ACK was on its way (docs/worse.md)
            abort = self.reset.by == "client"
            done = abort or next(third, NEVER) < self.reset.at
            return "reset" if done else "handshake-reset"
        both = [fin for fin in self.fins.values() if fin]
        if len(both) < len(SIDES):
            return (
                "open" if not both else "half-closed" if self.acks[both[0].by] else "fin-unanswered"
            )
        if self.account.fins_crossed():
            self._look_for_crossing()
            return "simultaneous"
        first = min(both, key=lambda fin: self.account.fin_sent(fin.by))
        ack = self.acks[first.by]
        return "three-way" if ack is not None and ack.segment.fin else "four-way"

    def _look_for_crossing(self) -> None:
        """Say so if nothing that came here shows that the FINs crossed. An ACK of a FIN that was sent again is no sign: it
        may be the second."""
        near, far = self.fins[self.told.tap], self.fins[OTHER[self.told.tap]]
        if near is None or far is None or not far.acks(near.segment.end):
            return
        ack = self.acks[near.by]
        behind = (
            ack is not None
            and ack.at < far.at
            and ack.segment.seq == far.segment.end
            and sum(s.by == near.by and s.segment.fin and s.at < ack.at for s in self.seen) == 1
        )
        if not behind:
            self.told.limits.add("crossing-hidden")

    def _closed_by(self) -> str:
        if self.told.close in {"open", "unanswered"}:
            return "none"
        if self.told.close == "simultaneous":
            return "both"
        fins = [fin for fin in self.fins.values() if fin]
        far = self.account.sent(OTHER[self.told.tap])
        if any(
            len(segment.payload) + segment.fin == 1 and not packet.arrived
            for packet, segment in far
        ):
            self.told.limits.add("closer-unseen")
        if self.reset is None:
            return min(fins, key=lambda fin: self.account.fin_sent(fin.by)).by
        if any(self._fate_unseen(fin, self.reset) for fin in fins):
            self.told.limits.add("closer-unseen")
        effective = [
            fin for fin in fins if fin.at < self.reset.at and self._took_effect(fin, self.reset)
        ]
        return min((*effective, self.reset), key=lambda one: one.at).by

    def _fate_unseen(self, fin: Sighting, reset: Sighting) -> bool:
        """Say whether nothing captured shows that a FIN came to a socket, or that it came to none."""
        shown = any(
            s.by == reset.by
            and (s.segment.fin or (s.segment.rst and s.segment.flags & Flags.ACK) or s.acks(fin.segment.end))
            for s in self.seen
        )  # fmt: skip
        return fin.by != reset.by and fin.at < reset.at and not shown

    def _took_effect(self, fin: Sighting, reset: Sighting) -> bool:
        """Say whether a FIN came to a socket, or drew the RST of an end that had not closed."""
        if fin.by == reset.by or any(
            e.who == reset.by and e.new in RECEIVED for e in self.account.events
        ):
            return True
        if self.account.fin_sent(reset.by) < NEVER or reset.segment.flags & Flags.ACK:
            return False
        came = [
            (at, segment.fin)
            for packet, segment in self.account.sent(fin.by)
            for at in packet.arrived if at <= reset.packet.sent
        ]  # fmt: skip
        if any(
            s.by == fin.by and s.at < fin.at and s.segment.ack == reset.segment.seq
            for s in self.seen
        ):
            self.told.limits.add("which-drew")
        return max(came, default=(0, False))[1]

    # Why there was a RST.

    def _name(self, reset: Sighting) -> None:
        """Find the kernel's reason: its resets and their packets come in the same order."""
        told = self.told
        sent = [packet for packet, segment in self.account.sent(reset.by) if segment.rst]
        place = next(place for place, packet in enumerate(sent) if packet is reset.packet)
        said = self.account.resets(reset.by)
        if len(said) != len(sent):
            told.reset_means, told.reset_form, told.reset_by = ["not told"], "not told", reset.by
            return
        means = said[place].means
        told.reset_by, told.reset_form = reset.by, "owner" if means in OWNER else "reply"
        told.reset_means = [means]
        drew = self.account.moved_by(said[place])
        if means == "data-after-close" and (drew is None or not drew[1].payload):
            # the ACK of the FIN, with TCP_LINGER2 < 0, has the same reason (kernel: tcp_rcv_state_process)
            at = reset.packet.sent
            # seen from its sender, payload that left before the RST came may have drawn it
            left = at if told.tap == reset.by else reset.at
            late = any(
                segment.payload
                and packet.sent < left
                and not any(came < at for came in packet.arrived)
                for packet, segment in self.account.sent(OTHER[reset.by])
            )
            told.reset_means = ["linger2", *(["data-after-close"] if late else [])]
        if place and means not in OWNER and said[0].means in OWNER:
            # its own RST was not taken, for a hole before it (RFC 5961 3.2), and the ACK that asked drew this one
            told.reset_form = "owner or reply"
            told.reset_means.append(said[0].means)
        if self.account.called(reset.by) <= reset.packet.sent and not any(
            s.by == reset.by and s.segment.fin and s.at <= reset.at for s in self.seen
        ):
            told.limits.add("unseen-fin")

    # Where the ends stood.

    def _follow(self, who: Side) -> None:
        account, told = self.account, self.told
        changes = account.changes(who)
        path = [(event.at, event.new) for event in changes]
        fin = account.fin_sent(who)
        called = account.called(who)
        overtaken = any(called < came < fin < NEVER for came in account.fin_came(OTHER[who]))
        if called < NEVER and (fin > called + PROMPT or overtaken):
            path = _without_call(path, fin)
            told.limits.add("queued-fin")
        if path and path[-1][1] == "CLOSED" and (self._silent(who) or self._small(who)):
            path.pop()
            told.limits.add("silent-end")
        told.states[who] = _plain(state for _, state in path)
        told.proved[who] = (
            len(told.states[who]) if who == told.tap else len(_plain(self._proved(who, path)))
        )

    def _silent(self, who: Side) -> bool:
        """Say whether an end went away without a packet."""
        gone = self.account.changes(who)[-1]
        if self.account.moved_by(gone) is not None:
            return False
        return not any(
            0 <= e.at - gone.at < PROMPT and e.old == "CLOSED" for e in self.account.resets(who)
        )

    def _small(self, who: Side) -> bool:
        """Say whether a RST that is not exact has ended the small socket of this end."""
        return who == self.told.tap and "small-socket" in self.told.limits

    def _proved(self, who: Side, path: list[tuple[int, str]]) -> Iterable[str]:
        """Give the states of the far end that its packets which came here prove."""
        packets = [s for s in self.seen if s.by == who]
        last = max((s.packet.sent for s in packets), default=0)
        ends = [segment.end for _, segment in self.account.sent(OTHER[who]) if segment.fin]
        closes = any(s.segment.fin for s in packets)
        acks = any(s.acks(end) for s in packets for end in ends)
        for at, state in path:
            if at > last or (state in CALLED and not closes) or (state in RECEIVED and not acks):
                return
            yield state


def _without_call(path: list[tuple[int, str]], fin: int) -> list[tuple[int, str]]:
    """Tell a path as if close() had been called when the FIN left; `fin`: when that was."""
    states: list[tuple[int, str]] = []
    held = True

    def leave() -> None:
        waits = bool(states) and states[-1][1] == "CLOSE-WAIT"
        states.append((fin, "LAST-ACK" if waits else "FIN-WAIT-1"))

    for at, state in path:
        if held and at >= fin:
            leave()
            held = False
        if state in CALLED:
            continue
        if held and state == "CLOSING":
            states.append((at, "CLOSE-WAIT"))
        elif states and states[-1][1] == "LAST-ACK" and state == "TIME-WAIT":
            states.append((at, "CLOSED"))
        else:
            states.append((at, state))
    if held and fin < NEVER:
        leave()
    return states


def _plain(states: Iterable[str]) -> list[str]:
    """Without repeats."""
    return [state for state, _ in groupby(states)]
