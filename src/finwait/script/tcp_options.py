"""TCP options between how a script writes them and how they lie in a header.

Only encoding: which numbers a SACK block or a timestamp has on the wire, `mapping.py` says.
"""

import struct
from typing import Final

from finwait.script.syntax import Option
from finwait.wire import TcpOption

EOL, NOP, MSS, WSCALE, SACK_OK, SACK, TIMESTAMPS = 0, 1, 2, 3, 4, 5, 8
"""RFC 9293 section 3.2, RFC 7323, RFC 2018."""
MD5: Final = 19
"""RFC 2385"""
FAST_OPEN: Final = 34
"""RFC 7413"""
ACC_ECN: Final = {0: 172, 1: 174}
"""RFC 9768 section 3.2.3: order 0 begins with the ECT(0) counter, order 1 with that of ECT(1)."""
EXPERIMENT: Final = 254
"""RFC 4727; a 16-bit ExID follows (RFC 6994)."""
FAST_OPEN_EXID: Final = 0xF989
ACC_ECN_EXID: Final = {0: 0xACC0, 1: 0xACC1}
TARR_EXID: Final = 0x00AC
"""draft-ietf-tcpm-ack-rate-request"""
COUNTERS: Final = {0: ("e0b", "ceb", "e1b"), 1: ("e1b", "ceb", "e0b")}
BARE: Final = {"eol": EOL, "nop": NOP, "sackOK": SACK_OK}


def to_wire(option: Option) -> tuple[TcpOption, ...]:
    """Encode an option with the numbers that it has. `raw` may hold several; `md5 valid` has no digest yet: sixteen zeros."""
    numbers, data = option.numbers, option.data or b""
    match option.name:
        case "eol" | "nop" | "sackOK":
            return (TcpOption(BARE[option.name]),)
        case "mss":
            return (TcpOption(MSS, struct.pack("!H", *numbers)),)
        case "wscale":
            return (TcpOption(WSCALE, bytes(numbers)),)
        case "sack":
            return (TcpOption(SACK, struct.pack(f"!{len(numbers)}I", *numbers)),)
        case "TS":
            return (TcpOption(TIMESTAMPS, struct.pack("!II", *numbers)),)
        case "md5":
            return (TcpOption(MD5, bytes(16) if "valid" in option.words else data),)
        case "FO":
            return (TcpOption(FAST_OPEN, data),)
        case "FOEXP":
            return (_experiment(FAST_OPEN_EXID, data),)
        case "generic":
            return (TcpOption(option.kind or 0, data),)
        case "experimental":
            return (_experiment(option.kind or 0, data),)
        case "exp-tarr":
            return (_experiment(TARR_EXID, bytes(n << 1 for n in numbers)),)
        case "raw":
            return split(data)
        case _:
            return (_acc_ecn(option),)


def _experiment(exid: int, data: bytes) -> TcpOption:
    return TcpOption(EXPERIMENT, struct.pack("!H", exid) + data)


def _acc_ecn(option: Option) -> TcpOption:
    """Three octets a counter, in the order in which they are written."""
    one = option.name.endswith("1") or option.words[:1] == ("e1b",)
    octets = b"".join(number.to_bytes(3, "big") for number in option.numbers)
    if option.name.startswith("exp-"):
        return _experiment(ACC_ECN_EXID[one], octets)
    return TcpOption(ACC_ECN[one], octets)


def split(octets: bytes) -> tuple[TcpOption, ...]:
    """Cut raw octets into options. What is cut short or has no length becomes one option of what is left."""
    found = []
    at = 0
    while at < len(octets):
        kind = octets[at]
        if kind in {EOL, NOP}:
            found.append(TcpOption(kind))
            at += 1
            continue
        length = octets[at + 1] if at + 1 < len(octets) else 0
        if length < 2:
            found.append(TcpOption(kind, octets[at + 2 :]))
            break
        found.append(TcpOption(kind, octets[at + 2 : at + length]))
        at += length
    return tuple(found)


def from_wire(option: TcpOption) -> Option:
    """Decode an option for a report. What its kind does not explain becomes `gen-KIND`."""
    data = option.data
    match option.kind, len(data):
        case 0, 0:
            return Option("eol")
        case 1, 0:
            return Option("nop")
        case 4, 0:
            return Option("sackOK")
        case 2, 2:
            return Option("mss", struct.unpack("!H", data))
        case 3, 1:
            return Option("wscale", tuple(data))
        case 5, length if length and length % 8 == 0:
            return Option("sack", struct.unpack(f"!{length // 4}I", data))
        case 8, 8:
            return Option("TS", struct.unpack("!II", data))
        case 19, 16:
            return Option("md5", data=data)
        case 34, _:
            return Option("FO", data=data or None)
        case 254, length if length >= 2:
            return _read_experiment(data)
        case (172 | 174) as kind, length if length % 3 == 0:
            order = int(kind == ACC_ECN[1])
            return Option("ECN", _counters(data), words=COUNTERS[order][: length // 3])
    return Option("generic", data=data, kind=option.kind)


def _counters(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[at : at + 3], "big") for at in range(0, len(data), 3))


def _read_experiment(data: bytes) -> Option:
    (exid,) = struct.unpack_from("!H", data)
    if exid == FAST_OPEN_EXID:
        return Option("FOEXP", data=data[2:] or None)
    return Option("experimental", data=data[2:], kind=exid)
