"""What a host keeps: sockets, the connections behind them, listeners with their queues."""

from dataclasses import dataclass, field
from typing import TypeAlias

from finwait.endpoint.calls import Errno, Happening
from finwait.endpoint.connection import Connection
from finwait.endpoint.settings import Settings
from finwait.tcp import State
from finwait.wire import Address

Handle: TypeAlias = int
"""A socket, as a user holds it. Never reused."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The four-tuple, seen from this host."""

    local: Address
    local_port: int
    remote: Address
    remote_port: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something happened to a socket."""

    socket: Handle
    happening: Happening


@dataclass(frozen=True, slots=True)
class Readiness:
    """What poll(2) would say of a socket."""

    readable: bool
    """POLLIN: data, end of data, an error, or a connection to accept."""
    writable: bool
    """POLLOUT."""
    peer_closed: bool
    """POLLRDHUP: the peer's FIN is in, or reading was shut down."""
    hung_up: bool
    """POLLHUP: both directions are shut, or it is closed."""
    error: Errno | None
    """POLLERR: what SO_ERROR would say."""
    urgent: bool
    """POLLPRI."""


@dataclass(slots=True, eq=False)
class Entry:
    """A connection in the demultiplexer."""

    ends: Ends
    connection: Connection
    socket: Handle | None = None
    """Who holds it; None: nobody yet, or nobody any more."""
    listener: Handle | None = None
    """Whose queue it waits in."""
    udp_ports: tuple[int, int] | None = None
    """Of TCP in UDP: ours and the peer's."""
    cookie_kept: bool = False


@dataclass(slots=True)
class Listener:
    """The queues of a listening socket."""

    connection: Connection
    """In LISTEN."""
    backlog: int
    waiting: list[Ends] = field(default_factory=list)
    """In SYN-RECEIVED."""
    ready: list[Entry] = field(default_factory=list)
    """To be accepted, oldest first."""


@dataclass(slots=True)
class Socket:
    """A socket before, with, and after a connection."""

    handle: Handle
    family: int
    settings: Settings
    address: Address | None = None
    port: int = 0
    entry: Entry | None = None
    listener: Listener | None = None
    error: Errno | None = None
    told_connected: bool = False
    open: bool = True

    @property
    def connection(self) -> Connection | None:
        """Its connection, if it has or had one."""
        return self.entry.connection if self.entry else None


def readiness(socket: Socket) -> Readiness:
    """Say what a poll would."""
    if socket.listener is not None:
        return Readiness(bool(socket.listener.ready), False, False, False, None, False)
    c = socket.connection
    if c is None:
        return Readiness(False, True, False, True, socket.error, False)
    closed = c.state is State.CLOSED
    opening = c.state in {State.SYN_SENT, State.SYN_RECEIVED} and not c.fast_open_child
    ended = c.peer_fin is not None or c.read_shut or closed
    shut = c.write_shut or closed
    enough = len(c.received) >= max(c.settings.receive_low_water, 1)
    return Readiness(
        readable=not opening and (enough or ended or c.error is not None),
        writable=not opening and (shut or has_room(c)),
        peer_closed=ended,
        hung_up=closed or (shut and ended),
        error=c.error,
        urgent=c.rcv_urgent is not None and c.rcv_urgent.after(c.rcv_nxt - len(c.received)),
    )


def has_room(c: Connection) -> bool:
    """Say whether a third of the send buffer is free (Linux sk_stream_is_writeable), and the unsent part small."""
    size = c.settings.send_buffer
    if c.profile.buffer_overhead and not c.settings.send_buffer_set:
        size = c.profile.send_buffer_max
    held = len(c.unsent) + sum(len(sent.data) for sent in c.queue)
    low = c.settings.not_sent_low_water
    return size - held >= max(held // 2, 1) and (not low or len(c.unsent) < low)
