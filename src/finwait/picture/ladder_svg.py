"""A ladder as SVG: life lines coloured by state, arrows by kind, crossing arrows drawn crossing."""

from collections.abc import Iterator
from html import escape
from math import atan2, degrees
from typing import Final, Literal, NamedTuple

from finwait.picture.halo import haloed
from finwait.picture.ladder import Arrow, Fold, Ladder, Lane, Moment, Pause
from finwait.picture.ladder_style import KINDS, STATES, stylesheet
from finwait.picture.width import cut, width, wrap
from finwait.verdict.language import Lang

Theme = Literal["auto", "light", "dark"]
"""auto: light unless the reader's system asks for dark."""

WIDTH: Final = 1060
LEFT: Final = 314
RIGHT: Final = 822
"""Where the life lines stand."""
TOP: Final = 34
TITLE_LINE: Final = 27
TITLE_COLUMNS: Final = 92
HEAD: Final = 74
"""Height of the heads of the life lines."""
ROW: Final = 40
SLOPE: Final = 12
"""How far an arrow falls on its way."""
LABEL_LINE: Final = 17
CROSS: Final = 62
"""How far a crossing arrow falls."""
CROSS_APART: Final = 4
"""How much later the second of two crossing arrows starts."""
MONO: Final = 0.602
"""Width of a character of a monospace font, in ems."""
STATE_SIZE: Final = 12.5
NUMBER_SIZE: Final = 13.0
VIA: Final = 24
"""How far above a state the one is shown that was passed on the way to it."""
INSET: Final = 9
"""Between a life line and the tip of an arrow."""


class _Shaft(NamedTuple):
    """Where an arrow runs."""

    row: Arrow
    start: float
    end: float
    crossed: int
    """1 and 2: the first and the second of two that cross; 0: it crosses none."""


class _Spot(NamedTuple):
    """Where a moment stands."""

    row: Moment
    y: float


class _Change(NamedTuple):
    """An end is in a state from here on."""

    y: float
    state: str
    """Empty: only the kernel says so."""
    kernel: str = ""
    """What its kernel said here."""


def draw(ladder: Ladder, lang: Lang = "en", theme: Theme = "auto") -> str:
    """Draw a ladder. The same bytes for the same ladder."""
    title = wrap(ladder.title, TITLE_COLUMNS)
    top = TOP + TITLE_LINE * len(title) + 14
    body = top + HEAD
    shafts, moments, marks, bottom = _place(ladder, body)
    bottom += 26
    height = bottom + 34
    changes = {
        "left": [*_begins(ladder.left, body), *_changes(shafts, moments, left=True)],
        "right": [*_begins(ladder.right, body), *_changes(shafts, moments, left=False)],
    }
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}"'
        f' height="{height:g}" role="img" aria-labelledby="title" lang="{lang}">',
        f'<title id="title">{escape(ladder.title)}</title>',
        f"<style>{stylesheet(theme)}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height:g}" rx="14"/>',
        *(_text(32, TOP + 8 + TITLE_LINE * n, line, "title") for n, line in enumerate(title)),
        *_heads(ladder, top),
        *_life(LEFT, changes["left"], bottom),
        *_life(RIGHT, changes["right"], bottom),
        *(part for mark in marks for part in mark),
        *(part for spot in moments for part in _moment(spot)),
        *(part for shaft in shafts for part in _arrow(shaft)),
        *_states(changes["left"], ladder.columns[0], left=True),
        *_states(changes["right"], ladder.columns[0], left=False),
        _text(WIDTH - 24, height - 16, ladder.footer, "footer", "end"),
        "</svg>",
        "",
    ]
    return "\n".join(parts)


def _place(ladder: Ladder, body: float) -> tuple[list[_Shaft], list[_Spot], list[list[str]], float]:
    """Give every row its place from top to bottom."""
    shafts: list[_Shaft] = []
    moments: list[_Spot] = []
    marks: list[list[str]] = []
    y = body + 22
    for row in ladder.rows:
        match row:
            case Arrow() if row.crosses and shafts and not shafts[-1].crossed:
                above = shafts.pop()
                start = above.start
                extra = LABEL_LINE * len(above.row.labels)
                shafts.append(_Shaft(above.row, start, start + CROSS, 1))
                later = start + CROSS_APART
                shafts.append(_Shaft(row, later, later + CROSS, 2))
                y = later + CROSS + 26 + LABEL_LINE * len(row.labels) + extra
            case Arrow():
                shafts.append(_Shaft(row, y, y + SLOPE, 0))
                y += ROW + LABEL_LINE * len(row.labels)
            case Moment(labels=labels):
                moments.append(_Spot(row, y))
                y += 12 + LABEL_LINE * len(labels)
            case Fold(text):
                marks.append(_gap(y, text, "fold"))
                y += 36
            case Pause(text):
                marks.append(_gap(y, text, "pause"))
                y += 30
    return shafts, moments, marks, y - 12


