"""Is what finwait says of a worse capture right, or weaker and marked? Anything else is a false certainty.

`docs/worse.md` says in words what the tables here say: which word asserts less than which, and what marks a row as partial.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple, TypeAlias

from finwait.tcp import State
from finwait.tcp.transitions import transitions

Row: TypeAlias = Mapping[str, object]

CONFIDENCES: Final = ("possible", "likely", "certain")
FINISHED_BY_FINS: Final = frozenset({"four-way", "three-way", "simultaneous"})
ANY_CLOSE: Final = FINISHED_BY_FINS | {
    *("reset", "half-closed", "fin-unanswered", "vanished", "refused"),
    *("unanswered", "handshake-reset", "open"),
}

WEAKER_CLOSE: Final[Mapping[str, frozenset[str]]] = {
    "open": ANY_CLOSE,
    "unanswered": ANY_CLOSE,
    "fin-unanswered": FINISHED_BY_FINS | {"half-closed", "reset"},
    "half-closed": FINISHED_BY_FINS | {"reset"},
    "vanished": frozenset({"reset", "fin-unanswered"}),
    "reset": frozenset({"refused", "handshake-reset"}),
}
"""What is said, and the truths of which it says a part. `open`: no end was captured. `unanswered`: a SYN was captured, and
nothing else (whether an answer is to be missed, the cause says). `fin-unanswered`: one FIN; `half-closed`: one FIN, and it was
acked. `vanished`: payload was repeated; whether its sender goes on, the cause says. `reset`: a RST took effect, not when."""
UNFINISHED: Final = frozenset({"reset", "fin-unanswered"})
"""What a row of two FINs that says `finished: false` may still have become."""

WEAKER_CAUSE: Final[Mapping[str, frozenset[str] | None]] = {
    "unknown": None,
    "capture-ended": None,
    "stray-segments": None,
    "stray-reset": None,
    "peer-silent": frozenset({"gave-up", "keepalive-timeout"}),
    "orderly": frozenset({"half-close-broken", "tls-truncated", "close-wait-leak"}),
    "abort": frozenset(
        {"unread-data", "deliberate-abort", "listener-gone", "keepalive-timeout", "gave-up"}
        | {"fin-wait-2-aborted", "abort-in-close-wait", "data-after-close", "injected-reset"}
    ),
}
"""Causes that say less than others; None: than any. `peer-silent`: what its sender did in the end is not told; `orderly`: nothing stands out; `abort`: a living socket was aborted."""

PARTIAL_NOTES: Final = frozenset(
    {"capture-gap", "one-direction", "midstream", "final-ack-missing", "fin-ack-lost", "evicted"}
)
PARTIAL_CAUSES: Final = frozenset({"capture-ended", "stray-reset", "stray-segments", "unknown"})
PARTIAL_EVIDENCE: Final = frozenset(
    {"capture-gap", "one-direction", "midstream", "end-unseen", "capture-ends-ns"}
)


OVER: Final = frozenset({State.CLOSED, State.TIME_WAIT})
"""An end that goes on from here is one of another connection."""


class Grade(StrEnum):
    """What a word is worth, best first."""

    RIGHT = "right"
    WEAKER = "weaker"
    """It says less than the truth, and the row is marked as partial."""
    DOUBTED = "doubted"
    """It says something else, as one reading among others, and names what may be missing."""
    LIMIT = "limit"
    """It is not right, and no reader of packets could know: what remains is a whole connection in itself."""
    FALSE = "false"


@dataclass(frozen=True, slots=True)
class Truth:
    """What is right to say of the connection, column by column. None: not known, not judged."""

    client: tuple[str, int]
    close: frozenset[str] | None = None
    closed_by: frozenset[str] | None = None
    finished: frozenset[bool] | None = None
    cause: Mapping[str, str] | None = None
    """Each cause that may be told, and the most that may be said of how sure it is."""
    reset_by: frozenset[str] | None = None
    reset_form: frozenset[str] | None = None
    """"None" where there is none."""
    client_state: frozenset[str] | None = None
    server_state: frozenset[str] | None = None


class Judgement(NamedTuple):
    """What a row is worth."""

    grade: Grade
    """The worst of its words'."""
    words: Mapping[str, Grade]
    differs: Mapping[str, str]
    """What is said of each that is not right, and what is true."""

    @property
    def said(self) -> str:
        """What is wrong, or less, in words."""
        return "; ".join(f"{key} {self.words[key]}: {told}" for key, told in self.differs.items())

    def beyond(self) -> Judgement:
        """What no reader of packets could know is a limit, and not false."""
        words = {
            key: Grade.LIMIT if grade is Grade.FALSE else grade for key, grade in self.words.items()
        }
        return self._replace(grade=Grade.LIMIT, words=words)


