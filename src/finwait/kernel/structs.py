"""C structures that system calls take and fill."""

import ctypes
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from finwait.kernel.calls import Value

SIZE: Final = ctypes.sizeof(ctypes.c_size_t)
CMSG_HEADER: Final = 16
"""struct cmsghdr on a 64-bit machine: length, level, type."""
FUTEX: Final = {"x86_64": b"202", "aarch64": b"98", "riscv64": b"98"}.get(os.uname().machine, b"")
"""The number of futex(2), in which a thread waits for the interpreter's lock (asm/unistd.h)."""


class IoVec(ctypes.Structure):
    """struct iovec"""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class MsgHdr(ctypes.Structure):
    """struct msghdr"""

    _fields_ = (
        ("msg_name", ctypes.c_void_p), ("msg_namelen", ctypes.c_uint32),
        ("msg_iov", ctypes.POINTER(IoVec)), ("msg_iovlen", ctypes.c_size_t),
        ("msg_control", ctypes.c_void_p), ("msg_controllen", ctypes.c_size_t), ("msg_flags", ctypes.c_int),
    )  # fmt: skip


@dataclass
class Kept:
    """What a msghdr points to, kept alive."""

    name: object
    buffers: "list[ctypes.Array[ctypes.c_char]]"
    control: "ctypes.Array[ctypes.c_char]"
    vector: object


def iovec(
    parts: "Sequence[Mapping[str, Value]]",
) -> "tuple[ctypes.Array[IoVec], list[ctypes.Array[ctypes.c_char]]]":
    """Give buffers of zeros for `{..., n}` or `{iov_base=..., iov_len=n}`."""
    lengths = [part.get("iov_len", part.get("1", 0)) for part in parts]
    buffers = [
        ctypes.create_string_buffer(max(length if isinstance(length, int) else 0, 1)) for length in lengths
    ]  # fmt: skip
    vector = (IoVec * max(len(parts), 1))()
    for place, (buffer, length) in enumerate(zip(buffers, lengths, strict=True)):
        vector[place] = IoVec(ctypes.addressof(buffer), length if isinstance(length, int) else 0)
    return vector, buffers


def gathered(buffers: "list[ctypes.Array[ctypes.c_char]]", count: int) -> bytes:
    """Give what was read into buffers that were filled in turn."""
    return b"".join(buffer.raw for buffer in buffers)[: max(count, 0)]


def msghdr(message: "Mapping[str, Value]", name: bytes, notes: bytes) -> tuple[MsgHdr, Kept]:
    """Lay out a struct msghdr."""
    parts = message.get("msg_iov", [])
    vector, buffers = iovec(parts if isinstance(parts, list) else [])
    named = ctypes.create_string_buffer(name, len(name) or 1)
    control_ = ctypes.create_string_buffer(notes, len(notes) or 1)
    header = MsgHdr(
        ctypes.addressof(named) if name else None, len(name), vector, len(buffers),
        ctypes.addressof(control_) if notes else None, len(notes), 0,
    )  # fmt: skip
    return header, Kept(named, buffers, control_, vector)


def control(notes: "Value") -> bytes:
    """Lay out control messages (cmsg(3)) with their padding."""
    octets = b""
    for note in notes if isinstance(notes, list) else []:
        if not isinstance(note, Mapping):
            raise TypeError(f"{note!r} is no control message")
        data = option_value(note.get("cmsg_data"))
        head = struct.pack("=Qii", CMSG_HEADER + len(data), note["cmsg_level"], note["cmsg_type"])
        octets += head + data + bytes(-len(data) % SIZE)
    return octets


def read_control(buffer: "ctypes.Array[ctypes.c_char]", length: int) -> "list[Value]":
    """Read control messages: level, type, and data as octets (`raw`), and as number or time where that fits."""
    octets, at = buffer.raw[:length], 0
    notes: list[Value] = []
    while at + CMSG_HEADER <= len(octets):
        size, level, kind = struct.unpack_from("=Qii", octets, at)
        if size < CMSG_HEADER:
            break
        notes.append(
            {"cmsg_level": level, "cmsg_type": kind, "cmsg_data": octets[at + CMSG_HEADER : at + size]}
        )  # fmt: skip
        at += size + (-size % SIZE)
    return notes


def option_value(value: "Value") -> bytes:
    """Lay out what setsockopt takes: `[n]`, a string, struct linger, or numbers in the order of their members."""
    match value:
        case None | 0:
            return b""
        case bytes():
            return value
        case int():
            return struct.pack("=i", _signed(value))
        case Mapping():
            return b"".join(option_value_number(number) for number in value.values())
        case _:
            return b"".join(option_value_number(number) for number in value)


def option_value_number(number: "Value") -> bytes:
    """Lay out one int, 0 too."""
    if isinstance(number, int):
        return struct.pack("=i", _signed(number))
    return option_value(number)


def _signed(number: int) -> int:
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)


def read_option(raw: bytes, wanted: "Value") -> "Value":
    """Read what getsockopt filled, in the shape that the script compares with."""
    if isinstance(wanted, bytes):
        return raw
    if isinstance(wanted, Mapping):
        numbers = struct.unpack(f"={len(raw) // 4}i", raw[: len(raw) // 4 * 4])
        return dict(zip(wanted, numbers, strict=False))
    if len(raw) == 1:
        return raw[0]
    return struct.unpack("=i", raw[:4].ljust(4, b"\0"))[0] if raw else None


def set_capability(which: int, capability: int, raised: bool) -> tuple[int, int]:
    """capset(2): change one bit of the effective (0), permitted (1) or inheritable (2) set. Gives value and errno."""
    version = 0x20080522  # linux/capability.h _LINUX_CAPABILITY_VERSION_3
    libc = ctypes.CDLL(None, use_errno=True)
    head = ctypes.create_string_buffer(struct.pack("=Ii", version, 0))
    now = ctypes.create_string_buffer(24)
    if libc.capget(head, now) != 0:
        return -1, ctypes.get_errno()
    words = list(struct.unpack("=6I", now.raw[:24]))
    place, bit = capability // 32 * 3 + which, 1 << capability % 32
    words[place] = words[place] | bit if raised else words[place] & ~bit
    value = libc.capset(head, struct.pack("=6I", *words))
    return value, ctypes.get_errno() if value else 0


def sleeps(thread: int) -> bool:
    """Say whether a thread of this process sleeps inside a system call other than the interpreter's own lock.

    /proc/self/task/…/syscall begins with the call's number while the thread sleeps in it, else it says `running`.
    """
    try:
        fd = os.open(f"/proc/self/task/{thread}/syscall", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True  # it has ended
    try:
        said = os.read(fd, 200).split()
    finally:
        os.close(fd)
    return bool(said) and said[0] not in {b"running", FUTEX}
