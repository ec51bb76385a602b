"""Reading ICMP errors: which connection they quote, and what they mean (RFC 792, RFC 4443, RFC 1122 section 4.2.3.9)."""

from dataclasses import dataclass
from ipaddress import ip_address

from finwait.endpoint.calls import Errno, IcmpError, IcmpKind
from finwait.endpoint.sockets import Ends
from finwait.wire import Icmp, Packet

TCP_PROTOCOL = 6
UNREACHABLE_V4, TIME_EXCEEDED_V4, PARAMETER_V4 = 3, 11, 12
UNREACHABLE_V6, TOO_BIG_V6, TIME_EXCEEDED_V6, PARAMETER_V6 = 1, 2, 3, 4

_V4_CODES: dict[int, tuple[IcmpKind, Errno]] = {
    0: (IcmpKind.SOFT, Errno.ENETUNREACH),
    1: (IcmpKind.SOFT, Errno.EHOSTUNREACH),
    2: (IcmpKind.HARD, Errno.ENOPROTOOPT),
    3: (IcmpKind.HARD, Errno.ECONNREFUSED),
    5: (IcmpKind.SOFT, Errno.EOPNOTSUPP),
    6: (IcmpKind.HARD, Errno.ENETUNREACH),
    7: (IcmpKind.HARD, Errno.EHOSTUNREACH),
    8: (IcmpKind.HARD, Errno.EHOSTUNREACH),
    9: (IcmpKind.HARD, Errno.ENETUNREACH),
    10: (IcmpKind.HARD, Errno.EHOSTUNREACH),
    11: (IcmpKind.SOFT, Errno.ENETUNREACH),
    12: (IcmpKind.SOFT, Errno.EHOSTUNREACH),
    13: (IcmpKind.HARD, Errno.EHOSTUNREACH),
    14: (IcmpKind.HARD, Errno.EHOSTUNREACH),
    15: (IcmpKind.HARD, Errno.EHOSTUNREACH),
}
"""Linux icmp_err_convert; code 4 is TOO_BIG."""
_V6_CODES: dict[int, tuple[IcmpKind, Errno]] = {
    0: (IcmpKind.SOFT, Errno.ENETUNREACH),
    1: (IcmpKind.HARD, Errno.EHOSTUNREACH),
    2: (IcmpKind.SOFT, Errno.EHOSTUNREACH),
    3: (IcmpKind.SOFT, Errno.EHOSTUNREACH),
    4: (IcmpKind.HARD, Errno.ECONNREFUSED),
    5: (IcmpKind.HARD, Errno.EHOSTUNREACH),
    6: (IcmpKind.HARD, Errno.EHOSTUNREACH),
}
"""Linux tab_unreach."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """An error and the connection that it is about."""

    ends: Ends
    error: IcmpError


def read(packet: Packet, icmp: Icmp) -> Quoted | None:
    """Read an error; None if it quotes no TCP segment, or is no error."""
    v6 = packet.src.version == 6
    meaning = _meaning_v6(icmp) if v6 else _meaning_v4(icmp)
    quote = icmp.payload
    header = 40 if v6 else ((quote[0] & 15) * 4 if quote else 0)
    if meaning is None or len(quote) < header + 8 or header < 20:
        return None
    if quote[6 if v6 else 9] != TCP_PROTOCOL:
        return None
    source, target = (quote[8:24], quote[24:40]) if v6 else (quote[12:16], quote[16:20])
    tcp = quote[header:]
    ends = Ends(
        ip_address(source),
        int.from_bytes(tcp[0:2], "big"),
        ip_address(target),
        int.from_bytes(tcp[2:4], "big"),
    )
    kind, error, mtu = meaning
    return Quoted(ends, IcmpError(kind, int.from_bytes(tcp[4:8], "big"), error, mtu))


def _meaning_v4(icmp: Icmp) -> tuple[IcmpKind, Errno, int] | None:
    if icmp.type == UNREACHABLE_V4 and icmp.code == 4:
        return IcmpKind.TOO_BIG, Errno.EMSGSIZE, icmp.rest & 0xFFFF
    if icmp.type == UNREACHABLE_V4 and icmp.code in _V4_CODES:
        return (*_V4_CODES[icmp.code], 0)
    if icmp.type == TIME_EXCEEDED_V4:
        return IcmpKind.SOFT, Errno.EHOSTUNREACH, 0
    if icmp.type == PARAMETER_V4:
        return IcmpKind.SOFT, Errno.EPROTO, 0
    return None


def _meaning_v6(icmp: Icmp) -> tuple[IcmpKind, Errno, int] | None:
    if icmp.type == TOO_BIG_V6:
        return IcmpKind.TOO_BIG, Errno.EMSGSIZE, icmp.rest
    if icmp.type == UNREACHABLE_V6 and icmp.code in _V6_CODES:
        return (*_V6_CODES[icmp.code], 0)
    if icmp.type == TIME_EXCEEDED_V6:
        return IcmpKind.SOFT, Errno.EHOSTUNREACH, 0
    if icmp.type == PARAMETER_V6:
        return IcmpKind.SOFT, Errno.EPROTO, 0
    return None
