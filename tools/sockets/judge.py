"""Compares what finwait says of a capture with the truth."""

from __future__ import annotations

import os
from dataclasses import dataclass

from finwait.explain import explain
from finwait.explain.explanation import Explanation
from finwait.lab.judge import from_wire
from finwait.lab.reasons import REASONS
from finwait.lab.wire import Side
from finwait.wire import pcapng

from .perform import Played
from .plan import SIDES
from .truth import Account, Truth

SWAPPED = {"FIN-WAIT-2": "CLOSING"}


@dataclass(frozen=True, slots=True)
class Judged:
    """One connection, captured at one end."""

    seed: int
    tap: Side
    truth: Truth
    said: str
    """In short."""
    differences: tuple[str, ...]
    """What is not so, one line each."""
    limits: frozenset[str]
    """What the capture could not show."""


def capture(frames: list[tuple[int, bytes]]) -> bytes:
    """Make a pcapng file of frames: nanoseconds since 1970, and the IP packet."""
    return b"".join([pcapng.header(), *(pcapng.record(at // 1000, data) for at, data in frames)])


def explained(frames: list[tuple[int, bytes]]) -> Explanation:
    """Have finwait explain a capture, from memory."""
    descriptor = os.memfd_create("finwait.pcapng")
    try:
        os.write(descriptor, capture(frames))
        return explain(f"/proc/self/fd/{descriptor}", 0)
    finally:
        os.close(descriptor)


def judge(account: Account) -> list[Judged]:
    """Compare the captures at both ends."""
    played = account.played
    return [_judge(played, account, account.truth(tap)) for tap in SIDES]


def _judge(played: Played, account: Account, truth: Truth) -> Judged:
    told = explained(played.line.seen(truth.tap))
    row, wire = told.row, from_wire(told)
    limits = set(truth.limits)
    wrong = [
        f"{name}: {said}, in truth {right}"
        for name, said, right in (
            ("close", "open" if row.close == "vanished" else row.close, truth.close),
            ("closed_by", row.closed_by, truth.closed_by),
            ("finished", row.finished, truth.finished),
            ("reset_by", row.reset_by, truth.reset_by),
        )
        if said != right
    ]
    if "crossing-hidden" in limits and row.close in {"three-way", "four-way"}:
        wrong = [line for line in wrong if not line.startswith("close")]
    if (row.reset_form or "") not in truth.reset_form.split(" or "):
        wrong.append(f"reset_form: {row.reset_form}, in truth {truth.reset_form or None}")
    causes = {cause for means in truth.reset_means for cause in (REASONS[means].causes if means in REASONS else ())}
    if truth.reset_means and row.cause not in causes:
        if row.confidence == "possible":
            limits.add("only-possible")
        elif row.cause != "peer-lost-state" or "unseen-fin" not in limits:
            wrong.append(f"cause: {row.cause} ({row.confidence}), and the kernel's reason means {' and '.join(truth.reset_means)}")
    elif row.cause != "peer-lost-state":
        limits.discard("unseen-fin")
    for who in SIDES:
        said = (wire.client if who == "client" else wire.server).split()
        right = truth.states[who]
        if said == right or ("silent-end" in truth.limits and said[: len(right)] == right):
            continue
        if who != truth.tap and said[: truth.proved[who]] == right[: truth.proved[who]]:
            limits.add("in-flight")
        elif who != truth.tap and "crossing-hidden" in limits:
            continue
        elif who != truth.tap and (_which_first(said, right) or (account.unheard(who) and _less(said) == _less(right))):
            limits.add("which-first")
        else:
            proved = "" if who == truth.tap else f" (proved: {' '.join(right[: truth.proved[who]])})"
            wrong.append(f"{'near' if who == truth.tap else 'far'} {who}: {' '.join(said)}, in truth {' '.join(right)}{proved}")
    said = f"{row.close} by {row.closed_by}, {row.cause} ({row.confidence}); client {wire.client}; server {wire.server}"
    return Judged(played.plan.seed, truth.tap, truth, said, tuple(wrong), frozenset(limits))


def _less(path: list[str]) -> list[str]:
    """Leave out what an ACK or a FIN that was not heard would have brought, and say of a FIN only that it was sent."""
    sent = {"LAST-ACK": "FIN-WAIT-1"}
    return [sent.get(state, state) for state in path if state not in {"FIN-WAIT-2", "CLOSING", "CLOSE-WAIT", "TIME-WAIT"}]


def _which_first(said: list[str], right: list[str]) -> bool:
    """Say whether two paths differ only in which of two packets came first."""
    return [SWAPPED.get(state, state) for state in said] == [SWAPPED.get(state, state) for state in right]
