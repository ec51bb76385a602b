"""How far the reading is, on a terminal's stderr, and Ctrl-C as a flag instead of an exception."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO, TypeVar

from finwait.capture.connections import Progress
from finwait.picture.width import cut, width
from finwait.verdict.language import Lang, Text, count, duration

Result = TypeVar("Result")

PATIENCE = 0.5
"""Seconds before the bar shows: what is done sooner needs none."""
BAR = 20
UNKNOWN = 200
"""Columns of a terminal that does not tell; longer than any bar."""
_REST = Text("{time} left", "还需 {time}")
_COUNTS = Text(
    "{frames} packets, {connections} connections", "{frames} 个报文，{connections} 个连接"
)
_REHEARSED = Text("{done} of {total} segments rehearsed", "已预演 {total} 个报文段中的 {done} 个")
_EVENTS = Text("{path}: {done} of {total} events", "{path}：{total} 个事件中的 {done} 个")
_PLAYS = Text(
    "{done} of {total} plays, {failed} not passed",
    "{total} 次运行中的 {done} 次，{failed} 次未通过",
)
EVERY = 32
"""Segments: more often nobody sees a change."""
AGAIN = 0.1
"""Seconds: the same."""


def _share(done: float, total: int) -> str:
    share = min(1.0, done / total)
    filled = round(share * BAR)
    return f"[{'█' * filled}{'░' * (BAR - filled)}] {share:4.0%}"


class Stop:
    """Set by the first Ctrl-C or SIGTERM; the second ends the process at once."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.cut = False
        """Whether `until` left something out."""

    def __bool__(self) -> bool:
        return self.signal is not None

    @property
    def code(self) -> int:
        """Exit code of a process that this signal stopped, as shells count."""
        return 128 + (self.signal or signal.SIGINT)

    def until(self, items: Iterable[Result]) -> Iterator[Result]:
        """Give the items up to the signal."""
        for item in items:
            if self:
                self.cut = True
                return
            yield item

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals, where this thread may (only the main thread can)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {sign: signal.signal(sign, self._take) for sign in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for sign, handler in before.items():
                signal.signal(sign, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self:
            os._exit(self.code)
        self.signal = signal.Signals(number)


class Bar:
    """One line on stderr that is drawn over and over. Draws nothing if stderr is no terminal, or if
    there is no language to say it in.
    """

    def __init__(self, lang: Lang | None, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._lang: Lang = lang or "en"
        self._live = lang is not None and self._stream.isatty()
        self._start = time.monotonic()
        self._drawn = False
        self._shown = 0.0

    def show(self, done: int, total: int | None, frames: int, connections: int) -> None:
        """Draw how far it is. Bytes are of the file, compressed if it is."""
        if not self.due:
            return
        elapsed = time.monotonic() - self._start
        rate = done / elapsed
        parts = [f"{done / 1e6:,.0f} MB, {rate / 1e6:,.0f} MB/s"]
        if total:
            parts.insert(0, _share(done, total))
            if rate > 0:
                left = duration(max(0.0, (total - done) / rate), self._lang)
                parts.append(_REST.say(self._lang).format(time=left))
        counts = _COUNTS.say(self._lang)
        parts.append(counts.format(frames=count(frames), connections=count(connections)))
        self._draw(parts)

    def rehearsed(self, done: int, total: int) -> None:
        """Draw how many segments of a connection a script has."""
        if self.due and done % EVERY == 0:
            counts = _REHEARSED.say(self._lang).format(done=count(done), total=count(total))
            self._draw([_share(done, total), counts])

    def plays(
        self, path: str, events: tuple[int, int], plays: tuple[int, int], failed: int
    ) -> None:
        """Draw how far scripts are. path: of one that goes on; events, plays: how many were played, and of how many."""
        now = time.monotonic()
        if not self.due or now - self._shown < AGAIN:
            return
        self._shown = now
        played, all_of_it = events
        done, total = plays
        parts = [_share(done + played / max(all_of_it, 1), total)]
        if total > 1:
            parts.append(_PLAYS.say(self._lang).format(done=done, total=total, failed=failed))
        if all_of_it:
            parts.append(_EVENTS.say(self._lang).format(path=path, done=played, total=all_of_it))
        parts.append(duration(now - self._start, self._lang))
        self._draw(parts)

    @property
    def due(self) -> bool:
        """Whether there is a terminal, and whoever looks at it has waited long enough."""
        return self._live and time.monotonic() - self._start >= PATIENCE

    def _draw(self, parts: list[str]) -> None:
        room = self._columns()
        while len(parts) > 1 and width(", ".join(parts)) >= room:
            parts.pop()  # a line that breaks cannot be drawn over
        self._stream.write("\r\x1b[K" + cut(", ".join(parts), room - 1))
        self._stream.flush()
        self._drawn = True

    def _columns(self) -> int:
        """Columns of the terminal, which may not be that of standard output."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or UNKNOWN
        except (OSError, ValueError):
            return UNKNOWN

    def go_on(self, done: int, total: int | None, frames: int, connections: int) -> bool:
        """Draw, and let the reading go on."""
        self.show(done, total, frames, connections)
        return True

    def clear(self) -> None:
        """Take the line away."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = False


def watched(work: Callable[[Progress], Result], stop: Stop, lang: Lang | None) -> Result:
    """Run `work` with a progress callback that draws the bar, if there is a language, and ends the work when `stop` is set.

    The work has a thread of its own, so that this one is free to take signals.
    """
    from concurrent.futures import ThreadPoolExecutor  # 8 ms that `finwait explain` does not need

    bar = Bar(lang)

    def progress(done: int, total: int | None, frames: int, connections: int) -> bool:
        bar.show(done, total, frames, connections)
        return not stop

    try:
        with stop.listening(), ThreadPoolExecutor(1) as pool:
            return pool.submit(work, progress).result()
    finally:
        bar.clear()
