"""Every packet of a play, a line each, and how many they were: `finwait run -v`."""

from collections.abc import Iterator
from typing import Final

from finwait.script.build_packets import LETTERS
from finwait.script.outcome import Crossing, Outcome
from finwait.script.timing import SECOND
from finwait.tcp import Flags
from finwait.verdict.language import Lang, Text
from finwait.wire import Packet, Tcp, Udp

_MODULUS: Final = 1 << 32
_COUNTED: Final = Text(
    "{into} packets to the stack, {out} from it; {into_bytes} and {out_bytes} bytes of payload; {took:.3f} s of the stage's time",
    "送入协议栈 {into} 个报文，来自协议栈 {out} 个；载荷 {into_bytes} 与 {out_bytes} 字节；舞台时间 {took:.3f} 秒",
)


def packets(outcome: Outcome, lang: Lang) -> str:
    """Tell what crossed the wire as a script writes it: `<` was injected, `>` came from the stack.

    Numbers are relative to the first one of each end, as those of a script.
    """
    numbers = _Numbers()
    lines = [
        f"  {one.at / SECOND:.6f} {'<' if one.inbound else '>'} {numbers.write(one.packet)}"
        for one in outcome.crossings
    ]
    return "".join(f"{line}\n" for line in [*lines, f"  {_counted(outcome, lang)}"])


def _counted(outcome: Outcome, lang: Lang) -> str:
    into, out = (
        [one for one in outcome.crossings if one.inbound is inbound] for inbound in (True, False)
    )
    return _COUNTED.say(lang).format(
        into=len(into),
        out=len(out),
        into_bytes=sum(map(_payload, into)),
        out_bytes=sum(map(_payload, out)),
        took=outcome.lasted / SECOND,
    )


def _payload(crossing: Crossing) -> int:
    body = crossing.packet.body
    return len(body.payload) if isinstance(body, Tcp | Udp) else 0


class _Numbers:
    """What each end counts from."""

    def __init__(self) -> None:
        self._base: dict[tuple[object, int, object, int], int] = {}

    def write(self, packet: Packet) -> str:
        """Write a packet, without its addresses."""
        match packet.body:
            case Tcp() as tcp:
                return " ".join(self._tcp(packet, tcp))
            case Udp() as udp:
                return f"udp ({len(udp.payload)})"
            case icmp:
                return f"icmp type {icmp.type} code {icmp.code}"

    def _tcp(self, packet: Packet, tcp: Tcp) -> Iterator[str]:
        ours = (packet.src, tcp.src_port, packet.dst, tcp.dst_port)
        theirs = (packet.dst, tcp.dst_port, packet.src, tcp.src_port)
        if Flags.SYN in tcp.flags or (ours not in self._base and Flags.RST not in tcp.flags):
            self._base[ours] = tcp.seq
        yield "".join(letter for letter, flag in LETTERS.items() if flag in tcp.flags) or "-"
        start = (tcp.seq - self._base.get(ours, 0)) % _MODULUS
        yield f"{start}:{(start + len(tcp.payload)) % _MODULUS}({len(tcp.payload)})"
        if Flags.ACK in tcp.flags:
            yield f"ack {(tcp.ack - self._base.get(theirs, 0)) % _MODULUS}"
        yield f"win {tcp.window}"