def _heads(ladder: Ladder, top: float) -> Iterator[str]:
    for x, lane in ((LEFT, ladder.left), (RIGHT, ladder.right)):
        wide = max(190.0, width(lane.address) * NUMBER_SIZE * MONO + 28)
        yield (
            f'<rect class="head" x="{x - wide / 2:g}" y="{top:g}" width="{wide:g}" height="50"'
            ' rx="9"/>'
        )
        yield _text(x, top + 20, lane.role, "role", "middle")
        yield _text(x, top + 39, lane.address, "address", "middle")


def _begins(lane: Lane, body: float) -> Iterator[_Change]:
    """Say where an end stands before the first arrow, by the packets and by its kernel."""
    same = lane.kernel if lane.kernel == lane.state else ""
    yield _Change(body - 6, lane.state, same)
    if lane.kernel and not same:
        yield _Change(body - 6, "", lane.kernel)


def _changes(shafts: list[_Shaft], moments: list[_Spot], *, left: bool) -> list[_Change]:
    """Where an end's state changes: a sender's as the arrow leaves, a receiver's as it arrives."""
    found: list[_Change] = []
    alone: list[_Change] = []
    for shaft in shafts:
        state = shaft.row.left if left else shaft.row.right
        via = shaft.row.left_via if left else shaft.row.right_via
        sends = shaft.row.rightward == left
        y = shaft.start if sends else shaft.end
        if found and y < found[-1].y:  # crossing arrows: the other end moved meanwhile
            y = found[-1].y
        said = list(shaft.row.left_kernel if left else shaft.row.right_kernel)
        here = shaft.start if sends else shaft.end
        if via:
            found.append(_Change(max(y - VIA, found[-1].y if found else y), via, _taken(said, via)))
        if state and (not found or found[-1].state != state):
            found.append(_Change(y, state, _taken(said, state)))
        alone += [_Change(here, "", word) for word in said]
    for row, y in moments:
        alone += [_Change(y, "", word) for word in (row.left_kernel if left else row.right_kernel)]
    return sorted([*found, *alone], key=lambda change: change.y)


def _taken(said: list[str], state: str) -> str:
    """Take a state out of what a kernel said, if it is there."""
    if state not in said:
        return ""
    said.remove(state)
    return state


def _kept(changes: list[_Change]) -> list[_Change]:
    """Leave out what changes nothing."""
    kept: list[_Change] = []
    for change in changes:
        if change.state and (not kept or kept[-1].state != change.state):
            kept.append(change)
    return kept


def _life(x: float, changes: list[_Change], bottom: float) -> Iterator[str]:
    start = changes[0].y
    yield f'<line class="life" x1="{x}" y1="{start:g}" x2="{x}" y2="{bottom:g}"/>'
    kept = _kept(changes)
    ends = [*(change.y for change in kept[1:]), bottom][: len(kept)]
    for change, end in zip(kept, ends, strict=True):
        if change.state in ("CLOSED", "LISTEN"):
            continue
        style = STATES.get(change.state, "other")
        yield (
            f'<rect class="bar {style}" x="{x - 4}" y="{change.y:g}" width="8"'
            f' height="{max(end - change.y, 2):g}" rx="3"/>'
        )


def _states(changes: list[_Change], kernel: str, *, left: bool) -> Iterator[str]:
    """Write the states from the packets as pills, and what the kernel said (if it was heard) below or alone."""
    last = float("-inf")
    kept = _kept(changes)
    for change in changes:
        if change not in kept and (change.state or not change.kernel):
            continue
        y = max(
            change.y, last + (21 if change.state else 16)
        )  # changes at once stand one below the other
        x, anchor = (LEFT - 18, "end") if left else (RIGHT + 18, "start")
        if not change.state:
            last = y
            yield _text(x, y + 4, f"{kernel}: {change.kernel}", "time", anchor)
            continue
        last = y
        yield from _pill(y, change.state, left=left)
        if change.kernel:
            last = y + 17
            yield _text(x, y + 22, f"✓ {kernel}", "time", anchor)


