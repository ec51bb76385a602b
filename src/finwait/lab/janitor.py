"""Sweeps up when a runner is gone, however it went: tracing instances are the only things that do not end with a process."""

import os
import select
import signal
from contextlib import suppress

from finwait.lab.kernel_words import can_trace, sweep
from finwait.lab.netns import private_mounts


class Janitor:
    """A process that waits until the runner and all that it started are gone, and removes their tracing instances.

    It learns of that by a pipe whose other end they all hold. Where tracefs is not permitted there is nothing to do.
    """

    def __init__(self) -> None:
        runner = os.getpid()
        read, self._write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._write)
            _wait_and_sweep(read, runner)
        os.close(read)

    def close(self) -> None:
        """Say that all is done, and wait until it is swept."""
        os.close(self._write)
        os.waitpid(self._pid, 0)


def _wait_and_sweep(read: int, runner: int) -> None:
    """What the child does; it never returns."""
    try:
        os.setsid()  # Ctrl-C and a SIGKILL of the runner's group do not reach it
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        with suppress(OSError):
            private_mounts()
        if not can_trace():
            os._exit(0)
        sweep()
        select.select([read], [], [])
        sweep(runner)
    finally:
        os._exit(0)
