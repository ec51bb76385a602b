"""A ladder as terminal text."""

from typing import NamedTuple

from finwait.picture.ladder import Arrow, Fold, Ladder, Pause
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
    if any(before):
        lines.append(_line(("", ""), before, " " * layout.arrow, (layout, signs, style)))
    for row in ladder.rows:
        match row:
            case Arrow():
                after = (row.left, row.right)
                via, passed = (row.left_via, row.right_via), _passed(row)
                if any(via) or any(passed):
                    how = (layout, signs, style)
                    lines.append(_line(("", ""), via, " " * layout.arrow, how, passed))
                lines += _arrow(row, before, (layout, signs, style))
                before = after
            case Fold(text) | Pause(text):
                middle = _centre(f"{signs.dots} {text} {signs.dots}", layout.arrow)
                shown = style.paint("faint", middle)
                lines.append(_line(("", ""), ("", ""), shown, (layout, signs, style)))
    return lines


_How = tuple[_Layout, _Signs, Style]


def _state_columns(kernel: bool, beside: bool) -> int:
    if not kernel:
        return STATE
    return 2 * STATE + 1 if beside else STATE + 1


def _layout(ladder: Ladder, columns: int) -> _Layout:
    arrows = [row for row in ladder.rows if isinstance(row, Arrow)]
    frame = max([1, *(len(str(a.frame)) for a in arrows)])
    span = max([0.0, *(a.at for a in arrows)])
    digits = 6 if span < 1000 else 3
    time = len(f"{span:.{digits}f}")
    kernel = any(a.left_kernel or a.right_kernel for a in arrows)
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
    states = tuple(
        new if new != old else "" for old, new in zip(before, (row.left, row.right), strict=True)
    )
    stamp = (str(row.frame) if row.frame else "", f"{row.at:.{layout.digits}f}")
    said = _said(row.left_kernel), _said(row.right_kernel)
    line = _line(stamp, (states[0], states[1]), middle, how, said)
    if not layout.label:
        below = [
            style.paint("label", _centre(line, layout.arrow))
            for text in row.labels
            for line in wrap(text, layout.arrow)
        ]
        further = _unsaid((states[0], states[1]), said, layout)
        if any(further) and not below:
            below = [" " * layout.arrow]
        kernel = [further, *[("", "")] * len(below)][: len(below)]
        lines = [line]
        for text, each in zip(below, kernel, strict=True):
            lines.append(_line(("", ""), ("", ""), text, how, each))
        return lines
    if not row.labels:
        return [line]
    lines = []
    start = layout.indent + layout.arrow + 4 + layout.state
    nothing = " " * layout.arrow
    bare = (layout, signs, style._replace(colour=False))  # the codes of colours take no columns
    beside = [(line, _line(stamp, (states[0], states[1]), nothing, bare, said))]
    empty = (_line(("", ""), ("", ""), nothing, how), _line(("", ""), ("", ""), nothing, bare))
    for text in _joined(row.labels, layout.label):
        shown, plain = beside.pop() if beside else empty
        gap = " " * max(1, start - width(plain))
        lines.append(shown + gap + style.paint("label", text))
    return lines


def _unsaid(states: tuple[str, str], said: tuple[str, str], layout: _Layout) -> tuple[str, str]:
    """Give what the kernels said besides the states that stand in its place."""
    if layout.beside:
        return "", ""
    mine, theirs = (
        kernel if state and state != kernel else ""
        for state, kernel in zip(states, said, strict=True)
    )
    return mine, theirs


def _said(words: tuple[str, ...]) -> str:
    """Give the last that a kernel said with a segment: what came before stands above it."""
    return words[-1] if words else ""


def _passed(row: Arrow) -> tuple[str, str]:
    """Give what each kernel said before that, with the same segment."""
    return " ".join(row.left_kernel[:-1]), " ".join(row.right_kernel[:-1])


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
