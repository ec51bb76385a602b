"""A captured connection with its numbers worked out: relative, unwrapped, and who acked what.

The states and labels are the core's; this adds only arithmetic on sequence numbers.
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from finwait.capture.connection import Connection
from finwait.explain import judged
from finwait.explain.given import Explained, Step
from finwait.verdict.verdict import peer_of

FIN, SYN, RST, PSH, ACK, URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
"""Header bits (RFC 9293 3.1)."""

WRAP = 1 << 32
"""Sequence numbers are taken modulo 2**32 (RFC 9293 3.4)."""
REACH = 1 << 30
"""A number farther away than the largest window (RFC 7323 2.3) belongs to no segment of this end."""
OF_SENDER = frozenset({"rst-owner", "rst-reply", "rst-unclear", "rst-repeated", "acks-unseen"})
"""Labels and notes that conclude from a RST what the end did that it names: they say nothing of one that is forged."""
OF_CONNECTION = frozenset({"rst-ignored", "syn-retransmitted"})
"""Notes that conclude from a RST or a SYN that there is a connection, or a slow one: they say nothing of a SYN that TIME-WAIT refuses."""
LOOK_BACK = 256
"""Segments searched backwards for the first sending of bytes that were cut differently."""


class Segment:
    """One captured segment. Numbers are relative to the initial ones and do not wrap."""

    __slots__ = (
        "ack",
        "acked_by",
        "at",
        "client_state",
        "earlier",
        "end",
        "flags",
        "index",
        "labels",
        "moves",
        "next_before",
        "number",
        "payload",
        "peer_ack",
        "refers_to",
        "seq",
        "server_state",
        "shut",
        "step",
        "via",
        "who",
        "window",
    )

    def __init__(self, index: int, step: Step, first_ts: int) -> None:
        self.index = index
        self.step = step
        self.number: int = step.number
        self.at: float = (step.ts - first_ts) / 1e9
        """Seconds since the first segment."""
        self.who: str = "client" if step.from_client else "server"
        self.flags: int = step.flags
        self.payload: int = step.payload
        self.labels: frozenset[str] = frozenset(step.labels)
        self.refers_to: int = step.refers_to
        self.client_state: str = step.client_state
        self.server_state: str = step.server_state
        self.seq: int = step.seq
        self.end: int = step.seq
        """The number after the last one that it takes."""
        self.ack: int = step.ack
        self.window: int = step.window
        """In bytes, scaled."""
        self.acked_by: int | None = None
        """Index of the first later segment of the other end that acks `end`."""
        self.earlier: int | None = None
        """Index of the latest earlier sending of the same bytes, SYN or FIN."""
        self.next_before: int | None = None
        """The number that its sender was to use next, before it."""
        self.peer_ack: int | None = None
        """The last ack of the other end before it: what that end expects of its sender."""
        self.shut: float | None = None
        """When its sender closed its window, if it was closed before it (`at` of that segment)."""
        self.moves: tuple[tuple[str, str, str], ...] = ()
        """(end, state before, state after) of each end whose state it changes."""
        self.via: dict[str, str] = {}
        """The state that an end passes on its way, where the segment shows two changes at once."""

    def has(self, bits: int) -> bool:
        """Tell whether all of `bits` are set."""
        return self.flags & bits == bits

    def state(self, who: str) -> str:
        """Give where an end stands after it."""
        return self.client_state if who == "client" else self.server_state

    def stands(self, who: str, state: str) -> None:
        """Have an end stand elsewhere after it."""
        if who == "client":
            self.client_state = state
        else:
            self.server_state = state

    @property
    def span(self) -> int:
        """Numbers it takes: payload, SYN and FIN each count (RFC 9293 3.4)."""
        return self.payload + bool(self.flags & SYN) + bool(self.flags & FIN)

    @property
    def copy(self) -> bool:
        """A packet captured twice, or one that its receiver drops: not part of the conversation."""
        return "duplicate" in self.labels or "bad-checksum" in self.labels


class Fin(NamedTuple):
    """One end's FIN."""

    who: str
    first: Segment
    number: int
    """The sequence number that it takes."""
    acked_by: Segment | None
    repeats: tuple[Segment, ...]

    @property
    def missed(self) -> Segment | None:
        """The repeat that shows that the first ack of it was lost or late on its way."""
        acked = self.acked_by
        return next((r for r in self.repeats if acked is not None and r.index > acked.index), None)


