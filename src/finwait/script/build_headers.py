"""From the parser's reductions to the IP header and the headers outside it. A method a rule of `grammar.lark`."""

from dataclasses import dataclass, replace
from typing import Final, cast

from finwait.script.build_base import BaseBuilder
from finwait.script.source import Fault, Token
from finwait.script.syntax import Encapsulation, Field, Integer, IpInfo, Struct

U8, U16, U20, U32 = 0xFF, 0xFFFF, 0xF_FFFF, 0xFFFF_FFFF

DSCP: Final = {
    **{f"cs{number}": number << 3 for number in range(8)},  # RFC 2474 section 4.2.2
    **{f"af{a}{d}": (a << 3) | (d << 1) for a in range(1, 5) for d in range(1, 4)},  # RFC 2597
    "ef": 46,  # RFC 3246
    "voice-admit": 44,  # RFC 5865
    "le": 1,  # RFC 8622
}
GRE_FLAGS: Final = {"none": 0, "checksum": 0x8000, "key": 0x2000, "sequence": 0x1000}
"""RFC 2784 section 2.1, RFC 2890 section 2."""


@dataclass(slots=True)
class Said:
    """An `(…)` of the IP header while it is read."""

    info: IpInfo
    ect01: int | None
    """Where either ECT is asked for."""


class HeaderBuilder(BaseBuilder):
    """IP, GRE and MPLS headers."""

    # --- headers outside ---

    def outer_ipv4(self, said: Said | None, source: Token, target: Token) -> Encapsulation:
        """An IPv4 header."""
        return self._outer_ip(4, said, source, target)

    def outer_ipv6(self, said: Said | None, source: Token, target: Token) -> Encapsulation:
        """An IPv6 header."""
        return self._outer_ip(6, said, source, target)

    def _outer_ip(
        self, version: int, said: Said | None, source: Token, target: Token
    ) -> Encapsulation:
        from ipaddress import IPv4Address, IPv6Address  # few scripts need it

        for word in (source, target):
            try:
                (IPv4Address if version == 4 else IPv6Address)(word)
            except ValueError:
                raise Fault(
                    word.at, f"{word} is not an IPv{version} address", length=len(word)
                ) from None
        info = IpInfo() if said is None else said.info
        return Encapsulation(f"ipv{version}", f"{source} > {target}", info)

    def outer_gre(self, header: tuple[Field, ...] = ()) -> Encapsulation:
        """A GRE header (RFC 2784); its words come out in one form."""
        return Encapsulation("gre", ", ".join(_words(field) for field in header))

    def outer_mpls(self, *labels: Struct) -> Encapsulation:
        """An MPLS stack (RFC 3032)."""
        return Encapsulation("mpls", " ".join(_label(label) for label in labels))

    def gre_header(self, *values: Integer) -> tuple[Field, ...]:
        """Flags, checksum, offset, key and sequence number."""
        names = ("flags", "sum", "off", "key", "seq")
        return tuple(Field(name, value) for name, value in zip(names, values, strict=True))

    def gre_number(self, value: Integer) -> Integer:
        """Flags as a number."""
        return value

    def gre_names(self, *bits: int) -> Integer:
        """Flags as words."""
        value = 0
        for bit in bits:
            value |= bit
        return Integer(value, hex(value))

    def gre_none(self) -> int:
        """No optional field."""
        return GRE_FLAGS["none"]

    def gre_checksum(self) -> int:
        """The checksum is there."""
        return GRE_FLAGS["checksum"]

    def gre_key(self) -> int:
        """The key is there."""
        return GRE_FLAGS["key"]

    def gre_sequence(self) -> int:
        """The sequence number is there."""
        return GRE_FLAGS["sequence"]

    def label(self, label: Token, tc: Token, bottom: bool | None, ttl: Token) -> Struct:
        """One label of an MPLS stack, as a struct of four numbers."""
        values = {
            "label": self.integer(label, 0, U20, "label"),
            "tc": self.integer(tc, 0, 7, "traffic class"),
            "bottom": int(bottom or 0),
            "ttl": self.integer(ttl, 0, U8, "ttl"),
        }
        return Struct(tuple(Field(name, Integer(v, str(v))) for name, v in values.items()))

    def bottom(self) -> bool:
        """`[S]`."""
        return True

    # --- the IP header ---

    def ip(self, *items: tuple[str, str | int, int]) -> Said:
        """Put together what is said; each field once, and `tos` is `dscp` and `ecn` in one."""
        values: dict[str, str | int] = {}
        ect01 = None
        for name, value, at in items:
            clash = {"tos": {"tos", "dscp", "ecn"}, "dscp": {"dscp", "tos"}, "ecn": {"ecn", "tos"}}
            if values.keys() & clash.get(name, {name}):
                raise Fault(at, f"{name} was said already, by itself or as a part of tos")
            values[name] = value
            if value == "ect01":
                ect01 = at
        return Said(replace(IpInfo(), **values), ect01)  # type: ignore[arg-type]  # names are fields

    outer_ip = ip

    def ip_ecn(self, named: tuple[str, int]) -> tuple[str, str | int, int]:
        """A codepoint of RFC 3168."""
        return "ecn", named[0], named[1]

    def noecn(self, at: int) -> tuple[str, int]:
        """Not-ECT."""
        return "noecn", at

    def ect0(self, at: int) -> tuple[str, int]:
        """ECT(0)."""
        return "ect0", at

    def ect1(self, at: int) -> tuple[str, int]:
        """ECT(1)."""
        return "ect1", at

    def ce(self, at: int) -> tuple[str, int]:
        """CE."""
        return "ce", at

    def ect01(self, at: int) -> tuple[str, int]:
        """ECT(0) or ECT(1)."""
        return "ect01", at

    def tos(self, number: Integer) -> tuple[str, int, int]:
        """The whole octet."""
        return self._ip_number("tos", number, U8)

    def dscp_number(self, number: Integer) -> tuple[str, int, int]:
        """The upper six bits."""
        return self._ip_number("dscp", number, 0x3F)

    def dscp_name(self, word: Token) -> tuple[str, int, int]:
        """The upper six bits, by name."""
        if word not in DSCP:
            raise Fault(
                word.at,
                f"{word} is not a DSCP",
                "cs0 to cs7, af11 to af43, ef, le, voice-admit",
                length=len(word),
            )
        return "dscp", DSCP[word], word.at

    def ttl(self, word: Token) -> tuple[str, int, int]:
        """Time to live, or hop limit."""
        return "ttl", self.integer(word, 0, U8, "ttl"), word.at

    def flow_label(self, number: Integer) -> tuple[str, int, int]:
        """IPv6's flow label."""
        return self._ip_number("flow_label", number, U20)

    def _ip_number(self, name: str, number: Integer, high: int) -> tuple[str, int, int]:
        at = self.taken - len(number.text)
        if not 0 <= number.value <= high:
            raise Fault(
                at,
                f"the {name} {number.text} is out of range",
                f"a number from 0 to {high:#x}",
                length=len(number.text),
            )
        return name, number.value, at


def _words(field: Field) -> str:
    return f"{field.name} {_number(field)}"


def _label(label: Struct) -> str:
    numbers = {field.name: _number(field) for field in label.fields}
    bottom = "[S], " if numbers["bottom"] else ""
    return f"(label {numbers['label']}, tc {numbers['tc']}, {bottom}ttl {numbers['ttl']})"


def _number(field: Field) -> int:
    return cast("Integer", field.value).value
