"""getsockopt and setsockopt: one table of what there is, by level and name."""

from dataclasses import dataclass
from typing import Final

from finwait.endpoint import Errno, Option
from finwait.stage.model.arguments import member, number
from finwait.stage.model.descriptors import TcpSocket, UdpSocket
from finwait.stage.model.numbers import (
    ERRNO,
    IPPROTO_TCP,
    IPPROTO_UDP,
    SO_ACCEPTCONN,
    SO_DOMAIN,
    SO_ERROR,
    SO_LINGER,
    SO_PROTOCOL,
    SO_TYPE,
    SO_ZEROCOPY,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_IP,
    SOL_IPV6,
    SOL_SOCKET,
    SOL_TCP,
    SOL_UDP,
)
from finwait.stage.model.outcome import Failed, checked, done
from finwait.stage.model.world import World
from finwait.stage.private import PRIVATE_NUMBERS
from finwait.stage.stage import Result, Value
from finwait.tcp import State

LINGER_ON_BSD: Final = 0x80
"""FreeBSD gives the bit of SO_LINGER back where Linux gives 1."""
CONGESTION, FASTOPEN_KEY, FUNCTION_BLOCK = 13, 33, PRIVATE_NUMBERS["TCP_FUNCTION_BLK"]
PORT_MAX: Final = 0xFFFF
COOKIE_KEYS: Final = {16, 32}
"""Octets of one or two keys (Linux TCP_FASTOPEN_KEY_LENGTH)."""


@dataclass(frozen=True, slots=True)
class Known:
    """An option of the endpoint."""

    option: Option
    linux: bool = True
    bsd: bool = True


KNOWN: Final = {
    (SOL_SOCKET, 2): Known(Option.SO_REUSEADDR),
    (SOL_SOCKET, 7): Known(Option.SO_SNDBUF),
    (SOL_SOCKET, 8): Known(Option.SO_RCVBUF),
    (SOL_SOCKET, 9): Known(Option.SO_KEEPALIVE),
    (SOL_SOCKET, 18): Known(Option.SO_RCVLOWAT),
    (SOL_SOCKET, 32): Known(Option.SO_SNDBUF, bsd=False),
    (SOL_SOCKET, 33): Known(Option.SO_RCVBUF, bsd=False),
    (SOL_TCP, 1): Known(Option.TCP_NODELAY),
    (SOL_TCP, 2): Known(Option.TCP_MAXSEG),
    (SOL_TCP, 3): Known(Option.TCP_CORK, bsd=False),
    (SOL_TCP, 4): Known(Option.TCP_KEEPIDLE),
    (SOL_TCP, 5): Known(Option.TCP_KEEPINTVL),
    (SOL_TCP, 6): Known(Option.TCP_KEEPCNT),
    (SOL_TCP, 7): Known(Option.TCP_SYNCNT, bsd=False),
    (SOL_TCP, 8): Known(Option.TCP_LINGER2, bsd=False),
    (SOL_TCP, 9): Known(Option.TCP_DEFER_ACCEPT, bsd=False),
    (SOL_TCP, 10): Known(Option.TCP_WINDOW_CLAMP, bsd=False),
    (SOL_TCP, 12): Known(Option.TCP_QUICKACK, bsd=False),
    (SOL_TCP, 18): Known(Option.TCP_USER_TIMEOUT),
    (SOL_TCP, 23): Known(Option.TCP_FASTOPEN),
    (SOL_TCP, 25): Known(Option.TCP_NOTSENT_LOWAT, bsd=False),
    (SOL_TCP, 30): Known(Option.TCP_FASTOPEN_CONNECT, bsd=False),
    (SOL_TCP, 36): Known(Option.TCP_INQ, bsd=False),
    (SOL_TCP, PRIVATE_NUMBERS["TCP_NOPUSH"]): Known(Option.TCP_CORK, linux=False),
    (SOL_TCP, PRIVATE_NUMBERS["TCP_NOOPT"]): Known(Option.TCP_NOOPT, linux=False),
    (SOL_TCP, PRIVATE_NUMBERS["TCP_KEEPINIT"]): Known(Option.TCP_KEEPINIT, linux=False),
    (SOL_TCP, PRIVATE_NUMBERS["TCP_REMOTE_UDP_ENCAPS_PORT"]): Known(
        Option.TCP_REMOTE_UDP_ENCAPS_PORT, linux=False
    ),
    (SOL_IP, 1): Known(Option.IP_TOS),
    (SOL_IP, 2): Known(Option.IP_TTL),
    (SOL_IPV6, 16): Known(Option.IP_TTL),
    (SOL_IPV6, 67): Known(Option.IP_TOS),
}
"""Options that act, by Linux's numbers (socket.h, tcp.h, in.h, in6.h) or private ones."""

