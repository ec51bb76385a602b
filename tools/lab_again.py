"""Reproduces the lab's captures: how many scripts of `finwait reproduce` give the close that the capture has.

    sudo python tools/lab_again.py -j 2              # makes them first: finwait lab all
    sudo python tools/lab_again.py -j 2 captures     # those that `finwait lab all --keep captures` left

Each connection of each capture is reproduced with the stack of the client under test, with that of the server, and with the
one that finwait chooses; each script is run on the model and on the kernel, and the capture of the run is judged. Prints a line
for each that is not the same, does not pass, or cannot be reproduced, and the figures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from finwait import analyze
from finwait.cli.lab import leg_name
from finwait.errors import FinwaitError, Misuse
from finwait.lab.experiments import ALL
from finwait.lab.play import Result
from finwait.lab.run import run
from quietly import quietly
from random_connections import rehearse

CHOSEN = "chosen"
SIDES = ("client", "server", CHOSEN)
STAGES = ("model", "kernel")


class Case(NamedTuple):
    """One script."""

    path: Path
    conn: int
    side: str
    """"client", "server", or "chosen": the one that finwait takes."""
    stage: str

    def __str__(self) -> str:
        """Name it in a table."""
        return f"{self.path.stem + ' ' + str(self.conn):<30} {self.side:<7} {self.stage:<7}"


class Again(NamedTuple):
    """What came of it."""

    case: Case
    word: str
    """"same", "fails" (the same close, but a line did not come true), "MISS" or "cannot"."""
    said: str


def again(case: Case) -> Again:
    """Reproduce and run one."""
    side = None if case.side == CHOSEN else case.side
    with tempfile.TemporaryDirectory(prefix="finwait-") as folder:
        try:
            got = rehearse(case.path, case.stage, Path(folder), case.conn, side=side)
        except Misuse as cannot:
            return Again(case, "cannot", str(cannot))
    word = "MISS" if not got.same else "same" if got.passed else "fails"
    return Again(case, word, f"{got.made.side}: {got.said()}")


def cases(
    folder: Path, sides: Sequence[str] = SIDES, stages: Sequence[str] = STAGES
) -> Iterator[Case]:
    """Give what is reproduced of a folder of captures."""
    for path in sorted(folder.glob("*.pcap*")):
        for row in analyze(path):
            yield from (Case(path, row.conn, side, stage) for stage in stages for side in sides)


def keep(endings: Iterable[tuple[str, Result | FinwaitError | OSError]], folder: Path) -> None:
    """Write the captures of experiments, as `finwait lab --keep` does."""
    for name, ending in endings:
        if not isinstance(ending, Result):
            raise ending
        for number, leg in enumerate(ending.legs):
            (folder / f"{leg_name(name, number)}.pcapng").write_bytes(leg.capture)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit code says whether at least 95 % of the chosen sides came out the same on each stage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--stage", choices=STAGES, action="append", help="only this one")
    parser.add_argument("-j", type=int, default=1)
    asked = parser.parse_args(arguments)
    stages = asked.stage or STAGES
    with tempfile.TemporaryDirectory(prefix="finwait-") as made, ProcessPoolExecutor(asked.j) as pool:  # fmt: skip
        if asked.folder is None:
            short = [one for one in ALL.values() if not one.long]
            keep(((each.name, ending) for each, ending in run(short, "en", asked.j)), Path(made))
        results = list(pool.map(again, cases(asked.folder or Path(made), stages=stages)))
    for one in results:
        if one.word != "same":
            print(f"{one.case} {one.word}: {one.said}")
    good = [_figures(results, side, stage) for stage in stages for side in SIDES]
    return 0 if all(good[SIDES.index(CHOSEN) :: len(SIDES)]) else 1


def _figures(results: list[Again], side: str, stage: str) -> bool:
    words = [one.word for one in results if (one.case.side, one.case.stage) == (side, stage)]
    cannot, miss = words.count("cannot"), words.count("MISS")
    tried = len(words) - cannot
    print(f"{side}, {stage}: {tried - miss} of {tried} the same; {words.count('same')} scripts passed with it; {cannot} cannot be reproduced")  # fmt: skip
    return tried - miss >= 0.95 * tried


if __name__ == "__main__":
    sys.exit(quietly(main))
