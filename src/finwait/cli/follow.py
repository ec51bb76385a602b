"""A capture that is still being written (`tcpdump -w - | finwait analyze -`), told as it comes."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING

from finwait import _core
from finwait.capture.connections import Connections, Outcome
from finwait.cli.output import Stream, opened, write
from finwait.cli.progress import Stop
from finwait.cli.summary import summary
from finwait.cli.tell import arranged, condition, finish, records_of, say, table_of
from finwait.cli.wish import Wish

if TYPE_CHECKING:
    import pyarrow as pa

    from finwait.cli.query import Where

HOLD = 1.0
"""Seconds for which results are held back. A pipe that has delivered everything by then is told like
a file: ordered by first segments, the summary first."""
TICK = 0.1
"""Seconds after which a reader that waits looks whether it was interrupted."""


def follow(wish: Wish) -> int:
    """Tell the connections of a pipe as they end, and return the exit code."""
    stop = Stop()
    telling = _Telling(wish, condition(wish))
    summed = wish.format == "table" and wish.output is None
    with stop.listening(), opened(wish.output) as sink:
        reader = _Reader(_core.follow(wish.files[0], max_connections=wish.max_connections), stop)
        held = in_order([reader.totals(), *reader.batches(until=time.monotonic() + HOLD)])
        told = telling.choose(held)
        if reader.ended and summed:
            say([*summary(reader.totals(), wish.lang, telling.outcomes), ""], sink)
        telling.tell(told, sink)
        if not reader.ended:
            for batch in reader.batches():
                if telling.full:
                    break
                telling.tell(telling.choose(in_order([batch])), sink)
            if summed:
                say(["", *summary(reader.totals(), wish.lang, telling.outcomes)], sink)
    return finish(reader.totals(), wish, stop, telling.outcomes)


def in_order(parts: Sequence[Stream]) -> "pa.Table":
    """One table of these rows, ordered by first segments."""
    import pyarrow as pa

    return pa.concat_tables([pa.table(part) for part in parts]).sort_by("conn")


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
        self._met: Counter[tuple[str, str, str, str]] = Counter()

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

    def choose(self, table: "pa.Table") -> "pa.Table":
        """Keep those of the rows that are wanted."""
        numbers: Sequence[int] = range(len(table))
        if self._where is not None:
            from finwait.cli.query import outcomes

            numbers = self._where.rows(table)
            for outcome in outcomes(table, numbers):
                self._met[outcome[:4]] += outcome.connections
        if self._left is not None:
            numbers = numbers[: self._left]
            self._left -= len(numbers)
        return arranged(table, numbers, None)

    def tell(self, table: "pa.Table", sink: IO[bytes]) -> None:
        """Write rows."""
        if self._wish.format == "table":
            say(self._table.lines(records_of(table)), sink)
        elif len(table) or self._head:
            names = self._wish.names
            rows = table if names is None else table.select(names)
            write(rows, self._wish.format, sink, head=self._head)
            self._head = False
        sink.flush()
