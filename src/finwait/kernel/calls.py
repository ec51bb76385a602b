"""System calls by name, as the C library makes them: the value it returns, errno, and what it wrote.

Every call goes through libc by ctypes, because Python's own sockets retry, raise and hide errno. What a
script leaves to the tool (`...`) comes as None and is supplied here.
"""

import ctypes
import os
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from finwait.errors import Misuse
from finwait.kernel import structs
from finwait.kernel.address import Family, port_of, unspecified
from finwait.wire import Address

Value: TypeAlias = "int | bytes | Sequence[Value] | Mapping[str, Value] | None"
Arguments: TypeAlias = Sequence[Value]

NAME_MAX: Final = 128
"""struct sockaddr_storage"""
CONTROL_MAX: Final = 4096
OPTION_MAX: Final = 512
MAKE_DESCRIPTORS: Final = frozenset({"socket", "accept", "open", "epoll_create"})
CHAR_STAR: Final = ctypes.c_char_p

_libc = ctypes.CDLL(None, use_errno=True)
for _name in ("read", "write", "send", "recv", "sendto", "recvfrom", "sendmsg", "recvmsg", "readv", "writev", "splice", "sendfile"):  # fmt: skip
    getattr(_libc, _name).restype = ctypes.c_ssize_t


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call gave."""

    value: int
    errno: int = 0
    out: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class World:
    """What the tool supplies for `...`."""

    family: Family
    local: tuple[Address, int]
    remote: tuple[Address, int]
    folder: str = "."
    """Where a relative path of open() begins."""


class Calls:
    """The calls of a script in one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.opened: set[int] = set()
        """Descriptors that calls made and nobody closed yet."""
        self._kept: list[object] = []
        """Buffers that the kernel may still read from (MSG_ZEROCOPY)."""

    def names(self) -> list[str]:
        """Give what there is."""
        return sorted(
            name.removeprefix("_call_") for name in dir(self) if name.startswith("_call_")
        )

    def make(self, name: str, arguments: Arguments) -> Outcome:
        """Make a call. Raises Misuse if there is none of that name, or the arguments do not fit it."""
        made: Callable[..., Outcome] | None = getattr(self, f"_call_{name}", None)
        if made is None:
            raise Misuse(f"no system call {name}: there are {', '.join(self.names())}")
        try:
            outcome = made(*arguments)
        except (TypeError, KeyError, IndexError, struct.error, AttributeError) as error:
            raise Misuse(f"{name}: the arguments do not fit: {error}") from error
        if outcome.value >= 0:
            self._note(name, arguments, outcome)
        return outcome

    def _note(self, name: str, arguments: Arguments, outcome: Outcome) -> None:
        """Keep count of descriptors."""
        if name in MAKE_DESCRIPTORS:
            self.opened.add(outcome.value)
        fds = outcome.out.get("fds")
        if isinstance(fds, list):
            self.opened.update(fd for fd in fds if isinstance(fd, int))
        if name == "close" and isinstance(arguments[0], int):
            self.opened.discard(arguments[0])

    def close_all(self) -> None:
        """Close what is still open, at once: a lingering close would wait for an answer that nobody gives any more."""
        while self.opened:
            fd = self.opened.pop()
            _libc.setsockopt(fd, socket.SOL_SOCKET, socket.SO_LINGER, bytes(8), 8)
            with suppress(OSError):
                os.close(fd)

    @staticmethod
    def _libc(name: str, *arguments: object, **out: Value) -> Outcome:
        ctypes.set_errno(0)
        value = int(getattr(_libc, name)(*arguments))
        return Outcome(value, ctypes.get_errno() if value == -1 else 0, dict(out))

    # --- sockets ---

    def _call_socket(self, domain: int | None, kind: int, protocol: int) -> Outcome:
        """`...`: the family of the script."""
        made = self._libc(
            "socket", self.world.family.domain if domain is None else domain, kind, protocol
        )
        if (
            made.value >= 0
            and domain in {None, socket.AF_INET6}
            and self.world.family.name == "ipv4-mapped-ipv6"
        ):
            # A mapped address needs a socket of both families, whatever net.ipv6.bindv6only says.
            off = ctypes.c_int(0)
            _libc.setsockopt(
                made.value, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, ctypes.byref(off), 4
            )
        return made

    def _call_bind(self, fd: int, _address: None = None, _length: None = None) -> Outcome:
        raw = self.world.family.pack(*self.world.local)
        return self._libc("bind", fd, raw, len(raw))

    def _call_listen(self, fd: int, backlog: int) -> Outcome:
        return self._libc("listen", fd, backlog)

    def _call_accept(self, fd: int, _address: None = None, _length: None = None) -> Outcome:
        name, length = ctypes.create_string_buffer(NAME_MAX), ctypes.c_uint32(NAME_MAX)
        got = self._libc("accept", fd, name, ctypes.byref(length))
        return Outcome(got.value, got.errno, {"port": port_of(name.raw)} if got.value >= 0 else {})

    def _call_connect(self, fd: int, to: Value = None, _length: None = None) -> Outcome:
        raw = self._destination(to)
        return self._libc("connect", fd, raw, len(raw))

    def _call_shutdown(self, fd: int, how: int) -> Outcome:
        return self._libc("shutdown", fd, how)

    def _call_close(self, fd: int) -> Outcome:
        return self._libc("close", fd)

    def _destination(self, to: Value) -> bytes:
        if to == socket.AF_UNSPEC:
            return unspecified()
        address, port = self.world.remote
        if isinstance(to, dict) and isinstance(to.get("port"), int):
            port = to["port"]
        return self.world.family.pack(address, port)

    # --- octets ---

    def _call_read(self, fd: int, buffer: Value, count: int) -> Outcome:
        return self._input("read", fd, buffer, count)

    def _call_recv(self, fd: int, buffer: Value, count: int, flags: int) -> Outcome:
        return self._input("recv", fd, buffer, count, flags)

    def _call_recvfrom(
        self, fd: int, buffer: Value, count: int, flags: int, *_from: Value
    ) -> Outcome:
        return self._input("recvfrom", fd, buffer, count, flags, None, None)

    def _input(self, name: str, fd: int, buffer: Value, count: int, *rest: object) -> Outcome:
        """`...` is a buffer of that size; NULL stays NULL."""
        room = None if buffer == 0 else ctypes.create_string_buffer(max(count, 1))
        got = self._libc(name, fd, room, ctypes.c_size_t(count), *rest)
        data = room.raw[: max(got.value, 0)] if room is not None else b""
        return Outcome(got.value, got.errno, {"data": data})

    def _call_write(self, fd: int, buffer: Value, count: int) -> Outcome:
        return self._libc("write", fd, self._output(buffer, count), ctypes.c_size_t(count))

    def _call_send(self, fd: int, buffer: Value, count: int, flags: int) -> Outcome:
        return self._libc("send", fd, self._output(buffer, count), ctypes.c_size_t(count), flags)

    def _call_sendto(
        self, fd: int, buffer: Value, count: int, flags: int, to: int | None = None, _length: Value = None
    ) -> Outcome:  # fmt: skip
        raw = self._destination(to)
        octets = self._output(buffer, count)
        return self._libc("sendto", fd, octets, ctypes.c_size_t(count), flags, raw, len(raw))

    def _output(self, buffer: Value, count: int) -> object:
        """`...` is that many zeros; NULL stays NULL."""
        if buffer == 0:
            return None
        data = buffer if isinstance(buffer, bytes) else b""
        kept = ctypes.create_string_buffer(data.ljust(count, b"\0"), max(count, len(data), 1))
        self._kept.append(kept)
        return kept

    def _call_readv(self, fd: int, vector: Sequence[Mapping[str, Value]], count: int) -> Outcome:
        parts, buffers = structs.iovec(vector)
        got = self._libc("readv", fd, parts, count)
        return Outcome(got.value, got.errno, {"data": structs.gathered(buffers, got.value)})

    def _call_writev(self, fd: int, vector: Sequence[Mapping[str, Value]], count: int) -> Outcome:
        parts, buffers = structs.iovec(vector)
        self._kept.append(buffers)
        return self._libc("writev", fd, parts, count)

    def _call_sendmsg(self, fd: int, message: Mapping[str, Value], flags: int) -> Outcome:
        name = self._destination(None) if "msg_name" in message else b""
        header, kept = structs.msghdr(message, name, structs.control(message.get("msg_control")))
        self._kept.append(kept)
        return self._libc("sendmsg", fd, ctypes.byref(header), flags)

    def _call_recvmsg(self, fd: int, message: Mapping[str, Value], flags: int) -> Outcome:
        name = bytes(NAME_MAX) if "msg_name" in message else b""
        # A script without msg_control has no room for it, and sees MSG_CTRUNC if something came.
        room = bytes(CONTROL_MAX if "msg_control" in message else 0)
        header, kept = structs.msghdr(message, name, room)
        got = self._libc("recvmsg", fd, ctypes.byref(header), flags)
        notes = structs.read_control(kept.control, header.msg_controllen) if got.value >= 0 else []
        out: dict[str, Value] = {
            "flags": header.msg_flags, "control": notes,
            "data": structs.gathered(kept.buffers, got.value),
        }  # fmt: skip
        return Outcome(got.value, got.errno, out)

    # --- options ---

    def _call_setsockopt(
        self, fd: int, level: int, option: int, value: Value, length: int | None
    ) -> Outcome:
        raw = structs.option_value(value)
        size = len(raw) if length is None else length
        return self._libc("setsockopt", fd, level, option, raw.ljust(size, b"\0"), size)

    def _call_getsockopt(
        self, fd: int, level: int, option: int, wanted: Value, length: Value = None
    ) -> Outcome:
        asked = (
            length[0] if isinstance(length, Sequence) and not isinstance(length, bytes) else length
        )
        size = ctypes.c_uint32(asked if isinstance(asked, int) else 4)
        buffer = ctypes.create_string_buffer(max(OPTION_MAX, size.value))
        got = self._libc("getsockopt", fd, level, option, buffer, ctypes.byref(size))
        raw = buffer.raw[: size.value]
        return Outcome(
            got.value, got.errno, {"value": structs.read_option(raw, wanted), "length": size.value}
        )

    def _call_fcntl(self, fd: int, command: int, argument: int = 0) -> Outcome:
        return self._libc("fcntl", fd, command, ctypes.c_long(argument))

    def _call_ioctl(self, fd: int, command: int, value: Value = None) -> Outcome:
        first = value[0] if isinstance(value, Sequence) and value else 0
        number = ctypes.c_int(first if isinstance(first, int) else 0)
        got = self._libc("ioctl", fd, ctypes.c_ulong(command), ctypes.byref(number))
        return Outcome(got.value, got.errno, {"value": number.value})

    # --- waiting ---

    def _call_poll(self, wanted: Sequence[Mapping[str, int]], count: int, timeout: int) -> Outcome:
        raw = b"".join(struct.pack("ihh", one["fd"], one.get("events", 0), 0) for one in wanted)
        buffer = ctypes.create_string_buffer(raw, len(raw) or 1)
        got = self._libc("poll", buffer, ctypes.c_ulong(count), timeout)
        seen: list[Value] = [
            struct.unpack_from("ihh", buffer.raw, 8 * place)[2] for place in range(len(wanted))
        ]
        return Outcome(got.value, got.errno, {"revents": seen})

    def _call_epoll_create(self, size: int) -> Outcome:
        return self._libc("epoll_create", size)

    def _call_epoll_ctl(
        self, epfd: int, command: int, fd: int, event: Mapping[str, int]
    ) -> Outcome:
        data = next((number for name, number in event.items() if name != "events"), fd)
        raw = struct.pack("=IQ", event.get("events", 0) & 0xFFFFFFFF, data & (1 << 64) - 1)
        return self._libc("epoll_ctl", epfd, command, fd, raw)

    def _call_epoll_wait(self, epfd: int, _events: Value, most: int, timeout: int) -> Outcome:
        buffer = ctypes.create_string_buffer(12 * max(most, 1))
        got = self._libc("epoll_wait", epfd, buffer, most, timeout)
        seen: list[Value] = []
        for place in range(max(got.value, 0)):
            events, data = struct.unpack_from("=IQ", buffer.raw, 12 * place)
            seen.append({"events": events, "data": data})
        return Outcome(got.value, got.errno, {"events": seen})

    # --- other descriptors ---

    def _call_open(self, path: bytes, flags: int, *mode: int) -> Outcome:
        place = os.path.join(os.fsencode(self.world.folder), path)  # noqa: PTH118 - octets as the script has them
        return self._libc("open", CHAR_STAR(place), flags, *(mode or (0o600,)))

    def _call_pipe(self, _ends: Value) -> Outcome:
        ends = (ctypes.c_int * 2)()
        got = self._libc("pipe", ends)
        return Outcome(got.value, got.errno, {"fds": list(ends)})

    def _call_splice(
        self, source: int, _from: Value, sink: int, _to: Value, count: int, flags: int
    ) -> Outcome:
        return self._libc("splice", source, None, sink, None, ctypes.c_size_t(count), flags)

    def _call_sendfile(self, sink: int, source: int, offset: Value, count: int) -> Outcome:
        first = offset[0] if isinstance(offset, Sequence) and offset else 0
        place = ctypes.c_int64(first if isinstance(first, int) else 0)
        return self._libc("sendfile", sink, source, ctypes.byref(place), ctypes.c_size_t(count))

    def _call_cap_set(self, flag: int, capability: int, raised: int) -> Outcome:
        """As cap_set_flag(3): which set (effective, permitted, inheritable), which capability, CAP_SET or CAP_CLEAR."""
        return Outcome(*structs.set_capability(flag, capability, raised != 0))


def is_open(fd: int) -> bool:
    """Say whether a descriptor is open."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
