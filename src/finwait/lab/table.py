"""The table at the end of a run: what was expected, what the wire and the kernel say, how far they agree, and notes below it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

from finwait.errors import FinwaitError
from finwait.kernel.apart import Ended
from finwait.lab.beside import COLON
from finwait.lab.experiment import Experiment
from finwait.lab.judge import COMMA, WORST, Agreement, expectation
from finwait.lab.play import Came, Result
from finwait.lab.proxy import LEGS
from finwait.lab.remote import Astray
from finwait.picture.ladder_text import Style
from finwait.picture.width import left, width, wrap
from finwait.verdict.language import Lang, Text

HEADS: Final = (
    Text("experiment", "实验"),
    Text("expected", "预期"),
    Text("from the wire", "由报文"),
    Text("from the kernel", "由内核"),
    Text("same", "一致"),
)
GAPS: Final = 2 * (len(HEADS) - 1)
_WORD = re.compile(r"[\x21-\x2c\x2e-\x7e]+-?")
"""What stands in one line: no space, no hyphen but at its end, and no Chinese, which breaks anywhere."""
Cells = Sequence[Sequence[str]]
INDENT: Final = 4
"""Of what stands below the name of an experiment."""
LEAST: Final = 10
"""Columns of a cell, however narrow the terminal is."""
AGREE: Final[dict[Agreement, Text]] = {
    "same": Text("same", "一致"),
    "as-meant": Text("as meant *", "有意不同 *"),
    "wire-only": Text("wire only", "仅报文"),
    "differs": Text("NOT", "否"),
}
STOPPED, NOT_RUN = Text("stopped", "中途停止"), Text("did not run", "未能运行")
COUNTED: Final[dict[Agreement, Text]] = {
    "same": Text("{} agreed", "{} 个一致"),
    "as-meant": Text("{} as meant (*)", "{} 个有意不同（*）"),
    "wire-only": Text("{} not told by the kernel", "{} 个内核未说明"),
    "differs": Text("{} NOT the same", "{} 个不一致"),
}
UNDONE: Final = Text("{} not played to the end", "{} 个未运行完")
SUMMARY: Final = Text("{count} experiments: {parts}", "{count} 个实验：{parts}")
WIRE_ONLY: Final = Text(
    "wire only: wire and expectation agree; the kernel told too little to say how it closed.",
    "仅报文：报文与预期一致；内核所说不足以断定连接如何关闭。",
)
POLLED: Final = Text(
    " Without tracepoints it is only asked where its sockets stand (sock_diag), after each packet: a state that lasts is seen; a RST, its reason,"
    " and whether FIN-WAIT-2 was passed for a moment (four-way, not three-way) are not.",
    "没有 tracepoint 时，只能在每个报文之后询问内核套接字的状态（sock_diag）：持续的状态看得到；RST、RST 的原因，以及是否短暂经过 FIN-WAIT-2"
    "（四次挥手而非三次）看不到。",
)
WITH_TRACEPOINTS: Final = Text(
    " Run it as root and without --no-trace and the kernel tells these, too; root of a container needs tracefs for that"
    " (-v /sys/kernel/tracing:/sys/kernel/tracing).",
    "以 root 运行且不加 --no-trace，内核会说明这些；容器中的 root 还需要 tracefs（-v /sys/kernel/tracing:/sys/kernel/tracing）。",
)
AGE: Final = Text(
    " Linux tells of every RST, and why it is sent, from 6.10 on.",
    "从 Linux 6.10 开始，内核才说明每一个 RST 及其原因。",
)
AS_MEANT: Final = Text(
    "the experiment expects the kernel to say otherwise than the wire.",
    "实验预期内核的说法与报文不同。",
)


def table(rows: Sequence[tuple[Experiment, Came]], style: Style, lang: Lang) -> list[str]:
    """Write the table, with notes on what is not plainly the same.

    Cells that find no room are wrapped; where even words would be cut, the cells of an experiment stand below each other.
    """
    cells = [[head.say(lang) for head in HEADS]]
    for experiment, came in rows:
        cells += _cells(experiment, came, lang)
    bad = {AGREE["differs"].say(lang), STOPPED.say(lang), NOT_RUN.say(lang)}
    paints = ["heading", *("rst" if line[-1] in bad else "" for line in cells[1:])]
    widths = _widths(cells, style.columns)
    whole = _whole_words(cells, widths, style.columns)
    made = _in_columns(cells, widths) if whole else _stacked(cells, widths[0], style.columns)
    lines = [
        style.paint(paint, line)
        for paint, lines in zip(paints, made, strict=True)
        for line in lines
    ]
    notes = [line for note in _notes(rows, lang) for line in _hung(note, min(style.columns, 110))]
    return [*lines, *([""] if notes else []), *notes, *_summary(rows, lang)]


def _in_columns(cells: Cells, widths: Sequence[int]) -> Iterator[list[str]]:
    for line in cells:
        wrapped = [wrap(cell, wide) for cell, wide in zip(line, widths, strict=True)]
        wrapped[0] = [line[0]]
        yield [
            "  ".join(left(part, wide) for part, wide in zip(parts, widths, strict=True)).rstrip()
            for parts in zip_longest(*wrapped, fillvalue="")
        ]


def _stacked(cells: Cells, first: int, columns: int) -> Iterator[list[str]]:
    _, *heads, _ = cells[0]
    room = max(map(width, heads))
    left_over = max(columns - INDENT - room - 2, LEAST)
    yield []
    for name, *told, mark in cells[1:]:
        lines = [f"{left(name, first)}  {mark}"]
        for head, cell in zip(heads, told, strict=True):
            for number, part in enumerate(wrap(cell, left_over) if cell else ()):
                lines.append(f"{'':{INDENT}}{left('' if number else head, room)}  {part}")
        yield lines


def words(error: FinwaitError | OSError, lang: Lang) -> str:
    """Say what stopped an experiment."""
    return error.say(lang) if isinstance(error, FinwaitError) else str(error)


def _cells(experiment: Experiment, came: Came, lang: Lang) -> list[list[str]]:
    """Give the rows of one experiment: with a proxy there are two."""
    if not isinstance(came, Result):
        wanted = experiment.expected
        should = expectation(wanted).short(lang)
        mark = STOPPED if isinstance(came, Astray | Ended) else NOT_RUN
        return [[experiment.name, should, "", "", mark.say(lang)]]
    found = []
    for number, leg in enumerate(came.legs):
        row = leg.row
        told = [each.short(lang) for each in (row.expected, row.wire, row.kernel)]
        name = f"  {LEGS[number].say(lang)}" if number else row.name
        found.append([name, *told, AGREE[row.agreement].say(lang)])
    return found


def _notes(rows: Sequence[tuple[Experiment, Came]], lang: Lang) -> Iterator[str]:
    """Say why a row is what it is, where that is not plain."""
    for experiment, came in rows:
        if not isinstance(came, Result):
            yield f"{experiment.name}{COLON.say(lang)}{words(came, lang)}"
            continue
        for leg, wanted in zip(came.legs, experiment.expectations, strict=True):
            if leg.row.agreement == "as-meant":
                yield f"* {experiment.name}{COLON.say(lang)}{(wanted.limit or AS_MEANT).say(lang)}"
    told = [leg.row for _, came in rows if isinstance(came, Result) for leg in came.legs]
    if silent := [row.tells for row in told if row.agreement == "wire-only"]:
        untraced = not any(tells.states for tells in silent)
        more = (POLLED, WITH_TRACEPOINTS) if untraced else (AGE,)
        yield "".join(text.say(lang) for text in (WIRE_ONLY, *more))


def _hung(note: str, columns: int) -> list[str]:
    """Break a note into lines, the second and further ones indented."""
    first, *further = wrap(note, columns - 2)
    return [first, *(f"  {line}" for line in further)]


def _summary(rows: Sequence[tuple[Experiment, Came]], lang: Lang) -> list[str]:
    """Write the last line of a longer table: how many came out how."""
    if len(rows) < 2:
        return []
    counts = Counter(came.agreement for _, came in rows if isinstance(came, Result))
    parts = [COUNTED[kind].say(lang).format(counts[kind]) for kind in WORST if counts[kind]]
    if undone := len(rows) - counts.total():
        parts.append(UNDONE.say(lang).format(undone))
    said = SUMMARY.say(lang).format(count=len(rows), parts=COMMA.say(lang).join(parts))
    return ["", said]


def _whole_words(cells: Cells, widths: Sequence[int], columns: int) -> bool:
    """Whether the table fits, and no word of it has to be cut but after a hyphen."""
    words = (
        (part, place)
        for line in cells
        for place, cell in enumerate(line)
        for part in _WORD.findall(cell)
    )
    return sum(widths) + GAPS <= columns and all(
        width(word) <= widths[place] for word, place in words
    )


def _widths(cells: Cells, columns: int) -> list[int]:
    """Give each column what it needs; where that is too much, the three that tell share what is left, the modest first."""
    widths = [max(width(line[place]) for line in cells) for place in range(len(HEADS))]
    spare = columns - GAPS - widths[0] - widths[-1]
    telling = sorted(range(1, len(HEADS) - 1), key=widths.__getitem__)
    for number, place in enumerate(telling):
        widths[place] = min(widths[place], max(LEAST, spare // (len(telling) - number)))
        spare -= widths[place]
    return widths
