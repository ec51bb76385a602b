"""What is said of captures that lack something is right, or weaker and marked: docs/worse.md."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from finwait import _core
from sockets.honest import Grade, Row, Truth, judge, truth_of
from sockets.spoil import spoil
from sockets.whole import whole
from sockets.worse import Found, captured, played, try_out

SEEDS = range(1, 41)
EXCEPTIONS = {"data-after-fin.pcap"}
"""Payload after one's own FIN, which no stack sends: docs/worse.md."""
OF_EACH = 2
"""Connections of one capture: those of a pool or a habit are alike."""
MOST_LIMITS = 0.04
"""Of the captures that lack one packet, or one in a hundred: more would hide a rule that is missing."""
ONLY_WORSE = {"closer-unseen"}
"""Notes that a whole capture never has."""


def false(found: Iterable[Found]) -> list[str]:
    """What is false, a line each."""
    return [
        f"{one.source}, {one.kind} at the {one.door}, {one.what}: {one.judgement.said}\n    {one.row}"
        for one in found
        if one.judgement.grade is Grade.FALSE
    ]


@pytest.mark.parametrize("first", SEEDS[::10])
def test_random_connections(first: int, tmp_path: Path) -> None:
    found = [
        one for seed in range(first, first + 10) for one in try_out(played(seed), seed, tmp_path)
    ]
    assert len(found) > 300
    assert not false(found)
    lost = [one for one in found if one.kind in {"lossy", "one-removed"}]
    limits = Counter(one.judgement.grade for one in lost)[Grade.LIMIT]
    assert limits <= MOST_LIMITS * len(lost)


def test_a_limit_is_not_told_as_false(tmp_path: Path) -> None:
    """Seed 1 lacks a packet that nobody can miss."""
    found = [one.judgement for one in try_out(played(1), 1, tmp_path)]
    limits = [one for one in found if one.grade is Grade.LIMIT]
    assert limits
    assert all(" limit: " in one.said and " false: " not in one.said for one in limits)
    assert not any(Grade.FALSE in one.words.values() for one in found)


def test_captures_of_kernels(tmp_path: Path) -> None:
    files = Counter[str]()
    sources = []
    for one in captured():
        name = one.name.split()[0]
        files[name] += 1
        if name not in EXCEPTIONS and files[name] <= OF_EACH:
            sources.append(one)
    found = [one for source in sources for one in try_out(source, 1, tmp_path)]
    assert {one.judgement.grade for one in found if one.kind in {"complete", "any"}} == {
        Grade.RIGHT
    }
    assert not false(found)
    assert not [
        one
        for one in found
        if one.kind == "complete" and any(note in one.row for note in ONLY_WORSE)
    ]


def rows(path: Path, file: bytes) -> list[Row]:
    path.write_bytes(file)
    return list(_core.analyze([str(path)]).records())


@pytest.fixture
def orderly(tmp_path: Path) -> tuple[Truth, Row]:
    """The truth of a four-way close, and the row of its whole capture."""
    source = next(one for one in captured() if one.name.startswith("four-way.pcap"))
    whole_one = next(spoil(source.complete))
    row = rows(tmp_path / "x.pcap", whole_one.file)[0]
    return truth_of([row], source.known), row


@pytest.mark.parametrize(
    ("changed", "grade"),
    [
        ({}, Grade.RIGHT),
        ({"close": "three-way"}, Grade.FALSE),
        ({"close": "three-way", "notes": ["capture-gap"]}, Grade.DOUBTED),
        ({"closed_by": "server"}, Grade.FALSE),
        ({"closed_by": "server", "notes": ["capture-gap"]}, Grade.FALSE),
        ({"closed_by": "none"}, Grade.FALSE),
        ({"closed_by": "none", "notes": ["midstream"]}, Grade.WEAKER),
        (
            {
                "close": "half-closed",
                "finished": False,
                "cause": "capture-ended",
                "confidence": "likely",
            },
            Grade.WEAKER,
        ),
        ({"cause": "abort", "confidence": "likely", "notes": ["capture-gap"]}, Grade.FALSE),
        ({"cause": "abort", "confidence": "possible"}, Grade.FALSE),
        ({"cause": "abort", "confidence": "possible", "notes": ["capture-gap"]}, Grade.DOUBTED),
        ({"client_state": "CLOSE-WAIT", "notes": ["capture-gap"]}, Grade.FALSE),
        ({"client_state": "FIN-WAIT-1", "notes": ["capture-gap"]}, Grade.WEAKER),
    ],
)
def test_the_judge(orderly: tuple[Truth, Row], changed: dict[str, object], grade: Grade) -> None:
    truth, row = orderly
    assert judge([{**row, **changed}], truth).grade is grade


OPEN = {
    "close": "open",
    "closed_by": "none",
    "finished": False,
    "cause": "capture-ended",
    "client_state": "ESTABLISHED",
    "server_state": "ESTABLISHED",
}


def test_surely_open_is_false_where_it_was_closed(orderly: tuple[Truth, Row]) -> None:
    """Unless the capture had ended before: then it is as it is said."""
    truth, row = orderly
    surely: list[Row] = [{**row, **OPEN, "confidence": "certain"}]
    assert judge(surely, truth).grade is Grade.FALSE
    assert judge(surely, truth).words["close"] is Grade.WEAKER
    assert judge(surely, truth, cut=True).grade is Grade.WEAKER
    assert judge([{**surely[0], "confidence": "likely"}], truth).grade is Grade.WEAKER


def test_two_rows_for_one_connection_are_false(orderly: tuple[Truth, Row]) -> None:
    truth, row = orderly
    assert judge([row, row], truth).grade is Grade.FALSE


def test_what_is_whole() -> None:
    source = next(one for one in captured() if one.name.startswith("four-way.pcap"))
    frames, client = source.complete.client, source.complete.client_end
    holes = [whole(frames[:n] + frames[n + 1 :], client) for n in range(len(frames))]
    assert whole(frames, client)
    assert True in holes  # a bare ACK leaves no trace
    assert holes[:2] == [False] * 2  # the SYNs do
