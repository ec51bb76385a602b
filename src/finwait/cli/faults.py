"""Captures that broke or could not be opened, told on standard error."""

import sys
from collections.abc import Sequence

from finwait.cli import codes
from finwait.errors import FinwaitError
from finwait.verdict.language import Lang


def told(faults: Sequence[FinwaitError], lang: Lang) -> int:
    """Warn of each; return the exit code that they ask for, 0 if there is none."""
    for fault in faults:
        print(f"finwait: {fault.say(lang)}", file=sys.stderr)
    # A broken capture outweighs one that could not be opened: 2 before 3.
    return min(map(codes.code_of, faults), default=codes.DONE)
