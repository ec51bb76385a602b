"""Script numbers to live ones and back. In a SYN a script's numbers are absolute, elsewhere relative to the ISNs.

The remote ISN is the script's own; the local one is learned from the packet that matched the script's
SYN or SYN-ACK. The table is that of the language's references.
"""

import struct
from dataclasses import dataclass, field, replace
from typing import Final

from finwait.script.syntax import Option, Sequence, TcpBody
from finwait.script.tcp_options import SACK, TIMESTAMPS, from_wire, to_wire
from finwait.tcp import Flags
from finwait.verdict.language import Text
from finwait.wire import Tcp, TcpOption

MODULUS: Final = 1 << 32
ECN_BITS: Final = ((Flags.AE, 4), (Flags.CWR, 2), (Flags.ECE, 1))
"""The three bits of the ACE field (RFC 9768 section 3.2.2)."""
ACE: Final = Flags.AE | Flags.CWR | Flags.ECE


class Unmappable(Exception):
    """A number of the script has no live one. Never leaves the runner: it becomes a failure of the event."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


@dataclass(slots=True)
class Numbers:
    """What is known of one connection's numbers."""

    remote: int | None = None
    """The remote ISN: script and live are the same."""
    local_script: int | None = None
    local_live: int | None = None
    stamps: dict[int, int] = field(default_factory=dict)
    """TSval of the script's outbound packets → live."""
    first_stamp: tuple[int, int] | None = None
    """(script, live)"""
    labels: dict[int, int] = field(default_factory=dict)
    """Flow labels of the script → live."""

    # --- towards the stack ---

    def seq_to_live(self, seq: int, flags: Flags) -> int:
        """Map the sequence number of an injected segment."""
        return seq if Flags.SYN in flags else (seq + (self.remote or 0)) % MODULUS

    def ack_to_live(self, ack: int, flags: Flags) -> int:
        """Map an acknowledgment number, or the edge of a SACK block."""
        live = self.local_live or 0
        return (ack + live - (self.local_script or 0) * (Flags.SYN in flags)) % MODULUS

    def quoted_to_live(self, seq: int) -> int:
        """Map a sequence number that ICMP quotes: of a packet that the stack sent."""
        return (seq + (self.local_live or 0)) % MODULUS

    def options_to_live(
        self, options: tuple[Option, ...], flags: Flags, *, extrapolate: bool
    ) -> tuple[TcpOption, ...]:
        """Encode the options of an injected segment. Raises Unmappable if an ecr echoes nothing."""
        found: list[TcpOption] = []
        for option in options:
            live = option
            if option.name == "sack":
                live = replace(
                    option, numbers=tuple(self.ack_to_live(edge, flags) for edge in option.numbers)
                )
            elif option.name == "TS" and Flags.ACK in flags and "ecr-absolute" not in option.words:
                val, ecr = option.numbers
                live = replace(option, numbers=(val, self._echo(ecr, extrapolate=extrapolate)))
            found += to_wire(live)
        return tuple(found)

    def _echo(self, ecr: int, *, extrapolate: bool) -> int:
        if ecr in self.stamps:
            return self.stamps[ecr]
        if self.first_stamp is None or not extrapolate:
            raise Unmappable(
                Text(
                    f"TS ecr {ecr} echoes no val of a packet that the script expected before it",
                    f"TS ecr {ecr} 没有对应的 val：此前脚本预期的报文中没有这个时间戳",
                )
            )
        script, live = self.first_stamp
        return (live + ecr - script) % MODULUS

    # --- from the stack ---

    def seq_to_script(self, seq: int, flags: Flags) -> int:
        """Map the sequence number of a segment that the stack sent."""
        live = self.local_live or 0
        return (seq - live + (self.local_script or 0) * (Flags.SYN in flags)) % MODULUS

    def ack_to_script(self, ack: int, flags: Flags) -> int:
        """Map an acknowledgment number, or the edge of a SACK block; without the ACK bit it is what it is."""
        if Flags.SYN in flags or Flags.ACK not in flags:
            return ack
        return (ack - (self.remote or 0)) % MODULUS

    def options_to_script(
        self, options: tuple[TcpOption, ...], flags: Flags
    ) -> tuple[TcpOption, ...]:
        """Map the edges of SACK blocks; the rest is as it was."""
        return tuple(self._sack_to_script(option, flags) for option in options)

    def _sack_to_script(self, option: TcpOption, flags: Flags) -> TcpOption:
        if option.kind != SACK or len(option.data) % 8:
            return option
        edges = struct.unpack(f"!{len(option.data) // 4}I", option.data)
        mapped = (self.ack_to_script(edge, flags) for edge in edges)
        return TcpOption(SACK, struct.pack(f"!{len(edges)}I", *mapped))

    def stamp_to_script(self, val: int) -> int:
        """Tell a live TSval in the script's count, as far as one packet was matched; else as it is."""
        if self.first_stamp is None:
            return val
        script, live = self.first_stamp
        return (script + val - live) % MODULUS

    def body_to_script(self, tcp: Tcp, *, as_ace: bool) -> TcpBody:
        """Give a segment as a script would write it. `as_ace`: the ECN bits as a digit."""
        flags = tcp.flags
        ace = sum(worth for bit, worth in ECN_BITS if bit in flags) if as_ace else None
        options = self.options_to_script(tcp.options, flags)
        return TcpBody(
            flags=flags & ~ACE if as_ace else flags,
            seq=Sequence(self.seq_to_script(tcp.seq, flags), len(tcp.payload)),
            ack=self.ack_to_script(tcp.ack, flags) if Flags.ACK in flags or tcp.ack else None,
            window=tcp.window,
            urgent=tcp.urgent or None,
            options=tuple(self._shown(option) for option in options),
            ace=ace,
        )

    def _shown(self, option: TcpOption) -> Option:
        shown = from_wire(option)
        if option.kind == TIMESTAMPS and shown.name == "TS":
            return replace(
                shown, numbers=(self.stamp_to_script(shown.numbers[0]), shown.numbers[1])
            )
        return shown

    # --- learning ---

    def learn(self, expected: TcpBody, tcp: Tcp) -> None:
        """Learn from an outbound packet that matched in its flags: the local ISN."""
        unknown = self.local_live is None
        if unknown and Flags.SYN in tcp.flags and not expected.seq.unchecked:
            self.local_script, self.local_live = expected.seq.start, tcp.seq

    def learn_stamp(self, expected: TcpBody, tcp: Tcp) -> None:
        """Learn which live TSval stands for the script's."""
        script = stamp_of(expected)
        live = next((o.data for o in tcp.options if o.kind == TIMESTAMPS), b"")
        if script is None or len(live) != 8:
            return
        (val,) = struct.unpack_from("!I", live)
        self.stamps[script] = val
        if self.first_stamp is None:
            self.first_stamp = (script, val)


def stamp_of(body: TcpBody) -> int | None:
    """Give the TSval that a script writes; None if it writes none, or `val ...`."""
    for option in body.options or ():
        if option.name == "TS" and "val-any" not in option.words:
            return option.numbers[0]
    return None
