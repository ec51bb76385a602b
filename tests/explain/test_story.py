"""The story of each closing: the numbers it gives, and that both languages tell all of it."""

from pathlib import Path

import pytest

import finwait
from finwait.explain.explanation import Explanation
from finwait.explain.item import Part
from finwait.picture.ladder import Arrow
from finwait.verdict.language import LANGS, Lang

from .stories import OPEN, STORIES, story

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TOLD = {name: Explanation(story) for name, story in STORIES.items()}


def part(name: str, key: str) -> Part:
    found = [p for item in TOLD[name].story for p in item.parts if p.key == key]
    assert len(found) == 1, f"{key} told {len(found)} times in {name}"
    return found[0]


def keys(name: str) -> list[str]:
    return [p.key for item in TOLD[name].story for p in item.parts]


def test_four_way() -> None:
    assert part("four-way", "fin").facts == {"who": "client", "frame": 10, "fin": 20, "next": 21}
    assert part("four-way", "acks-fin").facts["frame"] == 11
    assert part("four-way", "fin-four-way").facts["by"] == 11
    assert part("four-way", "final-ack").facts == {"frame": 13, "ack": 3002, "fin": 3001}
    assert "fin-three-way" not in keys("four-way")


def test_three_way() -> None:
    facts = part("three-way", "fin-three-way").facts
    assert (facts["ack"], facts["other_fin"], facts["fin"]) == (21, 20, 3001)
    assert "fin-four-way" not in keys("three-way")


def test_simultaneous() -> None:
    text = TOLD["simultaneous"].text()
    facts = part("simultaneous", "fin-crossed").facts
    assert (facts["ack"], facts["need"], facts["other_frame"]) == (3001, 3002, 10)
    assert "Its ack 3001 is one short of 3002" in " ".join(text.split())
    assert part("simultaneous", "acks-fin-closing").facts["seq"] == 3002


def test_rst_without_fin() -> None:
    assert part("rst-without-fin", "rst-owner").facts == {
        "frame": 10,
        "who": "client",
        "seq": 20,
        "ack": 3001,
    }
    assert part("rst-without-fin", "rst-exact").facts["seq"] == 20


def test_rst_after_fin() -> None:
    stale = part("rst-after-fin", "stale-data").facts
    assert stale["frame"] == 12
    assert stale["after_s"] == pytest.approx(1.021427)
    assert part("rst-after-fin", "rst-reply").facts["trigger"] == 12
    assert part("rst-after-fin", "rst-reply").facts["seq"] == 3002


def test_fin_again_is_never_acknowledged_and_no_fault() -> None:
    again = part("fin-again", "fin-again-many").facts
    assert again["times"] == 4
    assert again["frames"] == (13, 14, 15, 16)
    assert again["gaps"] == pytest.approx((0.213365, 0.435071, 0.832358, 1.665149))
    assert part("fin-again", "fin-never-acked").facts["need"] == 3002
    assert "never acknowledged" in TOLD["fin-again"].text()
    assert "not a fault" in TOLD["fin-again"].text(columns=200)


def test_race_crossed() -> None:
    crossed = part("race-crossed", "crossed-data").facts
    assert (crossed["ack"], crossed["need"]) == (3001, 3002)
    assert part("race-crossed", "idle").facts["idle_s"] == pytest.approx(5.000213)
    assert part("race-crossed", "rst-reply-fin").facts["seq"] == 3001
    assert part("race-crossed", "rst-again").facts["frames"] == (14,)


def test_refused() -> None:
    facts = part("refused", "refused").facts
    assert (facts["frame"], facts["who"], facts["seq"], facts["ack"]) == (2, "server", 0, 1)


def test_unanswered() -> None:
    assert part("unanswered", "syn-again").facts["gaps"] == pytest.approx((1.02, 2.016))
    assert keys("unanswered")[-1] == "no-answer"


def test_vanished() -> None:
    again = part("vanished", "again-many").facts
    assert (again["need"], again["times"]) == (39, 3)
    assert keys("vanished")[-1] == "vanished"


def test_challenged() -> None:
    ignored = part("challenged", "rst-ignored").facts
    assert (ignored["seq"], ignored["expected"], ignored["off"]) == (101, 1, 100)
    assert part("challenged", "challenge-ack").facts["ack"] == 1


def test_midstream_numbers_wrap() -> None:
    assert part("midstream", "first-data").facts["next"] == 20
    assert part("midstream", "fin").facts["fin"] == 20
    assert "midstream-port" in keys("midstream")


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("name", STORIES)
def test_every_number_is_told(name: str, lang: Lang) -> None:
    for item in TOLD[name].story:
        text = item.text(lang)
        for told in item.parts:
            for fact, value in told.facts.items():
                if type(value) is int and fact in {"frame", "ack", "need", "fin", "next", "raw"}:
                    assert str(value) in text, f"{told.key}: {fact}"
        assert "{" not in text


@pytest.mark.parametrize("name", STORIES)
def test_time_wait_is_explained(name: str) -> None:
    told = TOLD[name].time_wait
    assert told.text("en")
    assert told.text("zh")
    holders = {
        "four-way": "client",
        "three-way": "client",
        "midstream": "client",
        "simultaneous": "both",
    }
    assert told.holder == holders.get(name, "none")
    if told.since is not None:
        assert told.since == TOLD[name].segments[-1].step.ts
        assert told.until(60) == told.since + 60_000_000_000


