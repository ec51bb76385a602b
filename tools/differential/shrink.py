"""Makes a failing play as small as it can be while it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from .play import WINDOW, From, Inject, Play, Step

LEAST_WAIT = 1000


def shrink(play: Play, fails: Callable[[Play], bool]) -> Play:
    """Take away and simplify while `fails` still says yes; each change is tried again until none helps."""
    changed = True
    while changed:
        changed = False
        for smaller in _smaller(play):
            if fails(smaller):
                play, changed = smaller, True
                break
    return play


def _smaller(play: Play) -> Iterator[Play]:
    steps = play.steps
    for size in (len(steps) // 2, 1):
        for start in range(0, len(steps), size or 1):
            rest = steps[:start] + steps[start + (size or 1) :]
            if len(rest) < len(steps):
                yield replace(play, steps=rest)
    for simple in ({"timestamps": False}, {"sack": False}, {"passive": True}):
        smaller = replace(play, **simple)  # type: ignore[arg-type]
        if smaller != play:
            yield smaller
    for number, step in enumerate(steps):
        for simpler in _simpler(step):
            yield replace(play, steps=(*steps[:number], simpler, *steps[number + 1 :]))


def _simpler(step: Step) -> Iterator[Step]:
    if step.wait > LEAST_WAIT:
        yield replace(step, wait=LEAST_WAIT)
    if isinstance(step.action, Inject):
        plain = {"offset": 0, "ack": 0, "window": WINDOW, "base": From.SENT}
        for name, value in plain.items():
            if getattr(step.action, name) != value:
                yield replace(step, action=replace(step.action, **{name: value}))  # type: ignore[arg-type]
