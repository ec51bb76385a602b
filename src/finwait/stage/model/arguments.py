"""What the arguments of a call are, seen from the model: numbers, addresses, buffers."""

from dataclasses import dataclass

from finwait.stage.model.outcome import Failed
from finwait.stage.model.world import World
from finwait.stage.stage import Value
from finwait.wire import Address

NULL = 0


def number(value: Value) -> int:
    """A number, also one in brackets. Failed(EFAULT) if there is none."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, int):
        raise Failed("EFAULT")
    return value


def octets(buffer: Value, length: Value) -> bytes:
    """What an output buffer holds: zeros for `...`, else what the script says. Failed(EFAULT) for NULL."""
    count = number(length)
    if count < 0:
        raise Failed("EINVAL")
    if isinstance(buffer, bytes):
        return buffer[:count].ljust(count, b"\0")
    if buffer is not None and count:
        raise Failed("EFAULT")
    return bytes(count)


def is_null(buffer: Value) -> bool:
    """Say whether a buffer is NULL."""
    return isinstance(buffer, int) and buffer == NULL


def remote(world: World, given: Value = None) -> tuple[Address, int]:
    """What `...` means where the peer's address stands; `{port=N}` is another port of it."""
    port = given.get("port") if isinstance(given, dict) else None
    return world.setup.remote, port if isinstance(port, int) else world.setup.connect_port


@dataclass(frozen=True, slots=True)
class Vector:
    """An iovec array."""

    parts: tuple[tuple[Value, int], ...]

    @property
    def length(self) -> int:
        """Octets in all."""
        return sum(length for _, length in self.parts)

    def octets(self) -> bytes:
        """What it holds, for writing."""
        return b"".join(octets(buffer, length) for buffer, length in self.parts)

    @property
    def first(self) -> Value:
        """The first buffer that is not empty: NULL there fails the call."""
        return next((buffer for buffer, length in self.parts if length), None)


def vector(value: Value) -> Vector:
    """Read an iovec array. Failed(EFAULT), Failed(EINVAL)."""
    if not isinstance(value, list):
        raise Failed("EFAULT")
    parts: list[tuple[Value, int]] = []
    for item in value:
        if not isinstance(item, dict):
            raise Failed("EFAULT")
        buffer = item.get("0", item.get("iov_base"))
        length = number(item.get("1", item.get("iov_len")))
        if length < 0:
            raise Failed("EINVAL")
        parts.append((buffer, length))
    return Vector(tuple(parts))


def member(value: Value, name: str, default: Value = None) -> Value:
    """A member of a struct. Failed(EFAULT) if it is none."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise Failed("EFAULT")
    return value.get(name, default)