def test_numbers_go_on_after_what_was_left_out() -> None:
    """3 GB between two segments: more than half of the sequence space."""
    far = 3_000_000_000
    made = story(
        OPEN
        + f"""
1.0 > A {1 + 100} 1 100 502 | ESTABLISHED ESTABLISHED | data
2.0 > A {1 + far} 1 100 502 | ESTABLISHED ESTABLISHED | data
2.1 < A 1 {101 + far} 0 502 | ESTABLISHED ESTABLISHED | ack
2.2 > FA {101 + far} 1 0 502 | FIN-WAIT-1 ESTABLISHED | fin
2.3 < A 1 {102 + far} 0 502 | FIN-WAIT-2 CLOSE-WAIT | ack acks-fin
""",
        close="half-closed",
        close_frame=7,
        truncated=2_000_000,
    )
    told = Explanation(made)
    assert [s.seq for s in told.segments if s.who == "client"][-1] == 101 + far
    facts = next(p.facts for i in told.story for p in i.parts if p.key == "fin")
    assert facts["next"] == 102 + far


def test_what_is_later_disproved_is_never_drawn() -> None:
    """The repeated FIN shows that frame 12 did not prove its receipt: FIN-WAIT-2 at once, no way back."""
    told = finwait.explain(EXAMPLES / "simultaneous-fin-never-acked.pcap", 0)
    assert [s.client_state for s in told.segments[10:]] == ["FIN-WAIT-1", *["FIN-WAIT-2"] * 5]
    text = " ".join(told.text().split())
    assert "but the client never says that it got that FIN." in text
    assert "back in" not in text
    assert "unreachable" not in text
    assert "Nor can the server be: it is in CLOSING" in text


def test_a_gap_that_held_late_payload_is_no_evidence() -> None:
    """What is said for a cause must not contradict the story beside it."""
    for name in ("rst-after-fin", "rst-without-fin"):
        told = finwait.explain(EXAMPLES / f"{name}.pcap", 0)
        assert not [e for e in told.verdict().evidence_for if "without payload" in e]


def test_a_lost_ack_leaves_its_end_where_it_stood() -> None:
    told = finwait.explain(ROOT / "tests/captures/fin-ack-lost.pcap", 0)
    assert [s.client_state for s in told.segments[7:11]] == [*["FIN-WAIT-1"] * 3, "FIN-WAIT-2"]
    text = " ".join(told.text().split())
    assert "This ack is lost or late on its way to the client: frame 10 shows it." in text
    assert "did not have that ack yet, and still stood in FIN-WAIT-1." in text
    acked = [row for row in told.ladder().rows if isinstance(row, Arrow) and row.frame == 9]
    assert acked[0].labels == ("acks the FIN (#8)", "this ACK was lost or late")
    assert "这个确认丢失或迟到" in told.svg("zh")


def test_a_lost_last_ack_ends_nothing() -> None:
    told = finwait.explain(ROOT / "tests/captures/last-ack-lost.pcap", 0)
    assert [s.server_state for s in told.segments[8:]] == [*["LAST-ACK"] * 3, "CLOSED"]
    text = " ".join(told.text().split())
    assert (
        "the server does not get this ack in time, for it sends its FIN again in frame 11." in text
    )
    assert "the connection is over" not in text


@pytest.mark.parametrize(
    ("capture", "no"),
    [
        ("vanished", "0.0 µs of silence"),
        ("refused", "its seq is the ack of frame 1"),  # a SYN has no ack
        ("rst-challenged", "outside the window"),  # 1000 away is in it
        ("zero-window", "keep-alive answered"),
    ],
)
def test_what_is_not_so_is_not_said(capture: str, no: str) -> None:
    assert no not in " ".join(
        finwait.explain(ROOT / f"tests/captures/{capture}.pcap", 0).text().split()
    )


def test_a_rst_that_answers_does_not_date_the_end_of_its_socket() -> None:
    """The server's FIN-WAIT-2 ran out at some time in the 1.05 s before: the RST shows only that it had."""
    told = finwait.explain(EXAMPLES / "rst-after-fin.pcap", 0)
    reset = told.segments[-1]
    assert ("server", "FIN-WAIT-2", "CLOSED") in reset.moves
    text = " ".join(told.text().split())
    assert "No packet shows when the server left FIN-WAIT-2: here at the latest." in text
    rows = [row for row in told.ladder().rows if isinstance(row, Arrow)]
    assert "its sender's socket was gone, or goes now" in rows[-1].labels
    assert "或此刻消失" in told.text("zh")
    own = finwait.explain(EXAMPLES / "rst-without-fin.pcap", 0)
    assert "its sender's socket was gone, or goes now" not in own.text(), (
        "OWNER form: it is closed by that"
    )
    forged = finwait.explain(ROOT / "tests/captures/injected-reset.pcap", 0)
    named = next(s for s in forged.segments if s.flags & 4)
    row = next(r for r in forged.ladder().rows if isinstance(r, Arrow) and r.frame == named.number)
    assert "its sender's socket was gone, or goes now" not in row.labels, "somebody else sent it"


def test_an_old_copy_in_time_wait_is_told_with_the_ack_that_answers_it() -> None:
    told = finwait.explain(ROOT / "tests/captures/late-data.pcap", 0)
    story = " ".join(item.text("en") for item in told.story)
    late = next(s for s in told.segments if "after-close" in s.labels)
    assert f"After the end frame {late.number} brings numbers" in story
    assert "or an old copy that was under way until now" in story
    assert f"Frame {late.number + 1} answers with the numbers of the end" in story
    assert "still holds TIME-WAIT" in story
    assert "一直滞留在途中的旧副本" in " ".join(item.text("zh") for item in told.story)
