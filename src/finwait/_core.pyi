"""The Rust core: captures in, verdicts out. Everything here is typed; nothing here prints."""

from collections.abc import Callable, Iterator
from typing import final

SLUGS: dict[str, list[str]]
"""Every word the core can say, by kind: close, closed_by, handshake, confidence, reset_form,
client_by, cause, note, evidence, label, skip, state."""

COLUMNS: list[str]
"""Names of the columns of an analysis, in order."""

@final
class Fault:
    """A capture that could not be read (further)."""

    @property
    def path(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def message(self) -> str: ...
    @property
    def is_io(self) -> bool: ...

@final
class Analysis:
    """The connections of one or more captures, ordered by first segment.

    Speaks Arrow's PyCapsule stream protocol. May be read any number of times.
    """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __len__(self) -> int: ...
    def records(self, start: int = 0, count: int | None = None) -> list[dict[str, object]]:
        """Rows as dictionaries with the column names as keys. Timestamps are int nanoseconds,
        durations float seconds, absent values None, lists are lists of str."""
    def ndjson(self, conns: list[int] | None = None) -> Ndjson:
        """Rows as JSON, one object a line, in chunks of about a megabyte that end with a line.
        conns: only these connections, in this order."""
    def chunks(self, size: int) -> Records:
        """All rows as `records` gives them, `size` at a time."""
    def summary(self) -> list[tuple[list[str], int]]:
        """([close, closed_by, reset_by, cause, confidence], count), most frequent first."""
    def groups(self) -> list[dict[str, object]]:
        """What repeats across connections, gravest first: one dict a finding with keys
        kind ('idle-close', 'reset-habit', 'reset-burst', 'refused'), server_ip, server_port,
        matched, total, gap_s, reused, reuse_delay_s, at_ns, by (None where the kind has none)."""
    @property
    def frames(self) -> int: ...
    @property
    def used(self) -> int: ...
    @property
    def skipped(self) -> dict[str, int]: ...
    @property
    def faults(self) -> list[Fault]: ...
    @property
    def evicted(self) -> int: ...
    @property
    def interrupted(self) -> bool: ...
    @property
    def first_ts(self) -> int | None: ...
    @property
    def last_ts(self) -> int | None: ...

@final
class Ndjson(Iterator[bytes]):
    """Rows as JSON, chunk by chunk."""

    def __iter__(self) -> Ndjson: ...
    def __next__(self) -> bytes: ...

@final
class Records(Iterator[list[dict[str, object]]]):
    """Rows as dictionaries, list by list."""

    def __iter__(self) -> Records: ...
    def __next__(self) -> list[dict[str, object]]: ...

@final
class Batch:
    """Some finished connections of a live capture. Speaks Arrow's PyCapsule stream protocol."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __len__(self) -> int: ...
    def records(self, start: int = 0, count: int | None = None) -> list[dict[str, object]]: ...
    def ndjson(self) -> bytes: ...

@final
class Follower(Iterator[Batch]):
    """A capture that is still being written, told as its connections end."""

    def __iter__(self) -> Follower: ...
    def __next__(self) -> Batch: ...
    def stop(self) -> None:
        """Ends the reading from another thread: what is still open is told, then the iteration
        ends."""
    @property
    def analysis(self) -> Analysis:
        """Totals so far (frames, used, skipped, faults, summary, groups); its rows are empty."""

@final
class Step:
    """One segment of an explained connection, and where both ends stand after it."""

    @property
    def number(self) -> int:
        """Frame number within its file, from 1."""
    @property
    def ts(self) -> int:
        """Nanoseconds since the Unix epoch."""
    @property
    def from_client(self) -> bool: ...
    @property
    def seq(self) -> int: ...
    @property
    def ack(self) -> int: ...
    @property
    def flags(self) -> int:
        """Header bits: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128, AE 256."""
    @property
    def window(self) -> int:
        """As in the header, not scaled."""
    @property
    def payload(self) -> int:
        """Payload bytes on the wire."""
    @property
    def ttl(self) -> int: ...
    @property
    def ip_id(self) -> int: ...
    @property
    def header(self) -> bytes:
        """The TCP header with its options, as captured; b'' if put together from fragments."""
    @property
    def data(self) -> bytes:
        """The first 256 payload bytes that were captured."""
    @property
    def captured(self) -> int:
        """Payload bytes that were captured."""
    @property
    def digest(self) -> int:
        """Of all captured payload bytes, if there are more than `data` holds; the same in one process only. Else 0."""
    @property
    def client_state(self) -> str: ...
    @property
    def server_state(self) -> str: ...
    @property
    def client_passed(self) -> str | None:
        """The state before its last move by this segment: of two moves, what lay between."""
    @property
    def server_passed(self) -> str | None: ...
    @property
    def labels(self) -> list[str]: ...
    @property
    def refers_to(self) -> int:
        """Frame this one answers, repeats or duplicates; 0 if none."""

@final
class Explained:
    """One connection with all its segments."""

    @property
    def row(self) -> dict[str, object]:
        """As `Analysis.records` gives it."""
    @property
    def steps(self) -> list[Step]: ...
    @property
    def truncated(self) -> int:
        """Segments left out of the middle because there are too many to keep."""
    @property
    def client_isn(self) -> int | None: ...
    @property
    def server_isn(self) -> int | None: ...
    @property
    def client_wscale(self) -> int | None: ...
    @property
    def server_wscale(self) -> int | None: ...
    @property
    def replaced(self) -> tuple[int, int] | None:
        """Frame and time (nanoseconds since the Unix epoch) of the SYN of the tuple's next connection, if that opened in this one's TIME-WAIT.

        None from `stories`, which does not look for it.
        """

def analyze(
    paths: list[str],
    *,
    joined: bool = False,
    threads: int = 0,
    max_connections: int = 0,
    progress: Callable[[int, int | None, int, int], bool] | None = None,
) -> Analysis:
    """Reads every path ('-' is standard input) and judges every connection.

    joined: the paths are one capture in pieces, in this order; else each is a capture of its own.
    threads: 0 = one per core. max_connections: open connections held at once, 0 = the default.
    progress(bytes_read, bytes_total, frames, connections) is called about ten times a second;
    False stops the reading, and what is done is returned.
    A capture that breaks is no exception: see `faults`.
    """

def others(path: str) -> list[str]:
    """Files of a directory that nothing shows to be captures, by name."""

def follow(path: str, *, max_connections: int = 0) -> Follower: ...
def explain(
    paths: list[str],
    *,
    joined: bool = False,
    conn: int | None = None,
    ends: tuple[str, int, str, int] | None = None,
    end: tuple[str, int] | None = None,
    max_steps: int = 100_000,
    progress: Callable[[int, int | None, int, int], bool] | None = None,
) -> tuple[Explained | None, list[Fault], tuple[int, list[dict[str, object]]] | None]:
    """One connection, by its number, by its two ends in either order (the first such) or by one end
    that only it has, and what could not be read. None if there is no such connection. If several
    have that end: how many, and the records of the first ten.

    The captures are read twice, so '-' cannot be given here, and progress, which is called as that
    of analyze, begins twice. conn counts as an analysis of the same
    paths does."""

def openings(
    analysis: Analysis,
    paths: list[str],
    *,
    progress: Callable[[int, int | None, int, int], bool] | None = None,
) -> tuple[list[tuple[str, int, str, int, int | None, int | None, int]], tuple[int, int] | None]:
    """Of each connection of an analysis of `paths`, in order: the client's address and port, the server's,
    their initial sequence numbers (None where the SYN was not captured), segments. And when the first and
    the last frame came, whatever they hold, in nanoseconds. The captures are read once."""

def stories(
    analysis: Analysis,
    paths: list[str],
    conns: list[int],
    *,
    max_steps: int = 100_000,
    progress: Callable[[int, int | None, int, int], bool] | None = None,
) -> list[Explained]:
    """These connections of an analysis of `paths` with all their segments, in this order: each connection at
    most once. The captures are read once for all of them."""
