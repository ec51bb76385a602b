"""Analyses connections in captures that are worse than complete, and counts what finwait says of them.

    cd tools
    ../.venv/bin/python -m sockets.worse --count 500 --seed 1 -j 2
    ../.venv/bin/python -m sockets.worse --sockets --count 500 # between real kernels (as root)
    ../.venv/bin/python -m sockets.worse --captures            # those of tests/captures and examples

For each kind of capture: how many, how many rows are right, weaker and marked, doubted (one reading among others, and
what is missing named), false. `--tell KIND` prints the rows that are not right. The exit code says whether none is false.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from finwait import _core
from finwait.network import packets, play
from finwait.wire import encode
from finwait.wire.pcapng import EPOCH
from lab.truth import Capture, Connection, from_toml
from quietly import quietly
from random_connections import LONGEST, draw

from .account import Account
from .frames import Unreadable, connections, header, read
from .honest import Grade, Judgement, Row, Truth, judge, truth_of
from .many import play as play_on_sockets
from .plan import SIDES
from .spoil import Complete, Variant, spoil
from .truth import truth
from .whole import whole

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "examples", ROOT / "tests" / "captures")
PARTIAL = frozenset({"capture-gap", "one-direction", "midstream"})
"""Notes of captures that are not complete to begin with."""


REMOVED = frozenset({"lossy", "one-removed", "two-removed", "begun-late"})
"""Kinds of which nobody can see that they lack something, if what remains is whole."""


CUT = "ended-early"
"""The kind of a capture that ends before its connection does."""


class Source(NamedTuple):
    """A connection as it was captured in full, and what is known of it otherwise."""

    name: str
    complete: Complete
    known: Truth | None = None


class Found(NamedTuple):
    """One variant, judged."""

    source: str
    kind: str
    door: str
    what: str
    judgement: Judgement
    row: str


def played(seed: int) -> Source:
    """A random connection between two of our endpoints (tools/random_connections.py)."""
    closing, link, faults, _ = draw(seed)
    network = play(closing, link=link, faults=faults, seed=seed, until=LONGEST).network
    client, server = (
        [((EPOCH + at) * 1000, encode(packet)) for at, packet in packets(network.nodes[end].seen)]
        for end in ("client", "server")
    )
    first = header(client[0][1])
    assert first is not None
    return Source(f"played {seed}", Complete(client, server, first.src))


def on_sockets(seed: int, count: int) -> Iterator[Source]:
    """Random connections on real sockets, with what the kernels say of them."""
    for one in play_on_sockets(seed, count):
        address, _, port = one.ends["client"].rpartition(":")
        end = address.strip("[]"), int(port)
        complete = Complete(one.line.seen("client"), one.line.seen("server"), end)
        if complete.client and complete.server:
            yield Source(f"sockets {one.plan.seed}", complete, told_by_kernels(Account(one), end))


def told_by_kernels(account: Account, client: tuple[str, int]) -> Truth | None:
    """What is right to say at either end; None where one capture cannot show it all (docs/kernel-judge.md)."""
    told = [truth(account, tap) for tap in SIDES]
    if any(one.limits for one in told):
        return None
    return Truth(
        client,
        close=frozenset(
            word
            for one in told
            for word in (one.close, "vanished" if one.close == "open" else one.close)
        ),
        closed_by=frozenset(one.closed_by for one in told),
        finished=frozenset(one.finished for one in told),
        reset_by=frozenset(one.reset_by for one in told),
        reset_form=frozenset(
            form for one in told for form in (one.reset_form or "None").split(" or ")
        ),
    )


def captured() -> Iterator[Source]:
    """The connections of the captures of real kernels, each alone, with what is known of it because of how it was made."""
    for folder in FOLDERS:
        for capture in from_toml((folder / "truth.toml").read_text()):
            yield from _of(folder / capture.file, capture)


def _of(path: Path, capture: Capture) -> Iterator[Source]:
    try:
        parts = connections(read(path))
    except Unreadable:
        return
    for ends, frames in parts.items():
        same = [one for one in capture.connections if ends == {_end(one.client), _end(one.server)}]
        if len(same) == 1 and not PARTIAL & set(same[0].notes) and same[0].handshake != "missing":
            whole = Complete(frames, frames, _end(same[0].client))
            yield Source(f"{path.name} {same[0].client}", whole, known(same[0]))


def known(connection: Connection) -> Truth:
    """A row of truth.toml as a truth to judge by. "A or B": both are right."""
    return Truth(
        _end(connection.client),
        cause={why.slug: why.most for why in connection.cause} or None,
        close=_words(connection.close),
        closed_by=_words(connection.closed_by),
        finished=_flag(connection.finished),
        reset_by=_words(connection.reset_by),
        reset_form=_words(connection.reset_form),
        client_state=_words(connection.client_state),
        server_state=_words(connection.server_state),
    )  # fmt: skip


def _flag(said: object) -> frozenset[bool] | None:
    """In the file, a row may leave it open: "any"."""
    return frozenset({said}) if isinstance(said, bool) else None


def _words(said: str | None) -> frozenset[str] | None:
    return None if said in {None, "any"} else frozenset(said.split(" or "))


def _end(said: str) -> tuple[str, int]:
    address, _, port = said.rpartition(":")
    return address.strip("[]"), int(port)


def try_out(source: Source, seed: int, folder: Path) -> Iterator[Found]:
    """Judge every variant of a connection; the complete captures say what is right, where it is not known otherwise."""
    path = folder / "worse.pcap"
    told = [(variant, _rows(variant, path)) for variant in spoil(source.complete, seed)]
    full = [rows[0] for variant, rows in told if variant.kind == "complete"]
    truth = truth_of(full, source.known)
    for variant, rows in told:
        judgement = judge(rows, truth, cut=variant.kind == CUT)
        if (
            judgement.grade is Grade.FALSE
            and variant.kind in REMOVED
            and whole(variant.frames, truth.client)
        ):
            judgement = judgement.beyond()
        yield Found(source.name, variant.kind, variant.door, variant.what, judgement, _brief(rows))


def _rows(variant: Variant, path: Path) -> list[Row]:
    path.write_bytes(variant.file)
    analysis = _core.analyze([str(path)], threads=1)
    assert not analysis.faults, analysis.faults
    return list(analysis.records())


def _brief(rows: list[Row]) -> str:
    keys = (
        "close",
        "closed_by",
        "cause",
        "confidence",
        "client_state",
        "server_state",
        "notes",
        "evidence_for",
        "evidence_against",
    )
    return " | ".join(", ".join(str(row[key]) for key in keys) for row in rows)


def one_played(seed: int) -> list[Found]:
    """Draw, play and try out one connection."""
    return one_tried(played(seed), seed)


def one_tried(source: Source, seed: int) -> list[Found]:
    """Try out one connection."""
    with tempfile.TemporaryDirectory(prefix="finwait-") as name:
        return list(try_out(source, seed, Path(name)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit code says whether nothing said is false."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="random connections")
    parser.add_argument("--seed", type=int, default=1, help="of the first; each has its own")
    parser.add_argument("--captures", action="store_true", help="captures of real kernels instead")
    parser.add_argument("--sockets", action="store_true", help="on real sockets (as root)")
    parser.add_argument("--tell", action="append", default=[], help="print rows of this grade")
    parser.add_argument("--kind", help="of this kind alone")
    parser.add_argument("-j", type=int, default=1, help="processes")
    asked = parser.parse_args(arguments)
    counts: Counter[tuple[str, Grade]] = Counter()
    words: Counter[tuple[str, str]] = Counter()
    for found in _all(asked):
        if asked.kind not in {None, found.kind}:
            continue
        counts[found.kind, found.judgement.grade] += 1
        words.update((word, grade) for word, grade in found.judgement.words.items())
        if found.judgement.grade in asked.tell:
            print(
                f"{found.source}, {found.kind} at the {found.door}, {found.what}: {found.judgement.said}\n    {found.row}"
            )
    print(table(counts))
    print(
        f"false words: { {word: n for (word, grade), n in sorted(words.items()) if grade is Grade.FALSE} }"
    )
    return 1 if any(grade is Grade.FALSE for _, grade in counts) else 0


def _all(asked: argparse.Namespace) -> Iterator[Found]:
    seeds = range(asked.seed, asked.seed + asked.count)
    if asked.captures:
        for source in captured():
            yield from one_tried(source, 1)
    elif asked.sockets:
        sources = list(on_sockets(asked.seed, asked.count))  # all before the pool: they fork
        with ProcessPoolExecutor(asked.j) as pool:
            for found in pool.map(one_tried, sources, seeds, chunksize=8):
                yield from found
    else:
        with ProcessPoolExecutor(asked.j) as pool:
            for found in pool.map(one_played, seeds, chunksize=8):
                yield from found


def table(counts: Counter[tuple[str, Grade]]) -> str:
    """The figures, a line a kind."""
    kinds = list(dict.fromkeys(kind for kind, _ in counts))
    lines = [f"{'':14}{'count':>8}" + "".join(f"{grade:>9}" for grade in Grade)]
    for kind in [*kinds, "all"]:
        of = [
            sum(n for (k, g), n in counts.items() if g is grade and kind in {k, "all"})
            for grade in Grade
        ]
        lines.append(f"{kind:14}{sum(of):8}" + "".join(f"{n:9}" for n in of))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(quietly(main))
