"""Captures in, judged connections out: the core's analysis with types at the door."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Self, overload

from finwait import _core
from finwait.capture.connection import Connection
from finwait.capture.faults import in_chinese, in_english
from finwait.errors import BadCapture, CannotOpen, FinwaitError, Misuse

Source = str | os.PathLike[str]
Progress = Callable[[int, int | None, int, int], bool]
"""Called with (bytes read, bytes in all or None, frames, connections); False stops the reading."""

_AS_READ: Mapping[str, str] = MappingProxyType({})
CHUNK = 4096
"""Rows that cross from the core at once: enough to make the crossing cheap, a few MB of Python."""


class Outcome(NamedTuple):
    """How many connections ended the same way for the same reason."""

    close: str
    closed_by: str
    """Whose FIN or RST took effect first."""
    reset_by: str
    """Whose RST took effect; another than `closed_by` if that one's FIN came before."""
    cause: str
    confidence: str
    connections: int


class Finding(NamedTuple):
    """What repeats across the connections of one server. What does not belong to `kind` is None."""

    kind: str
    """'idle-close', 'reset-habit', 'reset-burst' or 'refused'."""
    server_ip: str
    server_port: int
    matched: int
    """Connections that the finding is about, out of `total` of that server."""
    total: int
    gap_s: float | None = None
    """idle-close: the idle time that precedes the close, in seconds."""
    reused: int | None = None
    """idle-close: how many of them the other side used again after the close."""
    reuse_delay_s: float | None = None
    """idle-close: the longest time between the close and that use, in seconds."""
    at_ns: int | None = None
    """reset-burst: when, in nanoseconds since the Unix epoch."""
    by: str | None = None
    """reset-habit: who resets, 'client' or 'server'."""

    @classmethod
    def of(cls, group: dict[str, object]) -> Self:
        """Take a group of the core."""
        return cls(**{name: group.get(name) for name in cls._fields})  # type: ignore[arg-type]


class Connections:
    """The judged connections of one or more captures, in the order of their first segments.

    Speaks Arrow's PyCapsule stream protocol, so `pyarrow.table(x)`, `polars.DataFrame(x)` and DuckDB
    take it without a copy; iterating gives a `Connection` each.
    """

    def __init__(self, analysis: _core.Analysis) -> None:
        self._core = analysis

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._core.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return len(self._core)

    def __repr__(self) -> str:
        return f"<finwait.Connections: {len(self)} of {self.used} segments>"

    def __iter__(self) -> Iterator[Connection]:
        yield from map(Connection.of, self.records())

    @overload
    def __getitem__(self, index: int) -> Connection: ...
    @overload
    def __getitem__(self, index: slice) -> list[Connection]: ...
    def __getitem__(self, index: int | slice) -> Connection | list[Connection]:
        if isinstance(index, slice):
            numbers = range(len(self))[index]
            if numbers.step == 1:
                records = self._core.records(numbers.start, len(numbers))
                return [Connection.of(record) for record in records]
            return [self[number] for number in numbers]
        try:
            number = range(len(self))[index]
        except IndexError:
            raise IndexError(f"connection {index} of {len(self)}") from None
        return Connection.of(self._core.records(number, 1)[0])

    @property
    def summary(self) -> list[Outcome]:
        """What happened, counted; the most frequent first."""
        return [
            Outcome(close, closed_by, reset_by, cause, confidence, number)
            for (close, closed_by, reset_by, cause, confidence), number in self._core.summary()
        ]

    @property
    def groups(self) -> list[Finding]:
        """What repeats across connections, the gravest first."""
        return [Finding.of(group) for group in self._core.groups()]

    @property
    def frames(self) -> int:
        """Frames read. Always `used` plus the sum of `skipped`."""
        return self._core.frames

    @property
    def used(self) -> int:
        """Frames that gave a TCP segment."""
        return self._core.used

    @property
    def skipped(self) -> dict[str, int]:
        """Frames that did not, by reason (a slug of the catalogue)."""
        return self._core.skipped

    @property
    def faults(self) -> list[FinwaitError]:
        """Where captures broke or could not be opened: `BadCapture` or `CannotOpen` each."""
        return [blame(fault) for fault in self._core.faults]

    @property
    def unread(self) -> bool:
        """Whether there was nothing but faults: no frame could be read."""
        return self.frames == 0 and bool(self._core.faults)

    @property
    def evicted(self) -> int:
        """Connections told early because too many were open at once."""
        return self._core.evicted

    @property
    def first_ts(self) -> int | None:
        """The first segment of all, in nanoseconds since the Unix epoch; None if there is none."""
        return self._core.first_ts

    @property
    def last_ts(self) -> int | None:
        """The last segment of all, likewise."""
        return self._core.last_ts

    def records(self) -> Iterator[dict[str, object]]:
        """The rows as dictionaries, without a `Connection` each."""
        for chunk in self._core.chunks(CHUNK):
            yield from chunk

    def ndjson(self, conns: list[int] | None = None) -> Iterator[bytes]:
        """Rows as JSON, one object a line, in chunks that end with a line.

        conns: only these connections, in this order.
        """
        return self._core.ndjson(conns)

    @property
    def interrupted(self) -> bool:
        """Whether `progress` stopped the reading."""
        return self._core.interrupted


def blame(fault: _core.Fault, names: Mapping[str, str] = _AS_READ) -> FinwaitError:
    """The exception that says whose fault it is. names: what the caller called a path that was read."""
    path = names.get(fault.path, fault.path)
    if fault.is_io:
        return CannotOpen(path, in_english(fault.message), in_chinese(fault.message))
    return BadCapture(path, fault.offset, in_english(fault.message), in_chinese(fault.message))


def paths_of(source: Source | Sequence[Source]) -> list[str]:
    """Give the paths of what a caller calls a source. Raises Misuse if there is none."""
    several = [source] if isinstance(source, str | os.PathLike) else source
    paths = [os.fspath(path) for path in several]
    if not paths:
        raise Misuse("no capture to read: give a path", "没有要读取的抓包文件：请给出路径")
    return paths


def read(
    source: Source | Sequence[Source],
    *,
    joined: bool = False,
    threads: int = 0,
    max_connections: int = 0,
    progress: Progress | None = None,
) -> Connections:
    """Do as `analyze` does, and leave every fault to `Connections.faults`."""
    paths = paths_of(source)
    if threads < 0 or max_connections < 0:
        raise Misuse(
            "threads and max_connections are 0 (the default) or more",
            "threads 和 max_connections 为 0（默认值）或更大",
        )
    return Connections(
        _core.analyze(
            paths,
            joined=joined,
            threads=threads,
            max_connections=max_connections,
            progress=progress,
        )
    )


def analyze(
    source: Source | Sequence[Source],
    *,
    joined: bool = False,
    threads: int = 0,
    max_connections: int = 0,
    strict: bool = False,
    progress: Progress | None = None,
) -> Connections:
    """Read captures and judge every connection in them.

    source: a path, or several; "-" is standard input; a directory is one capture rotated into
    files. joined: the paths are one capture in pieces, in this order. threads: 0 is one a core.
    max_connections: connections held open at once, 0 is the core's default; beyond it the one that
    was idle longest is told early.

    A capture that breaks in the middle gives what came before; see `Connections.faults`. If nothing
    could be read at all, or if `strict`, the first fault is raised: CannotOpen or BadCapture.
    Raises Misuse if there is no path, or a number is negative.
    """
    found = read(
        source,
        joined=joined,
        threads=threads,
        max_connections=max_connections,
        progress=progress,
    )
    faults = found.faults
    if found.unread or (faults and strict):
        raise faults[0]
    return found