REMEMBERED: Final = frozenset(
    {
        *((SOL_SOCKET, name) for name in (1, 5, 6, 10, 11, 12, 15, 16, 19, 29, 35, 36, 37, 46)),
        *((SOL_SOCKET, name) for name in (47, 49, 60, 61)),
        *((SOL_TCP, name) for name in (16, 17, 24, 27, 34, 37)),
        *((SOL_IP, name) for name in (10, 11, 13, 15, 19, 24)),
        *((SOL_IPV6, name) for name in (23, 25, 26, 66, 70, 75)),
        (SOL_IPV6, PRIVATE_NUMBERS["IPV6_USE_MIN_MTU"]),
    }
)
"""Kept and read back; nothing in the model depends on them: SO_DEBUG, SO_DONTROUTE, SO_BROADCAST, SO_OOBINLINE, SO_NO_CHECK,
SO_PRIORITY, SO_REUSEPORT, SO_PASSCRED, SO_SNDLOWAT, SO_TIMESTAMP(NS|ING), SO_MARK, SO_BUSY_POLL, SO_MAX_PACING_RATE,
SO_INCOMING_CPU, SO_ZEROCOPY, SO_TXTIME; TCP_THIN_*, TCP_TIMESTAMP, TCP_SAVE_SYN, TCP_FASTOPEN_NO_COOKIE, TCP_TX_DELAY;
IP_MTU_DISCOVER, IP_RECVERR, IP_RECVTOS, IP_FREEBIND, IP_TRANSPARENT, IP_BIND_ADDRESS_NO_PORT; IPV6_* likewise."""


def setsockopt(
    world: World, fd: Value, level: Value, name: Value, value: Value, length: Value
) -> Result:
    """setsockopt(2). ENOPROTOOPT for what neither acts nor is remembered."""
    del length
    held, key = world.descriptors.get(fd), (number(level), number(name))
    if isinstance(held, UdpSocket):
        return _set_udp(held, key, value)
    held = world.descriptors.tcp(fd)
    if key == (SOL_SOCKET, SO_LINGER):
        return _set_linger(world, held, value)
    if key == (SOL_TCP, FASTOPEN_KEY) and world.linux:
        if not isinstance(value, bytes) or len(value) not in COOKIE_KEYS:
            raise Failed("EINVAL")
        held.remembered[key] = 1
        return done()
    if key == (SOL_TCP, FUNCTION_BLOCK) and not world.linux:
        if not str(member(value, "function_set_name")).startswith(("freebsd", "b'freebsd")):
            raise Failed("ENOENT")  # only the base stack is modelled
        return done()
    option = _known(world, key)
    if option is not None:
        _check(world, held, option, value)
        checked(world.host.set_option(world.now, held.handle, option, number(value)))
        return done()
    if key in REMEMBERED:
        held.remembered[key] = number(value)
        held.errors.enabled = bool(held.remembered.get((SOL_SOCKET, SO_ZEROCOPY), 0))
        return done()
    raise Failed("ENOPROTOOPT")


def _check(world: World, held: TcpSocket, option: Option, value: Value) -> None:
    """What depends on the host or the state. Failed(EOPNOTSUPP), Failed(EINVAL)."""
    if option is Option.TCP_FASTOPEN_CONNECT and not world.profile.fast_open_client:
        raise Failed("EOPNOTSUPP")
    if option is Option.TCP_REMOTE_UDP_ENCAPS_PORT:
        # A port, before the connection, on a host that takes TCP in UDP (FreeBSD tcp_ctloutput).
        port = number(value)
        fresh = world.host.status(held.handle).state is State.CLOSED
        if not fresh or not 0 <= port <= PORT_MAX or (port and not world.host.udp_port):
            raise Failed("EINVAL")


