"""Rows in the formats that machines read: ndjson, json, csv, parquet, arrow."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, get_args

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


def write_lines(chunks: Iterable[bytes], form: Format, sink: IO[bytes]) -> None:
    """Write JSON objects, a line each, that come in chunks of whole lines: as they are (ndjson), or
    as one array (json).
    """
    if form == "ndjson":
        sink.writelines(chunks)
        return
    before = b"[\n"
    for chunk in chunks:
        for line in chunk.splitlines():
            sink.write(before + line)
            before = b",\n"
    sink.write(b"[]\n" if before == b"[\n" else b"\n]\n")


def projected(line: bytes, names: Sequence[str]) -> bytes:
    """Keep only some keys of a JSON object."""
    values = json.loads(line)
    kept = {name: values[name] for name in names}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
