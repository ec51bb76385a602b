"""Plays the public packetdrill scripts twice, with the C program and with `finwait run`, and compares the verdicts run by run.

    python bench/packetdrill.py reference CHECKOUT -o reference.json       what google's program says, one run after the other
    python bench/packetdrill.py ours CHECKOUT -o ours.json -j 2            what finwait says
    python bench/packetdrill.py compare reference.json ours.json           agreement, times, every difference
    python bench/packetdrill.py again CHECKOUT reference.json ours.json    plays what differs once more, by both

CHECKOUT is a clone of github.com/google/packetdrill with `gtests/net/packetdrill/packetdrill` built (see its README);
it may also stand in the environment variable PACKETDRILL. Nothing of it is kept here. Needs root, as the C program does.
The three variants of every script and their settings are those of the checkout's own `run_all.py`.
"""

import argparse
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from finwait.errors import FinwaitError
from finwait.kernel.apart import Apart, Ended
from finwait.script.config import configure
from finwait.script.outcome import Status
from finwait.script.parser import load
from finwait.script.report import text
from finwait.script.runner import play as play_script
from finwait.script.syntax import Dialect
from finwait.stage.kernel import open_kernel

NET = Path("gtests/net")
LIMIT = 180.0
"""Seconds that a run may take, as in run_all.py."""
V4 = (
    "--local_ip=192.168.0.1", "--gateway_ip=192.168.0.1", "--netmask_ip=255.255.0.0", "--remote_ip=192.0.2.1",
    "-D", "TFO_COOKIE=3021b9d889017eeb", "-D", "CODE=host_unreachable",
)  # fmt: skip
VARIANTS = {
    "ipv4": ("--ip_version=ipv4", *V4, "-D", "CMSG_LEVEL_IP=SOL_IP", "-D", "CMSG_TYPE_RECVERR=IP_RECVERR"),
    "ipv6": (
        "--ip_version=ipv6", "--mtu=1520", "--local_ip=fd3d:0a0b:17d6::1",
        "--gateway_ip=fd3d:0a0b:17d6:8888::1", "--remote_ip=fd3d:fa7b:d17d::1",
        "-D", "TFO_COOKIE=c1d1e9742a47a9bc", "-D", "CMSG_LEVEL_IP=SOL_IPV6", "-D", "CMSG_TYPE_RECVERR=IPV6_RECVERR",
    ),
    "ipv4-mapped-v6": (
        "--ip_version=ipv4-mapped-ipv6", *V4,
        "-D", "CMSG_LEVEL_IP=SOL_IPV6", "-D", "CMSG_TYPE_RECVERR=IPV6_RECVERR",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One script in one variant."""

    script: str
    variant: str
    passed: bool
    seconds: float
    said: str


def wanted(folder: Path, only: str) -> list[tuple[Path, str]]:
    """What run_all.py would run: names ending in v4 or v6 hold for that family alone."""
    return [
        (path, variant)
        for path in sorted(folder.rglob("*.pkt"))
        for variant in VARIANTS
        if only in str(path) and not path.name.endswith("v6.pkt" if variant != "ipv6" else "v4.pkt")
    ]


def play(checkout: Path, program: tuple[str, ...], one: tuple[Path, str]) -> Run:
    path, variant = one
    command = [*program, *VARIANTS[variant], path.name]
    start = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=path.parent, capture_output=True, text=True, timeout=LIMIT
        )
        passed, said = done.returncode == 0, (done.stdout + done.stderr).strip()
    except subprocess.TimeoutExpired:
        passed, said = False, f"stopped after {LIMIT:.0f} s"
    spent = time.monotonic() - start
    return Run(str(path.relative_to(checkout / NET)), variant, passed, spent, said)


def play_all(
    checkout: Path, program: tuple[str, ...], only: str, jobs: int
) -> tuple[list[Run], float]:
    runs = wanted(checkout / NET / "tcp", only)
    start = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        done = []
        for run in pool.map(partial(play, checkout, program), runs):
            done.append(run)
            print(f"\r{len(done)}/{len(runs)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return done, time.monotonic() - start


def reference(checkout: Path) -> tuple[str, ...]:
    tools = (checkout / NET / "packetdrill").resolve()
    return (str(tools / "in_netns.sh"), str(tools / "packetdrill"), "--send_omit_free")


def play_ours(checkout: Path, one: tuple[Path, str]) -> Run:
    """In a process of its own."""
    path, variant = one
    over, defines = options(VARIANTS[variant])
    start = time.monotonic()
    os.chdir(path.parent)
    try:
        script = load(path.name, defines, Dialect.GOOGLE)
        config = configure(script, over, Dialect.GOOGLE)
        outcome = play_script(script, config, open_kernel)
        passed, said = outcome.status is Status.PASSED, text(outcome, "en")
    except FinwaitError as error:
        passed, said = False, str(error)
    name = str(path.relative_to(checkout / NET))
    return Run(name, variant, passed, time.monotonic() - start, said.strip())


def options(words: Iterable[str]) -> tuple[dict[str, str | None], dict[str, str]]:
    """Command line words as finwait takes them: options, and what -D defines."""
    over: dict[str, str | None] = {}
    defines = {}
    for word in words:
        name, _, value = word.removeprefix("--").partition("=")
        if word.startswith("--"):
            over[name] = value
        elif word != "-D":
            defines[name] = value
    return over, defines


def play_all_ours(checkout: Path, only: str, jobs: int) -> tuple[list[Run], float]:
    runs = wanted(checkout / NET / "tcp", only)
    playing: dict[Apart[Run], tuple[Path, str]] = {}
    waiting, done = list(reversed(runs)), []
    start = time.monotonic()
    while waiting or playing:
        while waiting and len(playing) < jobs:
            one = waiting.pop()
            playing[Apart(partial(play_ours, checkout, one))] = one
        for apart in select.select(list(playing), [], [], LIMIT)[0]:
            path, variant = playing.pop(apart)
            try:
                done.append(apart.answer(LIMIT))
            except Ended as ended:
                name = str(path.relative_to(checkout / NET))
                done.append(Run(name, variant, False, LIMIT, str(ended)))
            print(f"\r{len(done)}/{len(runs)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return done, time.monotonic() - start


def save(path: Path, runs: Iterable[Run], seconds: float, jobs: int) -> None:
    runs = list(runs)
    document = {"seconds": seconds, "jobs": jobs, "runs": [asdict(run) for run in runs]}
    path.write_text(json.dumps(document, indent=1))
    passed = sum(run.passed for run in runs)
    print(
        f"{len(runs)} runs: {passed} pass, {len(runs) - passed} fail; {seconds:.1f} s with -j {jobs}"
    )


def saved(path: Path) -> tuple[dict[tuple[str, str], Run], float, int]:
    document = json.loads(path.read_text())
    runs = [Run(**run) for run in document["runs"]]
    return {(run.script, run.variant): run for run in runs}, document["seconds"], document["jobs"]


def compare(theirs_file: Path, ours_file: Path) -> float:
    """Print how far both agree; returns the share."""
    theirs, their_seconds, their_jobs = saved(theirs_file)
    mine, my_seconds, my_jobs = saved(ours_file)
    both = sorted(theirs.keys() & mine.keys())
    same = [key for key in both if theirs[key].passed == mine[key].passed]
    for name, runs, seconds, jobs in (
        ("packetdrill", theirs, their_seconds, their_jobs), ("finwait", mine, my_seconds, my_jobs)
    ):  # fmt: skip
        passed = sum(runs[key].passed for key in both)
        print(
            f"{name:12} {passed:4} pass {len(both) - passed:4} fail  {seconds:7.1f} s with -j {jobs}"
        )
    share = len(same) / max(len(both), 1)
    print(f"agreement    {len(same)} of {len(both)} runs: {share:.1%}")
    for key in both:
        if key in same:
            continue
        verdict = (
            "packetdrill passes, finwait fails"
            if theirs[key].passed
            else "packetdrill fails, finwait passes"
        )
        print(f"\n{key[0]} ({key[1]}): {verdict}")
        print("  " + (theirs[key].said or mine[key].said).replace("\n", "\n  "))
    return share


def again(checkout: Path, theirs_file: Path, ours_file: Path) -> None:
    """Play what differs once more, by both and alone: two tools that ran at different times met different machines."""
    (theirs, _, _), (mine, _, _) = saved(theirs_file), saved(ours_file)
    differing = [
        key for key in sorted(theirs.keys() & mine.keys()) if theirs[key].passed != mine[key].passed
    ]
    for script, variant in differing:
        one = (checkout / NET / script, variant)
        their = play(checkout, reference(checkout), one)
        my = Apart(partial(play_ours, checkout, one)).answer(LIMIT)
        words = ["pass" if run.passed else "fail" for run in (their, my)]
        print(
            f"{'same' if words[0] == words[1] else 'DIFFERS'}  packetdrill {words[0]}, finwait {words[1]}  {script} ({variant})"
        )
    print(f"{len(differing)} runs played again")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("reference", "ours"):
        one = verbs.add_parser(verb)
        one.add_argument("checkout", type=Path, nargs="?", default=os.environ.get("PACKETDRILL"))
        one.add_argument("-o", "--output", type=Path, required=True)
        one.add_argument("-j", "--jobs", type=int, default=1)
        one.add_argument("--only", default="", help="scripts whose path holds this")
    both = verbs.add_parser("compare")
    both.add_argument("theirs", type=Path)
    both.add_argument("mine", type=Path)
    replay = verbs.add_parser("again")
    replay.add_argument("checkout", type=Path)
    replay.add_argument("theirs", type=Path)
    replay.add_argument("mine", type=Path)
    given = parser.parse_args()
    if given.verb == "compare":
        sys.exit(compare(given.theirs, given.mine) < 0.99)
    if given.verb == "again":
        again(given.checkout.resolve(), given.theirs, given.mine)
        return
    checkout = Path(given.checkout or parser.error("where is the checkout?")).resolve()
    if given.verb == "reference":
        runs, seconds = play_all(checkout, reference(checkout), given.only, given.jobs)
    else:
        runs, seconds = play_all_ours(checkout, given.only, given.jobs)
    save(given.output, runs, seconds, given.jobs)


if __name__ == "__main__":
    main()
