"""SIGTERM, for verbs that end their work where Ctrl-C ends it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from finwait.cli import codes


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


@contextmanager
def terminable() -> Iterator[None]:
    """Raise Terminated at the first SIGTERM; a second one ends the process at once. Only the main thread can."""

    def take(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL)
        raise Terminated

    before = signal.signal(signal.SIGTERM, take)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def code_of(interrupt: KeyboardInterrupt) -> int:
    """Tell the exit code of Ctrl-C, or of SIGTERM."""
    return codes.TERMINATED if isinstance(interrupt, Terminated) else codes.INTERRUPTED
