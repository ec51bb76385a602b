"""Rows in the formats that pyarrow writes: csv, parquet, arrow. Some at a time, so that a million
connections need no more memory than some thousand."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.parquet

from finwait.cli.output import Format

PART = 1 << 17
"""Rows written at once, and rows of a group in Parquet."""
UNIQUE = frozenset(
    {
        *("conn", "first_ts", "last_ts", "client_port", "close_frame", "first_frame", "last_frame"),
        *("duration", "handshake_rtt", "idle_before_close", "close_duration", "peer_reaction"),
    }
)
"""Columns that hardly repeat themselves: a dictionary in Parquet would only cost time (a fifth of
the writing, measured on a million connections) and space. The others have no statistics: each group
of rows holds all their values, so that nothing could be passed over by them."""


class Rows(NamedTuple):
    """Rows that can be read once, and which of their columns are wanted."""

    reader: pa.RecordBatchReader
    names: list[str]

    @property
    def schema(self) -> pa.Schema:
        """The schema of the wanted columns."""
        return pa.schema([self.reader.schema.field(name) for name in self.names])

    def parts(self) -> Iterator[pa.Table]:
        """Some rows at a time. While one part is written, a thread makes the next."""
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self._part)
            while (part := coming.result()) is not None:
                coming = pool.submit(self._part)
                yield part

    def _part(self) -> pa.Table | None:
        taken: list[pa.RecordBatch] = []
        number = 0
        for batch in self.reader:
            taken.append(batch)
            number += len(batch)
            if number >= PART:
                break
        if not taken:
            return None
        return pa.Table.from_batches(taken).select(self.names)


def rows_of(source: object, names: list[str] | None = None) -> Rows:
    """Take anything with `__arrow_c_stream__`, a table of pyarrow for one."""
    reader = pa.RecordBatchReader.from_stream(source)
    return Rows(reader, reader.schema.names if names is None else names)


def write_rows(rows: Rows, form: Format, sink: IO[bytes], *, head: bool = True) -> None:
    """Write csv, parquet or arrow.

    head: whether a CSV begins with its names, for rows that come in several goes.
    """
    match form:
        case "csv":
            if head:
                _write_csv(rows.schema.empty_table(), sink, head=True)
            for part in rows.parts():
                _write_csv(part, sink, head=False)
        case "parquet":
            repeating = [name for name in rows.names if name not in UNIQUE]
            with pyarrow.parquet.ParquetWriter(
                sink,
                rows.schema,
                compression="snappy",  # two thirds of the time of zstd for half again the size
                use_dictionary=repeating,
                write_statistics=[name for name in rows.names if name in UNIQUE],
            ) as writer:
                for part in rows.parts():
                    writer.write_table(part, row_group_size=2 * PART)
        case "arrow":
            # An IPC file where one can seek, an IPC stream into a pipe.
            make = pa.ipc.new_file if sink.seekable() else pa.ipc.new_stream
            with make(sink, rows.schema) as ipc:
                for part in rows.parts():
                    ipc.write_table(part)
        case _:
            raise AssertionError(f"{form} has lines")


def _write_csv(table: pa.Table, sink: IO[bytes], *, head: bool) -> None:
    """RFC 4180 with \\n; lists with `;` between, times as in ndjson, nothing where a value is absent."""
    # Late: these take as long to import as all of Arrow, and Parquet does without.
    import pyarrow.compute as pc
    from pyarrow import csv

    for number, field in enumerate(table.schema):
        column = table.column(number)
        if pa.types.is_list(field.type):
            column = pc.binary_join(column, ";")
        elif pa.types.is_timestamp(field.type):
            # Cast to text without a zone, because Arrow would look the zone up in a database.
            text = column.cast(pa.timestamp("ns")).cast(pa.string())
            column = pc.binary_join_element_wise(pc.replace_substring(text, " ", "T"), "Z", "")
        else:
            continue
        table = table.set_column(number, field.name, column)
    options = csv.WriteOptions(include_header=head, quoting_style="needed")
    csv.write_csv(table, sink, options)
