"""What a connection can be given: calls of its user, segments, ICMP errors and the passing of time; and what it gives back."""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, TypeAlias

from finwait.tcp import Segment

if TYPE_CHECKING:
    from finwait.endpoint.connection import Connection


class Errno(StrEnum):
    """Why a call failed, or what a connection died of: the names of POSIX."""

    EADDRINUSE = "EADDRINUSE"
    EADDRNOTAVAIL = "EADDRNOTAVAIL"
    EAGAIN = "EAGAIN"
    EALREADY = "EALREADY"
    ECONNABORTED = "ECONNABORTED"
    ECONNREFUSED = "ECONNREFUSED"
    ECONNRESET = "ECONNRESET"
    EHOSTUNREACH = "EHOSTUNREACH"
    EINPROGRESS = "EINPROGRESS"
    EINVAL = "EINVAL"
    EISCONN = "EISCONN"
    EMSGSIZE = "EMSGSIZE"
    ENETUNREACH = "ENETUNREACH"
    ENOPROTOOPT = "ENOPROTOOPT"
    ENOTCONN = "ENOTCONN"
    EOPNOTSUPP = "EOPNOTSUPP"
    EPIPE = "EPIPE"
    EPROTO = "EPROTO"
    ETIMEDOUT = "ETIMEDOUT"


class Option(StrEnum):
    """Socket options, by the names of Linux. Values are integers in the unit of the system call; pairs are said."""

    SO_LINGER = "SO_LINGER"
    """Seconds; negative: off. (`struct linger` with l_onoff = 0 is -1.)"""
    SO_KEEPALIVE = "SO_KEEPALIVE"
    SO_RCVBUF = "SO_RCVBUF"
    """As the system call takes it; what is read back is what the system makes of it (Linux doubles)."""
    SO_SNDBUF = "SO_SNDBUF"
    SO_RCVLOWAT = "SO_RCVLOWAT"
    SO_REUSEADDR = "SO_REUSEADDR"
    SO_ERROR = "SO_ERROR"
    """Only read: 0, or an Errno; reading clears it."""
    TCP_NODELAY = "TCP_NODELAY"
    TCP_CORK = "TCP_CORK"
    """FreeBSD: TCP_NOPUSH."""
    TCP_MAXSEG = "TCP_MAXSEG"
    TCP_KEEPIDLE = "TCP_KEEPIDLE"
    """Seconds, as TCP_KEEPINTVL."""
    TCP_KEEPINTVL = "TCP_KEEPINTVL"
    TCP_KEEPCNT = "TCP_KEEPCNT"
    TCP_KEEPINIT = "TCP_KEEPINIT"
    """FreeBSD: seconds that a handshake may take."""
    TCP_SYNCNT = "TCP_SYNCNT"
    TCP_LINGER2 = "TCP_LINGER2"
    """Seconds; negative: no FIN-WAIT-2 at all; 0: the system's default."""
    TCP_DEFER_ACCEPT = "TCP_DEFER_ACCEPT"
    """Seconds."""
    TCP_WINDOW_CLAMP = "TCP_WINDOW_CLAMP"
    TCP_QUICKACK = "TCP_QUICKACK"
    TCP_USER_TIMEOUT = "TCP_USER_TIMEOUT"
    """Milliseconds."""
    TCP_FASTOPEN = "TCP_FASTOPEN"
    """Of a listener: how many connections may wait with data in their SYN; 0: off."""
    TCP_FASTOPEN_CONNECT = "TCP_FASTOPEN_CONNECT"
    TCP_NOTSENT_LOWAT = "TCP_NOTSENT_LOWAT"
    TCP_NOOPT = "TCP_NOOPT"
    """FreeBSD: no options in SYN segments."""
    TCP_REMOTE_UDP_ENCAPS_PORT = "TCP_REMOTE_UDP_ENCAPS_PORT"
    """FreeBSD: the peer's UDP port; 0: plain TCP."""
    IP_TTL = "IP_TTL"
    """Also IPV6_UNICAST_HOPS."""
    IP_TOS = "IP_TOS"
    """Also IPV6_TCLASS."""
    TCP_INQ = "TCP_INQ"


class IcmpKind(Enum):
    """What an ICMP error means to TCP (RFC 1122 section 4.2.3.9, RFC 5461 section 2)."""

    SOFT = "soft"
    """Net or host unreachable, time exceeded, source route failed."""
    HARD = "hard"
    """Protocol or port unreachable, administratively prohibited."""
    TOO_BIG = "too-big"
    """Fragmentation needed, packet too big."""


# --- what goes in ---


@dataclass(frozen=True, slots=True)
class Connect:
    """Active OPEN (RFC 9293 section 3.10.1); `data` goes into the SYN if fast open permits (RFC 7413)."""

    data: bytes = b""
    fast_open: bool = False
    """MSG_FASTOPEN, or TCP_FASTOPEN_CONNECT."""
    cookie: bytes | None = None
    """The cookie that the host remembers of the peer, None for none: then one is asked for."""
    cookie_experimental: bool = False
    """Use kind 254 (FOEXP), because the peer answered so before."""


@dataclass(frozen=True, slots=True)
class Send:
    """SEND (3.10.2)."""

    data: bytes
    more: bool = False
    """MSG_MORE."""
    urgent: bool = False
    """MSG_OOB: the last octet is urgent."""
    end_of_record: bool = False
    """MSG_EOR: later data does not join this segment."""


@dataclass(frozen=True, slots=True)
class Receive:
    """RECEIVE (3.10.3): up to `limit` octets."""

    limit: int
    peek: bool = False


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Close one direction or both without giving the connection up (RFC 9293 section 3.6.1)."""

    read: bool
    write: bool


@dataclass(frozen=True, slots=True)
class Close:
    """CLOSE of both directions; no process holds the connection any more (RFC 1122 section 4.2.2.13)."""


@dataclass(frozen=True, slots=True)
class Abort:
    """ABORT (3.10.5): also close with SO_LINGER 0, a socket that the administrator kills, connect to AF_UNSPEC."""


@dataclass(frozen=True, slots=True)
class SetOption:
    """Set a socket option that acts on the connection."""

    option: Option
    value: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A segment of the peer that belongs to this connection."""

    segment: Segment
    ecn: int = 0
    """The ECN field of its IP header (RFC 3168 section 5)."""
    fresh: "Connection | None" = None
    """What a listener at this address would begin with, in LISTEN: TIME-WAIT may give way to it."""


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP error that quotes a segment of ours."""

    kind: IcmpKind
    seq: int
    """The quoted sequence number."""
    error: Errno
    """What the user is told if it counts."""
    mtu: int = 0
    """Of TOO_BIG: the next hop's."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed: timers that are due go off."""


Input: TypeAlias = (
    Connect | Send | Receive | Shutdown | Close | Abort | SetOption | Arrival | IcmpError | Tick
)


# --- what comes out ---


class Happening(Enum):
    """What a user may want to wake up for."""

    CONNECTED = "connected"
    READABLE = "readable"
    """Data, the peer's FIN, or an error to collect."""
    WRITABLE = "writable"
    """Room in the send buffer again."""
    PEER_CLOSED = "peer-closed"
    """The peer's FIN arrived in order."""
    ERROR = "error"
    """The connection died; SO_ERROR says of what."""
    CLOSED = "closed"
    """CLOSED is reached: nothing more will be sent."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a call gave: a count or 0, octets, or an error."""

    value: int = 0
    data: bytes = b""
    error: Errno | None = None
