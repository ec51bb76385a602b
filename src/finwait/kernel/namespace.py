"""A network namespace of our own: nothing outside is touched, and it is gone when the last who is in it ends."""

import ctypes
import errno
import os
import signal
from contextlib import suppress
from typing import Final, Self

from finwait.errors import CannotOpen, MissingPrivilege, said_in_chinese

CLONE_NEWNET: Final = 0x40000000
CLONE_NEWUSER: Final = 0x10000000
"""linux/sched.h"""
HERE: Final = "/proc/thread-self/ns/net"
NAMED: Final = "/run/netns"
"""Where iproute2 keeps namespaces that have a name."""
REFUSED: Final = (
    "a private network namespace was refused ({}): run as root, or permit user namespaces "
    "(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0); "
    "in a container: --cap-add=SYS_ADMIN --cap-add=NET_ADMIN --device=/dev/net/tun. "
    "finwait run needs none of this with --stage model",
    "私有网络命名空间被拒绝（{}）：请以 root 运行，或允许用户命名空间"
    "（sysctl user.max_user_namespaces、kernel.unprivileged_userns_clone=1、kernel.apparmor_restrict_unprivileged_userns=0）；"
    "在容器中：--cap-add=SYS_ADMIN --cap-add=NET_ADMIN --device=/dev/net/tun。finwait run 加 --stage model 则都不需要",
)
"""The way out, in English and in Chinese."""

_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """The calling thread moves into a new namespace, and back when it leaves.

    Threads and programs that it starts meanwhile are inside too. Who is not root becomes root of a user
    namespace first; there is no way back from that, so a caller does it in a process of its own.
    Raises MissingPrivilege.
    """

    def __init__(self) -> None:
        self._home = -1

    def enter(self) -> Self:
        """Move in."""
        home = os.open(HERE, os.O_RDONLY | os.O_CLOEXEC)
        if _libc.unshare(CLONE_NEWNET) != 0:
            os.close(home)
            home = -1
            _become_root()
        self._home = home
        return self

    @staticmethod
    def end_others() -> None:
        """Kill every other process in the namespace that the calling thread is in, and what they start meanwhile."""
        here, me = os.readlink(HERE), os.getpid()  # noqa: PTH115 - as below
        found = True
        while found:
            found = False
            for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - a hundred of them in half a millisecond
                with suppress(OSError):  # it ended meanwhile
                    if int(name) != me and os.readlink(f"/proc/{name}/ns/net") == here:  # noqa: PTH115
                        os.kill(int(name), signal.SIGKILL)
                        found = True

    def leave(self) -> None:
        """Move back; without others in it, the namespace ends with its devices."""
        home, self._home = self._home, -1
        if home < 0:
            return
        try:
            if _libc.setns(home, CLONE_NEWNET) != 0:
                number = ctypes.get_errno()
                raise OSError(number, f"setns: {os.strerror(number)}")
        finally:
            os.close(home)


def _become_root() -> None:
    """Take a user namespace and a network namespace in it."""
    user, group = os.geteuid(), os.getegid()
    if user == 0 or _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        raise _refused(os.strerror(ctypes.get_errno()))
    for name, text in (
        ("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")
    ):  # fmt: skip
        try:
            fd = os.open(f"/proc/self/{name}", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(fd, text.encode())
            finally:
                os.close(fd)
        except OSError as error:
            raise _refused(f"{name}: {error}") from error


def _refused(why: str) -> MissingPrivilege:
    english, chinese = REFUSED
    return MissingPrivilege(english.format(why), chinese.format(why))


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, however that ends (prctl PR_SET_PDEATHSIG)."""
    pr_set_pdeathsig, sigkill = 1, 9
    with suppress(OSError):
        _libc.prctl(pr_set_pdeathsig, sigkill, 0, 0, 0)


def join(name: str) -> None:
    """Move the calling thread into a network namespace that exists: a name of `ip netns`, or a path such as /proc/PID/ns/net.

    Raises CannotOpen, MissingPrivilege.
    """
    path = name if "/" in name else f"{NAMED}/{name}"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise CannotOpen.of(path, error) from error
    try:
        if _libc.setns(fd, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            if number == errno.EINVAL:
                raise CannotOpen(path, "it is no network namespace", "它不是网络命名空间")
            refused = OSError(number, os.strerror(number))
            raise MissingPrivilege(
                f"{path}: {refused.strerror}: joining a namespace needs CAP_SYS_ADMIN: run as root",
                f"{path}：{said_in_chinese(refused)}：加入命名空间需要 CAP_SYS_ADMIN：请以 root 运行",
            )
    finally:
        os.close(fd)
