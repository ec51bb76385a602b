"""One connection of the peer: what it hears and says, and what it does when its moment has come."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from finwait.endpoint import Errno, Handle, Host, Option
from finwait.endpoint.sockets import Ends
from finwait.peer import http
from finwait.peer.ending import Act, Ending, Moment, When, Wire
from finwait.tcp import Flags, State
from finwait.wire import Address, Packet, Tcp
from finwait.wire.packet import TTL

CHUNK: Final = 1 << 16
BESIDE: Final = 100
"""How far from RCV.NXT a blind RST lands: inside of any window (RFC 5961 section 3.2)."""
SENT_FIRST: Final = frozenset({Act.ABORT, Act.DARK, Act.FORGE, Act.FORGE_BLIND})
"""What waits until all that was said is acked, so that it comes at a known place of the stream."""


@dataclass(frozen=True, slots=True)
class Part:
    """What every connection of a peer does."""

    ending: Ending
    moment: Moment
    connects: bool
    body: bytes = b""
    """What it replies."""
    request: bytes = b""
    """What it asks, when it connects."""


@dataclass(slots=True, eq=False)
class Talk:
    """A connection, from the moment it stands."""

    part: Part
    host: Host
    handle: Handle
    ends: Ends
    number: int
    told: Callable[..., None]
    """Takes a word of `steps.WORDS` and its values."""
    later: Callable[[int], None]
    """Asks for `go_on` at a time."""
    began: int
    heard: bytearray = field(default_factory=bytearray)
    asked: int = 0
    """Octets of messages that were complete."""
    messages: int = 0
    said: int = 0
    to_say: int = 0
    acted: bool = False
    left: bool = False
    dark: bool = False
    fin_at: int | None = None
    held: Packet | None = None
    """A FIN that came too early for what is to be shown."""
    noted: set[str] = field(default_factory=set)
    """What happened once and does not happen again."""
    _waiting: bytes = b""
    _place: int = 0
    """How much of it the host has taken."""
    _limit: int | None = None

    def __post_init__(self) -> None:
        if self.part.moment.when is When.OCTETS:
            self._limit = self.part.moment.amount

    @property
    def state(self) -> State:
        """Where the endpoint's half of the connection stands."""
        entry = self.host.entries.get(self.ends)
        return entry.connection.state if entry else State.CLOSED

    @property
    def over(self) -> bool:
        """Whether nothing more is to be expected of it."""
        return self.state in {State.CLOSED, State.TIME_WAIT}

    def gone(self) -> bool:
        """Whether the process has let go, or the peer fell silent."""
        return self.left or self.dark

    def missed(self) -> bool:
        """Whether it had a moment of its own to act, and that has not come."""
        return not self.acted and self.part.moment.when is not When.FIN

    def go_on(self, now: int) -> None:
        """Do all that can be done now."""
        if self.gone():
            return
        if self.part.moment.when is When.CONNECT and not self.acted:
            self._act(now)
        if self.part.connects and "asks" not in self.noted and not self.gone():
            self.noted.add("asks")
            self._say(self.part.request)
            self.told("asks", octets=len(self.part.request))
        if self.gone() or not self._listen(now):
            return
        self._understand(now)
        if self.gone() or not self._speak(now):
            return
        if not self.acted and self._is_due(now):
            self._act(now)
        if not self.gone():
            self._see_fin(now)

    # --- hearing and saying ---

    def _listen(self, now: int) -> bool:
        """Take what came; False if the connection died."""
        peek = not self.part.ending.reads
        while True:
            result = self.host.receive(now, self.handle, CHUNK, peek=peek)
            if result.error is Errno.EAGAIN:
                break
            if result.error is not None:
                return self._died(now, result.error)
            if peek:
                self.heard[:] = result.data or self.heard
            else:
                self.heard += result.data
            if peek or not result.data:
                break
        connection = self.host.connection(self.handle)
        if connection is not None and connection.peer_fin is not None and self.fin_at is None:
            self.fin_at = now
            self.told("fin")
        return True

    def _understand(self, now: int) -> None:
        """See whether a message is complete, and answer it."""
        part = self.part
        if self.messages and not part.ending.reads:
            return  # it lies there and is seen again
        end_of = self._end_of()
        while (end := end_of(self.heard)) is not None or self._ends_with_fin():
            if end is None:
                end = len(self.heard)
            message = bytes(self.heard[:end])
            del self.heard[:end]
            self.messages += 1
            self.told("reply" if part.connects else "request", octets=len(message))
            if part.connects:
                return
            if part.moment.when is When.REQUEST and not self.acted:
                self._act(now)
                if self.gone():
                    return
            if part.ending.replies:
                self._say(http.reply(part.body, message, last=part.ending.announces))
                self.told("replies", octets=self.to_say - self.said)
            if not part.ending.reads:
                return
        if "continued" not in self.noted and not part.connects and http.expects(self.heard):
            self.noted.add("continued")
            self._waiting += http.CONTINUE

    def _end_of(self) -> Callable[[bytes | bytearray], int | None]:
        if self.part.connects:
            return http.reply_end
        # Who does not read cannot wait for the body: its window closes before that has come.
        return http.request_end if self.part.ending.reads else http.head_end

    def _ends_with_fin(self) -> bool:
        """Whether what was heard is a message because nothing follows."""
        return bool(self.heard) and self.fin_at is not None

    def _say(self, octets: bytes) -> None:
        self._waiting += octets
        self.to_say += len(octets)
        if self.part.moment.when is When.HALF and self._limit is None:
            self._limit = len(octets) // 2

    def _speak(self, now: int) -> bool:
        """Say what waits, up to the moment; False if the connection died."""
        while self._waits():
            most = min(len(self._waiting) - self._place, CHUNK)
            if self._limit is not None and not self.acted:
                most = min(most, self._limit - self.said)
            if most <= 0:
                break
            chunk = self._waiting[self._place : self._place + most]
            more = self._fin_follows() and self.said + most == self._last()
            result = self.host.send(now, self.handle, chunk, more=more)
            if result.error is Errno.EAGAIN:
                break
            if result.error is not None:
                return self._died(now, result.error)
            self.said += result.value
            self._place += result.value
        if not self._waits():
            self._waiting, self._place = b"", 0
        return True

    def _waits(self) -> bool:
        return self._place < len(self._waiting)

    def _last(self) -> int:
        """Give the number of octets after which the moment has come."""
        return self.to_say if self._limit is None else min(self._limit, self.to_say)

    def _fin_follows(self) -> bool:
        """Whether a FIN can ride on the last segment: else a quick client's own FIN crosses it now and then."""
        part = self.part
        return (
            not part.connects
            and part.ending.act in {Act.CLOSE, Act.SHUTDOWN}
            and part.moment.when in {When.HALF, When.OCTETS, When.REPLY}
            and part.ending.reads
            and part.ending.wire is not Wire.LOSE_FIN
        )

    def _died(self, now: int, error: Errno) -> bool:
        self.told("error", error=error.value)
        self._let_go(now)
        return False

    # --- acting ---

    def _is_due(self, now: int) -> bool:
        done = self._has_come(now)
        if done and self.part.ending.act in SENT_FIRST:
            return self.host.unsent(self.handle)[0] == 0
        return done

    def _has_come(self, now: int) -> bool:
        """Whether the moment has, though what was said before may not be acked yet."""
        moment, done = self.part.moment, False
        match moment.when:
            case When.REQUEST:
                done = bool(
                    self.to_say and not self._waits() if self.part.connects else self.messages
                )
            case When.REPLY:
                done = bool(self.messages) and not self._waits()
            case When.HALF | When.OCTETS:
                done = self._limit is not None and self.said >= self._limit
            case When.TIME:
                at = self.began + moment.amount
                done = now >= at
                if not done and "timed" not in self.noted:
                    self.noted.add("timed")
                    self.later(at)
        return done

    def _act(self, now: int) -> None:
        self.acted = True
        if self._waits() and self._limit is not None:
            self.told("part", octets=self.said)
        self._waiting = b"" if self._limit is not None else self._waiting
        self._do(now, self.part.ending.act)

    def _do(self, now: int, act: Act) -> None:
        if act is Act.NOTHING:
            return
        word: str = act.value
        match act:
            case Act.CLOSE:
                shut = self._has_shut()
                self._let_go(now)
                word = "close-shut" if shut else word
                word = "close-unread" if self.state is State.CLOSED else word
            case Act.SHUTDOWN:
                self.host.shutdown(now, self.handle, read=False, write=True)
            case Act.ABORT:
                self.host.set_option(now, self.handle, Option.SO_LINGER, 0)
                self._let_go(now)
            case Act.DARK:
                self.dark = True
            case Act.FORGE | Act.FORGE_BLIND:
                self.host.put(self._forged(0 if act is Act.FORGE else BESIDE))
        self.told(word)

    def _has_shut(self) -> bool:
        connection = self.host.connection(self.handle)
        return connection is not None and connection.write_shut

    def _let_go(self, now: int) -> None:
        self.left = True
        self.host.close(now, self.handle)

    def _see_fin(self, now: int) -> None:
        """Do what belongs to the other end's FIN, once all is said."""
        if self.fin_at is None or self._waits() or self.part.ending.on_fin is Act.NOTHING:
            return
        if not self.acted and self.part.ending.act is not Act.NOTHING and self._has_come(now):
            return  # only an ACK is missing: the FIN does not come before what was asked for
        at = self.fin_at + (0 if self.acted else self.part.ending.hesitates)
        if now >= at:
            self._do(now, self.part.ending.on_fin)
        else:
            self.later(at)

    def has_said_all(self) -> bool:
        """Whether all is said and acked, so that nothing keeps a FIN from going out at once."""
        return not self._waits() and self.host.unsent(self.handle)[0] == 0

    def cross(self, now: int) -> None:
        """Send the FIN although one has come: the host must not have seen that yet."""
        self.host.shutdown(now, self.handle, read=False, write=True)
        self.told("crosses")

    def _forged(self, beside: int) -> Packet:
        """Make a RST as somebody on the way would: the right number, or one beside it, and a TTL that tells."""
        ends = self.ends
        connection = self.host.entries[ends].connection
        seq = (connection.snd_nxt + beside).value
        tcp = Tcp(ends.local_port, ends.remote_port, seq, 0, Flags.RST)
        return Packet(ends.local, ends.remote, tcp, ttl=TTL)


def ends_of(packet: Packet, *, incoming: bool) -> Ends | None:
    """Give the four-tuple of a TCP packet, seen from the peer."""
    body = packet.body
    if not isinstance(body, Tcp):
        return None
    here: tuple[Address, int] = (packet.src, body.src_port)
    there: tuple[Address, int] = (packet.dst, body.dst_port)
    return Ends(*there, *here) if incoming else Ends(*here, *there)
