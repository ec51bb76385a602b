"""Giving a device its addresses and routes, and knowing when the kernel really has them."""

import select
import socket
import subprocess
import time
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from finwait.errors import CannotOpen

RTMGRP_IPV6_ROUTE: Final = 0x400
"""linux/rtnetlink.h: changes of IPv6 routes."""
RTF_LOCAL: Final = 0x80000000
"""linux/ipv6_route.h: what is sent there is for this host."""
ROUTES: Final = "/proc/thread-self/net/ipv6_route"
READY: Final = 5.0
"""Seconds after which an address is not waited for any more."""
NOTICE: Final = 1 << 16


def configure(lines: list[str], local: IPv4Address | IPv6Address) -> None:
    """Run commands of iproute2, and come back when packets to `local` are for this host.

    An IPv6 address gets its route from a work queue, after the command has ended: a SYN that comes before is for nobody.
    Raises CannotOpen if iproute2 is not installed, OSError with its words if a command fails.
    """
    if isinstance(local, IPv4Address):
        ip(*lines)
        return
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as changes:
        changes.bind((0, RTMGRP_IPV6_ROUTE))
        ip(*lines)
        end = time.monotonic() + READY
        while not _is_local(local):
            if not select.select([changes], [], [], max(end - time.monotonic(), 0))[0]:
                raise OSError(f"{local}: the kernel has no route to it after {READY:.0f} s")
            changes.recv(NOTICE)


def _is_local(address: IPv6Address) -> bool:
    wanted = address.packed.hex()
    for line in Path(ROUTES).read_bytes().decode().splitlines():
        words = line.split()
        if words[0] == wanted and words[1] == "80" and int(words[8], 16) & RTF_LOCAL:
            return True
    return False


def ip(*lines: str) -> None:
    """Run commands of iproute2 at once. Raises CannotOpen if it is not installed, OSError with its words if one fails."""
    _run(["-batch", "-"], "\n".join(lines))


def shown(command: str) -> str:
    """Run one command of iproute2, and give what it prints. Raises as `ip` does."""
    return _run(command.split())


def _run(arguments: list[str], given: str = "") -> str:
    try:
        done = subprocess.run(
            ["ip", *arguments], input=given, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise CannotOpen(
            "ip", "not installed: apt-get install iproute2", "未安装：apt-get install iproute2"
        ) from error
    if done.returncode:
        said = given.replace("\n", "; ") or " ".join(arguments)
        raise OSError(f"ip: {done.stderr.strip()} ({said})")
    return done.stdout
