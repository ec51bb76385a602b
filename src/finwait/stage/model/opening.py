"""socket, bind, listen, accept, connect, shutdown, close, pipe, fcntl, ioctl."""

from finwait.endpoint import Errno, Option
from finwait.stage.model import datagrams
from finwait.stage.model.arguments import number, remote
from finwait.stage.model.descriptors import Epoll, Pipe, PipeEnd, TcpSocket, UdpSocket
from finwait.stage.model.numbers import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    F_GETFD,
    F_GETFL,
    F_SETFD,
    F_SETFL,
    FIONBIO,
    FIONREAD,
    IPPROTO_TCP,
    IPPROTO_UDP,
    O_NONBLOCK,
    O_RDWR,
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SIOCATMARK,
    SIOCOUTQ,
    SIOCOUTQNSD,
    SOCK_DGRAM,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOCK_TYPES,
)
from finwait.stage.model.outcome import Failed, Play, checked, done
from finwait.stage.model.world import World
from finwait.stage.private import PRIVATE_NUMBERS
from finwait.stage.stage import Result, Value
from finwait.tcp import State
from finwait.wire import Address

SECOND = 1_000_000
OPENING = frozenset({State.SYN_SENT, State.SYN_RECEIVED})
FIONWRITE, FIONSPACE = PRIVATE_NUMBERS["FIONWRITE"], PRIVATE_NUMBERS["FIONSPACE"]


def socket(world: World, domain: Value, kind: Value, protocol: Value) -> Result:
    """socket(2): TCP and UDP. EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT."""
    family = world.domain if domain is None else number(domain)
    if family not in {AF_INET, AF_INET6}:
        raise Failed("EAFNOSUPPORT")
    flags = number(kind)
    nonblocking = bool(flags & SOCK_NONBLOCK)
    shape = flags & SOCK_TYPES
    if shape == SOCK_STREAM and number(protocol) in {0, IPPROTO_TCP}:
        handle = world.host.open(6 if family == AF_INET6 else 4)
        return done(world.descriptors.add(TcpSocket(handle, family, nonblocking)))
    if shape == SOCK_DGRAM and number(protocol) in {0, IPPROTO_UDP}:
        return done(world.descriptors.add(UdpSocket(family, nonblocking)))
    known = shape in {SOCK_STREAM, SOCK_DGRAM}
    raise Failed("EPROTONOSUPPORT" if known else "ESOCKTNOSUPPORT")


def bind(world: World, fd: Value, address: Value, length: Value) -> Result:
    """bind(2) to the script's own address."""
    del address, length
    held = world.descriptors.get(fd)
    if isinstance(held, UdpSocket):
        return datagrams.bind(world, held)
    held = world.descriptors.tcp(fd)
    checked(world.host.bind(held.handle, world.setup.local, world.setup.bind_port))
    return done()


def listen(world: World, fd: Value, backlog: Value) -> Result:
    """listen(2)."""
    held = world.descriptors.tcp(fd)
    checked(world.host.listen(world.now, held.handle, number(backlog)))
    return done()


def accept(world: World, fd: Value, address: Value, length: Value, flags: Value = 0) -> Play:
    """accept(2), accept4(2). EAGAIN, EINVAL."""
    del address, length
    held = world.descriptors.tcp(fd)
    while True:
        result = world.host.accept(world.now, held.handle)
        if result.error is not Errno.EAGAIN or held.nonblocking:
            break
        yield None
    child = TcpSocket(checked(result).value, held.domain)
    # BSD's accept gives the listener's mode to the child (accept(2) of FreeBSD); Linux's does not.
    child.nonblocking = bool(number(flags) & SOCK_NONBLOCK) or (
        held.nonblocking and not world.linux
    )
    child.linger_seconds = held.linger_seconds
    child.remembered = dict(held.remembered)
    child.errors.enabled = held.errors.enabled
    return done(world.descriptors.add(child))


def connect(world: World, fd: Value, address: Value, length: Value) -> Result | Play:
    """connect(2) to the script's peer; AF_UNSPEC disconnects."""
    del length
    held = world.descriptors.get(fd)
    if isinstance(held, UdpSocket):
        return datagrams.connect(world, held, address)
    held = world.descriptors.tcp(fd)
    if isinstance(address, int) and address == AF_UNSPEC:
        held.deferred = None
        checked(world.host.disconnect(world.now, held.handle))
        return done()
    return _connect_tcp(world, held, remote(world, address))


def _connect_tcp(world: World, held: TcpSocket, peer: tuple[Address, int]) -> Play:
    if held.deferred is not None:
        raise Failed("EISCONN")  # Linux inet_stream_connect: a deferred connect counts as made
    before = world.host.connection(held.handle)
    result = world.did(world.host.connect(world.now, held.handle, *peer))
    if result.error is None and before is None and world.host.connection(held.handle) is None:
        held.deferred = peer  # TCP_FASTOPEN_CONNECT
    waits = result.error is Errno.EINPROGRESS or (
        result.error is Errno.EALREADY and not held.nonblocking
    )
    if waits and not held.nonblocking:
        yield from wait_opened(world, held)
        result = world.host.connect(world.now, held.handle, *peer)
        if result.error is Errno.EISCONN:
            return done()
    checked(result)
    return done()


