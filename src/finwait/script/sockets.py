"""The sockets of a script: their labels, what stage of opening they are in, and which one a packet belongs to."""

from dataclasses import dataclass, field
from enum import Enum, auto

from finwait.script.mapping import Numbers
from finwait.tcp import Flags
from finwait.wire import Address, Packet, Tcp, Udp


class Opening(Enum):
    """How far a socket has come, as far as the script has shown."""

    NEW = auto()
    BOUND = auto()
    LISTENING = auto()
    RECEIVED = auto()
    """A child: its first packet was injected."""
    SYNACK_SENT = auto()
    SYNACK_ACKED = auto()
    CONNECTING = auto()
    SYN_SENT = auto()
    SYN_ACKED = auto()


@dataclass(slots=True)
class Socket:
    """One socket, or the child of a listener that nobody has accepted yet."""

    stream: bool = True
    opening: Opening = Opening.NEW
    label: int | None = None
    """What the script calls it."""
    fd: int | None = None
    """The live descriptor."""
    closed: bool = False
    local_port: int | None = None
    remote_port: int | None = None
    numbers: Numbers = field(default_factory=Numbers)
    injected: Tcp | None = None
    """The last segment that went in."""
    sent: Tcp | None = None
    """The last segment that came out and was taken."""
    encapsulated: tuple[int, int] | None = None
    """Ports of UDP around the last segment that came out."""


@dataclass(slots=True)
class Sockets:
    """All of them, and the one under test: every packet of the script is one of its connection."""

    local: Address
    remote: Address
    connect_port: int
    all: list[Socket] = field(default_factory=list)
    under_test: Socket | None = None
    files: dict[int, int] = field(default_factory=dict)
    """Labels of everything that is no socket (epoll, pipes, files) → live descriptors."""

    gone: set[int] = field(default_factory=set)
    """Labels of what was closed among them."""

    def add(self, one: Socket) -> Socket:
        """Take a socket in; it becomes the one under test."""
        self.all.append(one)
        self.under_test = one
        return one

    def of_label(self, label: int) -> Socket | None:
        """Find an open socket by what the script calls it."""
        found = (one for one in reversed(self.all) if one.label == label and not one.closed)
        return next(found, None)

    def live(self, label: int) -> int | None:
        """Give the live descriptor for a label; None if nothing open is called so."""
        one = self.of_label(label)
        return self.files.get(label) if one is None else one.fd

    def was_closed(self, label: int) -> bool:
        """Say whether something was called so that is closed now."""
        return label in self.gone or any(one.label == label and one.closed for one in self.all)

    def label_of(self, fd: int) -> int | None:
        """Give the label of an open live descriptor."""
        for one in reversed(self.all):
            if one.fd == fd and not one.closed and one.label is not None:
                return one.label
        return next((label for label, live in self.files.items() if live == fd), None)

    def child_to_accept(self) -> Socket | None:
        """The newest child without a descriptor, best one whose SYN-ACK was seen."""
        children = [one for one in self.all if one.fd is None and not one.closed]
        ready = {Opening.SYNACK_SENT, Opening.SYNACK_ACKED}
        shown = [one for one in children if one.opening in ready]
        return next(reversed(shown or children), None)

    def is_of(self, packet: Packet, one: Socket) -> bool:
        """Say whether a packet that the stack sent belongs to a socket; learns the local port of a connecting one."""
        if packet.src != self.local or packet.dst != self.remote:
            return False
        body = packet.body
        if not isinstance(body, Tcp | Udp):
            return True
        if isinstance(body, Tcp) != one.stream:
            return False
        if one.local_port is None and one.opening is Opening.CONNECTING:
            begins = not isinstance(body, Tcp) or Flags.SYN in body.flags
            ports = body.src_port, body.dst_port
            older = any((s.local_port, s.remote_port) == ports for s in self.all if s is not one)
            if not begins or body.dst_port != (one.remote_port or self.connect_port) or older:
                return False
            one.local_port, one.remote_port = body.src_port, body.dst_port
        return (body.src_port, body.dst_port) == (one.local_port, one.remote_port)


def note_sent(one: Socket, tcp: Tcp) -> None:
    """A segment of the stack was taken: how far has the socket come."""
    one.sent = tcp
    if Flags.SYN in tcp.flags:
        if Flags.ACK in tcp.flags and one.opening is Opening.RECEIVED:
            one.opening = Opening.SYNACK_SENT
        elif Flags.ACK not in tcp.flags and one.opening is Opening.CONNECTING:
            one.opening = Opening.SYN_SENT


def note_injected(one: Socket, tcp: Tcp) -> None:
    """A segment goes in: how far has the socket come."""
    one.injected = tcp
    if Flags.ACK in tcp.flags and one.opening is Opening.SYNACK_SENT:
        one.opening = Opening.SYNACK_ACKED
    if Flags.SYN in tcp.flags and Flags.ACK in tcp.flags and one.opening is Opening.SYN_SENT:
        one.opening = Opening.SYN_ACKED
