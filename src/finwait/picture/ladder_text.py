"""A ladder as terminal text."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from finwait.picture.ladder import Arrow, Fold, Ladder, Moment, Pause, Row
from finwait.picture.width import cut, left, right, width, wrap

STATE = 12
"""Columns of a state: "SYN-RECEIVED" is the longest."""
ARROW_MIN, ARROW_MAX = 30, 60
"""Columns between the life lines."""
LABEL_MIN = 28
"""Columns that a label needs beside the picture; else it goes below its arrow."""

COLOURS = {
    "syn": "32",
    "fin": "33",
    "rst": "1;31",
    "data": "36",
    "ack": "",
    "probe": "35",
    "faint": "2",
    "state": "1",
    "label": "35",
    "kernel": "34",
    "heading": "1",
}
"""SGR parameters (ECMA-48 8.3.117) by what they paint."""


class Style(NamedTuple):
    """How a terminal wants its text."""

    columns: int = 100
    colour: bool = False
    unicode: bool = True

    def paint(self, what: str, text: str) -> str:
        """Colour a text if the terminal shows colours."""
        code = COLOURS.get(what, "")
        if not self.colour or not code or not text:
            return text
        return f"\x1b[{code}m{text}\x1b[0m"


class _Signs(NamedTuple):
    dash: str
    to_right: str
    to_left: str
    line: str
    dots: str
    same: str


_UNICODE = _Signs("─", "▶", "◀", "│", "┊", "✓")
_ASCII = _Signs("-", ">", "<", "|", ":", "=")
ALONE = "*"
"""Before a state that only the kernel told, where there is no room for a column of its own."""


class _Layout(NamedTuple):
    frame: int
    time: int
    arrow: int
    label: int
    """0: labels go below."""
    digits: int
    kernel: bool = False
    """Whether kernels were heard, too."""
    beside: bool = True
    """What they said stands outside of the states; else, in a narrow terminal, it is marked in the same column."""

    @property
    def state(self) -> int:
        """Columns of the states of one end."""
        return _state_columns(self.kernel, self.beside)

    @property
    def indent(self) -> int:
        """Columns before the left life line."""
        return self.frame + 1 + self.time + 1 + self.state + 1


def draw(ladder: Ladder, style: Style) -> list[str]:
    """Draw a ladder, one string a line without line ends."""
    signs = _UNICODE if style.unicode else _ASCII
    layout = _layout(ladder, style.columns)
    lines = _head(ladder, layout, style)
    before = (ladder.left.state, ladder.right.state)
    said = [(lane.kernel,) if lane.kernel else () for lane in (ladder.left, ladder.right)]
    if any(before) or any(said):
        cells = _cells(before, (said[0], said[1]), layout)
        lines += _block(("", ""), [" " * layout.arrow], cells, (layout, signs, style))
    for row in _in_order(ladder.rows):
        match row:
            case Arrow():
                after = (row.left, row.right)
                via = (row.left_via, row.right_via)
                if any(via):
                    how = (layout, signs, style)
                    lines.append(_line(("", ""), via, " " * layout.arrow, how))
                lines += _arrow(row, before, (layout, signs, style))
                before = after
            case Moment():
                lines += _moment(row, (layout, signs, style))
            case Fold(text) | Pause(text):
                middle = _centre(f"{signs.dots} {text} {signs.dots}", layout.arrow)
                shown = style.paint("faint", middle)
                lines.append(_line(("", ""), ("", ""), shown, (layout, signs, style)))
    return lines


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """Give the rows so that who reads downwards meets what a kernel said in its order.

    Of two segments that cross, each end sends its own before it gets the other; on lines the first arrives above the second.
    """
    found = list(rows)
    for place in range(1, len(found)):
        first, second = found[place - 1], found[place]
        if not isinstance(first, Arrow) or not isinstance(second, Arrow) or not second.crosses:
            continue
        if first.rightward:
            second = second._replace(right_kernel=(*second.right_kernel, *first.right_kernel))
            first = first._replace(right_kernel=())
        else:
            second = second._replace(left_kernel=(*second.left_kernel, *first.left_kernel))
            first = first._replace(left_kernel=())
        found[place - 1 : place + 1] = first, second
    return found


_How = tuple[_Layout, _Signs, Style]


def _state_columns(kernel: bool, beside: bool) -> int:
    if not kernel:
        return STATE
    return 2 * STATE + 1 if beside else STATE + 1


def _layout(ladder: Ladder, columns: int) -> _Layout:
    arrows = [row for row in ladder.rows if isinstance(row, Arrow)]
    frame = max([1, *(len(str(a.frame)) for a in arrows)])
    timed = [row for row in ladder.rows if isinstance(row, Arrow | Moment)]
    span = max([0.0, *(row.at for row in timed)])
    digits = 6 if span < 1000 else 3
    time = len(f"{span:.{digits}f}")
    kernel = any(row.left_kernel or row.right_kernel for row in timed)
    fixed = frame + 1 + time + 1 + 2 + 2
    beside = columns - fixed - 2 * _state_columns(kernel, True) >= ARROW_MIN
    room = columns - fixed - 2 * _state_columns(kernel, beside)
    label = room - ARROW_MIN - 14
    if label >= LABEL_MIN:
        arrow = min(ARROW_MAX, room - LABEL_MIN - 1)
        return _Layout(frame, time, arrow, room - arrow - 1, digits, kernel, beside)
    arrow = max(ARROW_MIN, min(ARROW_MAX, room))
    return _Layout(frame, time, arrow, 0, digits, kernel, beside)


def _head(ladder: Ladder, layout: _Layout, style: Style) -> list[str]:
    """Write who stands where; an address too long for its column leans inwards, or has its own line."""
    edge = layout.indent + layout.arrow + 3 + layout.state
    lines: list[str] = []
    for mine, theirs in (
        (ladder.left.role, ladder.right.role),
        (ladder.left.address, ladder.right.address),
    ):
        first = right(mine, layout.indent - 1)
        start = min(edge - layout.state, edge - width(theirs))
        if width(first) + 2 <= start:
            lines.append(left(first, start) + theirs)
        else:
            lines += [first, right(theirs, edge)]
    outer, inner = ladder.columns
    if layout.kernel and not layout.beside:
        same = (_UNICODE if style.unicode else _ASCII).same
        lines.append(f"{same} {inner} + {outer}   {ALONE} {outer}")
    elif layout.kernel:
        mine = f"{right(outer, layout.indent - STATE - 2)} {right(inner, STATE)}"
        theirs = f"{left(inner, STATE)} {outer}"
        lines.append(left(mine, layout.indent + layout.arrow + 3) + theirs)
    return [style.paint("heading", line) for line in lines]


def _line(
    stamp: tuple[str, str],
    states: tuple[str, str],
    middle: str,
    how: _How,
    said: tuple[str, str] = ("", ""),
) -> str:
    layout, signs, style = how
    frame, time = stamp
    text = f"{right(frame, layout.frame)} {right(time, layout.time)} "
    mine = style.paint("state", right(states[0], STATE))
    theirs = style.paint("state", states[1])
    if layout.kernel and not layout.beside:
        mine, theirs = _marked(states, said, signs, style)
    elif layout.kernel:
        mine = f"{style.paint('kernel', right(said[0], STATE))} {mine}"
        if said[1]:
            theirs = style.paint("state", left(states[1], STATE))
            theirs += f" {style.paint('kernel', said[1])}"
    return f"{text}{mine} {signs.line}{middle}{signs.line} {theirs}".rstrip()


def _marked(
    states: tuple[str, str], said: tuple[str, str], signs: _Signs, style: Style
) -> tuple[str, str]:
    """Write both ends' states in one column each; what only the kernel said finds a place where the packets say nothing."""
    cells: list[tuple[str, str]] = []
    for state, kernel in zip(states, said, strict=True):
        if state:
            cells.append(("state", state + (signs.same if state == kernel else " ")))
        else:
            cells.append(("kernel", ALONE + kernel if kernel else ""))
    (first, mine), (second, theirs) = cells
    return style.paint(first, right(mine, STATE + 1)), style.paint(second, theirs.rstrip())


