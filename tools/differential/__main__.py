"""Plays many: python -m differential --seed 1 --count 2000 -j 8 (from tools/, as root or where namespaces are permitted)."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from ipaddress import IPv4Address

from finwait.stage.kernel import open_kernel
from finwait.stage.model import open_model
from finwait.stage.stage import Setup

from .perform import Performance
from .play import Play, draw
from .shrink import shrink
from .trace import Saw, differences

SETUP = Setup(
    family="ipv4", local=IPv4Address("192.168.0.1"), gateway=IPv4Address("192.168.0.2"),
    remote=IPv4Address("192.0.2.1"), prefix_length=16, remote_prefix_length=24,
)  # fmt: skip
TRIES = 3
"""A difference counts if the kernel shows it so often: a busy machine is late now and then."""


def on_kernel(play: Play) -> tuple[Saw, ...]:
    """What the kernel does with a play."""
    stage = open_kernel(SETUP)
    try:
        return Performance(play, stage, SETUP).run()
    finally:
        stage.close()


def on_model(play: Play, profile: str = "linux") -> tuple[Saw, ...]:
    """What our endpoint does with a play."""
    stage = open_model(SETUP, profile)
    try:
        return Performance(play, stage, SETUP).run()
    finally:
        stage.close()


def difference(play: Play, tries: int = TRIES) -> str | None:
    """The first difference that every one of `tries` runs of the kernel shows; None if one agrees."""
    ours = on_model(play)
    first = None
    for _ in range(tries):
        first = next(differences(on_kernel(play), ours), None)
        if first is None:
            return None
    return first


def judge(seed: int) -> tuple[int, str | None]:
    """One play of the many."""
    return seed, difference(draw(seed))


def tell(play: Play) -> None:
    """A play and what both made of it."""
    kernel, ours = on_kernel(play), on_model(play)
    print(f"seed {play.seed} passive={play.passive} ts={play.timestamps} sack={play.sack}")
    for number, (real, mine) in enumerate(zip(kernel, ours, strict=True)):
        if number:
            print(f" {play.steps[number - 1]}")
        for name, saw in (("kernel", real), ("here", mine)):
            sent = "; ".join(f"{packet} @{packet.at - saw.at}" for packet in saw.sent)
            print(f"   {name:6} state {saw.state} result {saw.result} {sent}")
    print(*differences(kernel, ours), sep="\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("-j", type=int, default=4)
    parser.add_argument("--tell", action="store_true", help="show one seed, and shrink it")
    options = parser.parse_args()
    if options.tell:
        play = draw(options.seed)
        if difference(play) is not None:
            play = shrink(play, lambda smaller: difference(smaller, 2) is not None)
        tell(replace(play, seed=options.seed))
        return 0
    bad = 0
    with ProcessPoolExecutor(options.j) as pool:
        for seed, what in pool.map(judge, range(options.seed, options.seed + options.count)):
            if what is not None:
                bad += 1
                print(f"seed {seed}: {what}", flush=True)
    print(f"{options.count} plays, {bad} different")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
