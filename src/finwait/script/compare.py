"""Is this the packet that the script expects? The checks are in the order of the references, so the first difference is theirs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final

from finwait.script.icmp import code_number, type_number
from finwait.script.mapping import ECN_BITS, Numbers
from finwait.script.syntax import IcmpBody, IpInfo, Option, PacketAction, TcpBody, UdpBody
from finwait.script.tcp_options import EOL, NOP, TIMESTAMPS, from_wire, to_wire
from finwait.script.write import write_tcp_option
from finwait.tcp import Flags
from finwait.wire import Icmp, Packet, Tcp, TcpOption, Udp

ECN: Final = {"noecn": 0, "ect1": 1, "ect0": 2, "ce": 3}
"""RFC 3168 section 5."""
UNCHECKABLE_TTL: Final = 255
MODULUS: Final = 1 << 32
FLAGS: Final = (Flags.FIN, Flags.SYN, Flags.RST, Flags.PSH, Flags.ACK, Flags.URG)
ECN_FLAGS: Final = (Flags.ECE, Flags.CWR, Flags.AE)
GLUED: Final = Flags.FIN | Flags.PSH | Flags.CWR
"""What may differ between segments that are taken as one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as expected; both values as a script writes them, empty for what is not there."""

    field: str
    expected: str
    actual: str
    place: int | None = None
    """Of an option: which one of the packet's it is, from 0; their number where it is missing at the end."""
    parts: tuple["Difference", ...] = ()
    """Of a list of options: what differs in it, one by one."""

    @property
    def each(self) -> tuple["Difference", ...]:
        """Its parts, or itself where it has none."""
        return self.parts or (self,)


def differences(expected: PacketAction, packet: Packet, numbers: Numbers) -> Iterator[Difference]:
    """Give what differs, the first first. Times and TSval are the runner's to check."""
    body = expected.body
    match body, packet.body:
        case TcpBody(), Tcp() as tcp:
            yield from _length(body.seq.length, len(tcp.payload))
            yield from _ip(expected.ip, packet, numbers)
            yield from _tcp(body, tcp, numbers)
            yield from _udp_ports(body, packet)
        case UdpBody(), Udp() as udp:
            yield from _length(body.length, len(udp.payload))
            yield from _ip(expected.ip, packet, numbers)
        case IcmpBody(), Icmp() as icmp:
            yield from _ip(expected.ip, packet, numbers)
            yield from _icmp(body, icmp, packet.src.version)
        case _:
            yield Difference("protocol", _protocol(body), type(packet.body).__name__.lower())


def _protocol(body: TcpBody | UdpBody | IcmpBody) -> str:
    return type(body).__name__.removesuffix("Body").lower()


def _differ(field: str, expected: int, actual: int) -> Iterator[Difference]:
    if expected != actual:
        yield Difference(field, str(expected), str(actual))


def _length(expected: int, actual: int) -> Iterator[Difference]:
    yield from _differ("payload length", expected, actual)


def _ip(expected: IpInfo, packet: Packet, numbers: Numbers) -> Iterator[Difference]:
    if expected.tos is not None and expected.tos != packet.tos:
        yield Difference("tos", f"0x{expected.tos:02x}", f"0x{packet.tos:02x}")
    if expected.dscp is not None:
        yield from _differ("dscp", expected.dscp, packet.tos >> 2)
    if expected.ecn is not None:
        names = {value: name for name, value in ECN.items()}
        actual = names[packet.tos & 3]
        if actual != expected.ecn and not (expected.ecn == "ect01" and actual in {"ect0", "ect1"}):
            yield Difference("ecn", expected.ecn, actual)
    if expected.ttl is not None and expected.ttl != UNCHECKABLE_TTL:
        yield from _differ("ttl", expected.ttl, packet.ttl)
    if expected.flow_label is not None:
        yield from _flow_label(expected.flow_label, packet.flow_label, numbers)


def _flow_label(script: int, live: int, numbers: Numbers) -> Iterator[Difference]:
    """The first one is learned: the same label of the script stays the same on the wire, another one differs."""
    if script not in numbers.labels and live not in numbers.labels.values():
        numbers.labels[script] = live
    known = {live: script for script, live in numbers.labels.items()}
    if numbers.labels.get(script) != live:
        shown = f"0x{known[live]:05x}" if live in known else f"0x{live:05x} (live)"
        yield Difference("flow label", f"0x{script:05x}", shown)


def _tcp(expected: TcpBody, tcp: Tcp, numbers: Numbers) -> Iterator[Difference]:
    offset = _options_length(expected.options), _wire_length(tcp.options)
    if offset[0] is not None and offset[0] != offset[1]:
        yield from _options(expected.options or (), tcp, numbers)
    for flag in FLAGS:
        yield from _flag(flag, expected.flags, tcp.flags)
    if expected.ace is not None:
        yield from _differ("ace", expected.ace, ace_of(tcp.flags))
    else:
        for flag in ECN_FLAGS:
            yield from _flag(flag, expected.flags, tcp.flags)
    yield from _differ("reserved bits", 0, tcp.reserved)
    if not expected.seq.unchecked:
        seq = tcp.seq if expected.seq.absolute else numbers.seq_to_script(tcp.seq, tcp.flags)
        yield from _differ("seq", expected.seq.start % MODULUS, seq)
    yield from _differ("ack", expected.ack or 0, numbers.ack_to_script(tcp.ack, tcp.flags))
    if expected.window is not None:
        yield from _differ("win", expected.window, tcp.window)
    yield from _differ("urg", expected.urgent or 0, tcp.urgent)
    if expected.options is not None and offset[0] == offset[1]:
        yield from _options(expected.options, tcp, numbers)
    if any(tcp.payload):
        yield Difference("payload octets", "zeros", "others")


