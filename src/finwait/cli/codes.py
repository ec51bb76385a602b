"""Exit codes, the same for every verb. docs/cli.md and `--help` list them."""

from finwait import errors
from finwait.cli import INTERRUPTED as INTERRUPTED  # noqa: PLC0414  # the door needs it before this module

DONE = 0
MISUSE = 1
BAD_INPUT = 2
"""A capture or a script is broken. Everything before the break was told."""
REFUSED = 3
"""The operating system refused: no such file, no permission, a missing privilege, a full disk."""
NOT_SAME = 4
"""`finwait lab`: something differs from what was expected, or an experiment stopped. `finwait reproduce`: the script gives
another close."""
SCRIPT_FAILED = 4
"""`finwait run`: a script was played, and the stack did something else than it expects."""
BUG = 70
"""EX_SOFTWARE of sysexits.h: an exception that finwait did not foresee."""
READER_LEFT = 141
"""128 + SIGPIPE: whoever read standard output went away."""
TERMINATED = 143
"""128 + SIGTERM."""


def code_of(error: errors.FinwaitError) -> int:
    """Tell the exit code by whose fault it is."""
    match error:
        case errors.BadCapture() | errors.BadScript():
            return BAD_INPUT
        case errors.CannotOpen() | errors.CannotWrite() | errors.MissingPrivilege():
            return REFUSED
        case _:
            return MISUSE
