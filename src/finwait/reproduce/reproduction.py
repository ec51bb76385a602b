"""A reproduction: the script as text, whose stack it tests, and what the rehearsal made of it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from finwait.capture.connections import Progress, analyze
from finwait.capture.nameless import nameless
from finwait.errors import BadScript, FinwaitError, Misuse, called
from finwait.explain.conversation import SYN, Conversation
from finwait.explain.read import read
from finwait.reproduce.acting import Acting, Played
from finwait.reproduce.part import NOT_ONE_CONNECTION, Part, deciding_side, part
from finwait.reproduce.rehearsal import Line, Rehearsal
from finwait.script.outcome import Crossing
from finwait.script.syntax import Dialect
from finwait.script.tcp_options import split
from finwait.script.write import write_event
from finwait.tcp import Flags
from finwait.verdict.verdict import peer_of, reset_after_fin
from finwait.wire import Packet, Tcp, pcapng

ALSO_WHOLE: Final = 2000
"""Segments up to which all of a connection is tried where the part that matters does not come out the same."""
SIDES: Final = ("client", "server")
DIALECTS: Final = ("google", "nplab")
HEADER: Final = 20
"""Octets of a TCP header without options."""
MOST: Final = 20_000
"""Segments of one connection that are looked at."""
ONE_DIRECTION: Final = (
    "only one direction was captured",
    "只抓到了一个方向",
)
FAST_OPEN: Final = (
    "its SYN carries payload (TCP Fast Open), which needs a cookie from before",
    "其 SYN 带有载荷（TCP Fast Open），需要先前的 cookie",
)
NO_CALLS: Final = (
    "no calls of an application make either end send what it sent",
    "没有任何应用调用能使某一端发出它所发出的报文",
)
NO_CALLS_OF: Final = {
    "client": (
        "no calls of an application make the client send what it sent; --side server can be written",
        "没有任何应用调用能使客户端发出它所发出的报文；可以用 --side server",
    ),
    "server": (
        "no calls of an application make the server send what it sent; --side client can be written",
        "没有任何应用调用能使服务器发出它所发出的报文；可以用 --side client",
    ),
}
"""By the side that was asked for, if a script for the other one can be written."""
COLUMN: Final = 60
"""Where comments begin."""


class Judged(NamedTuple):
    """What is to be the same."""

    close: str
    closed_by: str
    cause: str


class Instead(NamedTuple):
    """What to ask for instead."""

    side: str
    """"client" or "server"."""
    whole: bool


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A script that makes a captured close happen again."""

    script: str
    """Its text."""
    side: str
    """Whose stack is under test."""
    captured: Judged
    """What the capture shows of this connection, looked at alone."""
    rehearsed: Judged
    """What the script gave on finwait's own endpoint while it was written."""
    decided_by: str
    """The side whose behaviour decides the captured close, "client" or "server"."""
    instead: Instead | None = None
    """Where this script does not give the same, one that does; None if there is none."""
    faults: tuple[FinwaitError, ...] = ()
    """What of the capture could not be read: the script makes again what could."""

    @property
    def same(self) -> bool:
        """Say whether the rehearsal gave the same close, by the same end, for the same cause."""
        return self.captured == self.rehearsed

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the script. Raises OSError."""
        Path(path).write_text(self.script, encoding="utf-8")


def make(
    source: str | os.PathLike[str],
    conn: int | str,
    *,
    side: str | None,
    dialect: str,
    speed: float,
    whole: bool,
    progress: Progress | None,
    played: Played | None,
) -> Reproduction:
    """Do what `finwait.reproduce` promises."""
    if side is not None and side not in SIDES:
        raise Misuse(f"side is client or server, not {side!r}", f"side 应为 client 或 server，而不是 {side!r}")  # fmt: skip
    if dialect not in DIALECTS:
        raise Misuse(f"dialect is google or nplab, not {dialect!r}", f"dialect 应为 google 或 nplab，而不是 {dialect!r}")  # fmt: skip
    if not speed >= 1:
        raise Misuse("speed is 1 or more", "speed 至少为 1")
    told = read(source, conn, joined=False, absolute=False, max_segments=MOST, progress=progress)
    c = told.conversation
    if c.row.cause in NOT_ONE_CONNECTION:
        raise Misuse(*(_cannot(c, why, n) for n, why in enumerate(NOT_ONE_CONNECTION[c.row.cause])))
    for who in ("client", "server"):
        if not c.of(who) and c.row.close not in {"unanswered", "refused"}:
            raise Misuse(*(_cannot(c, why, n) for n, why in enumerate(ONE_DIRECTION)))
    if "data-with-syn" in c.row.notes:
        raise Misuse(*(_cannot(c, why, n) for n, why in enumerate(FAST_OPEN)))
    writer = _Writer(c, judged(alone(c)), Dialect(dialect), speed, played or _unheard)
    sides = (side,) if side is not None else (writer.deciding, peer_of(writer.deciding))
    made = writer.best(sides, whole=whole)
    if made is None:
        other = side is not None and writer.best([peer_of(side)], whole=whole) is not None
        raise Misuse(*(_cannot(c, why, n) for n, why in enumerate(NO_CALLS_OF[side] if side and other else NO_CALLS)))  # fmt: skip
    if not made.same:
        made = replace(made, instead=writer.instead(made.side, sides, whole=whole))
    return replace(made, faults=told.faults)


def _unheard(done: int, total: int) -> None:
    del done, total


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes scripts of one connection."""

    c: Conversation
    captured: Judged
    dialect: Dialect
    speed: float
    played: Played

    @property
    def deciding(self) -> str:
        return deciding_side(self.c.row)

    def best(self, sides: Sequence[str], *, whole: bool) -> Reproduction | None:
        """Write until one gives the same; else give the first. None if no calls make a side do what it did."""
        parts = ((who, part(self.c, who, whole=all_of_it)) for who, all_of_it in _tries(sides, len(self.c.segments), whole=whole))  # fmt: skip
        different = (
            first for first, _ in groupby(parts)
        )  # where nothing is left out, all of it is no other try
        tries = (self._write(who, chosen) for who, chosen in different)
        made = list(_up_to_the_same(one for one in tries if one))
        return (made[-1] if made[-1].same else made[0]) if made else None

    def instead(self, side: str, tried: Sequence[str], *, whole: bool) -> Instead | None:
        """Find what gives the same where `side` does not: the other side, less of the connection, or both."""
        other = peer_of(side)
        ways = [Instead(other, whole)] if other not in tried else []
        if whole:
            less = Instead(side, False)
            ways = [less, *ways] if side == self.deciding else [*ways, less]
            ways.append(Instead(other, False))
        written = ((way, self.best([way.side], whole=way.whole)) for way in ways)
        return next((way for way, made in written if made and made.same), None)

    def _write(self, side: str, chosen: Part) -> Reproduction | None:
        family = "ipv6" if ":" in self.c.row.client_ip else "ipv4"
        try:
            acting = Acting(self.c, chosen, side, self.speed, Rehearsal(family, self.dialect))
            rehearsal = acting.play(self.played)
        except BadScript:  # a call on a socket that is closed, or not there yet
            return None
        rehearsed = judged(_crossings(rehearsal.traffic.finished()))
        head = _Head(side, family, self.deciding, self.captured, rehearsed)
        text = _text(self.c, chosen, rehearsal, head, self.dialect)
        return Reproduction(text, side, self.captured, rehearsed, self.deciding)


