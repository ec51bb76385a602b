"""Waking a system call that sleeps too long, by a signal (SIGALRM) that interrupts it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

AGAIN: Final = 0.05
"""Seconds until it rings once more: one that came just before the call began to sleep has woken nobody."""
SOONEST: Final = 0.001
"""Seconds; an alarm of 0 would be none."""


class Alarm:
    """Rings in the main thread, the only one that Python gives signals to; in another thread it never rings."""

    def __init__(self) -> None:
        self.rang = False
        self._works = threading.current_thread() is threading.main_thread()
        if self._works:
            # Python sets no SA_RESTART: an interrupted call fails with EINTR.
            self._before = signal.signal(signal.SIGALRM, self._ring)

    @contextmanager
    def at(self, seconds: float) -> Iterator[None]:
        """Ring after so long, and again and again, unless what is inside has ended before."""
        self.rang = False
        if not self._works:
            yield
            return
        signal.setitimer(signal.ITIMER_REAL, max(seconds, SOONEST), AGAIN)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.rang = True

    def close(self) -> None:
        """Give the signal back."""
        if self._works:
            signal.signal(signal.SIGALRM, self._before)
