"""Ends a tool whose reader has left (`| head`) as `finwait` ends: without a traceback, with code 141."""

import os
import sys
from collections.abc import Callable

from finwait.cli.codes import READER_LEFT


def quietly(main: Callable[[], int | bool | None]) -> int:
    """Run a tool; give its exit code. What is set up is taken down as on any exception."""
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # nothing more fails when Python flushes
        return READER_LEFT
    return int(code or 0)
