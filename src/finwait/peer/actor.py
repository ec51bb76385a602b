"""The peer without I/O: a host whose connections all end in the same way, and the wire that helps it to misbehave."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from finwait.endpoint import LINUX, Errno, Handle, Happening, Host, Option
from finwait.endpoint.sockets import Ends
from finwait.errors import Misuse
from finwait.peer.ending import Wire
from finwait.peer.steps import Step, Tell
from finwait.peer.talk import Part, Talk, ends_of
from finwait.tcp import Flags, State
from finwait.verdict.language import Text
from finwait.wire import Address, Packet, Tcp

BACKLOG: Final = 4096
SWEEP: Final = 256
"""Connections between two looks for those that are over."""
HOLDING: Final = frozenset({Wire.CROSS_FIN, Wire.JOIN_FIN})
"""With these a FIN waits until the peer has said all: its ACK would go alone, and its own FIN come late."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is drawn by lot, so that a new peer is not taken for the one before: RFC 9293 section 3.4.1."""

    isn: int = 0
    ts_offset: int = 0


class Actor:
    """All connections of a peer. Times are microseconds since it began."""

    def __init__(
        self, part: Part, at: tuple[Address, int], tell: Tell, numbers: Numbers = Numbers()
    ) -> None:  # fmt: skip
        if part.connects and part.ending.needs_listener:
            raise Misuse(
                f"{part.ending.name} is about a SYN that comes: it cannot connect",
                f"{part.ending.name} 针对收到的 SYN：不能用于主动连接",
            )
        self.part = part
        self.at = at
        self.host = Host(
            LINUX, [at[0]], isn=lambda ends, now: numbers.isn + now // 4 + ends.remote_port * 65537,
            ts_offset=numbers.ts_offset,
        )  # fmt: skip
        self.talks: dict[Ends, Talk] = {}
        self._by_handle: dict[Handle, Talk] = {}
        self.begun = self.ended = 0
        """Connections that were established, or asked for in vain, and those of them that are over."""
        self.failed: Errno | None = None
        """Of the last connect."""
        self._tell = tell
        self._timers: list[tuple[int, int]] = []
        self._calling: Handle | None = None
        self._listener: Handle | None = None
        self._now = 0
        self._out: list[Packet] = []
        self._strangers: set[Ends] = set()
        if not part.connects:
            self._listen()

    def _listen(self) -> None:
        address, port = self.at
        ending = self.part.ending
        if ending.wire is not Wire.REFUSE:
            self._listener = self._socket(address.version)
            self.host.bind(self._listener, address, port)
            self.host.listen(0, self._listener, BACKLOG)
        self._note(-1, "listens", at=spelled(address, port), what=ending.what)

    def _socket(self, version: int) -> Handle:
        made = self.host.open(version)
        if self.part.ending.buffer:
            self.host.set_option(0, made, Option.SO_RCVBUF, self.part.ending.buffer)
        return made

    def connect(self, now: int, to: tuple[Address, int], port: int = 0) -> None:
        """Begin a connection; one at a time."""
        self._now = now
        self._calling = self._socket(to[0].version)
        self.failed = None
        self.host.bind(self._calling, self.at[0], port)
        self._note(-1, "connects", to=spelled(*to))
        self.host.connect(now, self._calling, *to)
        self._follow(now, None)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return self._calling is None and all(talk.over for talk in self.talks.values())

    # --- packets and time ---

    def arrive(self, now: int, packet: Packet) -> None:
        """Take a packet of the other end."""
        self._now = now
        ends = ends_of(packet, incoming=True)
        talk = self.talks.get(ends) if ends else None
        if talk is None:
            if ends is None or not self._overlooks(packet, ends):
                self.host.arrive(now, packet)
        elif not talk.dark:
            for one in self._incoming(talk, packet):
                self.host.arrive(now, one)
        self._follow(now, talk)

    def tick(self, now: int) -> None:
        """Let all that is due at `now` happen."""
        self._now = now
        self.host.tick(now)
        while self._timers and self._timers[0][0] <= now:
            _, number = heapq.heappop(self._timers)
            for talk in [talk for talk in self.talks.values() if talk.number == number]:
                self._follow(now, talk)
        self._follow(now, None)

    def deadline(self) -> int | None:
        """When `tick` has something to do next."""
        due = [self._timers[0][0]] if self._timers else []
        at = self.host.deadline()
        return min([*due, at] if at is not None else due, default=None)

    def transmit(self) -> list[Packet]:
        """Take the packets to send."""
        out, self._out = self._out, []
        return out

    # --- the wire ---

    def _overlooks(self, packet: Packet, ends: Ends) -> bool:
        """Say whether a segment for no connection is not to be seen; tell of SYNs that get no connection."""
        body, wire = packet.body, self.part.ending.wire
        if not isinstance(body, Tcp) or Flags.SYN not in body.flags:
            return wire is Wire.DEAF
        to = spelled(ends.remote, ends.remote_port)
        if self.part.ending.needs_listener:
            self._note(-1, "unheard" if wire is Wire.DEAF else "refuses", to=to)
            again = ends in self._strangers
            self._strangers.add(ends)
            self.begun += not again
            self.ended += wire is Wire.REFUSE and not again
        return wire is Wire.DEAF

    def _incoming(self, talk: Talk, packet: Packet) -> Iterator[Packet]:
        body = packet.body
        if not isinstance(body, Tcp) or Flags.FIN not in body.flags:
            yield packet
            return
        without = replace(packet, body=replace(body, flags=body.flags & ~Flags.FIN))
        wire = self.part.ending.wire
        if wire is Wire.HIDE_FIN:
            talk.told("hidden")
            yield without
        elif wire in HOLDING and "released" not in talk.noted and not talk.left:
            yield without
            talk.held = packet
        else:
            yield packet

    def _goes_out(self, packet: Packet) -> bool:
        ends = ends_of(packet, incoming=False)
        talk = self.talks.get(ends) if ends else None
        body = packet.body
        if talk is None or not isinstance(body, Tcp):
            return True
        if talk.dark:
            return False
        wire = self.part.ending.wire
        if wire is Wire.LOSE_FIN and Flags.FIN in body.flags and "lost" not in talk.noted:
            talk.noted.add("lost")
            talk.told("lost-fin")
            return False
        closes = wire is Wire.JOIN_FIN and talk.state is State.LAST_ACK
        if closes and "joined" not in talk.noted and _acks_fin(talk, body):
            # An ACK made in the very step in which the process closed: its FIN says the same.
            talk.noted.add("joined")
            return False
        if wire is Wire.LOSE_LAST_ACK and "lost" not in talk.noted and _acks_fin(talk, body):
            talk.noted.add("lost")
            talk.told("lost-ack")
            return False
        return True

    # --- what happened ---

    def _follow(self, now: int, talk: Talk | None) -> None:
        """Let everybody who is concerned go on."""
        concerned = self._concerned(now)
        if talk is not None:
            concerned.add(talk)
        for one in concerned:
            one.go_on(now)
            if one.held is not None and one.has_said_all():
                self._release(now, one, one.held)
                one.go_on(now)
        self._out += [packet for packet in self.host.transmit() if self._goes_out(packet)]
        for one in concerned:
            if one.over and "ended" not in one.noted:
                one.noted.add("ended")
                self.ended += 1
                self._tell_missed(one)
                one.told("ended")
            if one.left and one.state is State.CLOSED:
                self._forget(one)

    def finish(self) -> None:
        """Tell of connections that are still there whose moment has not come; nothing happens any more."""
        for talk in self.talks.values():
            if "ended" not in talk.noted:
                self._tell_missed(talk)

    def _tell_missed(self, talk: Talk) -> None:
        if talk.missed():
            talk.told("missed", moment=str(self.part.moment))

    def _forget(self, talk: Talk) -> None:
        if self.talks.get(talk.ends) is talk:
            del self.talks[talk.ends]
        self._by_handle.pop(talk.handle, None)
        self.host.sockets.pop(talk.handle, None)

    def _concerned(self, now: int) -> set[Talk]:
        """Find whom the events of the host are about; new connections begin here."""
        found: set[Talk] = set()
        for notice in self.host.events():
            if notice.socket == self._listener:
                found.update(self._accept(now))
            elif notice.socket == self._calling:
                found |= self._called(now, notice.happening)
            elif notice.socket in self._by_handle:
                found.add(self._by_handle[notice.socket])
        return found

    def _release(self, now: int, talk: Talk, fin: Packet) -> None:
        """Let the host see the FIN that was held until the peer had said all."""
        talk.held = None
        talk.noted.add("released")
        if self.part.ending.wire is Wire.CROSS_FIN:
            talk.cross(now)
        self.host.arrive(now, fin)

    def _accept(self, now: int) -> Iterator[Talk]:
        if self._listener is None:
            return
        while (result := self.host.accept(now, self._listener)).error is None:
            yield self._begin(now, result.value)

    def _called(self, now: int, happening: Happening) -> set[Talk]:
        handle = self._calling
        if handle is None:
            return set()
        if happening is Happening.CONNECTED:
            self._calling = None
            return {self._begin(now, handle)}
        if happening is Happening.ERROR:
            self._calling = None
            self.failed = self.host.get_option(handle, Option.SO_ERROR).error
            self._note(-1, "error", error=str(self.failed))
        return set()

    def _begin(self, now: int, handle: Handle) -> Talk:
        ends = self.host.ends(handle)
        if ends is None:
            raise AssertionError("a connection that stands has two ends")
        number = self.begun
        self.begun += 1

        def told(word: str, **values: str | int) -> None:
            self._tell(Step(self._now, number, word, dict(values), talk.state))

        def later(at: int) -> None:
            heapq.heappush(self._timers, (at, number))

        talk = Talk(self.part, self.host, handle, ends, number, told, later, now)
        if number % SWEEP == SWEEP - 1:
            for old in [
                one for one in self.talks.values() if one.left and one.state is State.CLOSED
            ]:
                self._forget(old)  # those that were in TIME-WAIT
        self.talks[ends] = talk
        self._by_handle[handle] = talk
        here = spelled(ends.local, ends.local_port)
        told("connected", to=spelled(ends.remote, ends.remote_port), here=here)
        if self.part.connects and self.part.ending.waits:
            told("waits")
        return talk

    def _note(self, number: int, word: str, **values: Text | str | int) -> None:
        self._tell(Step(self._now, number, word, dict(values)))


def _acks_fin(talk: Talk, body: Tcp) -> bool:
    """Say whether a segment of ours is the ACK of the other end's FIN, and nothing else."""
    connection = talk.host.connection(talk.handle)
    return connection is not None and connection.peer_fin is not None and body.flags == Flags.ACK


def spelled(address: Address, port: int) -> str:
    """Write an end as `end_of` reads it."""
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
