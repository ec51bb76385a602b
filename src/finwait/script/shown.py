"""Packets as a report shows them: in the script's words and relative numbers, part by part."""

from dataclasses import replace

from finwait.script.compare import ECN
from finwait.script.icmp import V4, V6
from finwait.script.mapping import Numbers
from finwait.script.outcome import Shown
from finwait.script.syntax import Direction, IcmpBody, IpInfo, PacketAction, TcpBody, UdpBody
from finwait.script.write import write_action, write_flags, write_sequence, write_tcp_option
from finwait.wire import Icmp, Packet, Tcp, Udp


def show_expected(action: PacketAction, at: int) -> Shown:
    """Show what the script expects."""
    return Shown(at, write_action(action), tuple(_parts(action)))


def show_packet(packet: Packet, at: int, numbers: Numbers, expected: PacketAction | None) -> Shown:
    """Show a packet of the stack. Of the IP header only what the script speaks of; None: it speaks of nothing."""
    body = packet.body
    actual: TcpBody | UdpBody | IcmpBody
    match body:
        case Tcp():
            wanted = expected.body if expected is not None else None
            as_ace = isinstance(wanted, TcpBody) and wanted.ace is not None
            actual = numbers.body_to_script(body, as_ace=as_ace)
            if isinstance(wanted, TcpBody) and wanted.seq.absolute:
                seq = replace(actual.seq, start=body.seq, absolute=True)
                actual = replace(actual, seq=seq)
        case Udp():
            actual = UdpBody(len(body.payload))
        case Icmp():
            actual = _icmp(body, packet.src.version)
    info = _ip(packet, expected.ip if expected is not None else IpInfo())
    action = PacketAction(Direction.OUT, actual, info)
    return Shown(at, write_action(action), tuple(_parts(action)))


def _icmp(body: Icmp, version: int) -> IcmpBody:
    known = V4 if version == 4 else V6
    for name, kind in known.items():
        if kind.number == body.type:
            codes = {number: code for code, number in kind.codes.items()}
            code = codes.get(body.code) or (f"code_{body.code}" if body.code else None)
            return IcmpBody(name, code)
    return IcmpBody(f"type_{body.type}", f"code_{body.code}")


def _ip(packet: Packet, said: IpInfo) -> IpInfo:
    names = {value: name for name, value in ECN.items()}
    return IpInfo(
        ecn=None if said.ecn is None else names[packet.tos & 3],
        tos=None if said.tos is None else packet.tos,
        dscp=None if said.dscp is None else packet.tos >> 2,
        ttl=None if said.ttl is None else packet.ttl,
        flow_label=None if said.flow_label is None else packet.flow_label,
    )


def _parts(action: PacketAction) -> list[tuple[str, str]]:
    """Name and text of each part."""
    body = action.body
    if not isinstance(body, TcpBody):
        return [("packet", write_action(action).removeprefix("> "))]
    parts = [("flags", write_flags(body)), ("seq", write_sequence(body.seq))]
    if body.ack is not None:
        parts.append(("ack", f"ack {body.ack}"))
    if body.window is not None:
        parts.append(("win", f"win {body.window}"))
    if body.urgent is not None:
        parts.append(("urg", f"urg {body.urgent}"))
    if body.options is None:
        parts.append(("options", "<...>"))
    elif body.options:
        parts.append(("options", f"<{','.join(map(write_tcp_option, body.options))}>"))
    ip = action.ip
    for name, value in (("ecn", ip.ecn), ("tos", ip.tos), ("ttl", ip.ttl), ("dscp", ip.dscp)):
        if value is not None:
            parts.insert(0, (name, f"{name} {value}"))
    return parts
