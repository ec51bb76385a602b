"""read, write and all their kin, on sockets and pipes."""

from finwait.endpoint import Errno, Option
from finwait.endpoint import Result as EndpointResult
from finwait.stage.model import datagrams
from finwait.stage.model.arguments import (
    NULL,
    is_null,
    member,
    number,
    octets,
    remote,
    vector,
)
from finwait.stage.model.descriptors import PIPE_SIZE, PipeEnd, TcpSocket, UdpSocket
from finwait.stage.model.numbers import (
    AF_UNSPEC,
    MSG_DONTWAIT,
    MSG_EOR,
    MSG_ERRQUEUE,
    MSG_FASTOPEN,
    MSG_MORE,
    MSG_OOB,
    MSG_PEEK,
    MSG_TRUNC,
    MSG_WAITALL,
    MSG_ZEROCOPY,
    SOL_TCP,
    TCP_INQ,
)
from finwait.stage.model.opening import wait_opened
from finwait.stage.model.outcome import Failed, Play, checked, done
from finwait.stage.model.world import World
from finwait.stage.stage import Result, Value
from finwait.tcp import State
from finwait.wire import Address

# --- in ---


def read(world: World, fd: Value, buffer: Value, limit: Value) -> Play:
    """read(2)."""
    return _receive(world, fd, buffer, number(limit), 0)


def recv(world: World, fd: Value, buffer: Value, limit: Value, flags: Value) -> Play:
    """recv(2)."""
    return _receive(world, fd, buffer, number(limit), number(flags))


def recvfrom(
    world: World,
    fd: Value,
    buffer: Value,
    limit: Value,
    flags: Value,
    address: Value = None,
    length: Value = None,
) -> Play:
    """recvfrom(2)."""
    del address, length
    return _receive(world, fd, buffer, number(limit), number(flags))


def readv(world: World, fd: Value, parts: Value, count: Value = None) -> Play:
    """readv(2)."""
    del count
    into = vector(parts)
    return _receive(world, fd, into.first, into.length, 0)


def recvmsg(world: World, fd: Value, header: Value, flags: Value) -> Play:
    """recvmsg(2): with TCP_INQ, how much is left comes as a control message; MSG_ERRQUEUE tells of MSG_ZEROCOPY."""
    into, wanted = vector(member(header, "msg_iov", [])), number(flags)
    if wanted & MSG_ERRQUEUE:
        return _read_errors(world, world.descriptors.tcp(fd))
    result = yield from _receive(world, fd, into.first, into.length, wanted)
    control: list[Value] = []
    held = world.descriptors.get(fd)
    if isinstance(held, TcpSocket) and world.host.get_option(held.handle, Option.TCP_INQ).value:
        c = world.host.connection(held.handle)
        # Linux tcp_inq_hint: a FIN that is still to be read counts for one.
        ended = c is not None and not c.received and c.peer_fin is not None
        left: int = 1 if ended else world.host.unread(held.handle)
        control.append({"cmsg_level": SOL_TCP, "cmsg_type": TCP_INQ, "cmsg_data": left})
    return done(result.value, data=result.out.get("data", b""), flags=0, control=control)


def _read_errors(world: World, held: TcpSocket) -> Result:
    held.errors.refresh(world.host.connection(held.handle))
    if not held.errors.notices:
        raise Failed("EAGAIN")
    return done(0, data=b"", flags=MSG_ERRQUEUE, control=[held.errors.read(held.domain)])


def _receive(world: World, fd: Value, buffer: Value, limit: int, flags: int) -> Play:
    held = world.descriptors.get(fd)
    if isinstance(held, UdpSocket):
        return (yield from _receive_datagram(held, limit, flags))
    if isinstance(held, PipeEnd):
        return (yield from _read_pipe(held, limit))
    held = world.descriptors.tcp(fd)
    waits = not held.nonblocking and not flags & MSG_DONTWAIT
    got = b""
    while True:
        result = _take(world, held, buffer, limit - len(got), flags)
        got += result.data
        enough = len(got) >= limit or not result.data or not flags & MSG_WAITALL
        if result.error is Errno.EAGAIN and waits and not (got and not flags & MSG_WAITALL):
            yield None
            continue
        if got and (result.error or enough):
            break
        if result.error is not None:
            raise Failed(result.error.value)
        if enough:
            break
    return done(len(got), data=b"" if flags & MSG_TRUNC else got)