def _known(world: World, key: tuple[int, int]) -> Option | None:
    known = KNOWN.get(key)
    if known is None or not (known.linux if world.linux else known.bsd):
        return None
    return known.option


def _set_linger(world: World, held: TcpSocket, value: Value) -> Result:
    on = number(member(value, "onoff", member(value, "l_onoff", 0)))
    seconds = number(member(value, "linger", member(value, "l_linger", 0)))
    held.linger_seconds = seconds
    chosen = seconds if on else -1
    checked(world.host.set_option(world.now, held.handle, Option.SO_LINGER, chosen))
    return done()


def _set_udp(held: UdpSocket, key: tuple[int, int], value: Value) -> Result:
    if key in {(SOL_IP, 1), (SOL_IPV6, 67)}:
        held.tos = number(value)
    elif key in {(SOL_IP, 2), (SOL_IPV6, 16)}:
        held.ttl = number(value)
    elif key[0] == SOL_TCP or (key not in KNOWN and key not in REMEMBERED):
        raise Failed("ENOPROTOOPT")
    held.remembered[key] = number(value)
    return done()


def getsockopt(
    world: World, fd: Value, level: Value, name: Value, value: Value, length: Value
) -> Result:
    """getsockopt(2). ENOPROTOOPT."""
    del value
    held, key = world.descriptors.get(fd), (number(level), number(name))
    size = 4 if length is None else number(length)
    if isinstance(held, UdpSocket):
        found: Value = _get_udp(held, key)
    else:
        held = world.descriptors.tcp(fd)
        if key == (SOL_SOCKET, SO_LINGER):
            found, size = _get_linger(world, held), 8
        elif key == (SOL_TCP, CONGESTION):
            found = b"newreno" if not world.linux else b"cubic"
        else:
            found = _get_tcp(world, held, key)
    return done(value=found, length=len(found) if isinstance(found, bytes) else size)


def _get_linger(world: World, held: TcpSocket) -> dict[str, Value]:
    on = world.host.get_option(held.handle, Option.SO_LINGER).value >= 0
    mark = 1 if world.linux else LINGER_ON_BSD
    return {"onoff": mark if on else 0, "linger": held.linger_seconds}


def _get_tcp(world: World, held: TcpSocket, key: tuple[int, int]) -> int:
    if key == (SOL_SOCKET, SO_ERROR):
        error = world.host.get_option(held.handle, Option.SO_ERROR).error
        return 0 if error is None else ERRNO[error.value]
    if key == (SOL_SOCKET, SO_ACCEPTCONN):
        return int(world.host.status(held.handle).state is State.LISTEN)
    plain = {SO_TYPE: SOCK_STREAM, SO_PROTOCOL: IPPROTO_TCP, SO_DOMAIN: held.domain}
    if key[0] == SOL_SOCKET and key[1] in plain:
        return plain[key[1]]
    option = _known(world, key)
    if option is not None:
        result = world.host.get_option(held.handle, option)
        if result.error is Errno.ENOPROTOOPT and key in held.remembered:
            return held.remembered[key]
        return checked(result).value
    if key in REMEMBERED:
        return held.remembered.get(key, 0)
    raise Failed("ENOPROTOOPT")


def _get_udp(held: UdpSocket, key: tuple[int, int]) -> int:
    if key == (SOL_SOCKET, SO_ERROR):
        error, held.error = held.error, None
        return 0 if error is None else ERRNO[error]
    plain = {SO_TYPE: SOCK_DGRAM, SO_PROTOCOL: IPPROTO_UDP, SO_DOMAIN: held.domain}
    if key[0] == SOL_SOCKET and key[1] in plain:
        return plain[key[1]]
    if key in held.remembered:
        return held.remembered[key]
    if key in KNOWN and key[0] not in {SOL_TCP, SOL_UDP}:
        return 0
    raise Failed("ENOPROTOOPT")
