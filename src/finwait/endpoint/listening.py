"""Listeners: their queues, accept, backlog, fast open (RFC 9293 section 3.10.1, RFC 7413 section 4.2)."""

from typing import TYPE_CHECKING, Final

from finwait.endpoint.calls import Abort, Close, Errno, Happening, Result
from finwait.endpoint.connection import new_connection
from finwait.endpoint.sockets import Entry, Listener, Notice, Socket
from finwait.endpoint.step import listen as passive_open
from finwait.endpoint.step import step
from finwait.tcp import State

if TYPE_CHECKING:
    from finwait.endpoint.host import Host

CLOSE: Final = Close()


def listen(host: "Host", held: Socket, now: int, backlog: int) -> Result:
    """Begin to listen, or change the backlog."""
    del now
    limit = host.profile.backlog_max
    backlog = limit if backlog < 0 or backlog > limit else backlog
    if held.listener is not None:
        held.listener.backlog = backlog
        return Result()
    c = held.connection
    if c is not None and c.state is not State.CLOSED:
        return Result(error=Errno.EINVAL)
    if not held.port:
        held.port = host.free_port()
    for other in host.sockets.values():
        if other.listener and other.port == held.port and other.address in {held.address, None}:
            return Result(error=Errno.EADDRINUSE)
    start = new_connection(host.profile, settings=held.settings, ipv6=held.family == 6)
    done = passive_open(start)
    host.count(done.rules, done.edges)
    held.listener = Listener(done.connection, backlog)
    held.entry = None
    return Result()


def is_full(listener: Listener) -> bool:
    """Say whether no further connection can be accepted (Linux sk_acceptq_is_full: one more than the backlog fits)."""
    return len(listener.ready) > listener.backlog


def accept(host: "Host", held: Socket, now: int) -> Result:
    """Give the oldest established connection a socket."""
    del now
    listener = held.listener
    if listener is None:
        return Result(error=Errno.EINVAL)
    if not listener.ready:
        return Result(error=Errno.EAGAIN)
    entry = listener.ready.pop(0)
    handle = host.open(held.family)
    child = host.sockets[handle]
    child.settings = entry.connection.settings
    child.address, child.port = entry.ends.local, entry.ends.local_port
    child.entry, child.told_connected = entry, True
    entry.socket, entry.listener = handle, None
    return Result(handle)


def ready(host: "Host", entry: Entry) -> None:
    """A child is established: it waits to be accepted."""
    if entry.listener is None:
        return
    socket = host.sockets[entry.listener]
    listener = socket.listener
    if listener is None:
        return
    if entry.ends in listener.waiting:
        listener.waiting.remove(entry.ends)
    if entry not in listener.ready:
        listener.ready.append(entry)
        host.note(Notice(socket.handle, Happening.READABLE))


def stop(host: "Host", held: Socket, now: int, given: Close | Abort = CLOSE) -> None:
    """Listen no more: who waits to be accepted is reset, who is not established yet is forgotten."""
    listener, held.listener = held.listener, None
    if listener is None:
        return
    done = step(listener.connection, now, given)
    host.count(done.rules, done.edges)
    for ends in listener.waiting:
        host.entries.pop(ends, None)
    for entry in listener.ready:
        entry.listener = None
        host.run(now, entry, Abort())
