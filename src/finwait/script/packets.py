"""Script packets to live ones: addresses, ports and numbers of the socket under test, everything else as written or a default."""

from dataclasses import dataclass
from typing import Final

from finwait.script.compare import ECN
from finwait.script.icmp import code_number, type_number
from finwait.script.mapping import ECN_BITS, Unmappable
from finwait.script.sockets import Socket
from finwait.script.syntax import (
    Dialect,
    IcmpBody,
    IpInfo,
    PacketAction,
    TcpBody,
    UdpBody,
)
from finwait.stage.stage import Setup
from finwait.tcp import Flags
from finwait.verdict.language import Text
from finwait.wire import Icmp, Packet, Tcp, Udp, encode
from finwait.wire.packet import TTL

QUOTED: Final = 8
"""Octets after the IP header that an ICMP error quotes at least (RFC 792)."""
HEADER: Final = {4: 20, 6: 40}
RAW_PROTOCOLS: Final = {"udp", "udplite", "raw"}


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds packets that go into the stack."""

    setup: Setup
    dialect: Dialect
    extrapolate: bool
    """An ecr that echoes nothing is counted on from the first pair of timestamps."""

    def build(self, action: PacketAction, one: Socket) -> Packet:
        """Give the live packet. Raises Unmappable for a number without a live one, and for what finwait cannot inject."""
        if action.outer:
            raise Unmappable(
                Text(
                    f"finwait puts no {action.outer[0].kind} header around a packet",
                    f"finwait 不支持在报文外封装 {action.outer[0].kind} 头部",
                )
            )
        ports = one.remote_port or self.setup.connect_port, one.local_port or self.setup.bind_port
        around = None
        body: Tcp | Udp | Icmp
        match action.body:
            case TcpBody() as tcp:
                body = self._tcp(tcp, one, ports)
                around = tcp.udp_ports
            case UdpBody() as udp:
                body = Udp(*(udp.ports or ports), bytes(udp.length))
            case IcmpBody() as icmp:
                body = self._icmp(icmp, one, ports)
        return Packet(
            self.setup.remote,
            self.setup.local,
            body,
            ttl=TTL if action.ip.ttl is None else action.ip.ttl,
            tos=_tos(action.ip),
            flow_label=action.ip.flow_label or 0,
            udp_ports=around,
        )

    def _tcp(self, body: TcpBody, one: Socket, ports: tuple[int, int]) -> Tcp:
        if body.psp_spi is not None or body.rst_cause is not None:
            raise Unmappable(
                Text(
                    "finwait speaks neither PSP nor causes of a RST",
                    "finwait 不支持 PSP 与 RST 原因",
                )
            )
        numbers, flags = one.numbers, body.flags
        for bit, worth in ECN_BITS:
            if body.ace is not None and body.ace & worth:
                flags |= bit
        ack = 0
        if Flags.ACK in flags:
            ack = numbers.ack_to_live(body.ack or 0, flags)
        elif body.ack is not None:
            ack = body.ack
        if body.ports is not None and self.dialect is not Dialect.NPLAB:
            ports = body.ports
        seq = body.seq.start
        return Tcp(
            *ports,
            seq=seq if body.seq.absolute else numbers.seq_to_live(seq, flags),
            ack=ack,
            flags=flags,
            window=body.window or 0,
            urgent=body.urgent or 0,
            options=numbers.options_to_live(
                body.options or (), flags, extrapolate=self.extrapolate
            ),
            payload=bytes(body.seq.length),
        )

    def _icmp(self, body: IcmpBody, one: Socket, ports: tuple[int, int]) -> Icmp:
        version = self.setup.local.version
        kind = type_number(body.type, version)
        code = code_number(body.type, body.code, version)
        if kind is None or code is None:
            name = body.type if kind is None else f"{body.type} {body.code}"
            raise Unmappable(
                Text(f"ICMP of IPv{version} has no {name}", f"IPv{version} 的 ICMP 没有 {name}")
            )
        rest = body.mtu or 0
        if body.ident is not None:
            rest = body.ident << 16
        return Icmp(kind, code, rest, self._quoted(body, one, ports))

    def _quoted(self, body: IcmpBody, one: Socket, ports: tuple[int, int]) -> bytes:
        """The packet that the error is about: one that the stack sent, its IP header and what follows it."""
        if body.quoted_protocol == "raw":
            return bytes(max((body.quoted_length or QUOTED) - QUOTED, 0))
        remote_port, local_port = ports
        inner: Tcp | Udp
        seq = body.quoted_seq
        if body.quoted_protocol in RAW_PROTOCOLS or not one.stream:
            inner = Udp(local_port, remote_port, bytes(body.quoted_length or 0))
        else:
            start = 0 if seq is None else seq.start
            live = start if seq is not None and seq.absolute else one.numbers.quoted_to_live(start)
            payload = bytes(0 if seq is None else seq.length)
            inner = Tcp(local_port, remote_port, live, payload=payload)
        around = body.quoted_udp_ports
        setup = self.setup
        octets = encode(Packet(setup.local, setup.remote, inner, udp_ports=around))
        kept = HEADER[setup.local.version] + QUOTED + (QUOTED if around else 0)
        return octets[:kept]


def _tos(info: IpInfo) -> int:
    if info.tos is not None:
        return info.tos
    return (info.dscp or 0) << 2 | ECN.get(info.ecn or "noecn", 2)


def reset_for(one: Socket, setup: Setup, dialect: Dialect) -> Packet | None:
    """Give the RST that frees what the stack still holds of a connection; None if there is nothing to free."""
    if not one.stream or one.local_port is None or one.remote_port is None:
        return None
    tcp = _reset_nplab(one) if dialect is Dialect.NPLAB else _reset_google(one)
    if tcp is None:
        return None
    return Packet(setup.remote, setup.local, tcp, udp_ports=_back(one.encapsulated))


def _back(ports: tuple[int, int] | None) -> tuple[int, int] | None:
    return None if ports is None else (ports[1], ports[0])


def _reset_google(one: Socket) -> Tcp:
    ports = one.remote_port or 0, one.local_port or 0
    last, sent = one.injected, one.sent
    if last is not None and Flags.ACK in last.flags:
        seq, ack, window = (last.seq + last.length) % (1 << 32), last.ack, last.window
    elif sent is not None and Flags.ACK in sent.flags:
        seq, ack, window = sent.ack, sent.seq, 0
    else:
        seq, ack, window = 0, (0 if sent is None else (sent.seq + 1) % (1 << 32)), 0
    return Tcp(*ports, seq, ack, Flags.RST | Flags.ACK, window)


def _reset_nplab(one: Socket) -> Tcp | None:
    ports = one.remote_port or 0, one.local_port or 0
    last, sent = one.injected, one.sent
    if sent is not None:
        if Flags.ACK in sent.flags:
            return Tcp(*ports, sent.ack, 0, Flags.RST)
        return Tcp(*ports, 0, (sent.seq + sent.length) % (1 << 32), Flags.RST | Flags.ACK)
    return None if last is None else Tcp(*ports, (last.seq + last.length) % (1 << 32), 0, Flags.RST)
