"""Headline, story, ladder and the row of a connection say one thing, of every capture that is kept here."""

import struct
from pathlib import Path

import pytest

import finwait
from finwait.verdict.language import Lang
from finwait.verdict.verdict import REFUSED_IN_TIME_WAIT

ROOT = Path(__file__).parents[2]
CAPTURES = sorted(
    path
    for folder in ("examples", "tests/captures")
    for path in (ROOT / folder).iterdir()
    if path.suffix in {".pcap", ".pcapng"}
)
FINS = {
    "fin-four-way": "four-way",
    "fin-three-way": "three-way",
    "fin-crossed": "simultaneous",
    "fin-crossed-far": "simultaneous",
    "fin-crossed-unseen": "simultaneous",
}
"""How it closed by what the story says of the second FIN."""


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_the_story_ends_as_the_headline_says(path: Path) -> None:
    for row in finwait.analyze(path):
        told = finwait.explain(path, row.conn)
        keys = {part.key for item in told.story for part in item.parts}
        said = {FINS[key] for key in keys & FINS.keys()}
        if row.close != "reset":
            assert said == {row.close} & set(FINS.values())
        assert ("reset-ends" in keys) <= (row.close == "reset")
        assert ("open" in keys) == (row.close == "open")
        assert ("no-answer" in keys) <= (row.cause != REFUSED_IN_TIME_WAIT)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_the_ladder_ends_where_the_row_does(path: Path) -> None:
    for row in finwait.analyze(path):
        told = finwait.explain(path, row.conn)
        drawn = tuple(told.last_states(who)[0] for who in ("client", "server"))
        if row.cause == REFUSED_IN_TIME_WAIT:
            assert drawn == (row.client_state, "TIME-WAIT")
        elif "closer-unseen" not in row.notes:
            assert drawn == (row.client_state, row.server_state)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_no_end_passes_a_state_and_stays_where_it_was(path: Path) -> None:
    for row in finwait.analyze(path):
        told = finwait.explain(path, row.conn)
        before = dict(zip(("client", "server"), told.conversation.begin, strict=True))
        for segment in told.segments:
            for who in ("client", "server"):
                assert who not in segment.via or segment.state(who) != before[who]
                before[who] = segment.state(who)


@pytest.mark.parametrize(
    ("name", "en", "zh"),
    [
        (
            "one-direction-server",
            "(server) sent a FIN; whether it was acked, and who closed first, the capture does",
            "发出了 FIN；是否得到确认、谁先关闭，抓包没有显示",
        ),
        (
            "tail",
            "Half-closed; who closed first the capture does not",
            "半关闭；抓包没有显示谁先关闭",
        ),
        ("one-direction-client", "only one direction was captured", "是否得到确认不得而知"),
    ],
)
def test_what_the_capture_does_not_show_the_headline_does_not_say(
    name: str, en: str, zh: str
) -> None:
    told = finwait.explain(ROOT / f"tests/captures/{name}.pcap", 0)
    headline = told.verdict("en").sentence
    assert en in headline
    assert "obody" not in headline
    assert zh in told.verdict("zh").sentence
    assert "neither end has closed" not in " ".join(told.time_wait.text("en"))


def test_a_rst_with_the_number_of_its_fin_answers_nothing() -> None:
    """What its sender had acked did not draw it; the story said so, and the verdict called it an answer."""
    told = finwait.explain(ROOT / "tests/captures/fin-then-rst.pcap", 0)
    assert (told.row.cause, told.row.reset_form) == ("fin-wait-2-aborted", "unclear")
    assert "macOS ends so when it aborts after a FIN" in " ".join(told.text("en").split())
    assert "drew a RST" not in told.text("en")


def without(path: Path, frame: int) -> bytes:
    """Give a pcap without one of its frames."""
    octets = path.read_bytes()
    kept, at = [octets[:24]], 24
    number = 0
    while at < len(octets):
        number += 1
        end = at + 16 + struct.unpack_from("<I", octets, at + 8)[0]
        if number != frame:
            kept.append(octets[at:end])
        at = end
    return b"".join(kept)


@pytest.mark.parametrize(
    ("lang", "said", "not_said"),
    [
        (
            "en",
            (
                "Both ends closed at once; their FINs crossed",
                "Its seq 32 is beyond 31, the number of the server's own FIN",
                "The server's FIN (frame 10, number 31) comes again",
                "Its first sending is not in the capture.",
            ),
            ("has not closed yet", "four-way"),
        ),
        (
            "zh",
            (
                "双方同时关闭，两个 FIN 在途中交错",
                "它的序列号 32 已在服务器自己的 FIN 的序列号 31 之后",
                "服务器的 FIN（第 10 帧，序列号 31）是重传",
            ),
            ("还没有关闭", "四次挥手"),
        ),
    ],
)
def test_a_fin_of_which_only_the_repeat_was_captured(
    tmp_path: Path, lang: Lang, said: tuple[str, ...], not_said: tuple[str, ...]
) -> None:
    """The number of the ACK before it shows that it had been sent: the two crossed (`finwait peer --close lose-fin`)."""
    path = tmp_path / "lost.pcap"
    path.write_bytes(without(ROOT / "tests/captures/simultaneous-fin-lost.pcap", 8))
    told = finwait.explain(path, 0)
    assert [s.server_state for s in told.segments[-3:]] == ["CLOSING", "CLOSING", "TIME-WAIT"]
    assert told.segments[-2].via == {}
    text = "".join(told.text(lang).split())
    assert not [each for each in said if "".join(each.split()) not in text]
    assert not [each for each in not_said if "".join(each.split()) in text]