def _take(world: World, held: TcpSocket, buffer: Value, limit: int, flags: int) -> EndpointResult:
    """Take what is there. A FIN wait of the handshake reads as ENOTCONN on both systems unless it is on its way."""
    if held.deferred is not None:
        return EndpointResult(error=Errno.EAGAIN)
    if is_null(buffer) and limit > NULL:
        # The copy fails and takes nothing away (Linux tcp_recvmsg_locked).
        found = checked(world.host.receive(world.now, held.handle, 1, peek=True))
        if found.value:
            raise Failed("EFAULT")
        return found
    peek = bool(flags & MSG_PEEK)
    return world.did(world.host.receive(world.now, held.handle, limit, peek=peek))


def _receive_datagram(held: UdpSocket, limit: int, flags: int) -> Play:
    while not held.received:
        if held.error is not None:
            error, held.error = held.error, None
            raise Failed(error)
        if held.nonblocking or flags & MSG_DONTWAIT:
            raise Failed("EAGAIN")
        yield None
    whole = held.received[0] if flags & MSG_PEEK else held.received.popleft()
    data = whole[:limit]
    return done(len(whole) if flags & MSG_TRUNC else len(data), data=data)


def _read_pipe(end: PipeEnd, limit: int) -> Play:
    if end.writes:
        raise Failed("EBADF")
    while not end.pipe.octets and end.pipe.writers:
        if end.nonblocking:
            raise Failed("EAGAIN")
        yield None
    data, end.pipe.octets = end.pipe.octets[:limit], end.pipe.octets[limit:]
    return done(len(data), data=data)


# --- out ---


def write(world: World, fd: Value, buffer: Value, length: Value) -> Play:
    """write(2)."""
    return _send(world, fd, octets(buffer, length), 0)


def send(world: World, fd: Value, buffer: Value, length: Value, flags: Value) -> Play:
    """send(2)."""
    return _send(world, fd, octets(buffer, length), number(flags))


def sendto(
    world: World,
    fd: Value,
    buffer: Value,
    count: Value,
    flags: Value,
    address: Value = None,
    length: Value = None,
) -> Result | Play:
    """sendto(2). With MSG_FASTOPEN it opens the connection, too (RFC 7413)."""
    del length
    held, how = world.descriptors.get(fd), number(flags)
    if how & MSG_FASTOPEN and isinstance(address, int) and address == AF_UNSPEC:
        raise Failed("EOPNOTSUPP")  # Linux tcp_sendmsg_fastopen
    data = octets(buffer, count)
    if isinstance(held, UdpSocket):
        return datagrams.send(world, held, data, remote(world))
    # BSD connects a socket that has no connection (FreeBSD tcp_usr_send, implied connect).
    return _send(world, fd, data, how, None if world.linux else remote(world))


def writev(world: World, fd: Value, parts: Value, count: Value = None) -> Play:
    """writev(2)."""
    del count
    return _send(world, fd, vector(parts).octets(), 0)


def sendmsg(world: World, fd: Value, header: Value, flags: Value) -> Play:
    """sendmsg(2); control messages are not looked at."""
    return _send(world, fd, vector(member(header, "msg_iov", [])).octets(), number(flags))


def _send(
    world: World, fd: Value, data: bytes, flags: int, to: tuple[Address, int] | None = None
) -> Play:
    held = world.descriptors.get(fd)
    if isinstance(held, UdpSocket):
        return datagrams.send(world, held, data, None)
    if isinstance(held, PipeEnd):
        return (yield from _write_pipe(held, data))
    held = world.descriptors.tcp(fd)
    result = yield from _send_tcp(world, held, data, flags, to)
    held.errors.took(result.value, zerocopy=bool(flags & MSG_ZEROCOPY))
    return result