def truth_of(rows: Iterable[Row], known: Truth | None = None) -> Truth:
    """The truth as the complete captures show it; what is known otherwise goes before it."""
    every = list(rows)

    def said(key: str) -> frozenset[str]:
        return frozenset(str(row[key]) for row in every)

    # one reading among others is no truth to judge by
    sure = CONFIDENCES[0] not in said("confidence")
    cause = dict.fromkeys(said("cause"), CONFIDENCES[-1])
    shown = Truth(
        (str(every[0]["client_ip"]), int(str(every[0]["client_port"]))),
        close=said("close"),
        closed_by=said("closed_by"),
        finished=frozenset(bool(row["finished"]) for row in every),
        cause=cause if sure else None,
        reset_by=said("reset_by"),
        reset_form=said("reset_form"),
        client_state=said("client_state"),
        server_state=said("server_state"),
    )
    if known is None:
        return shown
    chosen = {
        field.name: getattr(known if getattr(known, field.name) is not None else shown, field.name)
        for field in fields(Truth)
    }
    # what many connections show together, one alone cannot: its own cause is right too
    chosen["cause"] = {**cause, **known.cause} if known.cause else shown.cause
    return Truth(**chosen)


def judge(rows: list[Row], truth: Truth, *, cut: bool = False) -> Judgement:
    """Judge what an analysis of a worse capture of that one connection says. A capture that was `cut` ended before the connection did."""
    # a SYN inside the connection that nothing answered is an attempt of its own, and marked as such
    alone = [row for row in rows if not _attempt(row)] or rows[:1]
    if len(alone) > 1 and all("tuple-reused" in _list(row, "notes") for row in alone[1:]):
        # with one end unseen, a SYN inside a connection cannot be told from the next one
        return max(
            (judge([row], truth, cut=cut) for row in alone),
            key=lambda j: list(Grade).index(j.grade),
        )
    if len(alone) != 1:
        many = f"{len(rows)} for one connection"
        return Judgement(Grade.FALSE, {"rows": Grade.FALSE}, {"rows": many})
    row = alone[0]
    client = (str(row["client_ip"]), int(str(row["client_port"])))
    swapped = client != truth.client
    words = {
        "client": _client(row, swapped),
        "close": _close(row, truth),
        "closed_by": _closed_by(row, truth, swapped),
        "finished": _finished(row, truth),
        "reset_by": _reset_by(row, truth, swapped),
        "reset_form": _reset_form(row, truth),
        "client_state": _state(
            row, "server_state" if swapped else "client_state", truth.client_state
        ),
        "server_state": _state(
            row, "client_state" if swapped else "server_state", truth.server_state
        ),
        "cause": _cause(row, truth, cut),
    }
    worst = max(words.values(), key=list(Grade).index)
    differs = {
        key: f"{_told(row, key)}, in truth {_true(truth, key)}"
        for key, grade in words.items()
        if grade is not Grade.RIGHT
    }
    return Judgement(worst, words, differs)


def _attempt(row: Row) -> bool:
    return row["close"] == "unanswered" and "tuple-reused" in _list(row, "notes")


def marked(row: Row) -> bool:
    """Say whether the row shows that the capture, or the connection as captured, is not whole."""
    against = {str(one).partition("=")[0] for one in _list(row, "evidence_against")}
    return bool(
        row["handshake"] != "complete"
        or PARTIAL_NOTES & set(_list(row, "notes"))
        or row["cause"] in PARTIAL_CAUSES
        or PARTIAL_EVIDENCE & against
    )


def _client(row: Row, swapped: bool) -> Grade:
    """Who is the client is a guess without a SYN, and `client_by` says so."""
    if not swapped:
        return Grade.RIGHT
    # of a simultaneous open, one SYN alone is a whole opening
    return _doubted(row) if row["client_by"] == "syn" else Grade.WEAKER


def _close(row: Row, truth: Truth) -> Grade:
    said = str(row["close"])
    if truth.close is None or said in truth.close:
        return Grade.RIGHT
    less = truth.close & WEAKER_CLOSE.get(said, frozenset())
    if said in FINISHED_BY_FINS and not row["finished"]:
        less |= truth.close & UNFINISHED
    if said == "vanished" and truth.finished is not None and True not in truth.finished:
        return _less(row)  # a FIN before what was repeated may be missing
    if said == "three-way" and "four-way" in truth.close and not less:
        # it rests on an ACK that is not there, and the capture is known to lack something
        return Grade.DOUBTED if marked(row) else Grade.FALSE
    return _less(row) if less else _doubted(row)


