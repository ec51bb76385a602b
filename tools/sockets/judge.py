"""Compares what finwait says of a capture with the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from finwait.capture.connection import Connection as Row
from finwait.lab.judge import from_wire
from finwait.lab.play import explained
from finwait.lab.reasons import REASONS
from finwait.lab.wire import Side
from finwait.wire import pcapng

from .account import Account
from .plan import SIDES
from .truth import Truth, truth

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


def judge(account: Account) -> list[Judged]:
    """Compare the captures at both ends."""
    return [_judge(account, truth(account, tap)) for tap in SIDES]


def _judge(account: Account, truth: Truth) -> Judged:
    told = explained(capture(account.played.line.seen(truth.tap)), 0)
    limits = set(truth.limits)
    wrong = [*_close(told.row, truth, limits), *_cause(told.row, truth, limits)]
    if wrong and "refused" in limits:
        wrong = []
    elif not wrong:
        limits.discard("refused")
    wire = from_wire(told)
    for who in SIDES:
        states = (wire.client if who == "client" else wire.server).split()
        wrong += _path(who, states, truth, limits, account)
    row = told.row
    said = f"{row.close} by {row.closed_by}, {row.cause} ({row.confidence}); client {wire.client}; server {wire.server}"
    return Judged(account.played.plan.seed, truth.tap, truth, said, tuple(wrong), frozenset(limits))


def _close(row: Row, truth: Truth, limits: set[str]) -> Iterator[str]:
    """How it closed, and who closed."""
    close = "open" if row.close == "vanished" else row.close
    hidden = "crossing-hidden" in limits and row.close in {"three-way", "four-way"}
    if close != truth.close and not hidden:
        yield f"close: {row.close}, in truth {truth.close}"
    if row.closed_by == truth.closed_by or hidden:
        limits -= {"which-drew", "closer-unseen"}
    elif not ((row.closed_by == "none" and "closer-unseen" in limits) or "which-drew" in limits):
        yield f"closed_by: {row.closed_by}, in truth {truth.closed_by}"
    if row.finished != truth.finished:
        yield f"finished: {row.finished}, in truth {truth.finished}"
    if row.reset_by != truth.reset_by:
        yield f"reset_by: {row.reset_by}, in truth {truth.reset_by}"
    if (row.reset_form or "") not in truth.reset_form.split(" or "):
        yield f"reset_form: {row.reset_form}, in truth {truth.reset_form or None}"


def _cause(row: Row, truth: Truth, limits: set[str]) -> Iterator[str]:
    """Why there was a RST."""
    causes = {
        cause
        for means in truth.reset_means
        for cause in (REASONS[means].causes if means in REASONS else ())
    }
    right = not truth.reset_means or row.cause in causes
    if right or row.cause not in {"peer-lost-state", "handshake-rejected"}:
        limits.discard("unseen-fin")
    if right or "unseen-fin" in limits:
        return
    if row.confidence == "possible":
        limits.add("only-possible")
        return
    yield f"cause: {row.cause} ({row.confidence}), and the kernel's reason means {' and '.join(truth.reset_means)}"


def _path(
    who: Side, said: list[str], truth: Truth, limits: set[str], account: Account
) -> Iterator[str]:
    """The states of an end."""
    right = truth.states[who]
    if said == right or ("silent-end" in limits and said[: len(right)] == right):
        return
    if who == "server" and not right and set(said) <= {"SYN-RECEIVED", "CLOSED"}:
        return  # a request has no socket, and no tracepoint tells of it
    if who == truth.tap:
        yield f"near {who}: {' '.join(said)}, in truth {' '.join(right)}"
        return
    proved = right[: truth.proved[who]]
    if said[: len(proved)] == proved:
        limits.add("in-flight")
    elif _which_first(said, right) or (account.unheard(who) and _less(said) == _less(right)):
        limits.add("which-first")
    elif "crossing-hidden" not in limits:
        yield f"far {who}: {' '.join(said)}, in truth {' '.join(right)} (proved: {' '.join(proved)})"


def _less(path: list[str]) -> list[str]:
    """Leave out what an ACK or a FIN that was not heard would have brought, and say of a FIN only that it was sent."""
    sent = {"LAST-ACK": "FIN-WAIT-1"}
    return [
        sent.get(state, state)
        for state in path
        if state not in {"SYN-RECEIVED", "FIN-WAIT-2", "CLOSING", "CLOSE-WAIT", "TIME-WAIT"}
    ]


def _which_first(said: list[str], right: list[str]) -> bool:
    """Say whether two paths differ only in which of two packets came first."""
    return [SWAPPED.get(state, state) for state in said] == [
        SWAPPED.get(state, state) for state in right
    ]
