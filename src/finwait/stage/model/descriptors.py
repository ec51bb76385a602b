"""What a descriptor of the model stands for, and the table of them."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from finwait.endpoint import Handle
from finwait.stage.model.outcome import Failed
from finwait.stage.model.zerocopy import ErrorQueue
from finwait.wire import Address

FIRST = 3
"""After standard input, output and error."""
PIPE_SIZE = 65536
"""Linux's default capacity of a pipe, pipe(7)."""


@dataclass(slots=True, eq=False)
class TcpSocket:
    """A stream socket; what it can do is the host's `handle`."""

    handle: Handle
    domain: int
    nonblocking: bool = False
    linger_seconds: int = 0
    """What SO_LINGER last said, read back also while it is off."""
    errors: ErrorQueue = field(default_factory=ErrorQueue)
    deferred: tuple[Address, int] | None = None
    """Where TCP_FASTOPEN_CONNECT will connect to at the first write."""
    remembered: dict[tuple[int, int], int] = field(default_factory=dict)
    """Options that are kept and read back and change nothing here, by level and name."""


@dataclass(slots=True, eq=False)
class UdpSocket:
    """A datagram socket."""

    domain: int
    nonblocking: bool = False
    local: Address | None = None
    port: int = 0
    peer: tuple[Address, int] | None = None
    received: deque[bytes] = field(default_factory=deque)
    error: str | None = None
    """What an ICMP error left for the next call."""
    ttl: int | None = None
    tos: int = 0
    remembered: dict[tuple[int, int], int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Pipe:
    """The octets between two ends of a pipe."""

    octets: bytes = b""
    readers: int = 1
    writers: int = 1


@dataclass(slots=True, eq=False)
class PipeEnd:
    """One end of a pipe."""

    pipe: Pipe
    writes: bool
    nonblocking: bool = False


@dataclass(slots=True, eq=False)
class Interest:
    """What an epoll watches of one descriptor."""

    object: "Object"
    events: int
    data: dict[str, int]
    """The member of `epoll_data` that was given, by name."""
    fresh: bool = True
    """Something that it watches happened since it was last told (EPOLLET)."""
    disabled: bool = False
    """EPOLLONESHOT told it."""


@dataclass(slots=True, eq=False)
class Epoll:
    """An epoll instance: descriptor → interest, in the order of adding."""

    interests: dict[int, Interest] = field(default_factory=dict)
    nonblocking: bool = False


Object: TypeAlias = TcpSocket | UdpSocket | PipeEnd | Epoll


class Descriptors:
    """fd → what it stands for."""

    def __init__(self) -> None:
        self._open: dict[int, Object] = {}

    def add(self, made: Object) -> int:
        """Give the lowest free number, as POSIX says."""
        fd = FIRST
        while fd in self._open:
            fd += 1
        self._open[fd] = made
        return fd

    def get(self, fd: object) -> Object:
        """Look one up. Failed(EBADF)."""
        found = self._open.get(fd) if isinstance(fd, int) else None
        if found is None:
            raise Failed("EBADF")
        return found

    def drop(self, fd: int) -> Object:
        """Take one out of the table, and out of every epoll. Failed(EBADF)."""
        gone = self.get(fd)
        del self._open[fd]
        for other in self._open.values():
            if isinstance(other, Epoll):
                other.interests.pop(fd, None)
        return gone

    def __contains__(self, fd: int) -> bool:
        return fd in self._open

    def __iter__(self) -> Iterator[Object]:
        return iter(self._open.values())

    def tcp(self, fd: object) -> TcpSocket:
        """Look a TCP socket up. Failed(EBADF), Failed(ENOTSOCK)."""
        found = self.get(fd)
        if not isinstance(found, TcpSocket):
            raise Failed("EOPNOTSUPP" if isinstance(found, UdpSocket) else "ENOTSOCK")
        return found
