"""A capture that is still being written (`tcpdump -U -w - | finwait analyze -`), told as it comes."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING

from finwait import _core
from finwait.capture.connections import Connections, Outcome
from finwait.cli.output import projected, write_lines
from finwait.cli.progress import Stop
from finwait.cli.sink import opened
from finwait.cli.summary import summary
from finwait.cli.tell import condition, finish, say, table_of
from finwait.cli.wish import Wish

if TYPE_CHECKING:
    from finwait.cli.query import Where

SETTLE = 0.3
"""Seconds after the first rows in which a pipe that was only a file has ended, too. It is told like a
file: the summary first."""
TICK = 0.1
"""Seconds after which a reader that waits looks whether it was interrupted."""


def follow(wish: Wish) -> int:
    """Tell the connections of a pipe as they end, and return the exit code."""
    stop = Stop()
    telling = _Telling(wish, condition(wish))
    with stop.listening(), opened(wish.output) as sink:
        reader = _Reader(_core.follow(wish.files[0], max_connections=wish.max_connections), stop)
        first = [(batch, telling.choose(batch)) for batch in reader.settled()]
        if reader.ended and wish.summed and not reader.totals().unread:
            say([*summary(reader.totals(), wish.lang, telling.outcomes), ""], sink)
        for batch, rows in first:
            telling.tell(batch, rows, sink)
        if not reader.ended:
            while not telling.full and (more := reader.next()) is not None:
                telling.tell(more, telling.choose(more), sink)
            if wish.summed:
                say(["", *summary(reader.totals(), wish.lang, telling.outcomes)], sink)
        telling.end(reader.totals(), sink)
    return finish(reader.totals(), wish, stop, telling.outcomes)


class _Reader:
    """Takes the batches in a thread of its own, so that this one can be interrupted."""

    def __init__(self, follower: _core.Follower, stop: Stop) -> None:
        self._follower = follower
        self._stop = stop
        self._queue: queue.SimpleQueue[_core.Batch | BaseException | None] = queue.SimpleQueue()
        self.ended = False
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        try:
            for batch in self._follower:
                self._queue.put(batch)
        except BaseException as error:  # noqa: BLE001  # raised again where it is awaited
            self._queue.put(error)
        else:
            self._queue.put(None)

    def settled(self) -> list[_core.Batch]:
        """Give what a file would give at once: all up to the end, or up to a moment after the first."""
        first = self.next()
        if first is None:
            return []
        return [first, *self.batches(until=time.monotonic() + SETTLE)]

    def next(self) -> _core.Batch | None:
        """Give the next batch; None at the end."""
        return next(self.batches(), None)

    def batches(self, until: float | None = None) -> Iterator[_core.Batch]:
        """Give the batches up to the end, or up to a moment of the monotonic clock."""
        stopping = False
        while not self.ended:
            now = time.monotonic()
            if until is not None and now >= until:
                return
            if self._stop and not stopping:
                stopping = True
                self._follower.stop()
            try:
                wait = TICK if until is None else min(TICK, until - now)
                item = self._queue.get(timeout=wait)
            except queue.Empty:
                continue
            if item is None:
                self.ended = True
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item

    def totals(self) -> Connections:
        """Everything but the rows."""
        return Connections(self._follower.analysis)


class _Telling:
    """Writes batches as they come."""

    def __init__(self, wish: Wish, where: "Where | None") -> None:
        self._wish = wish
        self._where = where
        self._left = wish.limit
        self._table = table_of(wish)
        self._head = True
        self._met: Counter[tuple[str, str, str, str, str]] = Counter()

    @property
    def full(self) -> bool:
        """Whether as many rows were told as are wanted."""
        return self._left == 0

    @property
    def outcomes(self) -> list[Outcome] | None:
        """How those that met the condition ended; None if there is no condition."""
        if self._where is None:
            return None
        return [Outcome(*words, number) for words, number in self._met.most_common()]

    def choose(self, batch: _core.Batch) -> Sequence[int]:
        """Find those of its rows that are wanted."""
        rows: Sequence[int] = range(len(batch))
        if self._where is not None:
            import pyarrow as pa

            from finwait.cli.query import outcomes

            table = pa.table(batch)
            rows = self._where.rows(table)
            for outcome in outcomes(table, rows):
                self._met[outcome[:5]] += outcome.connections
        if self._left is not None:
            rows = rows[: self._left]
            self._left -= len(rows)
        return rows

    def tell(self, batch: _core.Batch, rows: Sequence[int], sink: IO[bytes]) -> None:
        """Write rows of a batch."""
        names = self._wish.names
        match self._wish.format:
            case "table":
                records = batch.records()
                say(self._table.lines(records[row] for row in rows), sink)
            case "ndjson":
                lines = batch.ndjson().splitlines(keepends=True)
                chosen = (lines[row] for row in rows)
                kept = chosen if names is None else (projected(line, names) for line in chosen)
                write_lines(kept, "ndjson", sink)
            case _:
                self._csv(batch, rows, sink)
        sink.flush()

    def end(self, found: Connections, sink: IO[bytes]) -> None:
        """Write what even an empty output has."""
        if self._wish.format == "csv" and self._head:
            self._csv(found, range(0), sink)

    def _csv(self, batch: _core.Batch | Connections, rows: Sequence[int], sink: IO[bytes]) -> None:
        import pyarrow as pa

        from finwait.cli.arrow_output import rows_of, write_rows

        chosen = pa.table(batch).take(pa.array(rows, pa.int64()))
        write_rows(rows_of(chosen, self._wish.names), "csv", sink, head=self._head)
        self._head = False
