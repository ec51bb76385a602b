"""A TUN device with one address on each side: ours of the kernel, and that of a peer that a program plays.

Nothing else is routed there. The device belongs to its file descriptor: it is gone when that is closed,
however the process ends.
"""

import fcntl
import os
import struct
from typing import Final, Self

from finwait.errors import CannotOpen, MissingPrivilege, Misuse, said_in_chinese
from finwait.kernel import addresses
from finwait.kernel.holders import check_free, shaded
from finwait.kernel.tun import DEVICE, IFF_NO_PI, IFF_TUN, LARGEST, TUNSETIFF
from finwait.wire import Address

PATTERN: Final = b"finwait%d"
"""The kernel counts."""
NAME_LENGTH: Final = 16
"""IFNAMSIZ (linux/if.h)."""


class Device:
    """A point-to-point device in the namespace of the calling thread. Raises MissingPrivilege, CannotOpen, Misuse."""

    def __init__(self, kernel: Address, peer: Address) -> None:
        if kernel.version != peer.version or kernel == peer:
            raise Misuse(
                f"{kernel} and {peer} are no two ends of a device",
                f"{kernel} 与 {peer} 不能作为一个设备的两端",
            )
        check_free(peer, kernel)
        self.shades = shaded(peer, kernel)
        """What of this machine's networks it hides, in English and Chinese."""
        self.fd, self.name = _open()
        try:
            self._configure(kernel, peer)
        except BaseException:
            self.close()
            raise

    def _configure(self, kernel: Address, peer: Address) -> None:
        bits = 128 if kernel.version == 6 else 32
        nodad = " nodad" if kernel.version == 6 else ""
        lines = [
            f"link set dev {self.name} up",
            f"addr add {kernel} peer {peer}/{bits} dev {self.name}{nodad}",
        ]
        try:
            addresses.configure(lines, kernel)
        except OSError as error:
            raise CannotOpen.of(self.name, error) from error

    def read(self) -> bytes | None:
        """Take the next packet that the kernel sent; None: there is none now."""
        try:
            return os.read(self.fd, LARGEST)
        except BlockingIOError:
            return None

    def write(self, octets: bytes) -> None:
        """Hand a packet to the kernel."""
        os.write(self.fd, octets)

    def close(self) -> None:
        """The device goes away."""
        os.close(self.fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open() -> tuple[int, str]:
    try:
        fd = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise CannotOpen(
            DEVICE, "no TUN devices here: modprobe tun", "这里没有 TUN 设备：modprobe tun"
        ) from error
    except PermissionError as error:
        raise MissingPrivilege(
            f"{DEVICE}: {error.strerror}: run as root, or let everybody open it, as most systems do: chmod 666 {DEVICE}",
            f"{DEVICE}：{said_in_chinese(error)}：请以 root 运行，或像多数系统那样允许所有人打开它：chmod 666 {DEVICE}",
        ) from error
    try:
        asked = struct.pack("16sH22x", PATTERN, IFF_TUN | IFF_NO_PI)
        got = fcntl.ioctl(fd, TUNSETIFF, asked)
    except OSError as error:
        os.close(fd)
        raise _refused(error) from error
    return fd, got[:NAME_LENGTH].rstrip(b"\0").decode()


def _refused(error: OSError) -> MissingPrivilege:
    return MissingPrivilege(
        f"{DEVICE}: {error.strerror}: a device needs CAP_NET_ADMIN. Run as root, or give the program that is tested"
        " behind `--` (in Python: private=True): it then runs with the peer in a namespace of its own,"
        " for which user namespaces are enough",
        f"{DEVICE}：{said_in_chinese(error)}：创建设备需要 CAP_NET_ADMIN。请以 root 运行，或把被测程序写在 `--` 之后"
        "（Python 中用 private=True）：它与对端一同在独立的命名空间中运行，只需要用户命名空间",
    )
