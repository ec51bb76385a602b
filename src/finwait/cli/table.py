"""Connections as a table for a terminal, a row at a time, as wide as the terminal is."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import click

from finwait.capture.connection import end, rfc3339
from finwait.errors import shown
from finwait.picture.width import cut, left, right, width
from finwait.verdict.catalogue import entry
from finwait.verdict.gravity import Gravity, gravity
from finwait.verdict.language import Lang, Text
from finwait.verdict.verdict import reset_after_fin

Record = Mapping[str, object]
GAP = "  "
SAMPLE = 1000
"""Rows that settle the widths of the columns; later ones may stick out."""
WIDEST = 60
"""Columns wider than this stick out rather than push the others off the screen."""
COLOURS = {
    Gravity.BROKEN: "red",
    Gravity.ODD: "yellow",
    Gravity.UNDECIDED: "cyan",
    Gravity.FINE: "green",
}


class Column(NamedTuple):
    """How one column of the table is made."""

    head: str
    cell: Callable[[Record, Lang], str]
    right: bool = False


def plain(name: str) -> Column:
    """Make a column of the table from a column of the analysis."""
    if name in {"first_ts", "last_ts"}:
        return Column(name, lambda record, _: _time(record[name]))
    return Column(
        name, lambda record, _: _text(record[name]), right=name.endswith(_NUMBERS) or name == "conn"
    )


_NUMBERS = (
    *("_port", "_packets", "_bytes", "_fins", "_rsts", "_retransmissions", "_frame", "_trigger"),
    *("completeness", "duration", "_rtt", "_close", "_reaction"),
)


def _time(value: object) -> str:
    return rfc3339(value) if isinstance(value, int) else ""


def _text(value: object) -> str:
    match value:
        case str():  # the most frequent by far
            return value if value.isprintable() else shown(value)
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.6f}"
        case list() | tuple():
            return " ".join(map(str, value))
        case _:
            return str(value)


def _end(record: Record, side: str) -> str:
    ip, port = record[f"{side}_ip"], record[f"{side}_port"]
    return end(str(ip), port if isinstance(port, int) else 0)


def _by(record: Record, lang: Lang) -> str:
    """Who closed, as `closed_by` has it; in words, with who reset, where that is the other end."""
    closed, reset = str(record["closed_by"]), str(record["reset_by"])
    if not reset_after_fin(closed, reset):
        return closed
    first, then = (entry("closed_by", who).title.say(lang) for who in (closed, reset))
    return _FIN_THEN_RST.say(lang).format(first=first, then=then)


_FIN_THEN_RST = Text("{first} FIN, {then} RST", "{first} FIN，{then} RST")


def _seconds(record: Record, name: str) -> str:
    value = record[name]
    return f"{value:.3f}" if isinstance(value, float) else ""


MADE = {
    "time": Column("time", lambda record, _: _time(record["first_ts"])[11:23]),
    "client": Column("client", lambda record, _: _end(record, "client")),
    "server": Column("server", lambda record, _: _end(record, "server")),
    "by": Column("by", _by),
    "sure": Column("sure", lambda record, _: _text(record["confidence"])),
    "idle_s": Column("idle_s", lambda record, _: _seconds(record, "idle_before_close"), right=True),
    "lasted_s": Column("lasted_s", lambda record, _: _seconds(record, "duration"), right=True),
}
"""Columns that only the table has."""
STANDS_FOR = {
    "time": ("first_ts",),
    "client": ("client_ip", "client_port"),
    "server": ("server_ip", "server_port"),
    "by": ("closed_by",),
    "sure": ("confidence",),
    "idle_s": ("idle_before_close",),
    "lasted_s": ("duration",),
}
"""The columns of the analysis that they are made of."""

USUAL = (
    *("conn", "source", "time", "client", "server", "close", "by", "cause", "sure"),
    *("idle_s", "lasted_s", "client_bytes", "server_bytes", "notes"),
)
"""What is shown when nobody says which columns."""
SPARED = (
    *("notes", "sure", "client_bytes", "server_bytes", "time", "lasted_s", "idle_s", "source"),
    *("by", "cause"),
)
"""What goes first when the terminal is too narrow."""


def column(name: str) -> Column:
    """Find a column of the table by its name."""
    return MADE.get(name) or plain(name)


class Table:
    """Lines of a table. Settles its widths by the first rows, then streams."""

    def __init__(
        self,
        names: Sequence[str] | None,
        width: int | None,
        *,
        several: bool,
        colour: bool,
        lang: Lang = "en",
    ) -> None:
        """names: the columns, None for the usual; width: of the terminal, None for unlimited;
        several: whether the rows are of more than one capture. Only what is no word of the analysis
        is in `lang`: a word can be given to --where as it stands.
        """
        self._lang = lang
        self._spare = names is None
        usual = [name for name in USUAL if several or name != "source"]
        self._columns = [column(name) for name in (names or usual)]
        self._width = width
        self._colour = colour
        self._widths: list[int] | None = None

    def lines(self, records: Iterable[Record]) -> Iterator[str]:
        """Give the lines for these rows; the first call gives the head before them."""
        waiting: list[Record] = []
        source = iter(records)
        if self._widths is None:
            for record in source:
                waiting.append(record)
                if len(waiting) == SAMPLE:
                    break
            if waiting:
                self._settle(waiting)
                yield self._line([column.head for column in self._columns])
        for record in waiting:
            yield self._row(record)
        for record in source:
            yield self._row(record)

    def _settle(self, records: Sequence[Record]) -> None:
        def needed(column: Column) -> int:
            cells = [column.head, *(column.cell(record, self._lang) for record in records)]
            return min(WIDEST, max(map(width, cells)))

        widths = {column.head: needed(column) for column in self._columns}
        if self._spare and self._width is not None:
            for name in SPARED:
                if sum(widths.values()) + len(GAP) * (len(widths) - 1) <= self._width:
                    break
                room = self._room(widths, name)
                if name == "notes" and room >= len(name) + 8:
                    widths[name] = room  # what sticks out of the last column is cut
                    break
                widths.pop(name, None)
        self._columns = [column for column in self._columns if column.head in widths]
        self._widths = [widths[column.head] for column in self._columns]

    def _room(self, widths: Mapping[str, int], name: str) -> int:
        """Cells that are left for a column when all others have theirs."""
        others = [wide for head, wide in widths.items() if head != name]
        return (self._width or 0) - sum(others) - len(GAP) * len(others)

    def _row(self, record: Record) -> str:
        shade = None
        if self._colour:
            shade = COLOURS[gravity(str(record["close"]), str(record["cause"]))]
        return self._line([column.cell(record, self._lang) for column in self._columns], shade)

    def _line(self, cells: list[str], shade: str | None = None) -> str:
        widths = self._widths or []
        if self._spare and self._width:
            cells[-1] = cut(cells[-1], widths[-1])
        padded = []
        for cell, wide, column in zip(cells, widths, self._columns, strict=True):
            text = right(cell, wide) if column.right else left(cell, wide)
            padded.append(click.style(text, fg=shade) if shade and column.head == "close" else text)
        return GAP.join(padded).rstrip()
