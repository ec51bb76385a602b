"""Every closing on the real kernel: expected, from the wire, from the kernel: the same."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from finwait.errors import FinwaitError
from finwait.lab.experiments import ALL, SUBJECTS
from finwait.lab.play import Result
from finwait.lab.reasons import REASONS
from finwait.lab.run import run
from finwait.picture.ladder import Arrow
from finwait.verdict import entries
from finwait.verdict.language import LANGS

DOCS = Path(__file__).parents[2] / "docs"

Endings = dict[str, Result | FinwaitError | OSError]


@pytest.mark.parametrize("name", [each.name for each in ALL.values() if not each.long])
def test_the_three_say_the_same(name: str, endings: Endings) -> None:
    ending = endings[name]
    assert isinstance(ending, Result), ending
    assert not ending.row.differences
    assert ending.steps


def test_tracepoints_told_of_it(endings: Endings) -> None:
    """With tracefs every step of a state machine is the kernel's own word."""
    ending = endings["simultaneous"]
    assert isinstance(ending, Result)
    if not ending.row.traced:
        pytest.skip("tracefs is not permitted here")
    said = {(event.who, event.old, event.new) for event in ending.events}
    for who in ("client", "server"):
        assert (who, "FIN-WAIT-1", "CLOSING") in said
        assert (who, "CLOSING", "TIME-WAIT") in said


def test_every_word_beside_a_packet_is_the_packets_own(endings: Endings) -> None:
    """Where an end moves by a call, its kernel says so with the segment that goes out."""
    ending = endings["four-way"]
    assert isinstance(ending, Result)
    if not ending.row.traced:
        pytest.skip("tracefs is not permitted here")
    rows = [row for row in ending.ladder.rows if isinstance(row, Arrow)]
    fin, *_ = [row for row in rows if "FIN-WAIT-1" in row.left_kernel]
    assert fin.flags == "FIN ACK"
    assert fin.left == "FIN-WAIT-1"
    assert "CLOSE-WAIT" in fin.right_kernel


def test_over_ipv6(lab: None) -> None:
    del lab
    six = replace(ALL["simultaneous"], name="six", six=True)
    ((_, ending),) = run([six], "en")
    assert isinstance(ending, Result), ending
    assert not ending.row.differences
    assert ending.row.kernel.client == "FIN-WAIT-1 CLOSING TIME-WAIT"


def test_every_experiment_is_told_in_the_documents() -> None:
    for name in ("lab.md", "lab.zh-CN.md"):
        page = (DOCS / name).read_text(encoding="utf-8")
        told = re.findall(r"\((pictures/lab/[^)]+)\)", page)
        suffix = ".zh.svg" if "zh" in name else ".svg"
        assert told == [f"pictures/lab/{each}{suffix}" for each in ALL]
        assert all((DOCS / picture).is_file() for picture in told)


def test_the_five_of_the_study_are_one_subject() -> None:
    names = [each.name for each in SUBJECTS["closing"]]
    assert names == ["four-way", "three-way", "simultaneous", "rst-without-fin", "rst-after-fin"]


@pytest.mark.parametrize("name", ALL)
def test_every_experiment_speaks_the_words_of_the_catalogue(name: str) -> None:
    experiment = ALL[name]
    expected = experiment.expected
    assert expected.close in entries("close")
    assert expected.closed_by in entries("closed_by")
    assert expected.cause in entries("cause")
    assert not expected.reason or expected.reason in REASONS
    assert set(experiment.expected.client.split()) <= set(entries("state"))
    differs = expected.kernel_client or expected.kernel_server or expected.kernel_close
    assert bool(differs) <= (expected.limit is not None), "say why the kernel says otherwise"
    for lang in LANGS:
        assert experiment.title.say(lang)
        assert experiment.shows.say(lang)


def test_causes_that_a_reason_allows_are_in_the_catalogue() -> None:
    known = {*entries("cause"), *entries("note")}
    for slug, reason in REASONS.items():
        assert reason.causes <= known, slug
