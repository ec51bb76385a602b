"""The command line. One module a verb, imported when that verb is called and not before.

Here is only the door: it imports next to nothing, so that Ctrl-C is understood from the first moment on.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""128 + SIGINT, as shells count (`finwait.cli.codes`)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code (`finwait.cli.codes`)."""
    try:
        with _starting():
            from finwait.cli.program import run
        return run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED


@contextmanager
def _starting() -> Iterator[None]:
    """Let Ctrl-C end the process while modules are imported: nothing has been done that had to be told.

    A KeyboardInterrupt could come in a callback of the import system, which prints it and goes on.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # somebody else's, or the shell had it ignored (nohup, &)
        return
    try:
        signal.signal(signal.SIGINT, _leave)
    except ValueError:
        yield  # not the main thread: the signal is not ours
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(number: int, frame: FrameType | None) -> None:
    del number, frame
    os._exit(INTERRUPTED)
