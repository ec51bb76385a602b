"""What the runner of a script asks of a stage, and what it gets. Both stages speak this and nothing else.

The runner knows the script: labels, relative numbers, tolerances, what is compared with what. The
stage knows a stack: it lets time pass, carries packets to and from it, and makes system calls. So a
report is the same wherever a script was played.

Times are microseconds since the stage was opened. Constants (levels, options, flags, errno) are
Linux's numbers, on every stage; names that Linux lacks have private numbers above PRIVATE
(`script/constants.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from finwait.wire import Address, Packet

PRIVATE: Final = 0x10000
"""Numbers from here on are names that only another system has."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The world in which a script plays. Addresses are those on the wire (IPv4 also for mapped sockets)."""

    family: str
    """ipv4, ipv6, or ipv4-mapped-ipv6: AF_INET6 sockets with IPv4 on the wire."""
    local: Address
    gateway: Address
    remote: Address
    prefix_length: int
    """Of the local address."""
    remote_prefix_length: int
    bind_port: int = 8080
    connect_port: int = 8080
    mtu: int = 1500
    folder: str = "."
    """Where shell commands run: the folder of the script."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """For shell commands, beside the caller's."""
    speed: int | None = None
    """Of the device, in Mbit/s; None: left alone."""
    gso_size: int = 0
    """`--mss`: the segment size written into the virtio header of injected packets."""


Value: TypeAlias = "int | bytes | list[Value] | dict[str, Value] | None"
"""An argument: a number (an fd is a live one), octets, None for `...`, a list, or a struct by member name.
Positional members of a struct (iovec) are named "0", "1", …; `msg_iov(n)=…` is "msg_iov"."""


@dataclass(frozen=True, slots=True)
class SystemCall:
    """A call to make. `...` for an address means the script's own: local for bind, remote for connect and sendto.

    `{port=N}` for connect is that of the script with another port.
    """

    name: str
    arguments: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What a call gave."""

    value: int
    """As the C library returns it: -1 on failure."""
    errno: int = 0
    """Linux's number; 0 without failure."""
    out: Mapping[str, Value] = field(default_factory=dict)
    """What the call wrote, by name: `value` and `length` (getsockopt), `value` (ioctl), `data` (read family), `revents`
    (poll: a list of numbers), `events` (epoll_wait: a list of structs events/data), `flags` and `control` (recvmsg),
    `fds` (pipe)."""
    at: int = 0
    """When it returned."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A packet that the stack sent."""

    packet: Packet
    at: int


@dataclass(frozen=True, slots=True)
class ShellResult:
    """What became of a shell command."""

    status: int
    """0: done. What the shell answered otherwise."""
    output: str = ""
    applicable: bool = True
    """False: this stage has no such thing; nothing was done, and the report says so."""


class Stage(Protocol):
    """A stack under test. Every method may raise OSError or a FinwaitError; a mismatch is never an exception here."""

    name: str
    """`model:linux`, `kernel`, …: for reports."""
    epoch: int
    """The stage's time 0 in microseconds since 1970 (UTC): the clock's on a real stack, `wire.pcapng.EPOCH` in virtual time."""

    def now(self) -> int:
        """Tell the time."""

    def zero(self) -> int:
        """Give the time that a script shall call 0: now or very soon. Asked once, after its init command."""

    def advance(self, to: int) -> None:
        """Let time pass until `to`; at once if that is past. What the stack does meanwhile it does."""

    def inject(self, packet: Packet) -> None:
        """Hand a packet to the stack, now."""

    def sniff(self, until: int | None) -> Captured | None:
        """Give the next packet that the stack sent and nobody has taken, in the order of sending.

        Waits for one until the time `until` (None: as long as the stage thinks one can still come, at
        most its own limit) and lets time pass for that. None if there was none.
        """

    def call(self, call: SystemCall) -> Result:
        """Make a call that returns at once, and wait for it."""

    def call_until(self, call: SystemCall, until: int) -> Result | None:
        """Make a call that is expected to return at once. None if it still sleeps at the time `until`, or if nothing can
        wake it any more: it is given up.
        """

    def begin(self, call: SystemCall) -> None:
        """Begin a call that may block, and come back once it sleeps (or has returned). One at a time."""

    def finish(self, until: int) -> Result | None:
        """Wait for the call that was begun, until the time `until`; None if it still sleeps then."""

    def shell(self, command: str) -> ShellResult:
        """Run a shell command, or honour what it asks."""

    def ephemeral_port(self) -> int:
        """Give a port on the remote side that nothing else uses, for an injected SYN."""

    def local_port(self, fd: int) -> int | None:
        """The local port of a socket, if it has one."""

    def tcp_info(self, fd: int) -> Mapping[str, int]:
        """What TCP_INFO says of a socket, by the names `tcpi_*` (also TCP_CC_INFO and SO_MEMINFO where there are any)."""

    def shows(self, local_port: int, remote_port: int) -> int | None:
        """Which state (Linux's number) the system's table of connections shows for one; None: it has none such.

        A closed socket has no TCP_INFO, and of one in TIME-WAIT Linux says there CLOSE: the table knows better.
        """

    def owns(self, fd: int) -> bool:
        """Say whether the live descriptor is still open."""

    def close(self) -> None:
        """End the stack and everything that was made for it. Nothing is left behind."""