def _up_to_the_same(tried: Iterable[Reproduction]) -> Iterator[Reproduction]:
    for one in tried:
        yield one
        if one.same:
            return


def _tries(sides: Sequence[str], segments: int, *, whole: bool) -> Iterator[tuple[str, bool]]:
    """Give what to try, until one comes out the same: whose stack, and whether all of the connection."""
    for who in sides:
        if not whole:
            yield who, False
        if whole or segments <= ALSO_WHOLE:
            yield who, True


def _cannot(c: Conversation, why: str, language: int) -> str:
    number = c.row.conn
    return (
        f"connection {number} cannot be reproduced by one script: {why}"
        if language == 0
        else f"连接 {number} 不能由一个脚本重现：{why}"
    )


def alone(c: Conversation) -> list[tuple[int, Packet]]:
    """Give the packets of a connection as a capture that holds nothing else."""
    row = c.row
    ends = ip_address(row.client_ip), ip_address(row.server_ip)
    ports = row.client_port, row.server_port
    found = []
    for s in c.segments:
        if s.copy:
            continue
        way = 1 if s.who == "client" else -1
        (src, dst), (sport, dport) = ends[::way], ports[::way]
        step = s.step
        payload = step.data[: step.payload] + bytes(max(0, step.payload - len(step.data)))
        tcp = Tcp(
            sport, dport, step.seq, step.ack, Flags(step.flags), step.window,
            options=split(step.header[HEADER:]), payload=payload,
        )  # fmt: skip
        found.append((round(s.at * 1e6), Packet(src, dst, tcp, ttl=step.ttl)))
    return found


def _crossings(crossings: tuple[Crossing, ...]) -> list[tuple[int, Packet]]:
    return [(max(one.at, 0), one.packet) for one in crossings]


def judged(packets: list[tuple[int, Packet]]) -> Judged:
    """Analyse the packets of one connection. Of several connections in them the first counts."""
    with nameless(b"".join(pcapng.write(packets))) as (_, path):
        row = next(iter(analyze(path)), None)
    return Judged("", "", "") if row is None else Judged(row.close, row.closed_by, row.cause)


class _Head(NamedTuple):
    side: str
    family: str
    decided_by: str
    captured: Judged
    rehearsed: Judged


def _text(
    c: Conversation, chosen: Part, rehearsal: Rehearsal, head: _Head, dialect: Dialect
) -> str:
    row, by = c.row, head.captured.closed_by
    if reset_after_fin(by, row.reset_by):
        by = f"{by} FIN, {row.reset_by} RST"
    lines = [
        f"// {called(Path(row.source).name, 'en')}, connection {row.conn}: {row.client} to {row.server}.",
        f"// Close: {head.captured.close}, by {by}, cause {head.captured.cause}.",
        f"// Under test: the stack of the {head.side}. Injected: what the {peer_of(head.side)} sent.",
    ]
    if head.side != head.decided_by:
        lines.append(f"// That close is decided at the {head.decided_by}, whose part is only injected here.")  # fmt: skip
    if chosen.left_out:
        lines.append(f"// Left out: {chosen.left_out} segments before the part that matters; numbers count from there.")  # fmt: skip
    if any(
        b"\x08\x0a" in s.step.header[HEADER:] for s in c.of(peer_of(head.side)) if s.flags & SYN
    ):
        lines.append("// Timestamps are left out.")
    if head.rehearsed != head.captured:
        lines.append(f"// On finwait's own endpoint it gives another close: {', '.join(head.rehearsed)}.")  # fmt: skip
    lines.append("// Made by finwait reproduce.")
    if head.family == "ipv6":
        lines.append("--ip_version=ipv6")
    lines += ["--tolerance_usecs=100000", ""]
    lines += [_line(line, dialect) for line in rehearsal.lines]
    return "\n".join(lines) + "\n"


def _line(line: Line, dialect: Dialect) -> str:
    said = write_event(line.event, dialect)
    return f"{said:<{COLUMN}} // {line.note}" if line.note else said
