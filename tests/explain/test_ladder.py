"""The ladder: what is on it, how wide it is, and that crossing FINs are drawn crossing."""

import itertools
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finwait.explain.explanation import Explanation
from finwait.picture.ladder import Arrow, Fold, Ladder, Lane, Pause
from finwait.picture.ladder_svg import draw as draw_svg
from finwait.picture.ladder_text import Style, draw
from finwait.picture.width import cut, left, right, width, wrap
from finwait.verdict.language import LANGS, Lang

from .stories import OPEN, STORIES, story

TOLD = {name: Explanation(made) for name, made in STORIES.items()}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("columns", [80, 100, 120, 200])
@pytest.mark.parametrize("name", STORIES)
def test_lines_fit_and_life_lines_are_straight(name: str, columns: int, lang: Lang) -> None:
    lines = draw(TOLD[name].ladder(lang), Style(columns))
    assert max(map(width, lines)) <= columns
    body = [line for line in lines if "│" in line]
    places = {(width(line.split("│")[0]), width(line.rsplit("│", 1)[0])) for line in body}
    assert len(places) == 1, "a life line jumps"


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("columns", [80, 100, 120, 160])
@pytest.mark.parametrize("name", STORIES)
def test_colours_move_nothing(name: str, columns: int, lang: Lang) -> None:
    ladder = TOLD[name].ladder(lang)
    coloured = draw(ladder, Style(columns, colour=True))
    assert [re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in coloured] == draw(
        ladder, Style(columns)
    )


def test_long_addresses_fit() -> None:
    made = STORIES["four-way"]
    six = {"client_ip": "2001:db8:1111:2222:3333:4444:5555:6666", "server_ip": "2001:db8::1"}
    both = six | {"server_ip": six["client_ip"]}
    for ends in (six, both):
        told = Explanation(made._replace(row=made.row | ends))
        for columns in (80, 120):
            lines = draw(told.ladder(), Style(columns))
            assert max(map(width, lines)) <= columns
            text = "\n".join(lines)
            assert all(f"[{address}]:" in text for address in ends.values())
            ET.fromstring(told.svg())  # noqa: S314


def test_states_stand_where_they_change() -> None:
    lines = draw(TOLD["four-way"].ladder(), Style(120))
    row = next(line for line in lines if line.startswith("10 "))
    assert "FIN-WAIT-1" in row.split("│")[0]
    assert row.split("│")[2].strip() == ""
    last = next(line for line in lines if line.startswith("13 "))
    assert "TIME-WAIT" in last.split("│")[0]
    assert last.split("│")[2].split()[0] == "CLOSED"


def test_no_colour_unless_asked() -> None:
    assert "\x1b" not in TOLD["race-crossed"].text()
    coloured = TOLD["race-crossed"].text(colour=True)
    assert "\x1b[1;31m" in coloured, "a RST is red"
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == TOLD["race-crossed"].text()


def test_ascii_for_terminals_without_more() -> None:
    lines = draw(TOLD["four-way"].ladder(), Style(100, unicode=False))
    assert all(line.isascii() for line in lines)


def bulk(segments: int) -> Explanation:
    """A download of so many segments, closed four-way, with one retransmission in the middle."""
    lines = [OPEN]
    for n in range(segments):
        again = " | ESTABLISHED ESTABLISHED | " + (
            "retransmission" if n == segments // 2 else "data"
        )
        lines.append(f"{1 + n / 1000} < A {1 + n * 100} 1 100 512{again}")
        lines.append(
            f"{1 + n / 1000 + 0.0001} > A 1 {1 + n * 100 + 100} 0 502 | ESTABLISHED ESTABLISHED | ack"
        )
    end = 1 + segments * 100
    lines.append(f"9.0 > FA 1 {end} 0 502 | FIN-WAIT-1 ESTABLISHED | fin")
    lines.append(f"9.1 < A {end} 2 0 512 | FIN-WAIT-2 CLOSE-WAIT | ack acks-fin")
    lines.append(f"9.2 < FA {end} 2 0 512 | FIN-WAIT-2 LAST-ACK | fin")
    lines.append(f"9.3 > A 2 {end + 1} 0 502 | TIME-WAIT CLOSED | ack acks-fin ends-connection")
    frame = 3 + 2 * segments + 1
    return Explanation(story("\n".join(lines), close="four-way", close_frame=frame))


