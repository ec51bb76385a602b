"""A TCP header bit by bit, from its bytes alone (RFC 9293 3.1). No bytes at all make it fail."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

FIXED: Final = 20
"""Bytes before the options (RFC 9293 3.1: data offset is at least 5)."""


class Field(NamedTuple):
    """One field of the fixed part."""

    name: str
    start: int
    """First bit, from 0."""
    bits: int
    value: int | None
    """None if its bytes were not captured."""

    @property
    def octets(self) -> str:
        """The bytes it lies in: "4-7", "12"."""
        first, last = self.start // 8, (self.start + self.bits - 1) // 8
        return str(first) if first == last else f"{first}-{last}"

    @property
    def binary(self) -> str:
        """Its bits in groups of four; parts of a 16-bit word stand at their place, dots around."""
        if self.value is None:
            return "?"
        digits = f"{self.value:0{self.bits}b}"
        if self.bits < 16:
            before = self.start % 16
            digits = "." * before + digits + "." * (16 - before - self.bits)
        return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))


class Option(NamedTuple):
    """One option."""

    name: str
    """Key of its texts: mss, timestamps, ..., unknown, malformed."""
    offset: int
    """Byte of the header where it begins."""
    raw: bytes
    numbers: Mapping[str, int]
    """What its text needs."""


class Header(NamedTuple):
    """A decoded header."""

    fields: tuple[Field, ...]
    options: tuple[Option, ...]
    missing: int
    """Bytes that the data offset promises and the capture does not hold."""

    def value(self, name: str) -> int | None:
        """Give the value of a field; None if its bytes were not captured."""
        return next((f.value for f in self.fields if f.name == name), None)


LAYOUT: Final = (
    ("source-port", 16),
    ("destination-port", 16),
    ("seq", 32),
    ("ack", 32),
    ("data-offset", 4),
    ("reserved", 3),
    ("AE", 1),
    ("CWR", 1),
    ("ECE", 1),
    ("URG", 1),
    ("ACK", 1),
    ("PSH", 1),
    ("RST", 1),
    ("SYN", 1),
    ("FIN", 1),
    ("window", 16),
    ("checksum", 16),
    ("urgent", 16),
)
"""RFC 9293 3.1, Figure 1; AE is the last of its reserved bits (RFC 9768 3.1)."""

_SIZES: Final = {
    2: ("mss", 4),
    3: ("window-scale", 3),
    4: ("sack-permitted", 2),
    8: ("timestamps", 10),
    28: ("user-timeout", 4),
}
"""Options of one length: RFC 9293 3.7.1, RFC 7323 2.2, RFC 2018 2, RFC 7323 3.2, RFC 5482 3.3.3."""
_NAMES: Final = {
    5: "sack",
    19: "md5",
    29: "tcp-ao",
    30: "mptcp",
    34: "fast-open",
    69: "tcp-eno",
    172: "accecn",
    174: "accecn",
    253: "experiment",
    254: "experiment",
}
"""The others that have a name (IANA, TCP option kind numbers)."""


def decode(header: bytes) -> Header:
    """Decode a header, or as much of it as there is."""
    fields = tuple(_fields(header))
    offset = next(f.value for f in fields if f.name == "data-offset")
    length = max(FIXED, (offset if offset is not None else 5) * 4)
    options = tuple(_options(header[:length]))
    return Header(fields, options, max(0, length - len(header)))


def _fields(header: bytes) -> Iterator[Field]:
    start = 0
    for name, bits in LAYOUT:
        end = start + bits
        value = None
        if len(header) * 8 >= end:
            first, last = start // 8, (end + 7) // 8
            chunk = int.from_bytes(header[first:last])
            value = chunk >> (last * 8 - end) & ((1 << bits) - 1)
        yield Field(name, start, bits, value)
        start = end


def _options(header: bytes) -> Iterator[Option]:
    at = FIXED
    while at < len(header):
        kind = header[at]
        if kind == 0:  # RFC 9293 3.2: the end of the list, the rest is padding
            yield Option("end", at, header[at:], {})
            return
        if kind == 1:
            run = at
            while run < len(header) and header[run] == 1:
                run += 1
            yield Option("nop", at, header[at:run], {"n": run - at})
            at = run
            continue
        length = header[at + 1] if at + 1 < len(header) else 0
        if length < 2 or at + length > len(header):
            yield Option("malformed", at, header[at:], {"kind": kind, "length": length})
            return
        yield _option(kind, at, header[at : at + length])
        at += length


def _option(kind: int, at: int, raw: bytes) -> Option:
    name, size = _SIZES.get(kind, (_NAMES.get(kind, "unknown"), len(raw)))
    body = raw[2:]
    wrong = {"kind": kind, "length": len(raw)}
    if len(raw) != size or (name == "sack" and (not body or len(body) % 8)):
        return Option("malformed", at, raw, wrong)
    match name:
        case "mss" | "window-scale":
            return Option(name, at, raw, {"value": int.from_bytes(body)})
        case "timestamps":
            numbers = {"value": int.from_bytes(body[:4]), "echo": int.from_bytes(body[4:])}
            return Option(name, at, raw, numbers)
        case "user-timeout":  # RFC 5482 3.3: the first bit says minutes
            value = int.from_bytes(body)
            return Option(name, at, raw, {"seconds": (value & 0x7FFF) * (60 if value >> 15 else 1)})
        case "sack":
            edges = [int.from_bytes(body[i : i + 4]) for i in range(0, len(body), 4)]
            return Option(name, at, raw, {f"edge{i}": edge for i, edge in enumerate(edges)})
        case _:
            return Option(name, at, raw, wrong)
