"""From the parser's reductions to packets. A method a rule of `grammar.lark`."""

from dataclasses import dataclass, replace
from typing import Final, cast

from finwait.script.build_base import alike
from finwait.script.build_headers import U16, U32, HeaderBuilder, Said
from finwait.script.build_options import OptionBuilder
from finwait.script.icmp import V4, V6, is_code, is_type
from finwait.script.source import Fault, Token
from finwait.script.syntax import (
    Dialect,
    Direction,
    Encapsulation,
    IcmpBody,
    IpInfo,
    Option,
    PacketAction,
    Sequence,
    TcpBody,
    UdpBody,
)
from finwait.tcp import Flags

LETTERS: Final = {
    "F": Flags.FIN,
    "S": Flags.SYN,
    "R": Flags.RST,
    "P": Flags.PSH,
    ".": Flags.ACK,
    "U": Flags.URG,
    "E": Flags.ECE,
    "W": Flags.CWR,
    "A": Flags.AE,
}
ECN_FLAGS: Final = Flags.ECE | Flags.CWR | Flags.AE
LONGEST_TCP: Final = U16 - 20
"""Octets of a segment with its header: what is left of RFC 791's total length after the smallest IP header."""

MTU_TYPES: Final = {"packet_too_big", "router_advertisement"}
"""Of ICMPv6, with an MTU of 32 bits: RFC 4443 section 3.2; RFC 4861 section 4.6.4."""


@dataclass(slots=True)
class Segment:
    """A TCP body with the places that its packet may complain of."""

    body: TcpBody
    flags: Token
    unchecked: int | None


