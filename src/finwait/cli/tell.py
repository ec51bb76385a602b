"""Captures that are read to their end, then told."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, TYPE_CHECKING, NamedTuple

from finwait import _core
from finwait.capture.connections import Connections, Outcome, Progress, read
from finwait.cli import codes
from finwait.cli.output import opened, projected, write_lines
from finwait.cli.progress import Stop, watched
from finwait.cli.stats import stats
from finwait.cli.summary import summary
from finwait.cli.table import Record, Table
from finwait.cli.wish import Wish

if TYPE_CHECKING:
    import pyarrow as pa

    from finwait.cli.query import Where

CHUNK = 4096
"""Rows that become Python objects at once."""


def tell(wish: Wish) -> int:
    """Read everything that is asked for, tell it, and return the exit code."""
    stop = Stop()
    where = condition(wish)

    def work(progress: Progress) -> Connections:
        return read(
            wish.files,
            joined=wish.joined,
            threads=wish.threads,
            max_connections=wish.max_connections,
            progress=progress,
        )

    found = watched(work, stop, wish.lang)
    rows, outcomes = choose(found, wish, where)
    with opened(wish.output) as sink:
        match wish.format:
            case "table":
                if wish.output is None:
                    say([*summary(found, wish.lang, outcomes), ""], sink)
                say(table_of(wish).lines(records(found, rows)), sink)
            case "ndjson" | "json":
                write_lines(lines(found, rows, wish.names), wish.format, sink)
            case "csv" | "parquet" | "arrow":
                from finwait.cli.arrow_output import rows_of, write_rows

                write_rows(rows_of(arranged(found, rows), wish.names), wish.format, sink)
    return finish(found, wish, stop, outcomes)


def finish(found: Connections, wish: Wish, stop: Stop, outcomes: Sequence[Outcome] | None) -> int:
    """Say what remains to be said beside the rows, and what the exit code is."""
    if wish.output is not None:
        with opened(None) as sink:
            say(summary(found, wish.lang, outcomes), sink)
    if wish.stats is not None:
        with opened(wish.stats) as sink:
            sink.write(stats(found).encode())
    code = told_faults(found)
    return stop.code if stop else code


def told_faults(found: Connections) -> int:
    """Warn of every capture that broke; return the exit code that they ask for, 0 if none did."""
    faults = found.faults
    for fault in faults:
        print(f"finwait: {fault}", file=sys.stderr)
    # A broken capture outweighs one that could not be opened: 2 before 3.
    return min(map(codes.code_of, faults), default=codes.DONE)


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
    )


def condition(wish: Wish) -> "Where | None":
    """Prepare `--where`, if it is given."""
    if wish.where is None:
        return None
    import pyarrow as pa

    from finwait.cli.query import Where

    where = Where(wish.where)
    where.rows(pa.table(_core.analyze([])))  # a mistake is told before anything is read
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