def _arrow(row: Arrow, before: tuple[str, str], how: _How) -> list[str]:
    layout, signs, style = how
    what = "faint" if row.faint else row.kind
    middle = style.paint(what, _shaft(row, layout.arrow, signs))
    moved = tuple(
        new if new != old else "" for old, new in zip(before, (row.left, row.right), strict=True)
    )
    stamp = (str(row.frame) if row.frame else "", f"{row.at:.{layout.digits}f}")
    cells = _cells((moved[0], moved[1]), (row.left_kernel, row.right_kernel), layout)
    if not layout.label:
        below = [line for text in row.labels for line in wrap(text, layout.arrow)]
        middles = [middle, *(style.paint("label", _centre(line, layout.arrow)) for line in below)]
        return _block(stamp, middles, cells, how)
    lines = _block(stamp, [middle], cells, how)
    beside = _joined(row.labels, layout.label)
    bare = (layout, signs, style._replace(colour=False))  # the codes of colours take no columns
    plain = _block(stamp, [" " * layout.arrow], cells, bare)
    empty = _block(("", ""), [" " * layout.arrow], [], bare)
    lines += empty * (len(beside) - len(lines))
    plain += empty * (len(beside) - len(plain))
    start = layout.indent + layout.arrow + 4 + layout.state
    for place, text in enumerate(beside):
        gap = " " * max(1, start - width(plain[place]))
        lines[place] += gap + style.paint("label", text)
    return lines