def _closed_by(row: Row, truth: Truth, swapped: bool) -> Grade:
    said = _turned(str(row["closed_by"]), swapped)
    if truth.closed_by is None or said in truth.closed_by:
        return Grade.RIGHT
    # one FIN of two that crossed: its sender did close first, and so did the other
    crossed = "both" in truth.closed_by and said != "both"
    # a FIN that nobody acked yet took no effect yet, and a RST may overtake it
    pending = row["close"] == "fin-unanswered" and "reset" in (truth.close or ())
    return _less(row) if said == "none" or crossed or pending else _doubted(row)


def _finished(row: Row, truth: Truth) -> Grade:
    if truth.finished is None or row["finished"] in truth.finished:
        return Grade.RIGHT
    return Grade.FALSE if row["finished"] else _less(row)


def _reset_by(row: Row, truth: Truth, swapped: bool) -> Grade:
    said = _turned(str(row["reset_by"]), swapped)
    if truth.reset_by is None or said in truth.reset_by:
        return Grade.RIGHT
    return _less(row) if said == "none" else _doubted(row)


def _reset_form(row: Row, truth: Truth) -> Grade:
    said = str(row["reset_form"])
    if truth.reset_form is None or said in truth.reset_form:
        return Grade.RIGHT
    return _less(row) if said in {"None", "unclear"} else _doubted(row)


def _state(row: Row, key: str, right: frozenset[str] | None) -> Grade:
    """An end that is said to stand where it stood before is said less of."""
    said = str(row[key])
    if right is None or said in right:
        return Grade.RIGHT
    if said == State.TIME_WAIT and State.CLOSED in right:
        return Grade.RIGHT  # which it becomes by itself
    if said == State.CLOSED and row[key.replace("state", "packets")] == 0:
        return _less(row)  # an end of which nothing was captured
    return _less(row) if _after(State(said)) & {State(one) for one in right} else _doubted(row)


def _cause(row: Row, truth: Truth, cut: bool) -> Grade:
    said, sure = str(row["cause"]), str(row["confidence"])
    if said == "capture-ended" and sure == CONFIDENCES[-1] and _closed(truth) and not cut:
        return Grade.FALSE  # it had ended, and the capture went on
    if truth.cause is None:
        return Grade.RIGHT
    if said in truth.cause:
        surer = CONFIDENCES.index(sure) > CONFIDENCES.index(truth.cause[said])
        return Grade.FALSE if surer else Grade.RIGHT
    less = WEAKER_CAUSE.get(said, frozenset())
    if less is None or less & truth.cause.keys():
        return _less(row)
    if said == "unread-data" and "abort" in truth.cause and sure == CONFIDENCES[0]:
        return Grade.DOUBTED  # `abort` says that the wire cannot tell the two apart
    return _doubted(row)


def _closed(truth: Truth) -> bool:
    """Say whether the connection was over when the whole capture ended."""
    return truth.finished == frozenset({True})


def _doubted(row: Row) -> Grade:
    """One reading among others, and the row names what the capture lacks."""
    named = row["confidence"] == CONFIDENCES[0] and marked(row)
    return Grade.DOUBTED if named else Grade.FALSE


def _less(row: Row) -> Grade:
    return Grade.WEAKER if marked(row) else Grade.FALSE


def _turned(who: str, swapped: bool) -> str:
    return {"client": "server", "server": "client"}.get(who, who) if swapped else who


def _list(row: Row, key: str) -> list[str]:
    value = row[key]
    assert isinstance(value, list)
    return value


def _told(row: Row, key: str) -> str:
    if key == "client":
        return f"guessed by {row['client_by']}"
    return f"{row['cause']} {row['confidence']}" if key == "cause" else str(row[key])


def _true(truth: Truth, key: str) -> str:
    right = getattr(truth, key)
    if right is None:
        return "it was over"
    return " or ".join(sorted(map(str, right))) if key != "client" else f"{right[0]}:{right[1]}"


@cache
def _after(state: State) -> frozenset[State]:
    """The states that an end can come to from this one without opening again."""
    found, todo = {state}, [state]
    while todo:
        at = todo.pop()
        for edge in transitions().edges:
            reopens = at in OVER and edge.to_state is not State.CLOSED
            if edge.from_state is at and edge.to_state not in found and not reopens:
                found.add(edge.to_state)
                todo.append(edge.to_state)
    return frozenset(found)
