"""Reproduces random connections: how many scripts of `finwait reproduce` give the close that the capture has.

    python tools/random_connections.py --count 200 --seed 1 --stage model
    sudo python tools/random_connections.py --sockets --count 200 --seed 1 --stage kernel -j 2

Each connection is played from its seed: sizes, who speaks, half-closes, pauses below and above the delayed ACK, aborts, unread
data, kills, lost, doubled and late packets; with `--sockets` between real sockets of two kernels (tools/sockets), else between
two of our endpoints (finwait.network), with a link that may be cut. It is captured at one end, reproduced, run on a stage, and
the capture of the run is judged. Prints each miss, and the figures.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from finwait.errors import Misuse
from finwait.network import Closing, Fault, Leave, Link, Manner, packets, play
from finwait.reproduce import Reproduction, reproduce
from finwait.reproduce.reproduction import Judged, judged
from finwait.script.job import Job
from finwait.script.outcome import Outcome, Status
from finwait.script.syntax import Dialect
from finwait.wire import pcapng
from quietly import quietly
from sockets import many
from sockets.judge import capture as written
from sockets.plan import SIDES

SECOND = 1_000_000
LONGEST = 60 * SECOND
"""Of a play, in virtual time: what takes longer would take as long on the kernel."""
SIZES = (0, 0, 1, 19, 100, 1448, 1449, 3000, 5000, 20_000)
PAUSES = (0, 1000, 20_000, 150_000, 500_000)


class Result(NamedTuple):
    """One connection."""

    seed: int
    same: bool
    passed: bool
    said: str


def draw(seed: int) -> tuple[Closing, Link, dict[int, Fault], str]:
    """Draw a connection and the end at which it is captured: the same seed, the same connection."""
    dice = random.Random(seed)
    client, server = _manner(dice, "client"), _manner(dice, "server")
    cut = dice.choice((None,) * 9 + (700_000,))
    link = Link(
        delay=dice.choice((0, 500, 10_000, 45_000)), jitter=dice.choice((0, 300)), cut_at=cut
    )
    faults = {}
    if dice.random() < 0.3:
        faults = {
            dice.randrange(3, 25): dice.choice(list(Fault)) for _ in range(dice.randint(1, 2))
        }
    listens = dice.random() > 0.04
    return (
        Closing("random", "open", "none", client, server, link, listens),
        link,
        faults,
        dice.choice(("client", "server")),
    )


def _manner(dice: random.Random, who: str) -> Manner:
    leaves = dice.choice(
        (Leave.CLOSE,) * 4 + (Leave.SHUTDOWN, Leave.SHUTDOWN, Leave.ABORT, Leave.NOT)
    )
    late = dice.choice((0, 0, 0, 100, 3000))
    return Manner(
        says=dice.choice(SIZES), hears=0 if who == "client" else dice.choice((0, 0, 1)), reads=dice.random() > 0.12, leaves=leaves,
        leaves_at=dice.choice((None, 300_000, 400_000, 1_000_000, 1_001_000)),
        when_left=dice.choice((Leave.CLOSE,) * 6 + (Leave.ABORT, Leave.NOT)), hesitates=dice.choice(PAUSES), says_late=late,
    )  # fmt: skip


def capture(seed: int, path: Path) -> None:
    """Write the capture of a connection."""
    closing, link, faults, door = draw(seed)
    played = play(closing, link=link, faults=faults, seed=seed, until=LONGEST)
    path.write_bytes(b"".join(pcapng.write(packets(played.network.nodes[door].seen))))


class Rehearsed(NamedTuple):
    """What came of a script."""

    made: Reproduction
    outcome: Outcome
    got: Judged
    """What the capture of the run shows."""

    @property
    def same(self) -> bool:
        """The same close, closed_by and cause."""
        return self.got == self.made.captured

    @property
    def passed(self) -> bool:
        """Each line of the script came true."""
        return self.outcome.status is Status.PASSED

    def said(self) -> str:
        """Tell it in a line."""
        made, failure = self.made, self.outcome.failure
        words = f"{', '.join(made.captured)} → {', '.join(self.got)}; rehearsed {', '.join(made.rehearsed)}"
        if failure is None:
            return words
        return f"{words}; {failure.message.en} ({failure.source.strip()})"


def rehearse(
    path: Path, stage: str, folder: Path, conn: int = 0, *, side: str | None = None, dialect: str = "google", whole: bool = False
) -> Rehearsed:  # fmt: skip
    """Reproduce a connection and run its script. Raises Misuse where no script can."""
    made = reproduce(path, conn, side=side, dialect=dialect, whole=whole)
    script = folder / "x.pkt"
    made.save(script)
    read_as = Dialect.NPLAB if dialect == "nplab" else Dialect.FINWAIT
    outcome = Job(str(script), stage=stage, dialect=read_as).run()
    return Rehearsed(made, outcome, judged([(max(one.at, 0), one.packet) for one in outcome.crossings]))  # fmt: skip


def captures_of_sockets(seed: int, count: int) -> list[tuple[int, bytes]]:
    """Play connections on real sockets; gives the capture of each, made at an end drawn from its seed."""
    played = many.play(seed, count)
    return [
        (p.plan.seed, written(p.line.seen(random.Random(p.plan.seed).choice(SIDES))))
        for p in played
    ]


def one(seed: int, stage: str, made: bytes | None = None) -> Result:
    """Reproduce and judge one connection; without a capture of it, make it between our endpoints."""
    with tempfile.TemporaryDirectory(prefix="finwait-") as name:
        path = Path(name) / "play.pcapng"
        if made is None:
            capture(seed, path)
        else:
            path.write_bytes(made)
        try:
            again = rehearse(path, stage, Path(name))
        except Misuse as cannot:
            return Result(seed, False, False, str(cannot))
        return Result(seed, again.same, again.passed, f"{again.made.side}: {again.said()}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit code says whether at least 95 % came out the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sockets", action="store_true", help="between real sockets (as root)")
    parser.add_argument("--stage", choices=("model", "kernel"), default="model")
    parser.add_argument("-j", type=int, default=1)
    asked = parser.parse_args(arguments)
    seeds: list[int] = list(range(asked.seed, asked.seed + asked.count))
    made: list[bytes | None] = [None] * asked.count
    if asked.sockets:
        seeds, made = map(list, zip(*captures_of_sockets(asked.seed, asked.count), strict=True))
    with ProcessPoolExecutor(asked.j) as pool:
        results = list(pool.map(one, seeds, [asked.stage] * len(seeds), made))
    for result in results:
        if not (result.same and result.passed):
            print(f"{'same' if result.same else 'MISS'} {result.seed}: {result.said}")
    same = sum(result.same for result in results)
    print(
        f"{same} of {len(results)} the same; {sum(r.passed for r in results)} scripts passed (seed {asked.seed}, {asked.stage})"
    )
    return 0 if same >= 0.95 * len(results) else 1


if __name__ == "__main__":
    sys.exit(quietly(main))
