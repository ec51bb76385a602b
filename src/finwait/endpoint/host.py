"""A host: sockets, listeners and the connections between them, sans-IO.

Time and packets come in by arguments, packets and events go out by `transmit` and `events`. A host is
deterministic: the same calls give the same packets.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from finwait.endpoint.calls import Errno, Happening, Option, Result
from finwait.endpoint.connection import Connection
from finwait.endpoint.profile import Profile
from finwait.endpoint.rules import Rule
from finwait.endpoint.status import Status
from finwait.wire import Address, Packet

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


class Host:
    """A TCP with its sockets.

    `isn` gives the initial sequence number of a new connection from its ends and the time (RFC 9293
    section 3.4.1). `ts_offset` is what its timestamp clock of milliseconds begins at.
    A call never raises for what the network or the peer did: it gives a Result with an errno.
    Misuse (a handle that never was) raises `finwait.errors.Misuse`.
    """

    def __init__(
        self,
        profile: Profile,
        addresses: Iterable[Address],
        isn: Callable[[Ends, int], int] | None = None,
        mtu: int = 1500,
        ts_offset: int = 0,
    ) -> None:
        raise NotImplementedError

    # --- calls ---

    def open(self, family: int = 4) -> Handle:
        """Make a socket (4: IPv4, 6: IPv6, which can speak IPv4 too)."""
        raise NotImplementedError

    def bind(self, socket: Handle, address: Address | None, port: int) -> Result:
        """Give a socket its local end; None: any address, 0: any port. EADDRINUSE, EINVAL."""
        raise NotImplementedError

    def listen(self, now: int, socket: Handle, backlog: int) -> Result:
        """Passive OPEN; on a listener: another backlog."""
        raise NotImplementedError

    def connect(self, now: int, socket: Handle, remote: Address, port: int) -> Result:
        """Active OPEN. Gives EINPROGRESS; CONNECTED or ERROR follows. EISCONN, EALREADY, or the error that it died of."""
        raise NotImplementedError

    def disconnect(self, now: int, socket: Handle) -> Result:
        """connect() to AF_UNSPEC: abort, and the socket is as new."""
        raise NotImplementedError

    def accept(self, now: int, socket: Handle) -> Result:
        """Take the oldest connection that waits: its handle is `value`. EAGAIN, EINVAL."""
        raise NotImplementedError

    def send(
        self,
        now: int,
        socket: Handle,
        data: bytes,
        *,
        more: bool = False,
        urgent: bool = False,
        end_of_record: bool = False,
        to: tuple[Address, int] | None = None,
        fast_open: bool = False,
    ) -> Result:
        """Queue as much of `data` as there is room for: `value`. EAGAIN if there is none, EPIPE, ENOTCONN, or its error.

        `to` with `fast_open` is sendto(MSG_FASTOPEN): connects, with data in the SYN if there is a cookie.
        """
        raise NotImplementedError

    def receive(self, now: int, socket: Handle, limit: int, *, peek: bool = False) -> Result:
        """Take up to `limit` octets: `data`, and `value` is their count; 0 at the end of data. EAGAIN, ENOTCONN, or its error."""
        raise NotImplementedError

    def shutdown(self, now: int, socket: Handle, *, read: bool, write: bool) -> Result:
        """Shut one direction or both. ENOTCONN."""
        raise NotImplementedError

    def close(self, now: int, socket: Handle) -> Result:
        """Let the socket go; the connection goes on by itself as long as TCP says. SO_LINGER 0 aborts.

        With SO_LINGER > 0 the caller may wait for CLOSED or the FIN's ACK: `lingers(socket)`.
        """
        raise NotImplementedError

    def abort(self, now: int, socket: Handle) -> Result:
        """ABORT as an administrator does it (ss -K, tcpdrop): RST where one is owed, ECONNABORTED to the user."""
        raise NotImplementedError

    def set_option(self, now: int, socket: Handle, option: Option, value: int) -> Result:
        """Set a socket option. EINVAL, ENOPROTOOPT."""
        raise NotImplementedError

    def get_option(self, socket: Handle, option: Option) -> Result:
        """Read a socket option: `value`; SO_ERROR: `error`, and it is cleared."""
        raise NotImplementedError

    # --- looking ---

    def readiness(self, socket: Handle) -> Readiness:
        """Say what a poll would."""
        raise NotImplementedError

    def status(self, now: int, socket: Handle) -> Status:
        """Say what TCP_INFO would."""
        raise NotImplementedError

    def connection(self, socket: Handle) -> Connection | None:
        """Give the connection of a socket, open or let go, if it has one."""
        raise NotImplementedError

    def ends(self, socket: Handle) -> Ends | None:
        """Give its four-tuple, of a listener or bound socket with the remote port 0."""
        raise NotImplementedError

    def unread(self, socket: Handle) -> int:
        """SIOCINQ: octets to read, without a FIN."""
        raise NotImplementedError

    def unsent(self, socket: Handle) -> tuple[int, int]:
        """SIOCOUTQ and SIOCOUTQNSD: octets not acknowledged, and of these not sent."""
        raise NotImplementedError

    def connections(self) -> list[tuple[Ends, Connection]]:
        """Every connection, also those that no user holds, those in TIME-WAIT too."""
        raise NotImplementedError

    # --- the network and time ---

    def arrive(self, now: int, packet: Packet) -> None:
        """Take a packet: a TCP segment or an ICMP error. Others are none of TCP's business and ignored."""
        raise NotImplementedError

    def deadline(self) -> int | None:
        """When `tick` has something to do next; None: never."""
        raise NotImplementedError

    def tick(self, now: int) -> None:
        """Let all timers that are due at `now` go off. Call it at each deadline, not later, for exact times."""
        raise NotImplementedError

    def transmit(self) -> list[Packet]:
        """Take the packets to send, in order. None is left."""
        raise NotImplementedError

    def events(self) -> list[Notice]:
        """Take what happened since the last time."""
        raise NotImplementedError

    def rules(self) -> list[Rule]:
        """Take the rules that fired since the last time."""
        raise NotImplementedError

    def configure(self, profile: Profile) -> None:
        """Change the profile, as a sysctl does: for sockets and connections that exist, too."""
        raise NotImplementedError