def _flag(flag: Flags, expected: Flags, actual: Flags) -> Iterator[Difference]:
    if (flag in expected) != (flag in actual):
        name = flag.name or "?"
        yield Difference(f"flag {name}", name * (flag in expected), name * (flag in actual))


def ace_of(flags: Flags) -> int:
    """Give the counter that the three ECN bits hold."""
    return sum(worth for bit, worth in ECN_BITS if bit in flags)


def _options_length(options: tuple[Option, ...] | None) -> int | None:
    if options is None:
        return None
    return _wire_length(tuple(wire for option in options for wire in to_wire(option)))


def _wire_length(options: tuple[TcpOption, ...]) -> int:
    """Count octets, filled up to whole words."""
    total = sum(1 if o.kind in {EOL, NOP} else 2 + len(o.data) for o in options)
    return total + -total % 4


def _options(expected: tuple[Option, ...], tcp: Tcp, numbers: Numbers) -> Iterator[Difference]:
    """One by one, in order and kind; the value octet by octet, but that of nop and eol by kind and TS not at all."""
    wanted = [(wire, option) for option in expected for wire in to_wire(option)]
    actual = list(numbers.options_to_script(tcp.options, tcp.flags))
    kinds = [wire.kind for wire, _ in wanted], [wire.kind for wire in actual]
    parts = tuple(_option_by_option(wanted, actual, *kinds))
    if kinds[0] == kinds[1]:
        yield from parts
        return
    shown = _list(list(expected)), _list([from_wire(o) for o in actual])
    yield Difference("options", *shown, parts[0].place, parts if wanted and actual else ())


def _option_by_option(
    wanted: list[tuple[TcpOption, Option]],
    actual: list[TcpOption],
    wanted_kinds: list[int],
    actual_kinds: list[int],
) -> Iterator[Difference]:
    """Lay two lists side by side so that as many kinds as possible meet, and give what differs, in order."""
    matcher = SequenceMatcher(None, wanted_kinds, actual_kinds, autojunk=False)
    for _, i, j, k, m in matcher.get_opcodes():
        for step, (want, found) in enumerate(zip_longest(wanted[i:j], actual[k:m])):
            place = min(k + step, m)
            if want is None:
                extra = from_wire(found)
                yield Difference(f"option {extra.name}", "", write_tcp_option(extra), place)
                continue
            wire, option = want
            said = write_tcp_option(option)
            if found is None:
                yield Difference(f"option {option.name}", said, "", place)
            elif wire.kind != found.kind or not _same_value(wire, option, found):
                shown = write_tcp_option(from_wire(found))
                yield Difference(f"option {option.name}", said, shown, place)


def _same_value(wire: TcpOption, option: Option, found: TcpOption) -> bool:
    any_digest = option.name == "md5" and "valid" in option.words
    return wire.kind == TIMESTAMPS or wire.data == found.data or any_digest


def _list(options: list[Option]) -> str:
    return f"<{','.join(map(write_tcp_option, options))}>" if options else ""


def _udp_ports(expected: TcpBody, packet: Packet) -> Iterator[Difference]:
    if (expected.udp_ports is None) != (packet.udp_ports is None):
        names = {True: "none", False: "udp"}
        yield Difference(
            "encapsulation", names[expected.udp_ports is None], names[packet.udp_ports is None]
        )


def _icmp(expected: IcmpBody, icmp: Icmp, version: int) -> Iterator[Difference]:
    yield from _differ("icmp type", type_number(expected.type, version) or 0, icmp.type)
    yield from _differ(
        "icmp code", code_number(expected.type, expected.code, version) or 0, icmp.code
    )


# --- several segments for one that the script expects ---


def fits_after(first: Packet, so_far: Packet, piece: Packet, more: int) -> bool:
    """Say whether a segment goes on where those taken so far end, and is alike in all that a script can say.

    `more`: octets of payload that are still missing. A segment before the last has the length of the first.
    """
    a, b, head = so_far.body, piece.body, first.body
    if not (isinstance(a, Tcp) and isinstance(b, Tcp) and isinstance(head, Tcp)):
        return False
    if (a.seq + len(a.payload)) % MODULUS != b.seq or len(b.payload) > more:
        return False
    if len(b.payload) < more and len(b.payload) != len(head.payload):
        return False
    return replace(
        b, seq=0, flags=b.flags & ~GLUED, payload=b"",
    ) == replace(a, seq=0, flags=a.flags & ~GLUED, payload=b"")  # fmt: skip


def glued(so_far: Packet, piece: Packet) -> Packet:
    """Take two segments as one: sequence number and CWR of the first, FIN, PSH and time of the last."""
    a, b = so_far.body, piece.body
    if not (isinstance(a, Tcp) and isinstance(b, Tcp)):
        raise TypeError("only TCP is glued")
    flags = (b.flags & ~Flags.CWR) | (a.flags & Flags.CWR)
    return replace(piece, body=replace(b, seq=a.seq, flags=flags, payload=a.payload + b.payload))
