"""The captures that are measured: made from a seed when missing, kept in bench/data/."""

import os
import subprocess
from pathlib import Path

BENCH = Path(__file__).resolve().parent
DATA = BENCH / "data"
SEED = 1


def generator() -> Path:
    """Builds the generator if it is not built; returns its path."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", BENCH.parent / "target")).resolve()
    manifest = BENCH / "gen" / "Cargo.toml"
    subprocess.run(
        ["cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", str(manifest)],
        check=True,
        env={**os.environ, "CARGO_TARGET_DIR": str(target)},
    )
    return target / "release" / "gen"


def make(name: str, *args: str, beside: tuple[str, ...] = ()) -> Path:
    """The capture `name`, made by the generator with these arguments unless it is there already.

    `beside` are files the same run writes; where one of their names is an argument, its path is given.
    """
    DATA.mkdir(exist_ok=True)
    path = DATA / name
    if all((DATA / n).exists() for n in (name, *beside)):
        return path
    # Under other names until they are whole: an interrupted run must not leave half a capture.
    halves = {n: DATA / f"{n}.part" for n in (name, *beside)}
    given = [str(halves.get(a, a)) for a in args]
    command = [str(generator()), *given, "--seed", str(SEED), "-o", str(halves[name])]
    subprocess.run(command, check=True)
    for n, half in halves.items():
        half.rename(DATA / n)
    return path


def mix(packets: int) -> tuple[Path, Path]:
    """A capture of at least `packets` packets and its copy with a snap length of 96 bytes."""
    name = f"mix{packets // 1_000_000}m" if packets % 1_000_000 == 0 else f"mix{packets}"
    # Asked for one part in a thousand more, because the generator only comes close.
    wanted = packets + packets // 1000
    whole = make(
        f"{name}.pcap",
        *("--packets", str(wanted)),
        *("--also", "96", f"{name}-96.pcap"),
        *("--truth", f"{name}.ndjson"),
        beside=(f"{name}-96.pcap", f"{name}.ndjson"),
    )
    return whole, DATA / f"{name}-96.pcap"
