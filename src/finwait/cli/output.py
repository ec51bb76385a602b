"""Rows in the formats that machines read: ndjson, json, csv, parquet, arrow."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Literal, get_args

from finwait.errors import Misuse

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
        raise Misuse(
            f"-o {path}: which format? Give --format, or one of the suffixes {known}",
            f"-o {path}：是哪种格式？请给出 --format，或使用这些后缀之一：{known}",
        ) from None


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
