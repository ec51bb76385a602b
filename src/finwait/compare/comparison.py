"""Two captures compared: which connections both have, and what happened to each between."""

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from finwait.capture.connection import Connection
from finwait.capture.connections import Progress
from finwait.compare.captures import LOT, Capture, same_file
from finwait.compare.clocks import Envelope, Fit, fit
from finwait.compare.join import Joined, join
from finwait.compare.mates import Group, by_segments, groups
from finwait.compare.meeting import Meeting
from finwait.compare.proof import Proof
from finwait.compare.sighting import Seen
from finwait.errors import STDIN, FinwaitError, Misuse
from finwait.explain.read import kept
from finwait.verdict.language import Lang

Near = Literal["A", "B"]


@dataclass(frozen=True)
class Comparison:
    """Two captures. `a` and `b` are their paths."""

    a: str
    b: str
    connections: tuple[Joined, ...]
    only_a: tuple[Connection, ...]
    """Connections of which B has nothing that could be joined."""
    only_b: tuple[Connection, ...]
    clocks: Fit | None
    """The two captures' clocks, by all connections; None if there is no common line: one was set meanwhile, or
    nothing was seen of one direction."""
    zero: int
    """Nanoseconds of A's clock from which the seconds of `clocks` are counted."""
    spans: Mapping[str, tuple[int, int] | None]
    """When the first and the last frame of "A" and "B" came, by their own clocks; None: it has no TCP."""
    frames: Mapping[str, int]
    """How many "A" and "B" have, whatever they hold."""
    skipped: Mapping[str, Mapping[str, int]]
    """Which of them were not used in "A" and "B", by the reason (`finwait catalogue skip`)."""
    client: Near | None = None
    """Which capture is nearer to the client, as whoever asked knows."""
    same: bool = False
    """Both paths are one file."""
    faults: tuple[FinwaitError, ...] = ()

    @property
    def contradicted(self) -> int:
        """Of how many connections the times say otherwise than `client`; these are judged by the times."""
        return sum(one.contradicted for one in self.connections)

    @property
    def untold(self) -> int:
        """Of how many connections nothing tells which capture is nearer to the client."""
        return sum(not one.clocks.near_client for one in self.connections)

    @cached_property
    def proofs(self) -> tuple[Proof, ...]:
        """Give those of all connections."""
        return tuple(proof for one in self.connections for proof in one.proofs)

    def when(self, row: Connection, where: str) -> str:
        """Say whether a connection that only `where` ("A" or "B") has was "before" the other capture, "after" it, or
        "during" it, when its segments would be there had they come by; "" if the clocks do not tell."""
        span = self.spans["B" if where == "A" else "A"]
        if self.clocks is None or span is None:
            return ""
        sign = 1 if where == "A" else -1
        offset = self.clocks.offset + self.clocks.rate * (row.first_ts - self.zero) / 1e9
        first, last = (at + sign * offset * 1e9 for at in (row.first_ts, row.last_ts))
        return "before" if last < span[0] else "after" if first > span[1] else "during"

    def text(self, lang: Lang = "en") -> str:
        """Write everything for people."""
        from finwait.compare.told import text

        return text(self, lang)

    def data(self, lang: Lang = "en") -> dict[str, object]:
        """Give everything as plain data that `json.dumps` takes."""
        from finwait.compare.told import data

        return data(self, lang)


