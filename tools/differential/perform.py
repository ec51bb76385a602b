"""Plays a play on a stage and keeps what the stack did."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from finwait.script import constants
from finwait.stage.stage import Captured, Setup, Stage, SystemCall
from finwait.tcp import Flags
from finwait.wire import Packet, Tcp, TcpOption

from .play import Do, From, Inject, Play
from .trace import Saw, Sent

PEER_ISN = 1_000_000
PEER_TS = 100_000
MODULUS = 1 << 32
MSS, WSCALE, SACK_OK, SACK, TS = 2, 3, 4, 5, 8  # RFC 9293 3.2, RFC 2018, RFC 7323
REUSE_GAP = 65535 + 2
"""Linux tcp_timewait_state_process."""
NOP = TcpOption(1)


def number(name: str) -> int:
    """A constant by its name."""
    return constants.NUMBERS[name]


@dataclass
class _Peer:
    """What the peer has sent and seen."""

    port: int
    stack_port: int
    sent: int = 1
    """The number after the last octet sent, from PEER_ISN."""
    wanted: int = 1
    isn: int = 0
    """Of the stack."""
    stack_end: int = 1
    """The number after the last one that the stack was seen to send, from its ISN."""
    stack_ts: int = 0
    clock: int = PEER_TS


class Performance:
    """One play on one stage."""

    def __init__(self, play: Play, stage: Stage, setup: Setup) -> None:
        self.play, self.stage, self.setup = play, stage, setup
        self.fd = -1
        self.peer = _Peer(0, 0)
        self.injected: list[Tcp | None] = []
        """The segment of each step that was one."""

    def run(self) -> tuple[Saw, ...]:
        """Perform; what each step brought, the handshake first."""
        seen = [self._open()]
        for step in self.play.steps:
            # What the stack does while we wait belongs to the step before.
            seen[-1] = self._watch(seen[-1], step.wait)
            at = self.stage.now()
            result = None
            if isinstance(step.action, Inject):
                self.injected.append(self._inject(step.action))
            else:
                self.injected.append(None)
                result = self._do(step.action)
            seen.append(Saw(at, result, (), None))
        seen[-1] = self._watch(seen[-1], self.play.rest)
        return tuple(seen)

    # The handshake.

    def _open(self) -> Saw:
        stream, tcp = number("SOCK_STREAM"), number("IPPROTO_TCP")
        fd = self._call("socket", None, stream, tcp)
        if self.play.passive:
            one = [1]
            self._call("setsockopt", fd, number("SOL_SOCKET"), number("SO_REUSEADDR"), one, 4)
            self._call("bind", fd, None, None)
            self._call("listen", fd, 5)
            self.peer = _Peer(self.stage.ephemeral_port(), self.setup.bind_port)
            self._send(Flags.SYN, PEER_ISN, 0, options=self._syn_options())
            answer = self._hear()
            self._learn(answer)
            self._send(Flags.ACK, PEER_ISN + 1, self.peer.isn + 1)
            self.stage.advance(self.stage.now() + 5000)
            self.fd = self._call("accept", fd, None, None)
            self._nonblocking(self.fd)
        else:
            self.fd = fd
            self._nonblocking(fd)
            self._call("connect", fd, None, None, expect=-1)
            answer = self._hear()
            assert isinstance(answer.packet.body, Tcp)
            self.peer = _Peer(self.setup.connect_port, answer.packet.body.src_port)
            self._learn(answer)
            self._send(
                Flags.SYN | Flags.ACK, PEER_ISN, self.peer.isn + 1, options=self._syn_options()
            )
            self._hear()
        return Saw(self.stage.now(), None, (), None)

    def _nonblocking(self, fd: int) -> None:
        flags = number("O_RDWR") | number("O_NONBLOCK")
        self._call("fcntl", fd, number("F_SETFL"), flags)

    def _syn_options(self) -> tuple[TcpOption, ...]:
        options = [TcpOption(MSS, struct.pack("!H", 1460))]
        if self.play.sack:
            options += [NOP, NOP, TcpOption(SACK_OK)]
        if self.play.scale is not None:
            options += [NOP, TcpOption(WSCALE, bytes((self.play.scale,)))]
        return (*options, *self._ts())

    def _ts(self) -> tuple[TcpOption, ...]:
        if not self.play.timestamps:
            return ()
        self.peer.clock += 1
        value = struct.pack("!II", self.peer.clock, self.peer.stack_ts)
        return (NOP, NOP, TcpOption(TS, value))

    def _learn(self, captured: Captured) -> None:
        body = captured.packet.body
        assert isinstance(body, Tcp)
        self.peer.isn = body.seq
        self._note_ts(body)

    def _note_ts(self, body: Tcp) -> None:
        for option in body.options:
            if option.kind == TS:
                self.peer.stack_ts = struct.unpack("!I", option.data[:4])[0]

    def _hear(self) -> Captured:
        until = self.stage.now() + 1_000_000
        while (captured := self.stage.sniff(until)) is not None:
            if isinstance(captured.packet.body, Tcp):
                return captured
        raise AssertionError("the stack did not speak in the handshake")

    # Steps.

    def _inject(self, action: Inject) -> Tcp:
        peer = self.peer
        base = {From.WANTED: peer.wanted, From.SENT: peer.sent, From.START: 1}[action.base]
        start = base + action.offset
        ack = peer.stack_end + action.ack
        tcp = self._send(
            action.flags, PEER_ISN + start, peer.isn + ack if Flags.ACK in action.flags else 0,
            length=action.length, window=action.window, options=self._ts(),
        )  # fmt: skip
        # Only what continues the peer's own stream moves it; a stray does not.
        if start == peer.sent and Flags.RST not in action.flags and Flags.SYN not in action.flags:
            peer.sent = start + tcp.length
        return tcp

    def _send(
        self, flags: Flags, seq: int, ack: int, *, length: int = 0, window: int = 65535,
        options: tuple[TcpOption, ...] = (),
    ) -> Tcp:  # fmt: skip
        tcp = Tcp(
            self.peer.port, self.peer.stack_port, seq % MODULUS, ack % MODULUS, flags, window,
            options=options, payload=bytes(length),
        )  # fmt: skip
        self.stage.inject(Packet(self.setup.remote, self.setup.local, tcp))
        return tcp

    def _do(self, action: Do) -> tuple[int, int]:
        level, tcp = number("SOL_SOCKET"), number("IPPROTO_TCP")
        ask: dict[str, tuple[object, ...]] = {
            "close": ("close", self.fd),
            "shutdown-write": ("shutdown", self.fd, number("SHUT_WR")),
            "shutdown-read": ("shutdown", self.fd, number("SHUT_RD")),
            "shutdown-both": ("shutdown", self.fd, number("SHUT_RDWR")),
            "write": ("send", self.fd, None, action.argument, number("MSG_NOSIGNAL")),
            "read": ("read", self.fd, None, action.argument),
            "linger-0": ("setsockopt", self.fd, level, number("SO_LINGER"), {"onoff": 1, "linger": 0}, 8),
            "user-timeout": ("setsockopt", self.fd, tcp, number("TCP_USER_TIMEOUT"), [action.argument], 4),
            "linger2": ("setsockopt", self.fd, tcp, number("TCP_LINGER2"), [action.argument], 4),
            "nodelay": ("setsockopt", self.fd, tcp, number("TCP_NODELAY"), [1], 4),
        }  # fmt: skip
        name, *arguments = ask[action.name]
        result = self.stage.call(SystemCall(str(name), tuple(arguments)))  # type: ignore[arg-type]
        return result.value, result.errno

    def _call(self, name: str, *arguments: object, expect: int = 0) -> int:
        result = self.stage.call(SystemCall(name, arguments))  # type: ignore[arg-type]
        assert (result.value < 0) == (expect < 0), f"{name}: {result}"
        return result.value

    def _watch(self, saw: Saw, wait: int) -> Saw:
        until = self.stage.now() + wait
        sent = list(saw.sent)
        while (captured := self.stage.sniff(until)) is not None:
            if isinstance(captured.packet.body, Tcp):
                sent.append(self._relative(captured.packet.body, captured.at))
        self.stage.advance(until)
        open_ = self.stage.owns(self.fd)
        state = self.stage.tcp_info(self.fd).get("tcpi_state") if open_ else None
        return replace(saw, sent=tuple(sent), state=state)

    def _relative(self, body: Tcp, at: int) -> Sent:
        peer = self.peer
        self._note_ts(body)
        if Flags.SYN in body.flags:
            self._again(body)
        seq = (
            body.seq if body.seq == 0 and Flags.RST in body.flags else _signed(body.seq - peer.isn)
        )
        ack = None
        if Flags.ACK in body.flags:
            ack = _signed(body.ack - PEER_ISN)
            peer.wanted = ack
        peer.stack_end = max(peer.stack_end, seq + body.length)
        return Sent(body.flags, seq, ack, len(body.payload), body.window, self._options(body), at)

    def _again(self, body: Tcp) -> None:
        """A connection begins anew: its number is random, unless it follows that of TIME-WAIT (RFC 6191 section 2)."""
        peer = self.peer
        if _signed(body.seq - peer.isn) not in {0, peer.stack_end + REUSE_GAP}:
            peer.isn, peer.stack_end = body.seq, 1

    @staticmethod
    def _options(body: Tcp) -> str:
        said = []
        for option in body.options:
            if option.kind == TS:
                said.append(f"ts ecr {struct.unpack('!I', option.data[4:8])[0] - PEER_TS}")
            elif option.kind == SACK:
                edges = struct.unpack(f"!{len(option.data) // 4}I", option.data)
                said.append("sack " + " ".join(str(_signed(edge - PEER_ISN)) for edge in edges))
        return ", ".join(said)


def _signed(distance: int) -> int:
    return (distance + (1 << 31)) % MODULUS - (1 << 31)
