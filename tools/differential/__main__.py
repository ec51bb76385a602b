"""Plays many: python -m differential --seed 1 --count 2000 -j 8 (from tools/, as root or where namespaces are permitted)."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from finwait.stage.kernel import open_kernel
from finwait.stage.model import open_model
from finwait.stage.stage import Setup
from quietly import quietly

from .perform import Performance
from .pkt import script
from .play import AT_ONCE, LATE, LONG, Play, draw, widened
from .shrink import shrink
from .trace import PART, Saw, differences

SETUP = Setup(
    family="ipv4", local=IPv4Address("192.168.0.1"), gateway=IPv4Address("192.168.0.2"),
    remote=IPv4Address("192.0.2.1"), prefix_length=16, remote_prefix_length=24,
)  # fmt: skip
SETUP_6 = Setup(
    family="ipv6", local=IPv6Address("fd3d:a0b:17d6::1"), gateway=IPv6Address("fd3d:a0b:17d6::1"),
    remote=IPv6Address("2001:db8::1"), prefix_length=64, remote_prefix_length=32,
)  # fmt: skip
IPV4 = Path("/proc/sys/net/ipv4")
DEFAULTS = {"tcp_congestion_control": "reno", "tcp_rmem": "4096 131072 6291456"}
"""A machine may have others (here bbr and a larger buffer); our endpoint has NewReno's only (docs/endpoint.md) and Linux's own
default of the greatest buffer, which decides the window scale."""
TRIES = 3
"""A difference counts if the kernel shows it so often: a busy machine is late now and then."""


def _set_defaults() -> None:
    """In the namespace of this thread only."""
    for name, value in DEFAULTS.items():
        (IPV4 / name).write_text(value, encoding="ascii")


def on_kernel(play: Play) -> tuple[Saw, ...]:
    """What the kernel does with a play."""
    setup = SETUP_6 if play.ipv6 else SETUP
    stage = open_kernel(setup)
    try:
        _set_defaults()
        return Performance(play, stage, setup).run()
    finally:
        stage.close()


def as_script(play: Play) -> str:
    """Give the play as a script that expects what the kernel does."""
    play = steady(play)
    setup = SETUP_6 if play.ipv6 else SETUP
    stage = open_kernel(setup)
    try:
        _set_defaults()
        performance = Performance(play, stage, setup)
        saws = performance.run()
        return script(play, saws, tuple(performance.injected), performance.peer.isn)
    finally:
        stage.close()


def on_model(play: Play, profile: str = "linux") -> tuple[Saw, ...]:
    """What our endpoint does with a play."""
    setup = SETUP_6 if play.ipv6 else SETUP
    stage = open_model(setup, profile)
    try:
        return Performance(play, stage, setup).run()
    finally:
        stage.close()


def steady(play: Play) -> Play:
    """Put off each step that comes as a timer goes off, as our endpoint shows it: on a kernel either may be first."""
    number = 0
    saws = on_model(play)
    while number <= len(play.steps):
        saw, last = saws[number], number == len(play.steps)
        end = saw.at + play.rest if last else saws[number + 1].at
        if not _on_the_edge(saws[: number + 1], end) and not _dies_late(play, number, saws):
            number += 1
            continue
        if last:
            play = replace(play, rest=play.rest + LATE)
        else:
            step = play.steps[number]
            later = replace(step, wait=step.wait + LATE)
            steps = (*play.steps[:number], later, *play.steps[number + 1 :])
            play = replace(play, steps=steps)
        saws = on_model(play)
    return play


def _dies_late(play: Play, number: int, saws: tuple[Saw, ...]) -> bool:
    """Say whether a silent timer (a connection given up) may be later than the end of a step."""
    last = number == len(play.steps)
    wait = play.rest if last else play.steps[number].wait
    if wait < LONG[0]:
        return False
    less = int(wait * (1 - PART))
    if last:
        sooner = replace(play, rest=less)
    else:
        step = replace(play.steps[number], wait=less)
        sooner = replace(play, steps=(*play.steps[:number], step, *play.steps[number + 1 :]))
    return on_model(sooner)[number].state != saws[number].state


def _on_the_edge(saws: tuple[Saw, ...], end: int) -> bool:
    """Say whether something that a timer sent in the last of these steps may be later than its end."""
    watched = max((one.at for saw in saws[:-1] for one in saw.sent if one.numbered), default=0)
    for one in saws[-1].sent:
        timer = one.at - saws[-1].at > AT_ONCE
        if timer and end - one.at < max(LATE, PART * (one.at - watched)):
            return True
        watched = one.at if one.numbered else watched
    return False


def difference(play: Play, tries: int = TRIES) -> str | None:
    """The first difference that every one of `tries` runs of the kernel shows; None if one agrees."""
    play = steady(play)
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


def judge_widened(seed: int) -> tuple[int, str | None]:
    """The same, also over IPv6 and with window scaling."""
    return seed, difference(widened(draw(seed)))


def tell(play: Play) -> None:
    """A play and what both made of it."""
    play = steady(play)
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
    parser.add_argument("--wide", action="store_true", help="also IPv6 and window scaling")
    parser.add_argument(
        "--pkt", action="store_true", help="with --tell: also as a script (without timestamps)"
    )
    parser.add_argument("--tell", action="store_true", help="show one seed, and shrink it")
    options = parser.parse_args()
    if options.tell:
        play = widened(draw(options.seed)) if options.wide else draw(options.seed)
        if difference(play) is not None:
            play = shrink(play, lambda smaller: difference(smaller, 2) is not None)
        tell(replace(play, seed=options.seed))
        if options.pkt:
            print(as_script(replace(play, timestamps=False)))
        return 0
    bad = 0
    with ProcessPoolExecutor(options.j) as pool:
        for seed, what in pool.map(
            judge_widened if options.wide else judge,
            range(options.seed, options.seed + options.count),
        ):
            if what is not None:
                bad += 1
                print(f"seed {seed}: {what}", flush=True)
    print(f"{options.count} plays, {bad} different")
    return bad > 0


if __name__ == "__main__":
    sys.exit(quietly(main))
