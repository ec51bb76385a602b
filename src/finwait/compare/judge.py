"""What it means that only one capture has a segment."""

from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import Final

from finwait.compare.meeting import Meeting
from finwait.compare.sighting import Sighting, same_octets
from finwait.explain.conversation import FIN, RST, SYN
from finwait.verdict.verdict import peer_of

_SIDES: Final = tuple((where, who) for where in "AB" for who in ("client", "server"))


class Octets:
    """What one end sent, as one capture has it: the numbers, and what was kept of the octets."""

    def __init__(self, sightings: list[Sighting]) -> None:
        self._pieces = sorted((s for s in sightings if s.span), key=lambda s: s.at)
        self._starts = [s.at for s in self._pieces]
        self._longest = max((s.span for s in self._pieces), default=0)
        self._runs: list[list[int]] = []
        for s in self._pieces:
            if self._runs and s.at <= self._runs[-1][1]:
                self._runs[-1][1] = max(self._runs[-1][1], s.end)
            else:
                self._runs.append([s.at, s.end])
        self._begins = [run[0] for run in self._runs]

    def reaches(self, end: int) -> bool:
        """Tell whether it has the number before `end`."""
        place = bisect_right(self._begins, end - 1) - 1
        return place >= 0 and self._runs[place][1] >= end

    def around(self, one: Sighting) -> bool:
        """Tell whether it has numbers before a segment, or those it begins with, and numbers after it."""
        return bool(self._runs) and self._runs[0][0] <= one.at and self._runs[-1][1] > one.end

    def covers(self, one: Sighting) -> bool:
        """Tell whether it has all numbers of a segment."""
        place = bisect_right(self._begins, one.at) - 1
        return place >= 0 and self._runs[place][1] >= one.end

    def overlaps(self, one: Sighting) -> bool:
        """Tell whether it has any of them."""
        place = bisect_left(self._begins, one.end) - 1
        return place >= 0 and self._runs[place][1] > one.at

    def pieces(self, one: Sighting) -> list[Sighting]:
        """Give the segments that have any of them."""
        near = self._pieces[
            bisect_left(self._starts, one.at - self._longest) : bisect_left(self._starts, one.end)
        ]
        return [s for s in near if s.end > one.at]

    def has(self, one: Sighting) -> bool:
        """Tell whether it has all of a segment, octet by octet as far as they were kept, and its SYN and FIN."""
        if not self.covers(one):
            return False
        pieces = self.pieces(one)
        marks = one.flags & (SYN | FIN)
        return all(same_octets(one, s) for s in pieces) and (
            not marks or any(s.flags & marks == marks and s.end >= one.end for s in pieces)
        )


class Acks:
    """What one end acked, as one capture has it."""

    def __init__(self, sightings: list[Sighting]) -> None:
        self._times: list[int] = []
        self._acks: list[int] = []
        for s in sightings:
            if (
                s.ack is not None
                and not s.flags & RST
                and (not self._acks or s.acks > self._acks[-1])
            ):
                self._times.append(s.ts)
                self._acks.append(s.acks)

    def when(self, end: int) -> int | None:
        """Say when all numbers before `end` were acked, None if they never were."""
        place = bisect_left(self._acks, end)
        return self._times[place] if place < len(self._times) else None