def test_long_connections_are_folded_and_nothing_is_lost() -> None:
    told = bulk(500)
    ladder = told.ladder()
    arrows = [row for row in ladder.rows if isinstance(row, Arrow)]
    hidden = sum(
        int(row.text.split()[0].replace(",", "")) for row in ladder.rows if isinstance(row, Fold)
    )
    assert len(arrows) + hidden == len(told.segments) == 1007
    assert len(arrows) < 50
    assert [a.frame for a in arrows][:3] == [1, 2, 3]
    assert any("sent again" in label for a in arrows for label in a.labels)
    assert [a.flags for a in arrows[-4:]] == ["FIN ACK", "ACK", "FIN ACK", "ACK"]
    whole = [row for row in told.ladder(full=True).rows if isinstance(row, Arrow)]
    assert len(whole) == 1007


def test_a_truncated_connection_says_so() -> None:
    made = STORIES["four-way"]._replace(truncated=1000)
    told = Explanation(made)
    folds = [row.text for row in told.ladder().rows if isinstance(row, Fold)]
    assert len(folds) == 1
    assert "1,000" in folds[0]
    assert any(p.key == "truncated" and p.facts["n"] == 1000 for i in told.story for p in i.parts)


def test_pauses_are_shown() -> None:
    pauses = [row.text for row in TOLD["race-crossed"].ladder().rows if isinstance(row, Pause)]
    assert pauses == ["5.0 s"]


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("name", STORIES)
def test_svg_is_well_formed(name: str, lang: Lang, theme: str) -> None:
    picture = TOLD[name].svg(lang, theme=theme)  # type: ignore[arg-type]  # a list of its values
    root = ET.fromstring(picture)  # noqa: S314  # our own
    assert root.tag == f"{SVG}svg"
    assert root.get("lang") == lang
    arrows = [g for g in root.iter(f"{SVG}g") if "arrow" in g.get("class", "")]
    assert len(arrows) == len(TOLD[name].segments)
    assert ("prefers-color-scheme" in picture) == (theme == "auto")
    assert picture == TOLD[name].svg(lang, theme=theme)  # type: ignore[arg-type]
    height = float(root.get("height", "0"))
    ys = [float(e.get(a, "0")) for e in root.iter() for a in ("y", "y1", "y2") if e.get(a)]
    assert max(ys) <= height


def lines_of(name: str) -> list[tuple[float, float, float, float]]:
    root = ET.fromstring(TOLD[name].svg())  # noqa: S314
    found = []
    for group in root.iter(f"{SVG}g"):
        line = group.find(f"{SVG}line")
        assert line is not None
        found.append(tuple(float(line.get(a, "")) for a in ("x1", "y1", "x2", "y2")))
    return found  # type: ignore[return-value]  # four each


def test_crossing_fins_cross_and_others_do_not() -> None:
    lines = lines_of("simultaneous")
    first, second = lines[9], lines[10]  # frames 10 and 11
    assert max(first[1], second[1]) < min(first[3], second[3]), "both leave before either arrives"
    assert (first[0] < first[2]) != (second[0] < second[2])
    straight = lines_of("four-way")
    assert all(a[3] <= b[1] for a, b in itertools.pairwise(straight))


def test_both_ends_pass_closing() -> None:
    ladder = TOLD["simultaneous"].ladder()
    states = [s for row in ladder.rows if isinstance(row, Arrow) for s in (row.left, row.right)]
    assert "CLOSING" in states


