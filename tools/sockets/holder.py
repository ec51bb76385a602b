"""Processes that hold a socket so that they can be killed with it: what closes then is closed by the kernel."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress

from finwait.kernel.namespace import die_with_parent


class Holder:
    """A process without any descriptor but those it is given."""

    def __init__(self) -> None:
        ours, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            _hold(far.fileno(), parent)
        far.close()
        self._door = ours

    def take(self, given: socket.socket) -> None:
        """Give it a socket; ours is closed. It is the only one that has it when this returns."""
        socket.send_fds(self._door, [b"."], [given.fileno()])
        given.close()
        self._door.recv(1)

    def kill(self) -> None:
        """SIGKILL, and wait until its descriptors are closed."""
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        self._door.close()


def _hold(door: int, parent: int) -> None:
    """What the process does; it never returns."""
    try:
        die_with_parent()
        os.closerange(3, door)
        os.closerange(door + 1, 1 << 16)
        with socket.socket(fileno=door) as mine:
            while os.getppid() == parent:
                data, _, _, _ = socket.recv_fds(mine, 1, 1)
                if not data:
                    break
                mine.send(b".")
    finally:
        os._exit(0)
