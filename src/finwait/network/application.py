"""What a process does with its connection: says something, listens, and leaves in one way or another."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from finwait.endpoint import Errno, Handle, Happening, Host, Notice, Option

CHUNK: Final = 1 << 16
"""Octets that a read asks for."""


class Leave(Enum):
    """How a process lets go."""

    NOT = "not"
    CLOSE = "close"
    SHUTDOWN = "shutdown"
    """Of its sending direction; it closes when the peer has closed too."""
    ABORT = "abort"
    """close() with SO_LINGER 0."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a process behaves. Times are microseconds."""

    says: int = 0
    """Octets that it sends as soon as it has heard enough."""
    hears: int = 0
    """Octets that it waits for before it speaks."""
    reads: bool = True
    """False: what comes lies unread."""
    leaves: Leave = Leave.NOT
    """Once it has said all."""
    leaves_at: int | None = None
    """Not before this time."""
    when_left: Leave = Leave.CLOSE
    """At the peer's FIN, if it has not left yet."""
    hesitates: int = 0
    """From the peer's FIN to its own leaving: below the delayed ACK a close takes three segments, above four."""
    says_late: int = 0
    """Octets that it sends after the peer's FIN, before it leaves: a reply into the half-closed connection."""


def octets(count: int, who: int) -> bytes:
    """Give octets that show by themselves if one is missing or doubled."""
    return bytes((position * 7 + who * 101 + (position >> 8)) & 0xFF for position in range(count))


@dataclass
class Process:
    """A process with one connection, at work."""

    manner: Manner
    host: Host
    socket: Handle
    later: Callable[[int, Callable[[int], None]], None]
    """Asks the network to be called at a time."""
    who: int
    heard: bytearray = field(default_factory=bytearray)
    said: bytearray = field(default_factory=bytearray)
    """What the host has taken to send."""
    left: Leave = Leave.NOT
    error: Errno | None = None
    end_of_data: bool = False
    closed: bool = False
    _waiting: bytes = b""
    _spoken: bool = False
    _asked: set[str] = field(default_factory=set)

    def react(self, now: int, notice: Notice) -> None:
        """Something happened to the socket."""
        if self.closed or notice.socket != self.socket:
            return
        if notice.happening in {Happening.READABLE, Happening.PEER_CLOSED, Happening.ERROR}:
            self._listen(now)
        self.go_on(now)

    def go_on(self, now: int) -> None:
        """Do what can be done now."""
        if self.closed:
            return
        if not self._spoken and (len(self.heard) >= self.manner.hears or not self.manner.reads):
            self._spoken = True
            self._waiting += octets(self.manner.says, self.who)
        if not self._speak(now) or not self._spoken:
            return
        if self.end_of_data and self.left in {Leave.NOT, Leave.SHUTDOWN}:
            self._after_fin(now)
        elif self.left is Leave.NOT and self.manner.leaves is not Leave.NOT:
            at = self.manner.leaves_at
            if at is not None and now < at:
                self._once("leave", at)
            else:
                self._leave(now, self.manner.leaves)

    def _after_fin(self, now: int) -> None:
        if self.left is Leave.SHUTDOWN:
            self._leave(now, Leave.CLOSE)
        elif "hesitated" not in self._asked:
            self._asked.add("hesitated")
            self.later(now + self.manner.hesitates, self._reply)

    def _reply(self, now: int) -> None:
        if self.closed:
            return
        self._waiting += octets(self.manner.says_late, self.who + 1)
        if self._speak(now) and self.manner.when_left is not Leave.NOT:
            self._leave(now, self.manner.when_left)

    def _once(self, what: str, at: int) -> None:
        if what not in self._asked:
            self._asked.add(what)
            self.later(at, self.go_on)

    def _listen(self, now: int) -> None:
        while self.manner.reads:
            result = self.host.receive(now, self.socket, CHUNK)
            if result.error is Errno.EAGAIN:
                return
            if result.error is not None:
                self._fail(now, result.error)
                return
            if not result.data:
                self.end_of_data = True
                return
            self.heard += result.data

    def _speak(self, now: int) -> bool:
        """Say what waits; True once all is said."""
        while self._waiting:
            result = self.host.send(now, self.socket, self._waiting)
            if result.error is Errno.EAGAIN:
                return False
            if result.error is not None:
                self._fail(now, result.error)
                return False
            self.said += self._waiting[: result.value]
            self._waiting = self._waiting[result.value :]
        return True

    def _fail(self, now: int, error: Errno) -> None:
        self.error = error
        self._leave(now, Leave.CLOSE)

    def _leave(self, now: int, how: Leave) -> None:
        self.left = how
        if how is Leave.SHUTDOWN:
            self.host.shutdown(now, self.socket, read=False, write=True)
            return
        if how is Leave.ABORT:
            self.host.set_option(now, self.socket, Option.SO_LINGER, 0)
        if how is not Leave.NOT:
            self.closed = True
            self.host.close(now, self.socket)
