"""A script while it is written: each line is played on our own endpoint, which says what the stack answers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from finwait.script.calls import Calls
from finwait.script.config import configure
from finwait.script.evaluate import Evaluator
from finwait.script.outcome import Crossing
from finwait.script.sockets import Opening, Sockets, note_sent
from finwait.script.syntax import (
    NOWHERE,
    Call,
    Dialect,
    Direction,
    Event,
    Expr,
    Integer,
    IpInfo,
    Omitted,
    PacketAction,
    Script,
    Sequence,
    Symbol,
    TcpBody,
    Time,
    TimeKind,
)
from finwait.script.timing import SECOND
from finwait.script.traffic import Traffic
from finwait.stage.model import open_model
from finwait.stage.stage import Captured
from finwait.tcp import Flags
from finwait.wire import Tcp

SERVER_FD, CHILD_FD, CLIENT_FD = 3, 4, 3
NAME: Final = "rehearsal"
WSCALE: Final = 3
"""The kind of the option (RFC 7323 section 2.2)."""
IGNORED: Final = Flags.ECE | Flags.CWR | Flags.AE


@dataclass(frozen=True, slots=True)
class Line:
    """An event of the script and what is said of it."""

    event: Event
    note: str = ""


class Rehearsal:
    """Plays on the model, in virtual time, and writes down what was done and what came of it."""

    def __init__(self, family: str, dialect: Dialect) -> None:
        self.joins = dialect is Dialect.GOOGLE
        """Pieces of one write that leave at once are one line, as google's packetdrill takes them."""
        empty = Script(NAME, "", (), None, (), None)
        self.config = configure(empty, {"ip_version": family})
        self.stage = open_model(self.config.setup, "linux")
        self.sockets = Sockets(
            self.config.setup.local, self.config.setup.remote, self.config.setup.connect_port
        )
        self.calls = Calls(Evaluator(NAME), self.sockets, self.config.setup)
        self.traffic = Traffic(self.config, self.stage, self.sockets)
        self.lines: list[Line] = []
        self.sent_to = 0
        """The number after the last one that the stack under test has sent."""
        self.acked_to = 0
        """What it has acked last."""
        self.edge = 0
        """To where its window goes: the peer's numbers before it may arrive."""
        self.offered = 0
        """The largest window that the peer has offered, as the field says it."""
        self.sent: list[TcpBody] = []
        """Every segment that it sent."""
        self.fitted: Callable[[TcpBody], str] = lambda _body: ""
        """Says of which captured frame a segment is the like."""
        self._last = self._injected = 0
        self._merging = False
        self._shift, self._scaled = 0, False

    @property
    def now(self) -> int:
        """Microseconds since the beginning."""
        return self.stage.now()

    # --- what the script does ---

    def call(self, name: str, *arguments: Expr, result: int | None = 0, errno: str | None = None, note: str = "") -> int:  # fmt: skip
        """Make a call, now. `result` None: whatever comes of it is what the script expects."""
        expected: Expr = Omitted() if result is None else Integer(result)
        call = Call(name, arguments, expected, errno)
        live = self.calls.live(call, NOWHERE)
        got = self.stage.call(live)
        self.calls.judge(call, live, got, NOWHERE)
        if (
            name == "write" and got.value < 0
        ):  # the connection had ended: the captured octets were under way
            return got.value
        if result is None:
            call = replace(call, result=Integer(got.value))
        self._line(Event(self._since(), call), note)
        self.take()
        return got.value

    def option(self, fd: int, level: str, name: str, value: Expr, *, size: int = 4) -> None:  # fmt: skip
        """Set a socket option."""
        self.call("setsockopt", Integer(fd), Symbol(level), Symbol(name), value, Integer(size))

    def inject(self, body: TcpBody, note: str = "", ttl: int | None = None) -> None:
        """Have a segment of the peer arrive, now."""
        if Flags.SYN in body.flags:
            self._scaled = any(one.name == "wscale" for one in body.options or ())
        action = PacketAction(Direction.IN, body, IpInfo(ttl=ttl))
        self._line(Event(self._since(), action), note)
        self.offered = max(self.offered, body.window or 0)
        self.traffic.inject(action)
        self._injected = self.now
        self.take()

    def pause(self, microseconds: int) -> None:
        """Let time pass; what is sent meanwhile is written down when it is sent."""
        self.wait(lambda: False, microseconds)

    def wait(self, until: Callable[[], bool], most: int) -> bool:
        """Let time pass until something is so, at most so many microseconds; says whether it is."""
        end = self.now + most
        while not until():
            found = self.stage.sniff(end)
            if found is None:
                self.stage.advance(end)
                return until()
            self._took(found)
        return True

    def take(self) -> None:
        """Write down what was sent already."""
        while (found := self.stage.sniff(self.now)) is not None:
            self._took(found)

    def heard(self, within: int) -> int:
        """Give what is left of a time since something was injected; 0 if that was earlier."""
        return max(0, self._injected + within - self.now)

    # --- lines ---

    def _since(self) -> Time:
        since, self._last = self.now - self._last, self.now
        return Time(TimeKind.RELATIVE if self.lines else TimeKind.ABSOLUTE, since)

    def _line(self, event: Event, note: str) -> None:
        self.lines.append(Line(event, note))
        self._merging = False

    def _took(self, captured: Captured) -> None:
        tcp, one = captured.packet.body, self.sockets.under_test
        if one is None or not isinstance(tcp, Tcp) or not self.sockets.is_of(captured.packet, one):
            return
        self.traffic.crossings.append(Crossing(captured.at, captured.packet, False))
        body = one.numbers.body_to_script(tcp, as_ace=False)
        first = one.numbers.local_live is None and Flags.SYN in tcp.flags
        if first:
            body = replace(body, seq=Sequence(0, len(tcp.payload)))
            one.numbers.learn(body, tcp)
        if Flags.SYN in tcp.flags:
            body = replace(body, seq=Sequence(0, len(tcp.payload)))
        note_sent(one, tcp)
        ack = body.ack if Flags.ACK in tcp.flags else None
        body = replace(
            body, ack=ack, window=None, flags=body.flags & ~IGNORED, options=None if tcp.options else ()
        )  # fmt: skip
        if Flags.RST not in tcp.flags:
            self.sent_to = max(self.sent_to, body.seq.start + tcp.length)
            self.acked_to = max(self.acked_to, ack or 0)
            self.edge = max(self.edge, (ack or 0) + self._window(tcp))
        self.sent.append(body)
        self._expected(body, captured.at)

    def _window(self, tcp: Tcp) -> int:
        """Give the octets that it offers; in a SYN they are not scaled, and then only if both ends offer to (RFC 7323 section 2.2)."""
        if Flags.SYN in tcp.flags:
            self._shift = next((one.data[0] for one in tcp.options if one.kind == WSCALE), 0)
            return tcp.window
        return tcp.window << (self._shift if self._scaled else 0)

    def _expected(self, body: TcpBody, at: int) -> None:
        """Write a line for a segment, or join it to the last line."""
        joins = self.joins and self._merging and at == self._last
        last = self.lines[-1].event.action if joins else None
        note = self.fitted(body)
        if isinstance(last, PacketAction) and isinstance(last.body, TcpBody):
            seq, plain = last.body.seq, Flags.ACK | Flags.PSH
            follows = seq.start + seq.length == body.seq.start and body.seq.length and seq.length
            if follows and last.body.flags | body.flags | plain == plain:
                both = replace(body, seq=Sequence(seq.start, seq.length + body.seq.length))
                event = replace(self.lines[-1].event, action=replace(last, body=both))
                self.lines[-1] = Line(event, self.lines[-1].note or note)
                return
        waited, self._last = at - self._last, at
        # as long again and a second more: what matters is that it comes, and in which order
        time = Time(TimeKind.RELATIVE, 0, (2 * waited // SECOND + 1) * SECOND)
        self._line(Event(time, PacketAction(Direction.OUT, body)), note)
        self._merging = True

    @property
    def connected(self) -> bool:
        """The stack has seen the whole handshake."""
        one = self.sockets.under_test
        return one is not None and one.opening in {Opening.SYNACK_ACKED, Opening.SYN_ACKED}
