"""The command line. One module a verb, imported when that verb is called and not before.

Here is only the door: it imports next to nothing, so that Ctrl-C is understood from the first moment on.
"""

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

INTERRUPTED = 130
"""128 + SIGINT, as shells count (`finwait.cli.codes`)."""


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run one verb and return its exit code (`finwait.cli.codes`)."""
    try:
        ours = _listen()
        from finwait.cli.program import run

        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED


def _listen() -> bool:
    """Let Ctrl-C end the process while modules are imported: nothing has been done that had to be told.

    A KeyboardInterrupt could come in a callback of the import system, which prints it and goes on.
    Says whether the signal is ours to take.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return False  # somebody else's, or the shell had it ignored (nohup, &)
    try:
        signal.signal(signal.SIGINT, _leave)
    except ValueError:
        return False  # not the main thread
    return True


def _leave(number: int, frame: "FrameType | None") -> None:
    del number, frame
    os._exit(INTERRUPTED)
