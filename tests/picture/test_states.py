"""The state diagram: fresh, whole, and readable."""

import unicodedata
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from finwait.picture import layout, states
from finwait.tcp import State, transitions
from finwait.verdict.language import LANGS, Lang

DOCS = Path(__file__).resolve().parents[2] / "docs"
Rect = tuple[float, float, float, float]
"""x and y of the left upper corner, x and y of the right lower one."""


@pytest.mark.parametrize("name", states.files())
def test_what_is_in_docs_is_what_the_table_says(name: str) -> None:
    path = DOCS / name
    found = path.read_text(encoding="utf-8") if path.exists() else ""
    assert found == states.files()[name], f"docs/{name} is stale; run: {states.COMMAND}"


@pytest.mark.parametrize("lang", LANGS)
def test_every_edge_that_moves_is_told_once_and_no_other(lang: Lang) -> None:
    told: Counter[int] = Counter()
    for node in ET.fromstring(states.svg(lang)).iter():  # noqa: S314 - our own text
        told.update(int(number) for number in node.get("data-edges", "").split())
    moving = {e.number for e in transitions().edges if e.from_state is not e.to_state}
    assert told == Counter(moving)


def test_what_figure_5_draws_has_a_way_and_every_way_an_edge() -> None:
    drawn = states.drawn()
    for edge in transitions().edges:
        if edge.figure or edge.composed:
            assert edge in drawn[edge.from_state, edge.to_state]
    assert drawn.keys() == layout.WAYS.keys()


def test_the_page_lists_every_edge() -> None:
    lines = states.files()[states.PAGE].splitlines()
    for edge in transitions().edges:
        start = f"| {'●' if edge.figure else ''} | {edge.from_state} | `{edge.event}`"
        guard = f"if `{edge.guard}`" if edge.guard else ""
        assert any(line.startswith(start) and guard in line for line in lines), edge
    count = sum(line.startswith(("| ● |", "|  |")) for line in lines)
    assert count == len(transitions().edges)


def boxes() -> dict[str, Rect]:
    """Where the states are."""
    wide, high = layout.BOX
    places = {str(state): place for state, place in layout.CENTRES.items()}
    places["the end"] = layout.END
    return {
        name: (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)
        for name, (x, y) in places.items()
    }


def width(line: str, size: float) -> float:
    """A generous guess: 0.6 em a letter, 1 em a Chinese sign."""
    return sum(size * (1.0 if unicodedata.east_asian_width(sign) in "WF" else 0.6) for sign in line)


def labels(lang: Lang) -> dict[str, Rect]:
    """Where the labels are."""
    found: dict[str, Rect] = {}
    for ends, edges in states.drawn().items():
        way, lines = layout.WAYS[ends], states.label_lines(edges, lang)
        wide = max(width(line, 14) for _, line in lines)
        x, y = way.label
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[way.anchor]
        found[" > ".join(ends)] = (left, y, left + wide, y + 18 * len(lines))
    return found


def strokes() -> dict[str, list[Rect]]:
    """Where the lines are."""
    return {
        " > ".join(ends): [
            (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
            for (x1, y1), (x2, y2) in pairwise(way.points)
        ]
        for ends, way in layout.WAYS.items()
    }


def touch(a: Rect, b: Rect) -> bool:
    """Says whether two areas overlap."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@pytest.mark.parametrize("lang", LANGS)
def test_labels_collide_with_nothing(lang: Lang) -> None:
    places = labels(lang)
    for (one, a), (other, b) in combinations(places.items(), 2):
        assert not touch(a, b), (one, other)
    for name, place in places.items():
        for state, box in boxes().items():
            assert not touch(place, box), (name, state)
        for edge, lines in strokes().items():
            assert not any(touch(place, line) for line in lines), (name, edge)
        assert place[0] > 0
        assert place[2] < layout.WIDTH


def test_ways_are_straight_and_go_from_box_to_box() -> None:
    for (source, target), way in layout.WAYS.items():
        for (x1, y1), (x2, y2) in pairwise(way.points):
            assert (x1 == x2) != (y1 == y2), (source, target)
        ends = [str(target)] + (["the end"] if target is State.CLOSED else [])
        assert on_border(way.points[0], boxes()[source]), (source, target)
        assert any(on_border(way.points[-1], boxes()[end]) for end in ends), (source, target)


def test_lines_cross_no_box() -> None:
    for edge, lines in strokes().items():
        for state, (left, top, right, bottom) in boxes().items():
            inside = (left + 1, top + 1, right - 1, bottom - 1)
            assert not any(touch(line, inside) for line in lines), (edge, state)


def on_border(point: tuple[int, int], box: Rect) -> bool:
    """Says whether a point lies on the border of a box, away from its round corners."""
    (x, y), (left, top, right, bottom) = point, box
    on_side = x in {left, right} and top + 10 <= y <= bottom - 10
    return on_side or (y in {top, bottom} and left + 10 <= x <= right - 10)


def test_every_colour_is_there_in_light_and_dark() -> None:
    light, dark = states.stylesheet().split("@media", maxsplit=1)
    for line in {way.line for way in layout.WAYS.values()} | set(states.LEGEND):
        assert f".edge.{line} " in light
        assert f".edge.{line} " in dark


@pytest.mark.parametrize(("colour", "paper"), [(0, "#f6f7f9"), (1, "#1a2029")])
def test_lines_stand_out(colour: int, paper: str) -> None:
    """WCAG 2.2, 1.4.11: graphics need a contrast of 3 to 1; quiet edges are let off with 2."""
    for line, pair in states.COLOURS.items():
        least = 2.0 if line == "other" else 3.0
        assert contrast(pair[colour], paper) >= least, line


def contrast(one: str, other: str) -> float:
    """The ratio that WCAG 2.2 defines."""
    dark, light = sorted(luminance(colour) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour such as #1d5fc4, as WCAG 2.2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_wrong_directory_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert states.main([str(tmp_path / "nowhere")]) == 2
    assert states.COMMAND in capsys.readouterr().err
    assert states.main([str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == set(states.files())
