"""Every closing on the real kernel: expected, from the wire, from the kernel: the same."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from finwait.cli.lab import leg_name
from finwait.errors import FinwaitError
from finwait.lab.experiment import Expected
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
    assert not [each.en for leg in ending.legs for each in leg.row.differences]
    assert ending.same
    assert ending.steps


def test_tracepoints_told_of_it(endings: Endings) -> None:
    """With tracefs every step of a state machine is the kernel's own word."""
    ending = endings["simultaneous"]
    assert isinstance(ending, Result)
    (leg,) = ending.legs
    if not leg.row.tells.states:
        pytest.skip("tracefs is not permitted here")
    said = {(event.who, event.old, event.new) for event in leg.events}
    for who in ("client", "server"):
        assert (who, "FIN-WAIT-1", "CLOSING") in said
        assert (who, "CLOSING", "TIME-WAIT") in said


def test_every_word_beside_a_packet_is_the_packets_own(endings: Endings) -> None:
    """Where an end moves by a call, its kernel says so with the segment that goes out."""
    ending = endings["four-way"]
    assert isinstance(ending, Result)
    (leg,) = ending.legs
    if not leg.row.tells.states:
        pytest.skip("tracefs is not permitted here")
    rows = [row for row in leg.ladder.rows if isinstance(row, Arrow)]
    fin, *_ = [row for row in rows if "FIN-WAIT-1" in row.left_kernel]
    assert fin.flags == "FIN ACK"
    assert fin.left == "FIN-WAIT-1"
    assert "CLOSE-WAIT" in fin.right_kernel


def test_a_half_close_breaks_at_the_proxy_and_travels_to_the_server(endings: Endings) -> None:
    """The client's FIN becomes a FIN in both directions; the server's reply meets a RST."""
    broken, kept = endings["half-close-broken"], endings["half-close-kept"]
    assert isinstance(broken, Result)
    assert isinstance(kept, Result)
    near, far = broken.legs
    assert near.row.wire.cause == "half-close-broken"
    assert (
        far.row.wire.reset == "client reply"
    )  # the proxy is the client of its connection with the server
    ends = [
        (hop.leg, hop.rightward, hop.kind)
        for hop in broken.hops
        if hop.kind in {"fin", "rst", "data"}
    ]
    assert ends[0] == (0, True, "fin"), "the client's"
    assert {(0, False, "fin"), (1, True, "fin")} <= set(ends[1:3]), "the proxy's, to both"
    assert ends[3:] == [(1, False, "data"), (1, True, "rst")]
    way = [(hop.leg, hop.rightward, hop.kind) for hop in kept.hops if hop.kind != "ack"]
    assert way == [
        (0, True, "fin"), (1, True, "fin"), (1, False, "data"), (0, False, "data"), (1, False, "fin"), (0, False, "fin"),
    ]  # fmt: skip


def test_over_ipv6(lab: None) -> None:
    del lab
    six = replace(ALL["simultaneous"], name="six", six=True)
    ((_, ending),) = run([six], "en")
    assert isinstance(ending, Result), ending
    assert ending.same
    assert ending.legs[0].row.kernel.client == "FIN-WAIT-1 CLOSING TIME-WAIT"


def test_every_experiment_is_told_in_the_documents() -> None:
    for name in ("lab.md", "lab.zh-CN.md"):
        page = (DOCS / name).read_text(encoding="utf-8")
        told = re.findall(r"\((pictures/lab/[^)]+)\)", page)
        suffix = ".zh.svg" if "zh" in name else ".svg"
        names = [
            leg_name(each, number)
            for each in ALL.values()
            for number in range(1 if each.through is None else 2)
        ]
        assert told == [f"pictures/lab/{each}{suffix}" for each in names]
        assert all((DOCS / picture).is_file() for picture in told)


def test_the_five_of_the_study_are_one_subject() -> None:
    names = [each.name for each in SUBJECTS["closing"]]
    assert names == ["four-way", "three-way", "simultaneous", "rst-without-fin", "rst-after-fin"]


@pytest.mark.parametrize("name", ALL)
def test_every_experiment_speaks_the_words_of_the_catalogue(name: str) -> None:
    experiment = ALL[name]
    speaks(experiment.expected)
    if experiment.through is not None:
        speaks(experiment.through.expected)
    for lang in LANGS:
        assert experiment.title.say(lang)
        assert experiment.shows.say(lang)


def speaks(expected: Expected) -> None:
    """Every word is one of the catalogue; where the kernel says otherwise, it is said why."""
    assert expected.close in entries("close")
    assert expected.closed_by in entries("closed_by")
    assert expected.cause in entries("cause")
    assert not expected.reason or expected.reason in REASONS
    assert set(expected.client.split()) <= set(entries("state"))
    differs = expected.kernel_client or expected.kernel_server or expected.kernel_close
    assert bool(differs) <= (expected.limit is not None), "say why the kernel says otherwise"


def test_causes_that_a_reason_allows_are_in_the_catalogue() -> None:
    known = {*entries("cause"), *entries("note")}
    for slug, reason in REASONS.items():
        assert reason.causes <= known, slug