def _pill(y: float, state: str, *, left: bool) -> Iterator[str]:
    wide = len(state) * STATE_SIZE * MONO + 16
    x = LEFT - 16 - wide if left else RIGHT + 16
    style = STATES.get(state, "other")
    yield (
        f'<rect class="pill {style}" x="{x:g}" y="{y - 10:g}" width="{wide:g}" height="20"'
        ' rx="10"/>'
    )
    yield _text(x + wide / 2, y + 4.5, state, f"state {style}", "middle")


def _arrow(shaft: _Shaft) -> Iterator[str]:
    row = shaft.row
    kind = row.kind if row.kind in KINDS else "data"
    faint = " faint" if row.faint else ""
    ways = (LEFT + INSET, RIGHT - INSET) if row.rightward else (RIGHT - INSET, LEFT + INSET)
    x1, x2 = ways
    tip = 11 if row.rightward else -11
    angle = degrees(atan2(shaft.end - shaft.start, x2 - x1))
    yield f'<g class="arrow {kind}{faint}">'
    yield f'<line x1="{x1}" y1="{shaft.start:g}" x2="{x2 - tip * 0.8:g}" y2="{shaft.end:g}"/>'
    yield (
        f'<path class="tip" d="M0 0 L-12 -5.5 L-12 5.5 Z"'
        f' transform="translate({x2} {shaft.end:g}) rotate({angle:.2f})"/>'
    )
    if kind == "rst":
        x, y = x2 - tip * 2.6, shaft.end - (shaft.end - shaft.start) * 0.06
        yield f'<path class="cross" d="M{x - 6:g} {y - 6:g} l12 12 m0 -12 l-12 12"/>'
    yield from _numbers(shaft, angle)
    yield "</g>"
    stamp = shaft.start + (4, -4, 12)[shaft.crossed]
    yield _text(30, stamp, f"#{row.frame}" if row.frame else "", "frame")
    yield _text(136, stamp, f"{row.at:.6f}", "time", "end")
    below = (shaft.end if shaft.crossed else (shaft.start + shaft.end) / 2) + LABEL_LINE
    for n, label in enumerate(row.labels):
        middle = (LEFT + RIGHT) / 2
        at = below + 2 + n * LABEL_LINE
        yield haloed(_text(middle, at, cut(label, 60), f"label {kind}", "middle"))


def _moment(spot: _Spot) -> Iterator[str]:
    row, y = spot
    yield _text(136, y + 4, f"{row.at:.6f}", "time", "end")
    for n, label in enumerate(row.labels):
        at = y + 4 + n * LABEL_LINE
        yield haloed(_text((LEFT + RIGHT) / 2, at, cut(label, 60), "pause", "middle"))


def _numbers(shaft: _Shaft, angle: float) -> Iterator[str]:
    """Write flags and numbers along the arrow; on crossing ones near where they start."""
    row = shaft.row
    room = (RIGHT - LEFT) * (0.45 if shaft.crossed else 0.9)
    shown: list[str] = []
    used = len(row.flags)
    for number in row.numbers:
        used += 1 + len(number)
        if used * NUMBER_SIZE * MONO > room:
            break
        shown.append(number)
    flat = angle if row.rightward else angle - 180 if angle > 0 else angle + 180
    part = 0.24 if shaft.crossed else 0.5
    x = LEFT + (RIGHT - LEFT) * (part if row.rightward else 1 - part)
    y = shaft.start + (shaft.end - shaft.start) * part - 6
    where = f'transform="translate({x:g} {y:.1f}) rotate({flat:.2f})"'
    letter = NUMBER_SIZE * MONO
    rest = " ".join(shown)
    # two texts, not a part of one: CairoSVG anchors each part by itself
    between = (len(row.flags) - len(rest)) * letter / 2
    for cls, content, at, anchor in (
        ("numbers flags", row.flags, between - letter / 2, "end"),
        ("numbers", rest, between + letter / 2, "start"),
    ):
        yield haloed(
            f'<text class="{cls}" x="{at:.1f}" text-anchor="{anchor}" {where}>{escape(content)}</text>'
        )


def _gap(y: float, text: str, cls: str) -> list[str]:
    """Interrupt the life lines: time passes, or arrows are left out."""
    at = y - 8
    return [
        *(f'<path class="break" d="M{x - 9} {at + 4:g} l6 -6 l6 8 l6 -6"/>' for x in (LEFT, RIGHT)),
        haloed(_text((LEFT + RIGHT) / 2, at + 6, text, cls, "middle")),
    ]


def _text(x: float, y: float, content: str, cls: str, anchor: str = "start") -> str:
    if not content:
        return ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{cls}" x="{x:g}" y="{y:g}"{where}>{escape(content)}</text>'
