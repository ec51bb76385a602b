"""A RST that the end that it names did not send: ladder, story, states and notes agree with that verdict."""

import re
from pathlib import Path

import pytest

import finwait
from finwait.picture.ladder import Arrow
from finwait.verdict.language import Lang

CAPTURE = Path(__file__).parents[1] / "captures/injected-reset.pcap"
COUNTED, ALIKE, ANSWERED, AFTER_ALL = 10, (11, 12), 16, 20
"""Frames: the RST that ended it, two more of the same device, the client's first RST in answer to the server, and its last one:
the server sends once more before it."""


@pytest.fixture(scope="module")
def told() -> finwait.Explanation:
    return finwait.explain(CAPTURE, 0)


@pytest.mark.parametrize(
    ("lang", "label", "ttl"),
    [
        ("en", "RST in the server's name", "TTL 113, its other segments: 64"),
        ("zh", "以服务器的名义发出的 RST", "TTL 113，其余报文段为 64"),
    ],
)
def test_the_ladder_says_whose_name_and_which_ttl(
    told: finwait.Explanation, lang: Lang, label: str, ttl: str
) -> None:
    rows = {row.frame: row for row in told.ladder(lang).rows if isinstance(row, Arrow)}
    assert rows[COUNTED].labels[:2] == (label, ttl)
    assert len(rows[COUNTED].labels) == 3, "and that it was the end"
    assert all(rows[frame].labels == (label, ttl) for frame in ALIKE)
    shown = " ".join(each for row in rows.values() if row.frame <= COUNTED for each in row.labels)
    assert not re.search("drew a RST|引出 RST|REPLY", shown), "nothing drew it"
    assert "REPLY" in rows[ANSWERED].labels[0], "the client's own stack did answer"


def test_the_end_that_it_names_stays_where_it_was(told: finwait.Explanation) -> None:
    states = {s.number: (s.client_state, s.server_state) for s in told.segments}
    assert states[COUNTED] == ("CLOSED", "ESTABLISHED")
    assert states[ANSWERED] == ("CLOSED", "ESTABLISHED"), "it sends once more in frame 19"
    assert states[AFTER_ALL - 1] == ("CLOSED", "ESTABLISHED")
    assert states[AFTER_ALL] == ("CLOSED", "CLOSED"), "no word of it follows"
    assert told.last_states("server") == ("CLOSED", "ESTABLISHED"), (
        "but nothing shows that this came"
    )


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        (
            "en",
            (
                "But the server sends on in frame 19: this RST had not reached it by then",
                "The server is in ESTABLISHED, not in CLOSED, if the RST of frame 20 did not reach it",
            ),
        ),
        (
            "zh",
            (
                "但服务器在第 19 帧仍继续发送：到那时这个 RST 还没有到达",
                "如果第 20 帧的 RST 没有到达，服务器就处于 ESTABLISHED，而不是 CLOSED",
            ),
        ),
    ],
)
def test_a_rst_after_which_it_sends_on_did_not_reach_it(
    told: finwait.Explanation, lang: Lang, said: tuple[str, ...]
) -> None:
    text = "".join(told.text(lang).split())
    assert not [each for each in said if each.replace(" ", "") not in text]


@pytest.mark.parametrize(
    ("lang", "said", "not_said"),
    [
        (
            "en",
            (
                "A RST in the name of 198.51.100.80:80 (server) ended the connection; injected RST",
                "by the verdict below, the server did not send it",
                "Its TTL is 113, that of the server's other segments 64",
                "the RST's TTL is 113; that of its sender's other segments is 64",
                "The server, which it names, keeps its socket",
            ),
            ("(server) reset the connection", "which drew it", "no socket wanted", "at both ends"),
        ),
        (
            "zh",
            (
                "以198.51.100.80:80（服务器）的名义发出的 RST 终止了连接",
                "它不是服务器发出的",
                "而服务器其余报文段的 TTL 为 64",
                "RST 的 TTL 为 113",
                "被冒名的服务器仍保留套接字",
            ),
            ("使两端立即丢弃", "协议栈发出它"),
        ),
    ],
)
def test_every_sentence_agrees_with_the_verdict(
    told: finwait.Explanation, lang: Lang, said: tuple[str, ...], not_said: tuple[str, ...]
) -> None:
    text = "".join(told.text(lang).split())  # lines break anywhere in Chinese
    story = re.sub(rf"(Frame{ANSWERED}isaRST|第{ANSWERED}帧是).*?(Verdict|结论)", "", text)
    assert not [each for each in said if each.replace(" ", "") not in text]
    assert not [each for each in not_said if each.replace(" ", "") in story]
    assert {"rst-reply", "rst-repeated"} <= set(told.row.notes), "the row keeps what was seen"
    assert not {"rst-reply", "rst-repeated"} & {note.slug for note in told.verdict(lang).notes}


def test_its_own_page_says_so_too(told: finwait.Explanation) -> None:
    page = told.segment_text(COUNTED, "en")
    assert "by the verdict, the server did not send it" in " ".join(page.split())
    assert "A RST in answer to a segment" not in page
    assert "After it the server is in ESTABLISHED" in page
