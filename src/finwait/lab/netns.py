"""Private network namespaces, and TUN or TAP devices in them."""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from finwait.errors import CannotOpen, CannotWrite, MissingPrivilege
from finwait.kernel.addresses import ip
from finwait.kernel.namespace import CLONE_NEWNET, HERE
from finwait.kernel.tun import DEVICE, IFF_NO_PI, IFF_TUN, SIOCETHTOOL, TUNSETIFF

CLONE_NEWNS = 0x00020000  # linux/sched.h
MS_REC, MS_PRIVATE = 0x4000, 0x40000  # linux/mount.h
IFF_TAP = 0x0002  # linux/if_tun.h
# linux/ethtool.h: what a card would do for the kernel; off, so that captures hold whole packets.
OFFLOADS = {"SRXCSUM": 0x15, "STXCSUM": 0x17, "SSG": 0x19, "STSO": 0x1F, "SGSO": 0x24, "SGRO": 0x2C}

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)} (root is needed)")


def private_mounts() -> None:
    """Give this process its own mount table, so that what it mounts is gone when it ends. Raises OSError."""
    _checked(_libc.unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)")
    _checked(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate /")


def mount(kind: str, target: Path) -> None:
    """Mount a file system of the kernel's own, such as tracefs. Raises OSError."""
    _checked(_libc.mount(b"none", bytes(target), kind.encode(), 0, None), f"mount {target}")


class Namespace:
    """A network namespace without a name: it lives as long as its descriptor."""

    def __init__(self) -> None:
        home = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _checked(_libc.unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)")
            self.fd = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _checked(_libc.setns(home, CLONE_NEWNET), "setns")
            os.close(home)
        self.ip("link set lo up")

    @property
    def path(self) -> str:
        """A name that `ip link … netns` takes."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets made inside belong to the namespace for good."""
        home = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
        _checked(_libc.setns(self.fd, CLONE_NEWNET), "setns")
        try:
            yield
        finally:
            _checked(_libc.setns(home, CLONE_NEWNET), "setns")
            os.close(home)

    def ip(self, *commands: str) -> None:
        """Run `ip` commands (iproute2) inside, in one process. Raises OSError with its words."""
        with self.entered():
            ip(*commands)

    def sysctl(self, name: str, value: int | str) -> None:
        """Sets `net.…` for this namespace alone. Raises CannotOpen if this kernel has it not, CannotWrite if it does not take the value."""
        with self.entered():
            try:
                Path("/proc/sys", *name.split(".")).write_text(str(value))
            except FileNotFoundError:
                raise CannotOpen(
                    name, "this kernel has no such sysctl", "此内核没有这个 sysctl"
                ) from None
            except OSError as error:
                raise CannotWrite(f"{name} = {value}", error) from None

    def device(self, name: str, *, tap: bool = False) -> int:
        """Make a TUN (or TAP) device; gives the descriptor of its other end. Raises CannotOpen, MissingPrivilege."""
        with self.entered():
            try:
                fd = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
                mode = (IFF_TAP if tap else IFF_TUN) | IFF_NO_PI
                fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), mode))
            except FileNotFoundError as error:
                raise CannotOpen(
                    DEVICE,
                    "no TUN devices here: modprobe tun; in a container: --device=/dev/net/tun",
                    "此处没有 TUN 设备：modprobe tun；在容器中：--device=/dev/net/tun",
                ) from error
            except PermissionError as error:
                raise MissingPrivilege(
                    f"{DEVICE}: {error.strerror}: run as root, or let everybody open it, as most distributions do:"
                    f" chmod 666 {DEVICE}",
                    f"{DEVICE}：没有权限：请以 root 运行，或像多数发行版那样允许所有人打开它：chmod 666 {DEVICE}",
                ) from error
        return fd

    def whole_packets(self, name: str) -> None:
        """Turns off what makes captured packets differ from those on a wire."""
        with self.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            for command in OFFLOADS.values():
                value = array.array("B", struct.pack("II", command, 0))
                address, _ = value.buffer_info()
                try:
                    fcntl.ioctl(
                        control, SIOCETHTOOL, struct.pack("16sP16x", name.encode(), address)
                    )
                except OSError:
                    continue  # the device has no such offload

    def close(self) -> None:
        """Let go of it; it ends with its last socket."""
        os.close(self.fd)
