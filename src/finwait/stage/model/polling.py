"""poll and epoll."""

from typing import Final

from finwait.stage.model.arguments import member, number
from finwait.stage.model.descriptors import Epoll, Interest, Object, PipeEnd, TcpSocket, UdpSocket
from finwait.stage.model.numbers import (
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLL_CTL_MOD,
    EPOLLET,
    EPOLLONESHOT,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLNVAL,
    POLLOUT,
    POLLPRI,
    POLLRDHUP,
    POLLRDNORM,
    POLLWRNORM,
)
from finwait.stage.model.outcome import Failed, Play, done
from finwait.stage.model.world import World
from finwait.stage.stage import Result, Value

MILLISECOND: Final = 1_000
ALWAYS: Final = POLLERR | POLLHUP
"""Told whether asked for or not."""
IN, OUT = POLLIN | POLLRDNORM, POLLOUT | POLLWRNORM
MEMBERS: Final = ("fd", "ptr", "u32", "u64")


def ready(world: World, held: Object) -> int:
    """What poll(2) would find, whatever is asked."""
    if isinstance(held, UdpSocket):
        return (IN if held.received else 0) | OUT | ((IN | POLLERR) if held.error else 0)
    if isinstance(held, PipeEnd):
        if held.writes:
            return OUT if held.pipe.readers else OUT | POLLERR
        ended = 0 if held.pipe.writers else POLLHUP
        return (IN if held.pipe.octets else 0) | ended
    if isinstance(held, Epoll):
        return IN if _found(world, held, 1, take=False) else 0
    if held.deferred is not None:
        return OUT  # Linux tcp_poll of a deferred connect
    held.errors.refresh(world.host.connection(held.handle))
    found = world.host.readiness(held.handle)
    parts = (
        (found.readable, IN),
        (found.writable, OUT),
        (found.peer_closed, POLLRDHUP),
        (found.hung_up, POLLHUP),
        (found.error is not None or bool(held.errors.notices), POLLERR),
        (found.urgent, POLLPRI),
    )
    return sum(bits for holds, bits in parts if holds)


def poll(world: World, entries: Value, count: Value, timeout: Value) -> Play:
    """poll(2)."""
    del count
    if not isinstance(entries, list):
        raise Failed("EFAULT")
    wanted = [(number(member(one, "fd")), number(member(one, "events", 0) or 0)) for one in entries]

    def look() -> list[int]:
        return [_one(world, fd, events) for fd, events in wanted]

    yield from world.wait(lambda: any(look()), _until(world, timeout))
    found = look()
    return done(sum(1 for bits in found if bits), revents=list[Value](found))


def _one(world: World, fd: int, events: int) -> int:
    if fd < 0:
        return 0
    if fd not in world.descriptors:
        return POLLNVAL
    return ready(world, world.descriptors.get(fd)) & (events | ALWAYS)


def _until(world: World, timeout: Value) -> int | None:
    milliseconds = number(timeout)
    return None if milliseconds < 0 else world.now + milliseconds * MILLISECOND


def epoll_create(world: World, size: Value) -> Result:
    """epoll_create(2). EINVAL."""
    if number(size) <= 0:
        raise Failed("EINVAL")
    return done(world.descriptors.add(Epoll()))


def epoll_create1(world: World, flags: Value) -> Result:
    """epoll_create1(2)."""
    del flags
    return done(world.descriptors.add(Epoll()))


def _epoll(world: World, fd: Value) -> Epoll:
    held = world.descriptors.get(fd)
    if not isinstance(held, Epoll):
        raise Failed("EINVAL")
    return held


def epoll_ctl(world: World, fd: Value, what: Value, target: Value, event: Value = None) -> Result:
    """epoll_ctl(2). EEXIST, ENOENT, EINVAL, EPERM."""
    held, watched = world.descriptors.get(fd), world.descriptors.get(target)
    if not isinstance(held, Epoll) or held is watched:
        raise Failed("EINVAL")
    number_of = number(target)
    present = held.interests.get(number_of)
    operation = number(what)
    if operation == EPOLL_CTL_ADD:
        if present is not None:
            raise Failed("EEXIST")
        held.interests[number_of] = _interest(watched, event)
        return done()
    if operation not in {EPOLL_CTL_DEL, EPOLL_CTL_MOD}:
        raise Failed("EINVAL")
    if present is None:
        raise Failed("ENOENT")
    if operation == EPOLL_CTL_DEL:
        del held.interests[number_of]
    else:
        held.interests[number_of] = _interest(watched, event)
    return done()


def _interest(watched: Object, event: Value) -> Interest:
    data = {
        name: number(member(event, name)) for name in MEMBERS if member(event, name) is not None
    }
    return Interest(watched, number(member(event, "events", 0)) & 0xFFFFFFFF, data)


def epoll_wait(world: World, fd: Value, events: Value, most: Value, timeout: Value) -> Play:
    """epoll_wait(2). EINVAL."""
    del events
    held, limit = _epoll(world, fd), number(most)
    if limit <= 0:
        raise Failed("EINVAL")
    yield from world.wait(lambda: bool(_found(world, held, 1, take=False)), _until(world, timeout))
    found = _found(world, held, limit, take=True)
    told: list[Value] = [
        {"events": bits, "data": next(iter(data.values()), 0), **data} for bits, data in found
    ]
    return done(len(found), events=told)


def _found(world: World, held: Epoll, most: int, *, take: bool) -> list[tuple[int, dict[str, int]]]:
    """What is ready and not told yet; `take` tells it."""
    found: list[tuple[int, dict[str, int]]] = []
    for interest in held.interests.values():
        if isinstance(interest.object, TcpSocket):
            connection = world.host.connection(interest.object.handle)
            interest.fresh = interest.object.errors.refresh(connection) or interest.fresh
        bits = ready(world, interest.object) & (interest.events | ALWAYS)
        edge = bool(interest.events & EPOLLET)
        if not bits or interest.disabled or (edge and not interest.fresh) or len(found) >= most:
            continue
        found.append((bits, interest.data))
        if take:
            interest.fresh = False
            interest.disabled = bool(interest.events & EPOLLONESHOT)
    return found