def _moment(row: Moment, how: _How) -> list[str]:
    """Write what a kernel told by itself: a time of its own, and no arrow."""
    layout, signs, style = how
    lines = [line for text in row.labels for line in wrap(text, layout.arrow - 4)]
    middles = [
        style.paint("faint", _centre(f"{signs.dots} {line} {signs.dots}", layout.arrow))
        for line in lines
    ]
    cells = _cells(("", ""), (row.left_kernel, row.right_kernel), layout)
    return _block(("", f"{row.at:.{layout.digits}f}"), middles, cells, how)


_Cells = list[tuple[tuple[str, str], tuple[str, str]]]
"""Of each line: the states of both ends from the packets, and what both kernels said."""


def _cells(
    states: tuple[str, str], said: tuple[tuple[str, ...], tuple[str, ...]], layout: _Layout
) -> _Cells:
    """Give what stands beside an arrow, a line each: who changes twice with one segment is read downwards."""
    ends = [_end(*each, layout) for each in zip(states, said, strict=True)]
    nothing = ("", "")
    return [
        ((left[0], right[0]), (left[1], right[1]))
        for left, right in zip_longest(*ends, fillvalue=nothing)
    ]


def _end(state: str, said: tuple[str, ...], layout: _Layout) -> list[tuple[str, str]]:
    """Give the lines of one end: its state from the packets, and what its kernel said."""
    if layout.beside or not state:
        return list(zip_longest((state,), said, fillvalue=""))
    if state in said:
        return [(word if word == state else "", word) for word in said]
    return [(state, ""), *(("", word) for word in said)]


def _block(stamp: tuple[str, str], middles: list[str], cells: _Cells, how: _How) -> list[str]:
    """Write lines one below the other; the first has the stamp."""
    nothing = (("", ""), ("", ""))
    blank = " " * how[0].arrow
    return [
        _line(("", "") if number else stamp, states, middle, how, said)
        for number, (middle, (states, said)) in enumerate(
            zip(
                [*middles, *[blank] * (len(cells) - len(middles))],
                [*cells, *[nothing] * (len(middles) - len(cells))],
                strict=True,
            )
        )
    ]


def _joined(labels: tuple[str, ...], columns: int) -> list[str]:
    """Put as many labels on a line as fit."""
    lines: list[str] = []
    for label in labels:
        longer = f"{lines[-1]}; {label}" if lines else label
        if lines and width(longer) <= columns:
            lines[-1] = longer
        else:
            lines += wrap(label, columns)
    return lines


def _shaft(row: Arrow, columns: int, signs: _Signs) -> str:
    """Write the arrow with as much on it as fits."""
    room = columns - 6
    text = row.flags
    for number in row.numbers:
        longer = f"{text} {number}".strip()
        if width(longer) > room:
            break
        text = longer
    rest = columns - width(text) - 3
    before, after = min(2, rest // 2), rest - min(2, rest // 2)
    if row.rightward:
        return f"{signs.dash * before} {text} {signs.dash * after}{signs.to_right}"
    return f"{signs.to_left}{signs.dash * after} {text} {signs.dash * before}"


def _centre(text: str, columns: int) -> str:
    text = cut(text, columns)
    free = columns - width(text)
    return " " * (free // 2) + text + " " * (free - free // 2)
