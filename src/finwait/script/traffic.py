"""The packets of a play: injecting, expecting, and everything that crossed the wire."""

from dataclasses import dataclass
from typing import Final

from finwait.script.compare import Difference, differences, fits_after, glued
from finwait.script.config import Config
from finwait.script.mapping import Unmappable, stamp_of
from finwait.script.outcome import Crossing, Shown
from finwait.script.packets import Builder
from finwait.script.shown import show_expected, show_packet
from finwait.script.sockets import Opening, Socket, Sockets, note_injected, note_sent
from finwait.script.syntax import Dialect, PacketAction, TcpBody, TimeKind
from finwait.script.timing import Due, seconds
from finwait.stage.stage import Captured, Stage
from finwait.tcp import Flags
from finwait.verdict.language import Text
from finwait.wire import Packet, Tcp

TIMESTAMPS: Final = 8


@dataclass(frozen=True, slots=True)
class Found:
    """What came of an expected packet; without a message it was as expected."""

    message: Text | None = None
    kind: str = "packet"
    differences: tuple[Difference, ...] = ()
    expected: Shown | None = None
    actual: Shown | None = None
    reasons: tuple[Text, ...] = ()
    missing: bool = False
    """Nothing came."""


class Traffic:
    """What goes in and comes out, in the numbers of the script."""

    def __init__(self, config: Config, stage: Stage, sockets: Sockets) -> None:
        self.config = config
        self.stage = stage
        self.sockets = sockets
        self.zero = 0
        """The stage's time at which the script began."""
        self.crossings: list[Crossing] = []
        self.foreign = 0
        """Packets of the stack that were of another connection than the one under test."""
        self.unread_before: tuple[Shown, ...] = ()
        self._waiting: list[Captured] = []
        """Sniffed and put back."""
        self._builder = Builder(
            config.setup, config.dialect, config.scaled_echo or config.dialect is Dialect.FINWAIT
        )

    # --- into the stack ---

    def inject(self, action: PacketAction) -> Text | None:
        """Inject a packet of the script; says what hinders it."""
        one = self._socket_for(action)
        body = action.body
        if isinstance(body, TcpBody):
            self._learn_remote(one, body)
        try:
            packet = self._builder.build(action, one)
        except Unmappable as hindrance:
            return hindrance.text
        if isinstance(packet.body, Tcp):
            note_injected(one, packet.body)
        self.crossings.append(Crossing(self._now(), packet, True))
        self.stage.inject(packet)
        return None

    def _now(self) -> int:
        return self.stage.now() - self.zero

    def _socket_for(self, action: PacketAction) -> Socket:
        """The socket under test; a first packet to a listener, or to a port where nothing listens, makes a child."""
        one = self.sockets.under_test
        waits = {Opening.LISTENING, Opening.BOUND, Opening.NEW}
        if one is None or (
            one.stream and one.opening in waits and isinstance(action.body, TcpBody)
        ):
            return self.sockets.add(
                Socket(
                    opening=Opening.RECEIVED,
                    local_port=self.config.setup.bind_port,
                    remote_port=self.stage.ephemeral_port(),
                )
            )
        if one.remote_port is None:
            one.remote_port = self.config.setup.connect_port
        if one.local_port is None and one.fd is not None:
            one.local_port = self.stage.local_port(one.fd)
        return one

    def _learn_remote(self, one: Socket, body: TcpBody) -> None:
        """The remote ISN is what the script says: in the first packet to a listener, or in the answer to a SYN.

        The references learn it from a SYN-ACK only; an author of a simultaneous open means his bare SYN too.
        """
        if one.opening is Opening.RECEIVED and one.numbers.remote is None:
            one.numbers.remote = body.seq.start if Flags.SYN in body.flags else 0
        if one.opening in {Opening.SYN_SENT, Opening.CONNECTING} and Flags.SYN in body.flags:
            answer = Flags.ACK in body.flags
            if answer or self.config.dialect is Dialect.FINWAIT:
                one.numbers.remote = body.seq.start

    # --- out of the stack ---

    def expect(self, action: PacketAction, due: Due, limit: int | None) -> Found:
        """Take the next packet of the socket under test and compare. `limit`: script time until which one is waited for."""
        one = self.sockets.under_test
        expected = show_expected(action, due.start)
        idle = {Opening.NEW, Opening.BOUND, Opening.LISTENING}
        if one is None or (one.opening in idle and one.remote_port is None):
            message = Text(
                "there is no connection yet that a packet could be of",
                "此时还没有任何连接，不可能有它的报文",
            )
            return Found(message, expected=expected, missing=True)
        captured = self._next(one, limit)
        if captured is None:
            message = Text(
                f"nothing came: waited until {seconds(self._now())} s",
                f"没有等到任何报文：一直等到 {seconds(self._now())} 秒",
            )
            return Found(message, expected=expected, missing=True)
        if isinstance(action.body, TcpBody) and not self.config.strict_segments:
            captured = self._aggregated(captured, action.body, one, limit)
        return self._judge(action, captured, one, due, expected)

    def _next(self, one: Socket, limit: int | None) -> Captured | None:
        """The next packet of a connection; those of others are left out."""
        while True:
            if self._waiting:
                captured = self._waiting.pop(0)
            else:
                found = self.stage.sniff(None if limit is None else self.zero + limit)
                if found is None:
                    return None
                captured = self._taken(found)
            if self.sockets.is_of(captured.packet, one):
                return captured
            self.foreign += 1

    def _taken(self, captured: Captured) -> Captured:
        """Write a packet down, in script time."""
        at = captured.at - self.zero
        self.crossings.append(Crossing(at, captured.packet, False))
        return Captured(captured.packet, at)

    def _aggregated(
        self, first: Captured, body: TcpBody, one: Socket, limit: int | None
    ) -> Captured:
        """Take several segments as the one that the script expects, where they only cut its data."""
        whole = first
        while True:
            tcp = whole.packet.body
            if not isinstance(tcp, Tcp) or not tcp.payload:
                return whole
            more = body.seq.length - len(tcp.payload)
            if more <= 0:
                return whole
            piece = self._next(one, limit)
            if piece is None:
                return whole
            if not fits_after(first.packet, whole.packet, piece.packet, more):
                self._waiting.insert(0, piece)
                return whole
            whole = Captured(glued(whole.packet, piece.packet), piece.at)

    def _judge(
        self, action: PacketAction, captured: Captured, one: Socket, due: Due, expected: Shown
    ) -> Found:
        packet, body = captured.packet, action.body
        if isinstance(body, TcpBody) and isinstance(packet.body, Tcp):
            if Flags.SYN in body.flags:
                one.numbers.learn(body, packet.body)
            one.encapsulated = packet.udp_ports
            note_sent(one, packet.body)
        actual = show_packet(packet, captured.at, one.numbers, action)
        differing = tuple(differences(action, packet, one.numbers))
        if not differing:
            differing = tuple(filter(None, [self._stamp(body, packet, one, due)]))
        if differing:
            difference = differing[0]
            self.drain()
            self.unread_before = self.unread()
            message = Text(
                f"{difference.field} differs: expected {difference.expected or 'none'}, was {difference.actual or 'none'}",
                f"{difference.field} 不符：应为 {difference.expected or '无'}，实际为 {difference.actual or '无'}",
            )
            return Found(message, "packet", differing, expected, actual)
        if isinstance(body, TcpBody) and isinstance(packet.body, Tcp):
            one.numbers.learn_stamp(body, packet.body)
        return self._timed(captured, due, expected, actual)

    def _timed(self, captured: Captured, due: Due, expected: Shown, actual: Shown) -> Found:
        off = due.off(captured.at)
        if not off:
            return Found()
        side = ("late", "晚") if off > 0 else ("early", "早")
        wanted = seconds(due.start)
        if due.end != due.start:
            wanted += f"~{seconds(due.end)}"
        message = Text(
            f"it came {seconds(abs(off))} s too {side[0]}: expected at {wanted} s, was at"
            f" {seconds(captured.at)} s, tolerance {seconds(due.tolerance)} s",
            f"来得太{side[1]}，差 {seconds(abs(off))} 秒：应在 {wanted} 秒，实际在"
            f" {seconds(captured.at)} 秒，容差 {seconds(due.tolerance)} 秒",
        )
        difference = Difference("time", wanted, seconds(captured.at))
        return Found(message, "time", (difference,), expected, actual)

    def _stamp(self, body: object, packet: Packet, one: Socket, due: Due) -> Difference | None:
        """TSval, where the script says how long a tick is."""
        tick = self.config.timestamp_tick
        first = one.numbers.first_stamp
        if not tick or first is None or due.kind is TimeKind.ANY or not isinstance(body, TcpBody):
            return None
        script = stamp_of(body)
        tcp = packet.body
        options = tcp.options if isinstance(tcp, Tcp) else ()
        stamps = ((n, o.data) for n, o in enumerate(options) if o.kind == TIMESTAMPS)
        place, raw = next(stamps, (0, b""))
        if script is None or len(raw) != 8:
            return None
        actual = one.numbers.stamp_to_script(int.from_bytes(raw[:4], "big"))
        allowed = max(self.config.tolerance, self.config.percent / 100 * due.start)
        if abs(actual - script) * tick <= allowed:
            return None
        return Difference("TS val", str(script), str(actual), place)

    # --- what nobody read ---

    def drain(self) -> None:
        """Take what the stack has sent until now."""
        while (found := self.stage.sniff(self.stage.now())) is not None:
            self._waiting.append(self._taken(found))

    def unread(self) -> tuple[Shown, ...]:
        """Packets of the socket under test that no line of the script has taken."""
        one = self.sockets.under_test
        if one is None:
            return ()
        mine = (c for c in self._waiting if self.sockets.is_of(c.packet, one))
        return tuple(show_packet(c.packet, c.at, one.numbers, None) for c in mine)

    def finished(self) -> tuple[Crossing, ...]:
        """Everything that crossed, in order of time."""
        return tuple(sorted(self.crossings, key=lambda crossing: crossing.at))

    def of(self, one: Socket) -> list[Crossing]:
        """What crossed of one connection, in order of time: TCP only."""
        ports = one.local_port, one.remote_port
        found = []
        for crossing in self.finished():
            tcp = crossing.packet.body
            if isinstance(tcp, Tcp):
                pair = (
                    (tcp.dst_port, tcp.src_port)
                    if crossing.inbound
                    else (tcp.src_port, tcp.dst_port)
                )
                if pair == ports:
                    found.append(crossing)
        return found