def wait_opened(world: World, held: TcpSocket) -> Play:
    """Sleep until the handshake is over, one way or the other."""

    def over() -> bool:
        c = world.host.connection(held.handle)
        return c is None or c.state not in OPENING

    yield from world.wait(over)
    return done()


def shutdown(world: World, fd: Value, how: Value) -> Result:
    """shutdown(2). EINVAL, ENOTCONN."""
    held = world.descriptors.tcp(fd)
    way = number(how)
    if way not in {SHUT_RD, SHUT_WR, SHUT_RDWR}:
        raise Failed("EINVAL")
    read, write = way in {SHUT_RD, SHUT_RDWR}, way in {SHUT_WR, SHUT_RDWR}
    checked(world.host.shutdown(world.now, held.handle, read=read, write=write))
    return done()


def close(world: World, fd: Value) -> Result | Play:
    """close(2). With SO_LINGER > 0 it sleeps until all is acknowledged, at most so long."""
    if not isinstance(fd, int):
        raise Failed("EBADF")
    held = world.descriptors.drop(fd)
    if isinstance(held, TcpSocket):
        return _close_tcp(world, held)
    if isinstance(held, PipeEnd):
        if held.writes:
            held.pipe.writers -= 1
        else:
            held.pipe.readers -= 1
    return done()


def _close_tcp(world: World, held: TcpSocket) -> Play:
    linger = world.host.get_option(held.handle, Option.SO_LINGER).value
    checked(world.did(world.host.close(world.now, held.handle)))
    # FreeBSD soclose does not wait for a socket that is not to block; Linux tcp_close does.
    if linger > 0 and (world.linux or not held.nonblocking):
        until = world.now + linger * SECOND
        yield from world.wait(lambda: not world.host.lingers(held.handle), until)
    return done()


def pipe(world: World, ends: Value, flags: Value = 0) -> Result:
    """pipe(2)."""
    del ends
    made, nonblocking = Pipe(), bool(number(flags) & O_NONBLOCK)
    out = world.descriptors.add(PipeEnd(made, writes=False, nonblocking=nonblocking))
    into = world.descriptors.add(PipeEnd(made, writes=True, nonblocking=nonblocking))
    return done(fds=[out, into])


def fcntl(world: World, fd: Value, command: Value, argument: Value = 0) -> Result:
    """fcntl(2): F_GETFL, F_SETFL, F_GETFD, F_SETFD. EINVAL for any other."""
    held, what = world.descriptors.get(fd), number(command)
    if what == F_GETFL:
        if isinstance(held, PipeEnd):
            return done(int(held.writes) | (O_NONBLOCK if held.nonblocking else 0))
        return done(O_RDWR | (O_NONBLOCK if held.nonblocking else 0))
    if what == F_SETFL:
        held.nonblocking = bool(number(argument) & O_NONBLOCK)
        return done()
    if what in {F_GETFD, F_SETFD}:
        return done()
    raise Failed("EINVAL")


def ioctl(world: World, fd: Value, command: Value, argument: Value = None) -> Result:
    """ioctl(2): FIONREAD, SIOCOUTQ, SIOCOUTQNSD, FIONBIO, SIOCATMARK, and BSD's FIONWRITE and FIONSPACE. ENOTTY for any other."""
    held, what = world.descriptors.get(fd), number(command)
    if what == FIONBIO:
        held.nonblocking = bool(number(argument))
        return done()
    if isinstance(held, UdpSocket) and what == FIONREAD:
        return done(value=len(held.received[0]) if held.received else 0)
    if isinstance(held, PipeEnd) and what == FIONREAD:
        return done(value=len(held.pipe.octets))
    if isinstance(held, Epoll | PipeEnd | UdpSocket):
        raise Failed("ENOTTY")
    return done(value=_ask(world, held, what))


def _ask(world: World, held: TcpSocket, what: int) -> int:
    if world.host.status(held.handle).state is State.LISTEN and world.linux:
        raise Failed("EINVAL")  # Linux tcp_ioctl
    if what == FIONREAD:
        return world.host.unread(held.handle)
    if what in {SIOCOUTQ, FIONWRITE}:
        return world.host.unsent(held.handle)[0]
    if what == SIOCOUTQNSD:
        return world.host.unsent(held.handle)[1]
    if what == FIONSPACE:
        size = world.host.get_option(held.handle, Option.SO_SNDBUF).value
        return max(size - world.host.unsent(held.handle)[0], 0)
    if what == SIOCATMARK:
        return int(world.host.readiness(held.handle).urgent)
    raise Failed("ENOTTY")