class _Unwrapper:
    """Turns numbers modulo 2**32 into numbers that do not wrap, each near the one before."""

    def __init__(self, base: int | None) -> None:
        self.base = base or 0
        self.known = base is not None
        self.last = 0

    def learn(self, base: int) -> None:
        if not self.known:
            self.base, self.known = base % WRAP, True

    def near(self, raw: int) -> int:
        ahead = (raw - self.base - self.last) % WRAP
        return self.last + (ahead - WRAP if ahead >= WRAP // 2 else ahead)

    def leap(self, raw: int) -> None:
        """Go on from a number that may be anywhere ahead, or a little behind."""
        ahead = (raw - self.base - self.last) % WRAP
        if ahead < WRAP - REACH:
            self.last += ahead

    def advance(self, value: int) -> None:
        if 0 < value - self.last < REACH:
            self.last = value


class Conversation:
    """A connection and its segments, with everything that arithmetic can say of them."""

    def __init__(self, explained: Explained, *, absolute: bool = False) -> None:
        self.row = Connection.of(explained.row)
        self.absolute = absolute
        """Whether people are shown the numbers of the header instead of relative ones."""
        self.truncated: int = explained.truncated
        self.replaced = explained.replaced
        """Frame and time of the SYN by which the tuple's next connection took the place of TIME-WAIT, if one did."""
        steps: Sequence[Step] = explained.steps
        first_ts = steps[0].ts if steps else 0
        self.segments = [Segment(i, step, first_ts) for i, step in enumerate(steps)]
        self.isn: dict[str, int | None] = {
            "client": explained.client_isn,
            "server": explained.server_isn,
        }
        scales = (explained.client_wscale, explained.server_wscale)
        self.wscale: dict[str, int | None] = dict(zip(("client", "server"), scales, strict=True))
        self.base: dict[str, int] = {}
        """Raw number that is written as 0."""
        self._number()
        sides: dict[str, list[Segment]] = {"client": [], "server": []}
        for s in self.segments:
            if not s.copy:
                sides[s.who].append(s)
        self._of = sides
        self.frames = {s.number: s.index for s in reversed(self.segments)}
        """Index of the first segment with each frame number; in rotated files there may be others."""
        self._ending: dict[tuple[str, int], list[Segment]] = {}
        self.first_words: dict[str, Segment] = {}
        """The first payload of each end that sent any."""
        self._find_acks()
        self._find_repeats()
        self.fins = {who: self._fin(who) for who in ("client", "server")}
        self.begin = self._begin()
        """Where client and server stand before the first segment; empty if that is not known."""
        self.resets = {
            who: [s for s in self.of(who) if s.flags & RST and "rst-ignored" not in s.labels]
            for who in ("client", "server")
        }
        """The RSTs of each end, without those that end nothing."""
        self.forged = judged.forged(self)
        """Indexes of the RSTs that the end that they name did not send, if that is the verdict."""
        self.rejected = judged.rejected(self)
        """Whether the server, by the verdict, did not take the ACK that ended the handshake."""
        self.old = judged.old(self)
        """Indexes of the ACKs by which an earlier connection answered the SYN."""
        self.refused = judged.refused(self)
        """Whether, by the verdict, that connection's TIME-WAIT refused the SYN."""
        if self.refused:
            self.begin = (self.begin[0], judged.OLD)
        self._find_moves()
        self.draws = self._draws()
        """Index of each segment that drew a RST, and the frame of that RST."""

    def raw(self, who: str, relative: int) -> int:
        """Give the number in the header for one of `who`'s relative numbers."""
        return (relative + self.base[who]) % WRAP

    def shown(self, who: str, relative: int) -> int:
        """Give one of `who`'s numbers as people are to see it."""
        return self.raw(who, relative) if self.absolute else relative

    def by_frame(self, number: int, before: int) -> Segment | None:
        """Find the segment of a frame before index `before`.

        In rotated files a frame number may occur twice: the nearest one counts, as far as LOOK_BACK
        reaches, else the first.
        """
        for s in reversed(self.segments[max(0, before - LOOK_BACK) : before]):
            if s.number == number:
                return s
        index = self.frames.get(number)
        return self.segments[index] if index is not None and index < before else None

    def first(self, who: str, bits: int) -> Segment | None:
        """Find the first segment of an end with all of these flags."""
        return next((s for s in self.of(who) if s.has(bits)), None)

    def of(self, who: str) -> list[Segment]:
        """Give the segments of one end, without copies."""
        return self._of[who]

    def drew(self, reset: Segment) -> Segment | None:
        """Find the segment that drew a RST of REPLY form (RFC 9293 3.5.2). Nothing drew one that is forged."""
        if "rst-reply" not in reset.labels or reset.index in self.forged:
            return None
        if (old := self.old_answer(reset)) is not None:
            return old  # each draws its own, and all have the same numbers
        if reset.refers_to:
            return self.by_frame(reset.refers_to, reset.index)
        for s in reversed(self.segments[max(0, reset.index - LOOK_BACK) : reset.index]):
            if s.who == reset.who or s.copy or s.flags & RST:
                continue
            if reset.flags & ACK:
                if not s.flags & ACK and s.end == reset.ack:
                    return s
            elif s.flags & ACK and s.step.ack == reset.step.seq:
                return s
        return None

    def left_unseen(self, s: Segment) -> str:
        """Give the state that the sender of a RST in REPLY form left at a moment that no packet shows; empty if there is none.

        A timer, a call or a crash may have ended its socket before: such a RST answers for no socket.
        """
        if "rst-reply" not in s.labels or s.flags & ACK or s.index in self.forged:
            return ""
        moved = (old for who, old, new in s.moves if who == s.who and new == "CLOSED")
        return next(moved, "")

    def old_answer(self, reset: Segment) -> Segment | None:
        """Find the ACK of an earlier connection that a RST answers (RFC 9293 3.5.1, Figure 9)."""
        found = (self.segments[i] for i in reversed(self.old) if i < reset.index)
        last = next(found, None)
        fits = last is not None and last.who != reset.who and last.step.ack == reset.step.seq
        return last if fits else None

    def ttls(self, who: str) -> tuple[int, ...]:
        """Give the TTLs (hop limits) of an end's segments, its RSTs apart."""
        return tuple(sorted({s.step.ttl for s in self.of(who) if not s.flags & RST}))

    def _draws(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for reset in self.segments:
            if reset.flags & RST and (drew := self.drew(reset)) is not None:
                found.setdefault(drew.index, reset.number)
        return found

    def _number(self) -> None:
        unwrap = {who: _Unwrapper(self.isn[who]) for who in ("client", "server")}
        self._learn_bases(unwrap)
        scaled = all(shift is not None for shift in self.wscale.values())
        cut = len(self.segments) // 2 if self.truncated else None
        leaps: set[str] = set()  # ends that spoke after what was left out: they may be far on
        for s in self.segments:
            mine, theirs = unwrap[s.who], unwrap[peer_of(s.who)]
            if cut is not None and s.index >= cut and s.who not in leaps and not s.flags & RST:
                leaps.add(s.who)
                mine.leap(s.step.seq)
            if s.has(RST | ACK) and s.seq == 0 and mine.near(0) != 0:
                s.end = s.seq = 0  # RFC 9293 3.5.2: "sequence number zero", no one's number
            else:
                s.seq = mine.near(s.seq)
                s.end = s.seq + s.span
            s.ack = theirs.near(s.ack) if s.flags & ACK else 0
            shift = self.wscale[s.who]
            # RFC 7323 2.2: the window of a SYN is never scaled; 2.3: no shift above 14
            s.window <<= min(shift or 0, 14) if scaled and not s.flags & SYN else 0
            if not s.flags & RST and not s.copy:
                mine.advance(s.end)
        self.base = {who: unwrap[who].base for who in unwrap}

    def _learn_bases(self, unwrap: dict[str, _Unwrapper]) -> None:
        """Find the number to count from of each end whose SYN was not captured."""
        for s in self.segments:
            if not s.flags & RST:
                unwrap[s.who].learn(s.seq if s.flags & SYN else s.seq - 1)
        for s in self.segments:  # an end that only reset, or was never captured, is known by acks
            if s.flags & ACK and not s.flags & RST:
                unwrap[peer_of(s.who)].learn(s.ack - 1)
        for s in self.segments:  # what is left: an end of which only a RST tells
            if s.flags & RST:
                unwrap[s.who].learn(s.seq - bool(s.seq))
                unwrap[peer_of(s.who)].learn(s.ack - 1)

    def _find_acks(self) -> None:
        waiting: dict[str, list[tuple[int, int]]] = {"client": [], "server": []}
        acks: dict[str, int | None] = {"client": None, "server": None}
        for s in self.segments:
            s.peer_ack = acks[peer_of(s.who)]
            if s.copy:
                continue
            if s.flags & ACK and not s.flags & RST:
                acks[s.who] = s.ack
                queue = waiting[peer_of(s.who)]
                while queue and queue[0][0] <= s.ack:
                    self.segments[heappop(queue)[1]].acked_by = s.index
            if s.span and not s.flags & RST:
                heappush(waiting[s.who], (s.end, s.index))

    def _find_repeats(self) -> None:
        for who in ("client", "server"):
            latest: dict[int, int] = {}
            sent: list[Segment] = []
            highest = None
            shut: float | None = None
            for s in self.of(who):
                s.next_before, s.shut = highest, shut
                if not s.flags & (SYN | RST):
                    shut = None if s.window else s.at if shut is None else shut
                if not s.span or s.flags & RST:
                    continue
                if s.end in latest:
                    s.earlier = latest[s.end]
                elif highest is not None and s.seq < highest:
                    s.earlier = _overlapped(s, sent)
                latest[s.end] = s.index
                self._ending.setdefault((who, s.end), []).append(s)
                if s.payload:
                    self.first_words.setdefault(who, s)
                sent.append(s)
                highest = s.end if highest is None else max(highest, s.end)

    def _begin(self) -> tuple[str, str]:
        """Say where the ends stood before the first segment.

        A server that answers with a SYN-ACK was in LISTEN, and is until it answers: nothing earlier
        shows it, so the core calls it CLOSED.
        """
        row = self.row
        if row.handshake == "missing" or not self.segments:
            return "", ""
        answer = self.first("server", SYN | ACK)
        called = any(s.flags & SYN and not s.flags & ACK for s in self.of("server"))
        if called:
            return "CLOSED", "CLOSED"
        if answer is None:
            self._unknown_until_heard(row.close)
            return "CLOSED", ""
        for s in self.segments[: answer.index]:
            if s.server_state == "CLOSED":
                s.server_state = "LISTEN"
        return "CLOSED", "LISTEN"

    def _unknown_until_heard(self, close: str) -> None:
        """Leave open where a server stood before anything showed it: a listener that a firewall hides was in LISTEN."""
        shown = (s.index for s in self.segments if s.who == "server" or s.server_state != "CLOSED")
        heard = next(shown, 0 if close == "unanswered" else len(self.segments))
        for s in self.segments[:heard]:
            s.server_state = ""

    def ending(self, who: str, end: int) -> list[Segment]:
        """Give the segments of one end that take numbers up to the same one: sendings of the same."""
        return self._ending.get((who, end), [])

    def _find_moves(self) -> None:
        before = self.begin
        for s in self.segments:
            after = (s.client_state, s.server_state)
            moves: list[tuple[str, str, str]] = []
            for who, old, new in zip(("client", "server"), before, after, strict=True):
                via = s.step.client_passed if who == "client" else s.step.server_passed
                taken = via == "ESTABLISHED" and self.rejected and who == "server"
                none = {None, old, new, "LISTEN", "CLOSED"}
                if not old or not new or old == new or taken or via in none:
                    via = ""
                if via:
                    s.via[who] = via
                if old in ("", new) or not new:
                    continue
                if via:
                    moves += [(who, old, via), (who, via, new)]
                else:
                    moves.append((who, old, new))
            s.moves = tuple(moves)
            before = after

    def _fin(self, who: str) -> Fin | None:
        sent = [s for s in self.of(who) if s.flags & FIN and not s.flags & RST]
        if not sent:
            return None
        first = sent[0]
        repeats = tuple(s for s in sent[1:] if s.end == first.end)
        acks = [i for i in (first.acked_by, *(s.acked_by for s in repeats)) if i is not None]
        acked_by = self.segments[min(acks)] if acks else None
        return Fin(who, first, first.end - 1, acked_by, repeats)


def _overlapped(segment: Segment, sent: list[Segment]) -> int | None:
    for old in reversed(sent[-LOOK_BACK:]):
        if old.seq < segment.end and segment.seq < old.end:
            return old.index
    return None
