"""Captures that are read to their end, then told."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING

from finwait.capture.connections import Connections, Progress, read
from finwait.cli import codes
from finwait.cli.output import opened, write
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
    rows = chosen(found, wish, where)
    with opened(wish.output) as sink:
        if wish.format == "table":
            if wish.output is None:
                say([*summary(found, wish.lang), ""], sink)
            say(table_of(wish).lines(records(found, rows)), sink)
        else:
            write(arranged(found, rows, wish.names), wish.format, sink)
    return finish(found, wish, stop)


def finish(found: Connections, wish: Wish, stop: Stop) -> int:
    """Say what remains to be said beside the rows, and what the exit code is."""
    if wish.output is not None:
        with opened(None) as sink:
            say(summary(found, wish.lang), sink)
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
        several=len(wish.files) > 1,
        colour=terminal and not os.environ.get("NO_COLOR"),
    )


def condition(wish: Wish) -> "Where | None":
    """Prepare `--where`, if it is given."""
    if wish.where is None:
        return None
    from finwait.cli.query import Where

    return Where(wish.where)


def chosen(found: Connections, wish: Wish, where: "Where | None") -> Sequence[int]:
    """Numbers of the rows to tell, in order."""
    if where is None and wish.sort is None:
        return range(len(found) if wish.limit is None else min(wish.limit, len(found)))
    import pyarrow as pa

    from finwait.cli.query import keys, select

    sort = keys(wish.sort) if wish.sort is not None else []
    return select(pa.table(found), where, sort, wish.limit)


def records(found: Connections, rows: Sequence[int]) -> Iterator[Record]:
    """The rows as dictionaries, some thousand at a time."""
    if isinstance(rows, range):
        for start in range(rows.start, rows.stop, CHUNK):
            yield from found.records(start, min(CHUNK, rows.stop - start))
    else:
        for row in rows:
            yield from found.records(row, 1)


def records_of(table: "pa.Table") -> Iterator[Record]:
    """The rows of a table as dictionaries, timestamps as nanoseconds."""
    import pyarrow as pa

    for number, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(number, field.name, table.column(number).cast(pa.int64()))
    for batch in table.to_batches(max_chunksize=CHUNK):
        yield from batch.to_pylist()


def arranged(
    found: "Connections | pa.Table", rows: Sequence[int], names: list[str] | None
) -> "Connections | pa.Table":
    """The rows and columns that are wanted, in their order, as Arrow."""
    if names is None and rows == range(len(found)):
        return found
    import pyarrow as pa

    table: pa.Table = pa.table(found)
    if isinstance(rows, range):
        table = table.slice(rows.start, len(rows))
    else:
        table = table.take(pa.array(rows, pa.int64()))
    return table if names is None else table.select(names)
