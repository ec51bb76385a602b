"""Two captures compared: which connections both have, and what happened to each between."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from finwait.capture.connection import Connection
from finwait.capture.connections import analyze
from finwait.compare.join import Joined, join
from finwait.compare.proof import Proof, proofs
from finwait.compare.sighting import sightings
from finwait.errors import FinwaitError
from finwait.explain.conversation import Conversation
from finwait.explain.read import read
from finwait.verdict.language import Lang

MOST: Final = 20_000
"""Segments of one connection that are compared."""


class Compared(NamedTuple):
    """One connection that both captures have."""

    joined: Joined
    proofs: tuple[Proof, ...]


@dataclass(frozen=True)
class Comparison:
    """Two captures. `a` and `b` are their paths."""

    a: str
    b: str
    connections: tuple[Compared, ...]
    only_a: tuple[Connection, ...]
    """Connections of which B has nothing that could be joined."""
    only_b: tuple[Connection, ...]
    faults: tuple[FinwaitError, ...] = ()

    @cached_property
    def proofs(self) -> tuple[Proof, ...]:
        """Give those of all connections."""
        return tuple(proof for one in self.connections for proof in one.proofs)

    def text(self, lang: Lang = "en") -> str:
        """Write everything for people."""
        from finwait.compare.told import text

        return text(self, lang)

    def data(self, lang: Lang = "en") -> dict[str, object]:
        """Give everything as plain data that `json.dumps` takes."""
        from finwait.compare.told import data

        return data(self, lang)


def make(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> Comparison:
    """Do what `finwait.compare` promises."""
    first, faults_a = _load(a)
    second, faults_b = _load(b)
    ends = {name: max((c.row.last_ts for c in all_), default=0) / 1e9 for name, all_ in (("A", first), ("B", second))}  # fmt: skip
    found: list[Compared] = []
    left = list(second)
    only_a: list[Connection] = []
    for one in first:
        mate = next(_mates(one, left), None)
        if mate is None:
            only_a.append(one.row)
            continue
        left.remove(mate)
        joined = join(one, mate, ends)
        found.append(Compared(joined, tuple(proofs(joined))))
    return Comparison(
        os.fspath(a), os.fspath(b), tuple(found), tuple(only_a), tuple(c.row for c in left), (*faults_a, *faults_b)
    )  # fmt: skip


def _load(path: str | os.PathLike[str]) -> tuple[list[Conversation], list[FinwaitError]]:
    """Read all connections of a capture with their segments."""
    rows = analyze(path)
    found = [
        read(
            path, row.conn, joined=False, absolute=False, max_segments=MOST, progress=None
        ).conversation
        for row in rows
    ]
    return [c for c in found if c.segments], list(rows.faults)


def _mates(one: Conversation, others: list[Conversation]) -> Iterator[Conversation]:
    """Give the connections that can be the same: by their initial sequence numbers, which NAT leaves alone, else by their ends."""
    for other in others:
        same = [
            one.isn[who] == other.isn[who]
            for who in ("client", "server")
            if one.isn[who] is not None and other.isn[who] is not None
        ]
        if (all(same) and (len(same) == 2 or (same and _same_ends(one, other)))) or (
            not same and _same_ends(one, other) and _share(one, other)
        ):
            yield other


def _same_ends(one: Conversation, other: Conversation) -> bool:
    a, b = one.row, other.row
    return (a.client, a.server) == (b.client, b.server)


def _share(one: Conversation, other: Conversation) -> bool:
    keys = {s.key for s in sightings(one) if s.segment.span}
    return any(s.key in keys for s in sightings(other))