@pytest.mark.parametrize("name", TOLD)
def test_labels_are_drawn_by_who_knows_no_paint_order(name: str) -> None:
    """The outline is an element of its own, before the letters, which have none: CairoSVG draws in that order."""
    picture = TOLD[name].svg()
    assert "paint-order" not in picture
    texts = list(ET.fromstring(picture).iter(f"{SVG}text"))  # noqa: S314
    outlined = [place for place, each in enumerate(texts) if "halo" in each.get("class", "")]
    assert outlined
    for place in outlined:
        outline, text = texts[place], texts[place + 1]
        assert outline.get("aria-hidden") == "true", "it is read aloud once"
        assert outline.get("class") == f"halo {text.get('class')}"
        assert (outline.text, outline.get("transform")) == (text.text, text.get("transform"))
    plain = {each.get("class") for each in texts} - {
        texts[place].get("class") for place in outlined
    }
    assert {"numbers", "numbers flags"} <= plain


def test_flags_and_numbers_of_an_arrow_do_not_meet() -> None:
    """Each is anchored where the other is not, so that the width of the font does not matter."""
    root = ET.fromstring(TOLD["four-way"].svg())  # noqa: S314
    texts = [each for each in root.iter(f"{SVG}text") if "halo" not in each.get("class", "")]
    flags = [each for each in texts if each.get("class") == "numbers flags"]
    numbers = [each for each in texts if each.get("class") == "numbers"]
    assert len(flags) == len(numbers) == len(TOLD["four-way"].segments)
    for first, second in zip(flags, numbers, strict=True):
        assert (first.get("text-anchor"), second.get("text-anchor")) == ("end", "start")
        assert float(first.get("x", "")) < float(second.get("x", ""))


def test_the_kernels_longest_state_leaves_room_for_the_time() -> None:
    lane, said = Lane("client", "192.0.2.1:40000", ""), ("SYN-RECEIVED",)
    row = Arrow(1, 0.000084, False, "ACK", ("seq 1",), "ack", "", "", left_kernel=said)
    picture = draw_svg(Ladder("a title", lane, lane, (row,), columns=("kernel", "packets")))
    texts = list(ET.fromstring(picture).iter(f"{SVG}text"))  # noqa: S314
    (time,) = [each for each in texts if each.text == "0.000084"]
    (kernel,) = [each for each in texts if each.text == "kernel: SYN-RECEIVED"]
    letter = 12 * 0.602  # of .time: 12 px of a monospace font
    begins = float(kernel.get("x", "")) - len(kernel.text or "") * letter
    assert begins - float(time.get("x", "")) > letter


def test_svg_texts_are_escaped() -> None:
    lane = Lane("<&>", '"x"', "")
    picture = draw_svg(Ladder("<b>&", lane, lane, ()))
    assert ET.fromstring(picture).findtext(f"{SVG}title") == "<b>&"  # noqa: S314


@given(st.text(max_size=200), st.integers(2, 60))
@example("一}00", 4)
@example("net.ipv4.tcp_fin_timeout（60 秒）", 6)
def test_wrap_keeps_every_word_and_the_width(text: str, columns: int) -> None:
    text = " ".join(text.split())
    lines = wrap(text, columns)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(width(line) <= columns for line in lines)


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40),
    st.integers(1, 30),
)
def test_cut_and_fill(text: str, columns: int) -> None:
    short = cut(text, columns)
    assert width(short) <= columns
    assert width(left(short, columns)) == width(right(short, columns)) == columns


def test_width_of_chinese() -> None:
    assert width("客户端 FIN") == 10
    lines = ["客户端关闭连", "接，第 10 帧", "是 FIN。"]
    assert wrap("客户端关闭连接，第 10 帧是 FIN。", 12) == lines


def test_wrap_cuts_a_word_that_is_too_long_after_a_hyphen() -> None:
    assert wrap("reset, keepalive-race-crossed", 20) == ["reset,", "keepalive-race-", "crossed"]
    assert wrap("-abcdefgh", 4) == ["-abc", "defg", "h"]