class Judge:
    """Says what became of a segment that only one capture has."""

    def __init__(self, meeting: Meeting, spans: dict[str, tuple[int, int]], hidden: set[int]) -> None:  # fmt: skip
        """`spans`: when the first and the last frame of "A" and "B" came, whatever they hold. `hidden`: see `Paired`."""
        self.meeting = meeting
        self.spans = spans
        self._hidden = hidden
        captures = {"A": meeting.a, "B": meeting.b}
        self.captures = captures
        self._keys = {"A": meeting.of_a, "B": meeting.of_b}
        self.holes = dict.fromkeys(captures, 0)
        """Segments that each capture missed."""

    @cached_property
    def octets(self) -> dict[tuple[str, str], Octets]:
        """What each capture has of each end."""
        return {(where, who): Octets(self.captures[where].of(who)) for where, who in _SIDES}

    @cached_property
    def _acks(self) -> dict[tuple[str, str], Acks]:
        return {(where, who): Acks(self.captures[where].of(who)) for where, who in _SIDES}

    def judge(self, lone: list[tuple[Sighting, str]]) -> list[str]:
        """Say what each is: the words of `Difference.kind`."""
        kinds = [self._kind(one, where) for one, where in lone]
        for (_, where), kind in zip(lone, kinds, strict=True):
            self.holes[_other(where)] += kind == "missed"
        return [
            self._doubted(one, where, kind) for (one, where), kind in zip(lone, kinds, strict=True)
        ]

    def sent_here(self, one: Sighting, where: str) -> bool:
        """Tell whether a capture is the one nearer to the sender."""
        return self.meeting.near_to(one.who) == where

    def _kind(self, one: Sighting, where: str) -> str:
        if not self.meeting.clocks.near_client:
            return "outside" if self._outside(one, where) else "unclear"
        if id(one) in self._hidden:
            return "unclear"
        other = _other(where)
        sent = self.sent_here(one, where)
        if not sent and self._again(one, other):
            return "doubled"
        missed = bool(one.span) and self._missed(one, other, sent=sent)
        if missed or self._outside(one, where):
            return "missed" if missed else "outside"
        if sent:
            return "lost"
        # acked and never sent: the last that it sent, which the capture missed, or octets that a device put in
        last = one.span and not self.octets[other, one.who].overlaps(one) and self._acked(one)
        return "unclear" if last else "injected"

    def _outside(self, one: Sighting, where: str) -> bool:
        """Tell whether the other capture may have been made at another time."""
        other = _other(where)
        at = self.meeting.elsewhere(one, where)
        if at is None:
            return True
        began, ended = self.spans[other]
        gap = self.captures[other].gap
        left_out = gap is not None and at[0] <= gap[1] and at[1] >= gap[0]
        return at[0] < began or at[1] > ended or left_out

    def _again(self, one: Sighting, other: str) -> bool:
        """Tell whether what arrived was sent, only not so often."""
        if one.span:
            return self.octets[other, one.who].has(one)
        return any(same_octets(one, s) for s in self._keys[other].get(one.key, ()))

    def _missed(self, one: Sighting, other: str, *, sent: bool) -> bool:
        """Tell whether its numbers show that it passed the other place."""
        octets = self.octets[other, one.who]
        if not sent:  # the sender went on behind it: it had sent it
            return not octets.overlaps(one) and octets.around(one)
        receiver = peer_of(one.who)
        if octets.overlaps(one):
            acked = self._acks[other, receiver].when(one.end)
            first = min(s.ts for s in octets.pieces(one))
            return acked is not None and acked < first and self._is_first(one)
        return self._acked(one)

    def _acked(self, one: Sighting) -> bool:
        """Tell whether the end that it goes to acked it, in either capture."""
        return any(self._acks[where, peer_of(one.who)].when(one.end) is not None for where in "AB")

    def _is_first(self, one: Sighting) -> bool:
        where = "A" if any(s is one for s in self._keys["A"].get(one.key, ())) else "B"
        return self._keys[where][one.key][0] is one

    def _doubted(self, one: Sighting, where: str, kind: str) -> str:
        """Take back what a capture with holes does not bear: no ACK tells of what carries nothing, or was sent again."""
        other = _other(where)
        if kind not in {"lost", "injected"} or not self.holes[other]:
            return kind
        if one.flags & RST:
            return kind if self.spoke_on(one, where) else "unclear"
        if not one.span:
            return "unclear"
        doubtful = kind == "lost" and self.octets[other, one.who].overlaps(one)
        return "unclear" if doubtful else kind

    def spoke_on(self, one: Sighting, where: str) -> bool:
        """Tell whether an end went on after a RST as nobody does who has sent or received it, in the other capture.

        Of a RST that arrived here, its sender; of one that was sent here, its receiver.
        """
        other = _other(where)
        at = self.meeting.elsewhere(one, where)
        if self.sent_here(one, where) and one.ignored:
            return False  # it may have come and ended nothing
        who = peer_of(one.who) if self.sent_here(one, where) else one.who
        sent = self.captures[other].of(who)
        lives = next((s for s in sent if not s.flags & (SYN | RST)), None)
        if at is None or lives is None or lives.ts > at[0]:
            return False
        return any(s.ts > at[1] and not s.flags & (SYN | RST) for s in sent)

    def waited(self, one: Sighting, where: str) -> bool:
        """Tell whether the end that it goes to still asked for it when it should long have had it, in the other capture."""
        at = self.meeting.elsewhere(one, where)
        asked = self.captures[_other(where)].of(peer_of(one.who))
        return at is not None and any(
            s.ts > at[1] and s.ack is not None and not s.flags & RST and one.at <= s.acks < one.end
            for s in asked
        )


def _other(where: str) -> str:
    return "B" if where == "A" else "A"
