"""The machine around the endpoint: its descriptors, its clock that only moves when told, what it sent."""

from collections import Counter, deque
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

from finwait.endpoint import Happening, Host, Profile, Rule
from finwait.endpoint import Result as EndpointResult
from finwait.stage.model.descriptors import Descriptors, Epoll, TcpSocket
from finwait.stage.model.numbers import (
    AF_INET6,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLRDHUP,
    POLLRDNORM,
    POLLWRNORM,
)
from finwait.stage.stage import Captured, Setup
from finwait.wire import Packet

WAKES = {
    Happening.CONNECTED: POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM,
    Happening.READABLE: POLLIN | POLLRDNORM,
    Happening.WRITABLE: POLLOUT | POLLWRNORM,
    Happening.PEER_CLOSED: POLLIN | POLLRDNORM | POLLRDHUP,
    Happening.ERROR: POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP,
    Happening.CLOSED: POLLIN | POLLOUT | POLLHUP | POLLRDHUP,
}
"""What a waiter is woken for (Linux sock_def_readable and its kin)."""


class World:
    """Time, a host, and what a process on it holds."""

    def __init__(self, setup: Setup, profile: Profile) -> None:
        self.setup = setup
        self.at_boot = profile
        self.host = Host(profile, [setup.local], mtu=setup.mtu)
        self.now = 0
        self.descriptors = Descriptors()
        self.sent: deque[Captured] = deque()
        self.fired: Counter[Rule] = Counter()
        """How often each rule of the endpoint fired since `nstat` was last asked."""
        self.saved: dict[str, Any] | None = None
        """What `set_sysctls.py` found and the restore script puts back, by field of the profile."""

    @property
    def profile(self) -> Profile:
        """The profile in force: what sysctls made of the one at the start."""
        return self.host.profile

    @property
    def linux(self) -> bool:
        """Whether system calls answer as Linux's, not BSD's."""
        return self.at_boot.name != "freebsd"

    def configure(self, changes: dict[str, Any]) -> None:
        """Change fields of the profile, as a sysctl does."""
        if all(getattr(self.profile, name) == value for name, value in changes.items()):
            return
        self.host.configure(replace(self.profile, **changes))

    @property
    def domain(self) -> int:
        """What `socket(...)` opens."""
        return 2 if self.setup.family == "ipv4" else AF_INET6

    def send(self, packet: Packet) -> None:
        """Send a packet of what is not TCP."""
        self.sent.append(Captured(packet, self.now))

    def collect(self) -> None:
        """Take what the host sent, and wake who watches."""
        for packet in self.host.transmit():
            self.sent.append(Captured(packet, self.now))
        self.fired.update(self.host.rules())
        self.host.edges()
        notices = self.host.events()
        if not notices:
            return
        watched = [one for one in self.descriptors if isinstance(one, Epoll)]
        for notice in notices if watched else ():
            for epoll in watched:
                for interest in epoll.interests.values():
                    held = interest.object
                    if isinstance(held, TcpSocket) and held.handle == notice.socket:
                        wakes = WAKES[notice.happening] & (interest.events | POLLERR | POLLHUP)
                        interest.fresh = interest.fresh or bool(wakes)

    def did(self, result: EndpointResult) -> EndpointResult:
        """Pass a result of the host on, after taking what it sent."""
        self.collect()
        return result

    def wait(self, ready: Callable[[], bool], until: int | None = None) -> Generator[int | None]:
        """Sleep until it is so; with `until`, at most so long."""
        while not ready() and (until is None or self.now < until):
            yield until
