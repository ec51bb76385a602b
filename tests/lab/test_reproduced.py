"""The lab's captures, made again by `finwait reproduce`: the same close, by the same end, for the same cause (tools/lab_again.py)."""

from pathlib import Path

import pytest

from finwait.errors import FinwaitError
from finwait.kernel.apart import Apart
from finwait.lab.play import Result
from lab_again import CHOSEN, SIDES, Case, again, cases, keep

CANNOT = {("time-wait-refused", 1), ("tls-truncated", 0)}
"""Whose cause lies in another connection, or in TLS records."""
DEAF = {
    # A stack under test answers. In these captures its answers are missing: lost, or nobody was there.
    ("fin-unanswered", 0, "server"),
    ("keepalive-death", 0, "server"),
    ("last-ack-unanswered", 0, "client"),
    ("unanswered", 0, "server"),
    ("user-timeout", 0, "server"),
    # What the other connections of the capture did to the listener is not in the script.
    ("accept-queue-full", 1, "server"),
    ("accept-queue-overflow-reset", 1, "server"),
    # The RST is that of a stack which knows nothing of the connection, and this one does.
    ("handshake-abandoned", 0, "client"),
    ("peer-lost-state", 0, "server"),
    # The RST came from outside, to the other end.
    ("injected-reset", 0, "server"),
}
"""Sides that finwait does not choose, because a script cannot make them do what the capture shows."""
ON_THE_KERNEL = (
    "zero-window",
    "fin-out-of-order",
    "unread-data",
    "simultaneous",
    "linger2",
    "keepalive-race-crossed",
)
LIMIT = 60.0
"""Seconds for one play on the kernel."""


@pytest.fixture(scope="module")
def kept(
    endings: dict[str, Result | FinwaitError | OSError],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    keep(endings.items(), folder)
    return folder


@pytest.mark.parametrize("side", SIDES)
def test_the_model_makes_every_capture_again(kept: Path, side: str) -> None:
    results = [again(case) for case in cases(kept, [side], ["model"])]
    cannot = {(r.case.path.stem, r.case.conn) for r in results if r.word == "cannot"}
    others = {
        (r.case.path.stem, r.case.conn, side): r.said
        for r in results
        if r.word not in {"same", "cannot"}
    }
    assert len(results) > 50
    assert cannot == CANNOT
    assert others.keys() == {one for one in DEAF if one[2] == side}, others
    assert side != CHOSEN or not others


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("name", ON_THE_KERNEL)
def test_the_kernel_makes_it_again(kept: Path, name: str, side: str) -> None:
    case = Case(kept / f"{name}.pcapng", 0, side, "kernel")
    got = Apart(lambda: again(case)).answer(LIMIT)
    assert got.word == "same", got.said
