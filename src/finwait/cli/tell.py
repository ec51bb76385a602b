"""Captures that are read to their end, then told."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from finwait import _core
from finwait.capture.connections import Connections, Outcome, Progress, read
from finwait.cli import faults
from finwait.cli.output import projected, write_lines
from finwait.cli.progress import Stop, watched
from finwait.cli.sink import opened
from finwait.cli.stats import stats
from finwait.cli.summary import summary
from finwait.cli.table import Record, Table
from finwait.cli.wish import Wish
from finwait.verdict import Text

if TYPE_CHECKING:
    import pyarrow as pa

    from finwait.cli.query import Where

_CUT = Text(
    "interrupted while writing: some connections were not told", "写出时被中断：有些连接未给出"
)
_OTHER = Text("1 file in the directory is no capture", "目录中有 1 个文件不是抓包")
_OTHERS = Text("{n} files in the directory are no captures", "目录中有 {n} 个文件不是抓包")
CHUNK = 4096
"""Rows that become Python objects at once."""


def tell(wish: Wish) -> int:
    """Read everything that is asked for, tell it, and return the exit code."""
    stop, where = Stop(), condition(wish)
    with stop.listening():  # also between reading and writing
        return _read_and_write(wish, stop, where)


def _read_and_write(wish: Wish, stop: Stop, where: "Where | None") -> int:

    def work(progress: Progress) -> Connections:
        return read(
            wish.files,
            joined=wish.joined,
            threads=wish.threads,
            max_connections=wish.max_connections,
            progress=progress,
        )

    found = watched(work, stop, None if wish.quiet else wish.lang)
    if wish.output is not None and found.unread:
        return finish(found, wish, stop, None)  # the file that may stand there is worth more
    rows, outcomes = choose(found, wish, where)
    writing = Stop()  # a signal from now on is about the writing: it ends after a whole row
    with writing.listening(), opened(wish.output) as sink:
        match wish.format:
            case "table":
                if wish.summed and not found.unread:
                    say([*summary(found, wish.lang, outcomes), ""], sink)
                say(table_of(wish).lines(writing.until(records(found, rows))), sink)
            case "ndjson" | "json":
                chunks = writing.until(lines(found, rows, wish.names))
                write_lines(chunks, wish.format, sink)
            case "csv" | "parquet" | "arrow":
                from finwait.cli.arrow_output import rows_of, write_rows

                write_rows(rows_of(arranged(found, rows), wish.names), wish.format, sink)
    if writing.cut:
        print(f"finwait: {_CUT.say(wish.lang)}", file=sys.stderr)
    return finish(found, wish, writing or stop, outcomes)


def finish(found: Connections, wish: Wish, stop: Stop, outcomes: Sequence[Outcome] | None) -> int:
    """Say what remains to be said beside the rows, and what the exit code is."""
    if wish.output is not None and not wish.quiet and not found.unread:
        with opened(None) as sink:
            say(summary(found, wish.lang, outcomes), sink)
    if wish.stats is not None:
        with opened(wish.stats) as sink:
            sink.write(stats(found).encode())
    others = sum(len(_core.others(path)) for path in wish.files if Path(path).is_dir())
    if others:
        words = _OTHER if others == 1 else _OTHERS
        print(f"finwait: {words.say(wish.lang).format(n=others)}", file=sys.stderr)
    code = faults.told(found.faults, wish.lang)
    return stop.code if stop else code


def say(lines: Iterable[str], sink: IO[bytes]) -> None:
    """Write lines of text."""
    for line in lines:
        sink.write(line.encode(errors="replace") + b"\n")


def table_of(wish: Wish) -> Table:
    """Make the table that suits this output."""
    terminal = wish.output is None and sys.stdout.isatty()
    return Table(
        wish.names,
        shutil.get_terminal_size().columns if terminal else None,
        several=wish.several,
        colour=terminal and not os.environ.get("NO_COLOR"),
        lang=wish.lang,
    )


def condition(wish: Wish) -> "Where | None":
    """Prepare `--where`, if it is given."""
    if wish.where is None:
        return None
    import pyarrow as pa

    from finwait.cli.query import Where

    where = Where(wish.where)
    where.rows(pa.table(_core.analyze([])))  # a mistake is told before anything is read
    for stranger in where.strangers():
        print(f"finwait: {stranger.told().say(wish.lang)}", file=sys.stderr)
    return where


class Choice(NamedTuple):
    """Which rows to tell, in order, and how those that met the condition ended."""

    rows: Sequence[int]
    outcomes: Sequence[Outcome] | None
    """None if there was no condition."""


def choose(found: Connections, wish: Wish, where: "Where | None") -> Choice:
    """Find the rows that were asked for."""
    if where is None and wish.sort is None:
        return Choice(range(len(found))[: wish.limit], None)
    import pyarrow as pa

    from finwait.cli.query import outcomes, select

    table = pa.table(found)
    rows = select(table, where, wish.keys)
    return Choice(rows[: wish.limit], outcomes(table, rows) if where else None)


def records(found: Connections, rows: Sequence[int]) -> Iterator[Record]:
    """The rows as dictionaries."""
    if isinstance(rows, range):
        yield from islice(found.records(), len(rows))
    else:
        import pyarrow as pa

        yield from records_of(pa.table(arranged(found, rows)))


def records_of(table: "pa.Table") -> Iterator[Record]:
    """The rows of a table as dictionaries, timestamps as nanoseconds."""
    import pyarrow as pa

    for number, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(number, field.name, table.column(number).cast(pa.int64()))
    for batch in table.to_batches(max_chunksize=CHUNK):
        yield from batch.to_pylist()


def lines(found: Connections, rows: Sequence[int], names: list[str] | None) -> Iterator[bytes]:
    """The rows as JSON, one object a line, some lines at a time."""
    every = rows == range(len(found))
    for chunk in found.ndjson(None if every else list(rows)):
        if names is None:
            yield chunk
        else:
            yield from (projected(line, names) for line in chunk.splitlines())


def arranged(found: Connections, rows: Sequence[int]) -> "Connections | pa.Table":
    """The rows that are wanted, in their order, as what crosses as Arrow."""
    if rows == range(len(found)):
        return found
    import pyarrow as pa

    table: pa.Table = pa.table(found)
    if isinstance(rows, range):
        return table.slice(0, len(rows))
    return table.take(pa.array(rows, pa.int64()))
