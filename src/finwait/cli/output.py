"""Rows in the formats that machines read: ndjson, json, csv, parquet, arrow."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, Protocol, get_args

from finwait import _core
from finwait.errors import CannotOpen, Misuse

Format = Literal["table", "json", "ndjson", "csv", "parquet", "arrow"]
FORMATS: tuple[Format, ...] = get_args(Format)
BINARY = frozenset({"parquet", "arrow"})
_SUFFIXES: dict[str, Format] = {
    ".txt": "table",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}


class Stream(Protocol):
    """Rows that cross as Arrow: an analysis, a batch, a table of pyarrow."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Give the PyCapsule of the stream."""


def format_of(path: str) -> Format:
    """Tell the format from a file's suffix. Raises Misuse if it has none that is known."""
    suffix = Path(path).suffix.lower()
    try:
        return _SUFFIXES[suffix]
    except KeyError:
        known = " ".join(_SUFFIXES)
        message = f"-o {path}: which format? Give --format, or one of the suffixes {known}"
        raise Misuse(message) from None


@contextmanager
def opened(path: str | None) -> Iterator[IO[bytes]]:
    """Open the file to write, or standard output. Raises CannotOpen.

    A regular file appears under its name when all is written, so nobody reads half of it.
    """
    if path is None:
        with os.fdopen(os.dup(1), "wb") as stream:
            yield stream
        return
    target = Path(path).resolve()
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:
                yield stream
            return
        folder = target.parent
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".finwait-", delete=False) as stream:
            made = Path(stream.name)
            try:
                yield stream
            except BaseException:
                made.unlink()
                raise
        made.chmod(0o666 & ~_umask())
        made.replace(target)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CannotOpen(path, error.strerror or str(error)) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write(rows: Stream, form: Format, sink: IO[bytes], *, head: bool = True) -> None:
    """Write rows in one of the machine formats.

    head: whether a CSV begins with its names, for rows that come in several goes.
    """
    match form:
        case "ndjson":
            sink.flush()
            _core.write_ndjson(rows, sink.fileno())
        case "json":
            _write_json(rows, sink)
        case "csv":
            _write_csv(rows, sink, head=head)
        case "parquet":
            _write_parquet(rows, sink)
        case "arrow":
            _write_arrow(rows, sink)
        case "table":
            raise AssertionError("a table is not written by machines")


def _write_json(rows: Stream, sink: IO[bytes]) -> None:
    """One array, an object a line: the very objects of ndjson with commas between."""
    with tempfile.TemporaryFile() as lines:
        _core.write_ndjson(rows, lines.fileno())
        lines.seek(0)
        before = b"[\n"
        for line in lines:
            sink.write(before + line.rstrip(b"\n"))
            before = b",\n"
        sink.write(b"[]\n" if before == b"[\n" else b"\n]\n")


def _write_csv(rows: Stream, sink: IO[bytes], *, head: bool) -> None:
    """RFC 4180 with \\n; lists with `;` between, times as in ndjson, nothing where a value is absent."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv

    table = pa.table(rows)
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
    options = pyarrow.csv.WriteOptions(include_header=head, quoting_style="needed")
    pyarrow.csv.write_csv(table, sink, options)


def _write_parquet(rows: Stream, sink: IO[bytes]) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    pyarrow.parquet.write_table(pa.table(rows), sink, compression="zstd")


def _write_arrow(rows: Stream, sink: IO[bytes]) -> None:
    """An IPC file where one can seek, an IPC stream into a pipe."""
    import pyarrow as pa

    table = pa.table(rows)
    make = pa.ipc.new_file if sink.seekable() else pa.ipc.new_stream
    with make(sink, table.schema) as writer:
        writer.write_table(table)
