"""Measures finwait beside other programs, all in one run on the same captures.

    python bench/run.py                 everything, printed as Markdown
    python bench/run.py --only speed    one of: speed, memory, explain, short
    python bench/run.py --write         also written to docs/benchmarks.md

The captures are made from a seed and kept in bench/data/ (7 GB).
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
from measure import Failed, Series, cached_share, once, warm
from peers import PEERS, Tool

import captures

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
OUT = captures.DATA / "out.parquet"
FINWAIT = f"{BIN}/finwait analyze {{file}} -o {OUT}"


def rows_read(path: Path = OUT) -> int:
    """Packets in a table that finwait wrote."""
    table = pq.read_table(path, columns=["client_packets", "server_packets"])
    return int(pc.sum(table["client_packets"]).as_py() + pc.sum(table["server_packets"]).as_py())


def finwait_tools(cores: list[str]) -> list[Tool]:
    return [
        Tool(
            f"**finwait**, {'one core' if len(c) == 1 else 'both cores'}",
            FINWAIT,
            packets=lambda _: rows_read(),
            cores=c,
        )
        for c in cores
    ]


def time_one(tool: Tool, path: Path, packets: int) -> "Series":
    """One run, with the page cache warm and the packets counted."""
    if cached_share(path) < 0.999:
        warm(path)
    run = once(tool.command.format(file=path), tool.cores)
    done = tool.packets(run.stdout)
    # Snap lengths cut long TCP headers, which some programs then leave out: hence not all.
    if done is not None and done < packets * 0.99:
        raise Failed(f"{tool.name} did {done} of {packets} packets of {path.name}")
    return Series([run])


def speed_of(path: Path, packets: int, rounds: int) -> Iterator[str]:
    """A table for one capture: every program in turn, round after round."""
    both = ",".join(str(c) for c in sorted(os.sched_getaffinity(0))[:2])
    tools = [*finwait_tools(["0", both]), *PEERS]
    series: dict[str, Series] = {}
    for number in range(rounds):
        for tool in tools:
            if not tool.there() or (tool.slow and number > 0):
                continue
            new = time_one(tool, path, packets)
            series.setdefault(tool.name, Series([])).runs += new.runs
            say(f"{path.name}: {tool.name}: {new.best:.2f} s")
    one, two = (series[t.name] for t in tools[:2])
    yield f"\n### {path.name}: {packets:,} packets, {path.stat().st_size / 1e9:.2f} GB\n"
    yield "| program | runs | best s | median s | CPU s | × finwait | × by CPU | to reach | reached |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|---|"
    for tool in tools:
        if tool.name not in series:
            yield f"| {tool.name} | not installed | | | | | | | |"
            continue
        s = series[tool.name]
        # On one core, processor time is what a run takes when nothing else runs.
        goal, reached = verdict(tool, s.cpu / one.cpu)
        yield (
            f"| {tool.name} | {len(s.runs)} | {s.best:.2f} | {s.median:.2f} | {s.cpu:.2f} "
            f"| {s.best / one.best:.2f} | {s.cpu / one.cpu:.2f} | {goal} | {reached} |"
        )
    gain = one.best / two.best
    yield (
        f"\nBoth cores are {gain:.2f} times one core (to reach: 1.6: {yes(gain >= 1.6)}). "
        f"{packets / one.cpu / 1e6:.1f} million packets a second of processor time."
    )


def verdict(tool: Tool, ratio: float) -> tuple[str, str]:
    """The figure to reach, and whether it was."""
    if tool.peer is not None:
        return f"≥ {tool.peer:g}", yes(ratio >= tool.peer)
    if tool.limit is not None:
        return f"≥ {1 / tool.limit:g}", yes(ratio >= 1 / tool.limit)
    return "", ""


def yes(reached: bool) -> str:
    return "yes" if reached else "**no**"


def speed(args: argparse.Namespace) -> Iterator[str]:
    yield "\n## Speed\n"
    yield (
        "Each command pinned to one core (`taskset -c 0`), the file in the page cache, all "
        "programs in turn, round after round. `finwait analyze FILE -o x.parquet` from the shell, "
        "the interpreter's start included. × finwait is the best time over finwait's best on one core; "
        "CPU is the least processor time of all processes of a run. What is to be reached is judged by "
        "it, because other work on the machine disturbs it less; on one idle core both are the same."
    )
    for path in captures.mix(args.packets):
        yield from speed_of(path, packets_of(path), args.rounds)


def packets_of(path: Path) -> int:
    """Packets of a capture, counted by its record headers."""
    kept = path.with_suffix(".count")
    if kept.exists():
        return int(kept.read_text())
    count = 0
    with path.open("rb", buffering=1 << 20) as file:
        file.seek(24)
        while header := file.read(16):
            file.seek(int.from_bytes(header[8:12], "little"), 1)
            count += 1
    kept.write_text(str(count))
    return count


def held(name: str, *args: str) -> dict[str, int]:
    """What an analysis of a made capture holds, see memory.py."""
    path = captures.make(name, *args)
    run = once(f"{sys.executable} {ROOT / 'bench/memory.py'} {path}", "0,1")
    say(f"{name}: {run.stdout.strip()}")
    result: dict[str, int] = json.loads(run.stdout)
    return result


def memory(_: argparse.Namespace) -> Iterator[str]:
    yield "\n## Memory\n"
    yield "| 20,000 connections that talk on | packets | held while reading | largest resident set |"
    yield "|---|--:|--:|--:|"
    held_by: list[int] = []
    for times in (1, 2, 4):
        m = held(f"long{times}.pcap", "--open", "20000", "--until", str(times * 500_000))
        held_by.append(m["reading"])
        yield f"| ×{times} | {m['frames']:,} | {m['reading'] / 1e6:.1f} MB | {m['peak'] / 1e6:.1f} MB |"
    growth = held_by[-1] / held_by[0]
    yield f"\nFour times the capture holds {growth:.2f} times the memory (to reach: flat: {yes(growth < 1.1)}).\n"
    few, many = 200_000, 1_000_000
    a = held("open200k.pcap", "--open", str(few))
    b = held("open1m.pcap", "--open", str(many))
    each = (b["reading"] - a["reading"]) / (many - few)
    total = (b["peak"] - a["peak"]) / (many - few)
    yield (
        f"An open connection takes {each:.0f} bytes (to reach: ≤ 400: {yes(each <= 400)}), by the difference "
        f"of {few:,} and {many:,} of them while reading; {total:.0f} bytes by the largest resident set, "
        "which also counts the table of results."
    )


def explain(_: argparse.Namespace) -> Iterator[str]:
    example = min((ROOT / "examples").glob("*four*way*.pcap*"))
    command = f"{BIN}/finwait explain {example} 0"
    runs = [once(command, "0,1") for _ in range(21)][1:]
    walls = [run.wall for run in runs]
    middle = statistics.median(walls)
    yield "\n## `finwait explain` from the shell\n"
    yield (
        f"`finwait explain {example.relative_to(ROOT)} 0`: median of {len(walls)} runs {middle:.3f} s, "
        f"best {min(walls):.3f} s, {min(run.cpu for run in runs):.3f} s of processor time (to reach: ≤ 0.25 s: {yes(middle <= 0.25)})."
    )


def short(args: argparse.Namespace) -> Iterator[str]:
    path = captures.make("short1m.pcap", "--short", "1000000")
    runs = []
    for _ in range(args.rounds):
        if cached_share(path) < 0.999:
            warm(path)
        runs.append(once(FINWAIT.format(file=path), "0,1"))
    done = rows_read()
    if done != packets_of(path):
        raise Failed(f"{path.name}: {done} of {packets_of(path)} packets")
    middle = statistics.median(r.wall for r in runs)
    yield "\n## A million short connections\n"
    yield (
        f"`finwait analyze short1m.pcap -o x.parquet` ({done:,} packets, both cores): median of "
        f"{len(runs)} runs {middle:.2f} s, best {min(r.wall for r in runs):.2f} s, "
        f"{min(r.cpu for r in runs):.2f} s of processor time (both cores together) "
        f"(to reach: ≤ 2 s: {yes(middle <= 2)}); largest resident set {runs[-1].rss_kb / 1000:.0f} MB."
    )


def machine() -> Iterator[str]:
    """Where these figures were had."""
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    total = int(Path("/proc/meminfo").read_text().split()[1]) / 1e6
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True
    ).stdout.strip()
    yield "# Benchmarks\n"
    yield (
        f"Made by `make bench` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, commit {commit}: "
        f"{len(models)} × {models[0] if models else platform.machine()}, {total:.0f} GB, "
        f"Linux {platform.release()}, Python {platform.python_version()}. The machine was not "
        f"otherwise idle: load {os.getloadavg()[1]:.1f} when it ended."
    )


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


SECTIONS: dict[str, Callable[[argparse.Namespace], Iterator[str]]] = {
    "speed": speed,
    "memory": memory,
    "explain": explain,
    "short": short,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", choices=SECTIONS, action="append", help="this section only")
    parser.add_argument("--packets", type=int, default=5_000_000, help="of the large capture")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each fast program")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    args = parser.parse_args()
    lines: list[str] = []
    try:
        for name in args.only or SECTIONS:
            for line in SECTIONS[name](args):
                print(line, flush=True)
                lines.append(line)
    except Failed as failure:
        say(f"bench: {failure}")
        return 1
    head = list(machine())
    print("\n".join(["", *head[1:]]))
    if args.write:
        (ROOT / "docs" / "benchmarks.md").write_text("\n".join([*head, *lines]) + "\n")
    return 0


sys.exit(main())
