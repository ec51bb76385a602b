"""Plays the public packetdrill suites on the model stage and prints, folder by folder, what passed and why the rest did not.

    python bench/scripts.py freebsd CHECKOUT [FOLDER …]       freebsd-net/tcp-testsuite, profile freebsd
    python bench/scripts.py google CHECKOUT [FOLDER …] --reference reference.json    google/packetdrill, profile linux
    python bench/scripts.py freebsd CHECKOUT state-event-engine --speed

CHECKOUT is a clone of the suite; without it the environment variable FREEBSD_TESTSUITE or PACKETDRILL names one. Nothing of it is
kept here. A script passes only if it was played to its end and no line of it was refused as not applicable.
`--reference` is what `bench/packetdrill.py reference` wrote: runs that the real kernel fails are counted apart.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packetdrill import VARIANTS, wanted

from finwait.errors import FinwaitError
from finwait.script.config import PERCENT, PERCENT_FREEBSD, configure
from finwait.script.outcome import Status
from finwait.script.parser import SYSTEMS, load
from finwait.script.runner import play
from finwait.script.syntax import Dialect
from finwait.stage.model import open_model

NET = Path("gtests/net")
PASSED = "passed"
KERNEL_FAILS = "the kernel fails it too"
SUITE_FAILS = "the suite itself expects to fail"
"""NAME.exfail stands beside NAME.pkt (run-tests.sh of tcp-testsuite)."""
LEFT_OUT = (KERNEL_FAILS, SUITE_FAILS)


@dataclass(frozen=True)
class Suite:
    """How a suite is played."""

    profile: str
    percent: float
    variable: str


SUITES = {
    "freebsd": Suite("freebsd", PERCENT_FREEBSD, "FREEBSD_TESTSUITE"),
    "google": Suite("linux", PERCENT, "PACKETDRILL"),
}


@dataclass(frozen=True)
class Run:
    """One script in one variant."""

    script: str
    variant: str
    path: Path


@dataclass(frozen=True)
class Verdict:
    """What became of it."""

    status: str
    why: str = ""


def options_of(variant: str) -> tuple[dict[str, str | None], dict[str, str]]:
    """A variant's options and defines, of the words of its command line."""
    options: dict[str, str | None] = {}
    defines: dict[str, str] = {}
    words = iter(VARIANTS.get(variant, ()))
    for word in words:
        if word == "-D":
            name, _, value = next(words).partition("=")
            defines[name] = value
        else:
            name, _, value = word.removeprefix("--").partition("=")
            options[name] = value
    return options, defines


def verdict(suite: Suite, run: Run) -> Verdict:
    options, defines = options_of(run.variant)
    # The suites were written for their own tools: google's joins segments, nplab's does not.
    try:
        script = load(run.path, defines, Dialect.FINWAIT, [SYSTEMS[suite.profile]])
        config = configure(script, options, folder=str(run.path.parent), percent=suite.percent)
        outcome = play(script, config, lambda setup: open_model(setup, suite.profile))
    except FinwaitError as error:
        return Verdict("refused", str(error).splitlines()[0])
    except Exception as error:  # noqa: BLE001 - a crash is a result of this measurement, too
        return Verdict("CRASHED", f"{type(error).__name__}: {error}")
    refused = [text.en for text in outcome.warnings if "nothing to do for" in text.en]
    if outcome.failure is not None:
        failure = outcome.failure
        return Verdict(
            outcome.status.value, f"{failure.at.line}: {failure.source}  |  {failure.message.en}"
        )
    if refused:
        return Verdict(Status.NOT_APPLICABLE.value, refused[0])
    return Verdict(outcome.status.value)


def runs(name: str, checkout: Path, folders: list[str]) -> Iterator[Run]:
    if name == "google":
        for path, variant in wanted(checkout / NET / "tcp", ""):
            script = str(path.relative_to(checkout / NET))
            if not folders or any(f"tcp/{folder}/" in script for folder in folders):
                yield Run(script, variant, path)
        return
    for path in sorted(checkout.rglob("*.pkt")):
        script = str(path.relative_to(checkout))
        if not folders or any(script.startswith(f"{folder}/") for folder in folders):
            yield Run(script, "", path)


def kernel_verdicts(path: str | None) -> dict[tuple[str, str], bool]:
    """What the real kernel said, by script and variant."""
    if path is None:
        return {}
    found = json.loads(Path(path).read_text())
    rows = found["runs"] if isinstance(found, dict) else found
    return {(row["script"], row["variant"]): row["passed"] for row in rows}


def left_out(run: Run, found: Verdict, kernel: dict[tuple[str, str], bool]) -> Verdict:
    """Runs that fail elsewhere, too, are counted apart."""
    if not kernel.get((run.script, run.variant), True):
        return Verdict(KERNEL_FAILS)
    if found.status != PASSED and run.path.with_suffix(".exfail").exists():
        return Verdict(SUITE_FAILS)
    return found


def table(results: list[tuple[Run, Verdict]], failures: bool) -> None:
    folders: dict[str, Counter[str]] = defaultdict(Counter)
    for run, found in results:
        folders[str(Path(run.script).parent)][found.status] += 1
    for folder, counts in sorted(folders.items()):
        total = sum(n for status, n in counts.items() if status not in LEFT_OUT)
        rest = ", ".join(f"{n} {status}" for status, n in counts.items() if status != PASSED)
        print(f"{folder:58} {counts[PASSED]:4} of {total:4}  {rest}")
    total = sum(found.status not in LEFT_OUT for _, found in results)
    passed = sum(found.status == PASSED for _, found in results)
    print(f"{'all':58} {passed:4} of {total:4}  {100 * passed / max(total, 1):.1f} %")
    for run, found in results if failures else ():
        if found.status not in {PASSED, *LEFT_OUT}:
            print(f"\n{run.script} {run.variant}: {found.status}\n    {found.why}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("checkout", nargs="?")
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--reference", help="what the real kernel said")
    parser.add_argument("--failures", action="store_true", help="the first line of each failure")
    parser.add_argument("--speed", action="store_true", help="tell scripts a second")
    given = parser.parse_args()
    suite = SUITES[given.suite]
    place = given.checkout or os.environ.get(suite.variable)
    if not place:
        parser.error(f"name a checkout, or set {suite.variable}")
    chosen = list(runs(given.suite, Path(place).resolve(), given.folders))
    kernel = kernel_verdicts(given.reference)
    start, worked = time.perf_counter(), time.process_time()
    results = [(run, verdict(suite, run)) for run in chosen]
    spent, worked = time.perf_counter() - start, time.process_time() - worked
    results = [(run, left_out(run, found, kernel)) for run, found in results]
    table(results, given.failures)
    if given.speed:
        print(f"{len(chosen)} scripts in {spent:.2f} s, {len(chosen) / spent:.0f} a second;")
        print(f"in {worked:.2f} s of one core's time: {len(chosen) / worked:.0f} a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