def _send_tcp(
    world: World, held: TcpSocket, data: bytes, flags: int, to: tuple[Address, int] | None
) -> Play:
    waits = not held.nonblocking and not flags & MSG_DONTWAIT
    sent = 0
    if held.deferred is not None or (flags & MSG_FASTOPEN and not _opened(world, held)):
        opened = yield from _send_opening(world, held, data, waits)
        sent = opened.value
        if sent and (sent == len(data) or not waits):
            return done(sent)
    elif flags & MSG_FASTOPEN and not held.nonblocking:
        yield from _wait_to_write(world, held, pending=True)
    elif flags & MSG_FASTOPEN and _opening(world, held):
        raise Failed("EALREADY")
    return (yield from _send_rest(world, held, data, sent, flags, waits, to))


def _wait_to_write(world: World, held: TcpSocket, *, pending: bool) -> Play:
    world.host.waits_to_write(held.handle, pending)
    result = yield from wait_opened(world, held)
    world.host.waits_to_write(held.handle, False)
    return result


def _opened(world: World, held: TcpSocket) -> bool:
    return world.host.connection(held.handle) is not None


def _opening(world: World, held: TcpSocket) -> bool:
    c = world.host.connection(held.handle)
    return c is not None and c.state is State.SYN_SENT


def _send_opening(world: World, held: TcpSocket, data: bytes, waits: bool) -> Play:
    """The SYN, with as much as fits in it; EINPROGRESS for who does not wait."""
    peer, held.deferred = held.deferred or remote(world), None
    result = world.did(world.host.send(world.now, held.handle, data, to=peer, fast_open=True))
    if result.error not in {None, Errno.EINPROGRESS} or not waits:
        return done(checked(result).value)
    yield from _wait_to_write(world, held, pending=result.value < len(data))
    checked(EndpointResult(error=world.host.get_option(held.handle, Option.SO_ERROR).error))
    return done(result.value if result.error is None else 0)


def _send_rest(
    world: World,
    held: TcpSocket,
    data: bytes,
    sent: int,
    flags: int,
    waits: bool,
    to: tuple[Address, int] | None,
) -> Play:
    """Queue the rest, sleeping for room if that is wanted: what was queued counts when something goes wrong then."""
    while True:
        result = world.did(
            world.host.send(
                world.now,
                held.handle,
                data[sent:],
                more=bool(flags & MSG_MORE),
                urgent=bool(flags & MSG_OOB),
                end_of_record=bool(flags & MSG_EOR),
                to=to,
            )
        )
        if result.error is Errno.EAGAIN and waits:
            yield from world.wait(lambda: world.host.readiness(held.handle).writable)
            continue
        if result.error is not None:
            if sent:
                return done(sent)
            raise Failed(result.error.value)
        sent += result.value
        if sent >= len(data) or (not waits and not result.value):
            return done(sent)
        if not waits:
            return done(sent)


def _write_pipe(end: PipeEnd, data: bytes) -> Play:
    if not end.writes:
        raise Failed("EBADF")
    while True:
        if not end.pipe.readers:
            raise Failed("EPIPE")
        room = PIPE_SIZE - len(end.pipe.octets)
        if room > 0:
            taken = data[:room]
            end.pipe.octets += taken
            return done(len(taken))
        if end.nonblocking:
            raise Failed("EAGAIN")
        yield None


# --- between descriptors ---


def splice(
    world: World,
    source: Value,
    source_offset: Value,
    target: Value,
    target_offset: Value,
    length: Value,
    flags: Value,
) -> Play:
    """splice(2) from a socket into a pipe, or out of a pipe into a socket. EINVAL without a pipe."""
    del source_offset, target_offset, flags
    start, end = world.descriptors.get(source), world.descriptors.get(target)
    if not isinstance(start, PipeEnd) and not isinstance(end, PipeEnd):
        raise Failed("EINVAL")
    got = yield from _receive(world, source, None, number(length), 0)
    data = got.out.get("data", b"")
    if not got.value or not isinstance(data, bytes):
        return done(0)
    return (yield from _send(world, target, data, 0))
