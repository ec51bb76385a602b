"""A capture as a comparison reads it: once to judge, once for the handshakes, once for each lot of connections."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from finwait import _core
from finwait.capture.connection import Connection, end
from finwait.capture.connections import Connections, Progress, blame
from finwait.compare.copies import fold
from finwait.compare.sighting import Seen, seen
from finwait.errors import FinwaitError

LOT: Final = 200_000
"""Segments of each capture that are held at once, about 1.2 KB each in memory."""
MOST: Final = LOT
"""Segments of one connection that are compared: of more, the first and the last."""


class Opening(NamedTuple):
    """What is known of a connection before its segments are read."""

    client: str
    server: str
    """Address and port, as `Connection` writes them."""
    isn: dict[str, int | None]
    segments: int

    @property
    def hosts(self) -> tuple[str, str]:
        """Give the addresses of both ends, the client's first."""
        return self.client.rpartition(":")[0], self.server.rpartition(":")[0]

    @property
    def ends(self) -> frozenset[str]:
        """Both ends, whoever called."""
        return frozenset((self.client, self.server))


class Capture:
    """One capture, read as far as it can be."""

    def __init__(self, path: str, file: str, progress: Progress | None = None) -> None:
        """`file` is what is read: another than `path` where that is standard input."""
        self.path = path
        self._files = [file]
        self._progress = None if progress is None else _unstopped(progress)
        self._analysis = _core.analyze(self._files, progress=self._progress)
        self.connections = Connections(self._analysis)
        openings, times = _core.openings(self._analysis, self._files, progress=self._progress)
        self.openings = [_opening(one) for one in openings]
        self.first, self.last = times or (0, 0)
        """When its first and its last frame came, whatever they hold; nanoseconds by its own clock."""
        self.empty = times is None
        """Whether it has no connection: then it is not read for its times."""

    @property
    def faults(self) -> list[FinwaitError]:
        """Where it broke."""
        names = {self._files[0]: self.path}
        return [blame(fault, names) for fault in self._analysis.faults]

    def seen(self, conns: Sequence[int]) -> dict[int, Seen]:
        """Read the segments of these connections, all in one reading."""
        if not conns:
            return {}
        told = _core.stories(
            self._analysis, self._files, list(conns), max_steps=MOST, progress=self._progress
        )
        found: dict[int, Seen] = {}
        told.reverse()
        for conn in conns:  # one after the other, so that both forms of it are held of one only
            found[conn] = seen(told.pop(), MOST // 2)
            fold(found[conn])
        return found

    def rows(self, conns: Sequence[int]) -> list[Connection]:
        """Give the rows of some connections, in order."""
        wanted = set(conns)
        records = self.connections.records() if wanted else ()
        return [Connection.of(record) for record in records if record["conn"] in wanted]


def _unstopped(progress: Progress) -> Progress:
    def told(done: int, total: int | None, frames: int, connections: int) -> bool:
        progress(done, total, frames, connections)
        return True

    return told


_Raw = tuple[str, int, str, int, int | None, int | None, int]


def _opening(raw: _Raw) -> Opening:
    client_ip, client_port, server_ip, server_port, client_isn, server_isn, segments = raw
    isn = {"client": client_isn, "server": server_isn}
    return Opening(end(client_ip, client_port), end(server_ip, server_port), isn, segments)


def same_file(a: str, b: str) -> bool:
    """Tell whether two paths name one file."""
    try:
        return Path(a).samefile(b)
    except OSError:
        return False
