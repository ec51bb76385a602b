"""Plays many: python -m sockets --seed 1 --count 3000 -j 2 (from tools/, as root)."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from quietly import quietly

from .account import Account
from .judge import Judged, capture, judge
from .many import play
from .tale import tale


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("-j", type=int, default=1)
    parser.add_argument(
        "--keep", type=Path, help="a folder for the captures of connections that are judged wrong"
    )
    parser.add_argument(
        "--tell",
        action="store_true",
        help="tell every connection, not only those that are judged wrong",
    )
    options = parser.parse_args()
    closes: Counter[str] = Counter()
    limits: Counter[str] = Counter()
    bad: list[Judged] = []
    played = 0
    for each in play(options.seed, options.count, options.j):
        played += 1
        account = Account(each)
        found = judge(account)
        bad += [judged for judged in found if judged.differences]
        for judged in found:
            closes[judged.truth.close] += 1
            limits.update(judged.limits)
        if options.tell or any(judged.differences for judged in found):
            print(each.plan, tale(account), sep="\n")
            for judged in found:
                if options.keep:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    (options.keep / f"{judged.seed}-{judged.tap}.pcapng").write_bytes(
                        capture(each.line.seen(judged.tap))
                    )
                print(
                    f"  captured at the {judged.tap}: {judged.said} {' '.join(sorted(judged.limits))}"
                )
                print(
                    *(f"    WRONG {line}\n" for line in judged.differences),
                    sep="",
                    end="",
                    flush=True,
                )
    print(f"{played} connections, {sum(closes.values())} captures: {len(bad)} of them wrong")
    print("closes:", ", ".join(f"{name} {number}" for name, number in closes.most_common()))
    print("limits:", ", ".join(f"{name} {number}" for name, number in limits.most_common()))
    return bool(bad)


if __name__ == "__main__":
    sys.exit(quietly(main))
