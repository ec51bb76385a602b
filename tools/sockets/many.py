"""Plays the connections of many seeds, batch by batch, each batch on a wire and in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from finwait.kernel.apart import Apart
from finwait.lab.janitor import Janitor

from .perform import Played, apart
from .plan import Plan, draw

BATCH: Final = 150
"""Connections on one wire. Every fifth batch speaks IPv6."""
LIMIT: Final = 120.0
"""Seconds that a batch may take."""


def play(seed: int, count: int, jobs: int = 1) -> Iterator[Played]:
    """Play `count` connections from `seed` on, `jobs` batches at a time. Raises MissingPrivilege, OSError."""
    janitor = Janitor()
    running: list[Apart[list[Played]]] = []
    try:
        waiting = list(batches(seed, count))
        while waiting or running:
            while waiting and len(running) < jobs:
                plans, six = waiting.pop(0)
                running.append(apart(plans, os.getpid(), six=six))
            yield from running.pop(0).answer(LIMIT)
    finally:
        for one in running:
            one.stop()
        janitor.close()


def batches(seed: int, count: int) -> Iterator[tuple[list[Plan], bool]]:
    """Give the plans of these seeds, and whether they are played over IPv6."""
    for first in range(seed, seed + count, BATCH):
        plans = [draw(number) for number in range(first, min(first + BATCH, seed + count))]
        yield plans, (first // BATCH) % 5 == 4