class PacketBuilder(HeaderBuilder, OptionBuilder):
    """Packets and their headers."""

    def packet(self, direction: Direction, *parts: object) -> PacketAction:
        """Put a packet together and see that its parts go with its direction."""
        outer = tuple(part for part in parts if isinstance(part, Encapsulation))
        said, body = parts[-2], parts[-1]
        inward = direction is Direction.IN
        info = IpInfo()
        if isinstance(said, Said):
            info = said.info
            if inward and said.ect01 is not None:
                raise Fault(
                    said.ect01, "ect01 is only for packets that the stack sends (>)", length=5
                )
        if isinstance(body, Segment):
            if inward and body.unchecked is not None:
                raise Fault(
                    body.unchecked, "<...> is only for packets that the stack sends (>)", length=3
                )
            if inward and body.body.window is None:
                raise Fault(
                    body.flags.at,
                    "a segment that goes into the stack (<) must say its window",
                    "win N after its sequence and ack numbers",
                    length=len(body.flags),
                )
            body = body.body
        return PacketAction(direction, cast("TcpBody | UdpBody | IcmpBody", body), info, outer)

    def quoting(self, direction: Direction, *parts: Encapsulation | IcmpBody) -> PacketAction:
        """An ICMP message that says first what it quotes."""
        quoted, message = cast("tuple[IcmpBody, IcmpBody]", parts[-2:])
        whole = replace(
            quoted, type=message.type, code=message.code, mtu=message.mtu, ident=message.ident
        )
        return self.packet(direction, *parts[:-2], None, whole)

    def inward(self) -> Direction:
        """`<`."""
        return Direction.IN

    def outward(self) -> Direction:
        """`>`."""
        return Direction.OUT

    # --- TCP ---

    def tcp(
        self,
        spi: Token | None,
        ports: tuple[int, int] | None,
        flags: Token,
        seq: Sequence,
        ack: Token | None,
        window: Token | None,
        urgent: Token | None,
        options: tuple[tuple[Option, ...] | None, int] | None,
        cause: tuple[int, int | None] | None,
        udp_ports: tuple[int, int] | None,
    ) -> Segment:
        """A TCP segment."""
        bits, ace = self._flags(flags)
        listed, at = ((), 0) if options is None else options
        if seq.length > LONGEST_TCP - 20:
            raise Fault(
                flags.at,
                f"{seq.length} octets do not fit into a packet",
                f"at most {LONGEST_TCP - 20}",
            )
        body = TcpBody(
            flags=bits,
            seq=seq,
            ack=None if ack is None else self.integer(ack, 0, U32, "ack number"),
            window=None if window is None else self.integer(window, 0, U16, "window"),
            urgent=None if urgent is None else self.integer(urgent, 0, U16, "urgent pointer"),
            options=listed,
            ace=ace,
            ports=ports,
            udp_ports=udp_ports,
            psp_spi=None if spi is None else self._spi(spi),
            rst_cause=cause,
        )
        return Segment(body, flags, at if listed is None else None)

    def _spi(self, word: Token) -> int:
        value = int(word, 16) if word.kind == "HEX" else self.integer(word, 0, U32, "spi")
        if value > U32:
            raise Fault(word.at, f"the spi {word} is out of range", length=len(word))
        return value

    def _flags(self, word: Token) -> tuple[Flags, int | None]:
        bits, ace = Flags(0), None
        if word == "-":
            return bits, ace
        for place, letter in enumerate(word):
            at = word.at + place
            if letter in " \t":
                continue  # the references take `F .` for `F.`
            if letter in "01234567":
                if ace is not None or bits & ECN_FLAGS:
                    raise Fault(at, f"{letter} and other ECN flags say the same bits twice")
                ace = int(letter)
            elif letter in LETTERS:
                bits |= LETTERS[letter]
                if ace is not None and bits & ECN_FLAGS:
                    raise Fault(at, f"{letter} and the digit {ace} say the same bits twice")
            else:
                raise Fault(
                    at,
                    f"{letter} is not a TCP flag",
                    "F, S, R, P, . (ACK), U, E, W, A",
                    "a digit from 0 to 7",
                    "- for no flag",
                )
        return bits, ace

    def ports(self, source: Token, target: Token) -> tuple[int, int]:
        """`S > D`."""
        return (
            self.integer(source, 0, U16, "source port"),
            self.integer(target, 0, U16, "destination port"),
        )

    udp_ports = ports

    def rst_cause(self, code: Token, pen: Token) -> tuple[int, int | None]:
        """`[code N, pen N]`."""
        return self.integer(code, 0, U16, "code"), self.integer(pen, 0, U32, "pen")

    def mapped(self, first: Token, end: Token, length: Token) -> Sequence:
        """`start:end(length)`."""
        start = self.integer(first, 0, U32, "sequence number")
        stop = self.integer(end, 0, U32, "end of the sequence")
        size = self.integer(length, 0, U16, "length")
        right = start + size
        if self.source.dialect is Dialect.FINWAIT:
            right &= U32  # RFC 9293 section 3.4: numbers wrap; the references refuse that
        if stop != right:
            raise Fault(
                end.at,
                f"{start} and {size} octets do not end at {stop}",
                f"{first}:{right}({size})",
                length=len(end),
            )
        return Sequence(start, size)

    def unmapped(self, first: Token, end: Token, length: Token) -> Sequence:
        """`start:end(length)!`."""
        return replace(self.mapped(first, end, length), absolute=True)

    def any_sequence(self, _: Token, length: Token) -> Sequence:
        """`...(length)`."""
        return Sequence(0, self.integer(length, 0, U16, "length"), unchecked=True)

    # --- UDP and ICMP ---

    def udp(self, ports: tuple[int, int] | None, length: Token) -> UdpBody:
        """A UDP datagram."""
        return UdpBody(self.integer(length, 0, U16, "length"), ports)

    def udplite(self, ports: tuple[int, int] | None, length: Token, covered: Token) -> UdpBody:
        """A UDP-Lite datagram (RFC 3828)."""
        coverage = self.integer(covered, 0, U16, "coverage")
        return UdpBody(self.integer(length, 0, U16, "length"), ports, coverage)

    def icmp(
        self,
        kind: Token,
        code: Token | None,
        mtu: Token | None,
        ident: Token | None,
        quoted: IcmpBody | None,
    ) -> IcmpBody:
        """An ICMP message. Names are looked up in both families: which one plays is not known here."""
        if not is_type(kind):
            raise Fault(
                kind.at,
                f"{kind} is not an ICMP type",
                *alike(kind, *V4, *V6),
                "type_N",
                length=len(kind),
            )
        if code is not None and not is_code(kind, code):
            known = [name for types in (V4, V6) if kind in types for name in types[kind].codes]
            raise Fault(
                code.at,
                f"{code} is not a code of {kind}",
                *alike(code, *known),
                "code_N",
                length=len(code),
            )
        if (
            mtu is not None
            and (kind, code) != ("unreachable", "frag_needed")
            and kind not in MTU_TYPES
        ):
            numbered = kind.startswith("type_") or (code or "").startswith("code_")
            if not numbered:
                raise Fault(mtu.at, "mtu goes with unreachable frag_needed and packet_too_big only")
        return replace(
            quoted or IcmpBody(""),
            type=str(kind),
            code=None if code is None else str(code),
            mtu=None
            if mtu is None
            else self.integer(mtu, 0, U32 if kind in MTU_TYPES else U16, "mtu"),
            ident=None if ident is None else self.integer(ident, 0, U16, "id"),
        )

    def quoted_tcp(self, seq: Sequence, udp_ports: tuple[int, int] | None) -> IcmpBody:
        """`[start:end(length)]`: the segment that caused it."""
        return IcmpBody("", quoted_protocol="tcp", quoted_seq=seq, quoted_udp_ports=udp_ports)

    def quoted_udp(self, length: Token) -> IcmpBody:
        """`[udp (length)]`."""
        return IcmpBody(
            "", quoted_protocol="udp", quoted_length=self.integer(length, 0, U16, "length")
        )

    def quoted_udplite(self, length: Token, covered: Token) -> IcmpBody:
        """`[udplite (length, coverage)]`."""
        return IcmpBody(
            "",
            quoted_protocol="udplite",
            quoted_length=self.integer(length, 0, U16, "length"),
            quoted_coverage=self.integer(covered, 0, U16, "coverage"),
        )

    def quoted_raw(self, length: Token) -> IcmpBody:
        """`[raw (length)]`: the whole message has so many octets, and at least its header (RFC 792)."""
        return IcmpBody(
            "", quoted_protocol="raw", quoted_length=self.integer(length, 8, U16, "length")
        )