def make(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    client: Near | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Do what `finwait.compare` promises."""
    if client not in {None, "A", "B"}:
        raise Misuse(
            f'client is "A" or "B", the capture nearer to the client, not {client!r}',
            f'client 是 "A" 或 "B"，即更靠近客户端的那份抓包，而不是 {client!r}',
        )
    paths = [os.fspath(a), os.fspath(b)]
    if paths == [STDIN, STDIN]:
        raise Misuse(
            "only one of the two captures can be standard input", "两份抓包中只有一份可以是标准输入"
        )
    with kept(paths) as files:
        captures = [Capture(path, file, progress) for path, file in zip(paths, files, strict=True)]
        for one in captures:
            if one.connections.unread:
                raise one.faults[0]
        with _unsearched():
            return _compared(captures[0], captures[1], client)


@contextmanager
def _unsearched() -> Iterator[None]:
    """Have Python not look for circles of references: sightings, of which there are many, hold none, and the search took
    two fifths of the time."""
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


def _compared(a: Capture, b: Capture, client: Near | None) -> Comparison:
    reading = _Reading(a, b, client)
    pool = reading.clocks()
    spans = {"A": (a.first, a.last), "B": (b.first, b.last)}
    found: list[Joined] = []
    for meeting in reading.meetings():
        meeting.set_clocks(pool)
        found.append(join(meeting, spans))
    found.sort(key=lambda one: one.a.conn)
    taken_a, taken_b = {one.a.conn for one in found}, {one.b.conn for one in found}
    return Comparison(
        a.path,
        b.path,
        tuple(found),
        tuple(a.rows([n for n in range(len(a.openings)) if n not in taken_a])),
        tuple(b.rows([n for n in range(len(b.openings)) if n not in taken_b])),
        pool,
        a.first,
        {"A": None if a.empty else spans["A"], "B": None if b.empty else spans["B"]},
        {"A": a.connections.frames, "B": b.connections.frames},
        {"A": a.connections.skipped, "B": b.connections.skipped},
        client,
        same_file(a.path, b.path),
        (*a.faults, *b.faults),
    )


class _Reading:
    """The connections that both captures have, in lots that fit in memory."""

    def __init__(self, a: Capture, b: Capture, client: Near | None) -> None:
        self.a, self.b = a, b
        self.lots = list(_lots(groups(a.openings, b.openings), a, b))
        self._client = client
        self._first = min(
            (conn for lot in self.lots for group in lot for conn in group.a), default=0
        )
        self._kept: list[Meeting] | None = None

    def clocks(self) -> Fit | None:
        """Estimate the clocks from all connections. A single lot is read once: it stays for `meetings`."""
        span = (self.a.last - self.a.first) / 1e9
        there, back = Envelope(span), Envelope(span, -1)
        there_said, back_said = Envelope(span), Envelope(span, -1)
        held: list[Meeting] = []
        for lot in self.lots:
            for meeting in self._meet(lot):
                # where others have told, what takes a search is not needed
                near = meeting.near(None, search=not there)
                client, server = meeting.points["client"], meeting.points["server"]
                if near:
                    there.add(client if near == "A" else server)
                    back.add(server if near == "A" else client)
                elif meeting.said and not there:
                    there_said.add(client if meeting.said == "A" else server)
                    back_said.add(server if meeting.said == "A" else client)
                if len(self.lots) == 1:
                    held.append(meeting)
        self._kept = held[::-1] if len(self.lots) == 1 else None
        return fit(there, back) if there or back else fit(there_said, back_said)

    def meetings(self) -> Iterator[Meeting]:
        """Give each connection, ready to be joined."""
        if self._kept is not None:
            while self._kept:
                yield self._kept.pop()
            return
        for lot in self.lots:
            yield from self._meet(lot)

    def _meet(self, lot: list[Group]) -> Iterator[Meeting]:
        seen_a = self.a.seen([conn for group in lot for conn in group.a])
        seen_b = self.b.seen([conn for group in lot for conn in group.b])
        for group in lot:
            here = {conn: seen_a.pop(conn) for conn in group.a}
            there = {conn: seen_b.pop(conn) for conn in group.b}
            pairs = [(group.a[0], group.b[0])] if group.sure else by_segments(here, there)
            for one, other in pairs:
                yield Meeting(
                    here[one], _aligned(there[other], here[one]), self.a.first, self._said(one)
                )

    def _said(self, conn: int) -> str:
        """Say which capture is nearer to the client of a connection of A, as whoever asked knows it of the first one."""
        if self._client is None:
            return ""
        called, calls = self.a.openings[self._first].hosts, self.a.openings[conn].hosts
        back = calls == called[::-1] != called
        return self._client if not back else "B" if self._client == "A" else "A"


def _aligned(b: Seen, a: Seen) -> Seen:
    """Both called at once, and each capture saw another SYN first: the roles are A's."""
    mine, theirs = (a.isn["client"], a.isn["server"]), (b.isn["client"], b.isn["server"])
    crossed = None not in mine and mine == theirs[::-1] and mine != theirs
    return b.swapped() if crossed else b


def _lots(found: list[Group], a: Capture, b: Capture) -> Iterator[list[Group]]:
    """Put groups together as long as the segments of neither capture are more than LOT."""
    lot: list[Group] = []
    held = [0, 0]
    for group in found:
        sizes = [
            sum(capture.openings[conn].segments for conn in conns)
            for capture, conns in ((a, group.a), (b, group.b))
        ]
        if lot and any(h + size > LOT for h, size in zip(held, sizes, strict=True)):
            yield lot
            lot, held = [], [0, 0]
        lot.append(group)
        held = [h + size for h, size in zip(held, sizes, strict=True)]
    if lot:
        yield lot
