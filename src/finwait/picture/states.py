"""The state diagram of TCP as SVG, drawn from the one table.

`python -m finwait.picture.states [DIRECTORY]` writes the pictures and the page that lists every
edge into DIRECTORY, `docs` if not given. Edges between states are drawn where `layout.WAYS` leads
them; the rows that would cover the picture with lines (RST, giving up) are gathered in a list below
it. Rows that lead back to their own state are only on the page.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final

from finwait.picture import layout, page, words
from finwait.picture.halo import haloed
from finwait.picture.layout import BOX, CENTRES, END, WAYS, Line, Way
from finwait.tcp import Edge, Event, State, transitions
from finwait.verdict.language import LANGS, Lang, Text

NAMES: Final[dict[Lang, str]] = {"en": "state-machine.svg", "zh": "state-machine.zh.svg"}
PAGE: Final = "state-machine.md"
COMMAND: Final = ".venv/bin/python -m finwait.picture.states"

TITLE: Final = Text("The states of a TCP connection", "TCP 连接的状态")
SUBTITLE: Final = Text(
    "RFC 9293. Each edge: what happens at this end, and the segment it sends.",
    "依据 RFC 9293。每条边：这一端发生的事件，以及它发送的报文段。",
)
HALVES: Final = (
    (layout.OPENING, Text("OPENING", "建立连接")),
    (layout.CLOSING, Text("CLOSING", "关闭连接")),
)
LEGEND: Final[dict[Line, Text]] = {
    "first": Text("closes first: four-way close", "先关闭的一端：四次挥手"),
    "together": Text(
        "the other FIN also acks ours: three-way close", "对方的 FIN 同时确认己方 FIN：三次挥手"
    ),
    "crossed": Text("both FINs cross: simultaneous close", "双方的 FIN 交错：同时关闭"),
    "second": Text("closes second", "后关闭的一端"),
}
GATHERED: Final = Text("Edges not drawn above", "图中未画出的边")
ALL_BUT: Final = Text("every state but ", "除以下状态外的所有状态：")
LIST_MOST: Final = 5
"""A longer list of states is said by those that are not in it, if they are fewer."""

# Colours, light and dark: a Tol-like set that stays apart for colour-blind readers.
COLOURS: Final[dict[str, tuple[str, str]]] = {
    "open": ("#4b5563", "#a3adba"),
    "other": ("#9aa3af", "#6b7684"),
    "first": ("#1d5fc4", "#6aa9ff"),
    "second": ("#0f7b5f", "#3fcf9f"),
    "crossed": ("#c2410c", "#ff9d5c"),
    "together": ("#8b2fb3", "#d292f2"),
}
STYLE: Final = """
text { font-family: Inter, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "DejaVu Sans", sans-serif; font-size: 14px; fill: #1f2937; }
.paper { fill: #ffffff; }
.half { fill: #f6f7f9; }
.half-name { font-size: 12px; letter-spacing: 2px; fill: #8a94a3; }
.title { font-size: 22px; font-weight: 700; }
.subtitle, .state-list { fill: #5b6675; }
.box { fill: #ffffff; stroke: #475569; stroke-width: 1.6; }
.quiet { stroke-dasharray: 5 4; }
.name { font-weight: 700; font-size: 15px; }
.edge { fill: none; stroke-width: 1.9; }
.dashed { stroke-dasharray: 6 4; }
.cause { font-weight: 600; }
.guard { font-size: 12px; font-style: italic; fill: #5b6675; }
.sent { font-size: 13px; fill: #5b6675; }
.halo { stroke: #f6f7f9; stroke-width: 5px; stroke-linejoin: round; }
"""
DARK: Final = """
text { fill: #e6e9ee; }
.paper { fill: #12161c; }
.half { fill: #1a2029; }
.half-name { fill: #7b8796; }
.subtitle, .state-list, .sent, .guard { fill: #a7b1be; }
.box { fill: #222a35; stroke: #8d99a8; }
.halo { stroke: #1a2029; }
"""


def stylesheet() -> str:
    """Write the style: light unless the reader asks for dark."""
    light, dark = [STYLE.strip()], [DARK.strip()]
    for line, (bright, dim) in COLOURS.items():
        for rules, colour in ((light, bright), (dark, dim)):
            rules.append(f".edge.{line} {{ stroke: {colour}; }}")
            rules.append(f".tip.{line} {{ fill: {colour}; stroke: none; }}")
    return "\n".join(light) + "\n@media (prefers-color-scheme: dark) {\n" + "\n".join(dark) + "\n}"


def drawn() -> dict[tuple[State, State], list[Edge]]:
    """Give the edges that have a way of their own, by their ends."""
    found: dict[tuple[State, State], list[Edge]] = defaultdict(list)
    for edge in transitions().edges:
        ends = (edge.from_state, edge.to_state)
        if ends in WAYS and not is_gathered(edge):
            found[ends].append(edge)
    return dict(found)


def is_gathered(edge: Edge) -> bool:
    """Say whether an edge is told in the list below the picture: it has no way, or comes from many states."""
    many = {Event.SND_RST, Event.ABORT, Event.USER_TIMEOUT}
    plain_rst = edge.event is Event.RCV_RST and edge.guard is None
    moves = edge.from_state is not edge.to_state
    no_way = (edge.from_state, edge.to_state) not in WAYS
    return moves and (edge.event in many or plain_rst or no_way)


def gathered() -> dict[tuple[Event, State], list[Edge]]:
    """Give the other edges that lead to another state, by event and target."""
    found: dict[tuple[Event, State], list[Edge]] = defaultdict(list)
    for edge in transitions().edges:
        if is_gathered(edge):
            found[edge.event, edge.to_state].append(edge)
    return dict(found)


def svg(lang: Lang) -> str:
    """Draw the whole diagram. The same bytes for the same table."""
    width, height = layout.WIDTH, layout.HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img" aria-labelledby="title" lang="{lang}">',
        f'<title id="title">{escape(TITLE.say(lang))} (RFC 9293)</title>',
        f"<style>{stylesheet()}</style>",
        f'<rect class="paper" width="{width}" height="{height}" rx="14"/>',
        text(28, 42, TITLE.say(lang), "title"),
        text(28, 66, SUBTITLE.say(lang), "subtitle"),
    ]
    for (x, y, wide, high), name in HALVES:
        parts.append(f'<rect class="half" x="{x}" y="{y}" width="{wide}" height="{high}" rx="12"/>')
        parts.append(text(x + wide - 16, y + 26, name.say(lang), "half-name", "end"))
    for ends, edges in drawn().items():
        parts.extend(edge_lines(WAYS[ends], edges))
    for state, centre in CENTRES.items():
        parts.append(box(state, centre, lang, quiet=False))
    parts.append(box(State.CLOSED, END, lang, quiet=True))
    for ends, edges in drawn().items():
        parts.extend(label(WAYS[ends], edges, lang))
    parts.extend(legend(lang))
    parts.extend(gathered_list(lang))
    return "\n".join([*parts, "</svg>", ""])


def text(x: float, y: float, content: str, cls: str, anchor: str = "start") -> str:
    """Write a line of text at its baseline."""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{cls}" x="{x:g}" y="{y:g}"{where}>{escape(content)}</text>'


def box(state: State, centre: tuple[int, int], lang: Lang, *, quiet: bool) -> str:
    """Draw a state."""
    (x, y), (wide, high) = centre, BOX
    meaning = transitions().states[state]
    hint = Text(meaning.meaning, meaning.meaning_zh).say(lang)
    cls = "box quiet" if quiet else "box"
    return (
        f"<g><title>{state}: {escape(hint)}</title>"
        f'<rect class="{cls}" x="{x - wide / 2:g}" y="{y - high / 2:g}" width="{wide}" height="{high}"'
        f' rx="10"/>{text(x, y + 5, state, "name", "middle")}</g>'
    )


def edge_lines(way: Way, edges: list[Edge]) -> Iterator[str]:
    """Draw the line of an edge and its tip; the rows behind it are its tooltip."""
    rows = " ".join(str(edge.number) for edge in edges)
    hints = "; ".join(f"{edge.event}, {page.section(edge.section)}" for edge in edges)
    dashed = " dashed" if all(edge.composed or not edge.figure for edge in edges) else ""
    yield (
        f'<g data-edges="{rows}"><title>{edges[0].from_state} → {edges[0].to_state}: {escape(hints)}</title>'
        f'<path class="edge {way.line}{dashed}" d="{path(way.points)}"/>'
        f'<path class="tip {way.line}" d="{tip(way.points)}"/></g>'
    )


def path(points: tuple[tuple[int, int], ...], radius: int = 14) -> str:
    """Write a path through points, with round corners, that stops short of its tip."""
    (x0, y0), *middle = points[:-1]
    (px, py), (ex, ey) = points[-2:]
    along_x, along_y = sign(ex - px), sign(ey - py)
    out = [f"M{x0} {y0}"]
    stops = [*middle, (ex - 8 * along_x, ey - 8 * along_y)]
    last = (x0, y0)
    for here, after in pairwise(stops):
        back = (sign(last[0] - here[0]), sign(last[1] - here[1]))
        on = (sign(after[0] - here[0]), sign(after[1] - here[1]))
        out.append(f"L{here[0] + back[0] * radius} {here[1] + back[1] * radius}")
        out.append(f"Q{here[0]} {here[1]} {here[0] + on[0] * radius} {here[1] + on[1] * radius}")
        last = here
    out.append(f"L{stops[-1][0]} {stops[-1][1]}")
    return " ".join(out)


def tip(points: tuple[tuple[int, int], ...]) -> str:
    """Write the arrow's head at the last point."""
    (px, py), (x, y) = points[-2:]
    dx, dy = sign(x - px), sign(y - py)
    left = (x - 11 * dx - 5.5 * dy, y - 11 * dy - 5.5 * dx)
    right = (x - 11 * dx + 5.5 * dy, y - 11 * dy + 5.5 * dx)
    return f"M{x} {y} L{left[0]:g} {left[1]:g} L{right[0]:g} {right[1]:g} Z"


def sign(n: int) -> int:
    """Give -1, 0 or 1."""
    return (n > 0) - (n < 0)


def label_lines(edges: list[Edge], lang: Lang) -> list[tuple[str, str]]:
    """Give the lines of a label with their classes: causes, condition, segment sent."""
    either = Text(" or ", " 或 ").say(lang)
    lines = [("cause", either.join(dict.fromkeys(words.cause(edge, lang) for edge in edges)))]
    guards = {words.GUARDS[edge.guard].say(lang) for edge in edges if edge.guard}
    lines.extend(("guard", guard) for guard in sorted(guards))
    sends = {words.sent(edge, lang) for edge in edges} - {""}
    lines.extend(("sent", sent) for sent in sorted(sends))
    return lines


def label(way: Way, edges: list[Edge], lang: Lang) -> Iterator[str]:
    """Write the label of an edge."""
    x, y = way.label
    for number, (cls, line) in enumerate(label_lines(edges, lang)):
        yield haloed(text(x, y + 13 + 18 * number, line, cls, way.anchor))


def legend(lang: Lang) -> Iterator[str]:
    """Explain the colours."""
    x, y = 44, layout.CLOSING[1] + layout.CLOSING[3] + 44
    for number, (line, meaning) in enumerate(LEGEND.items()):
        row = y + 28 * number
        dashed = " dashed" if line == "together" else ""
        points = ((x, row), (x + 46, row))
        yield f'<path class="edge {line}{dashed}" d="{path(points)}"/>'
        yield f'<path class="tip {line}" d="{tip(points)}"/>'
        yield text(x + 60, row + 5, meaning.say(lang), "legend")


def gathered_list(lang: Lang) -> Iterator[str]:
    """Tell the edges that are not drawn."""
    x, y = 520, layout.CLOSING[1] + layout.CLOSING[3] + 49
    yield text(x, y, GATHERED.say(lang), "name")
    most_first = sorted(gathered().items(), key=lambda item: -len(item[1]))
    for number, ((event, target), edges) in enumerate(most_first, start=1):
        rows = " ".join(str(edge.number) for edge in edges)
        says = f"{words.event(event, lang)} → {target}"
        sources = from_states([edge.from_state for edge in edges], lang)
        beyond = {edge.section for edge in edges if not page.is_rfc(edge.section)}
        sources += "".join(f" ({section})" for section in sorted(beyond))
        row = y + 30 * number
        yield f'<g data-edges="{rows}">{text(x, row, says, "legend")}'
        yield f"{text(x + 250, row, sources, 'state-list')}</g>"


def from_states(states: list[State], lang: Lang) -> str:
    """Name states, or those that are left out if they are fewer."""
    comma = Text(", ", "、").say(lang)
    others = [state for state in State if state not in states]
    if len(states) > LIST_MOST and len(others) < len(states):
        return ALL_BUT.say(lang) + comma.join(others)
    return comma.join(states)


def files() -> dict[str, str]:
    """Everything that is made from the table, by file name."""
    made = {NAMES[lang]: svg(lang) for lang in LANGS}
    made[PAGE] = page.markdown(NAMES, COMMAND)
    return made


def main(arguments: list[str]) -> int:
    """Write the pictures and the page."""
    directory = Path(arguments[0] if arguments else "docs")
    if len(arguments) > 1 or not directory.is_dir():
        print(f"usage: {COMMAND} [DIRECTORY]   ({directory} is no directory)", file=sys.stderr)
        return 2
    for name, content in files().items():
        (directory / name).write_text(content, encoding="utf-8")
        print(directory / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
