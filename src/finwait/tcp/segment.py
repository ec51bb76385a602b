"""One TCP segment, as meaning and not as bytes."""

from dataclasses import dataclass
from typing import Final

from finwait.tcp.flags import Flags
from finwait.tcp.params import WINDOW_SCALE_MAX
from finwait.tcp.seq import MODULUS, Seq

PORT_MAX: Final = 0xFFFF
"""RFC 9293 section 3.1: 16 bits, as are window and MSS."""


@dataclass(frozen=True, slots=True)
class Options:
    """The TCP options that finwait understands; None or empty means absent."""

    mss: int | None = None
    """Maximum segment size in octets (RFC 9293 section 3.7.1)."""
    window_scale: int | None = None
    """Shift count (RFC 7323 section 2.2)."""
    sack_permitted: bool = False
    """RFC 2018 section 2."""
    sack: tuple[tuple[Seq, Seq], ...] = ()
    """Blocks received, first number and the number after the last (RFC 2018 section 3)."""
    timestamps: tuple[int, int] | None = None
    """TSval and TSecr (RFC 7323 section 3.2)."""
    fast_open: bytes | None = None
    """The cookie of RFC 7413 section 4.1.1; empty asks for one."""
    fast_open_experimental: bool = False
    """It is carried by kind 254, as before RFC 7413."""

    def __post_init__(self) -> None:
        if self.mss is not None and not 0 <= self.mss <= PORT_MAX:
            raise ValueError(f"an MSS has 16 bits, {self.mss} does not fit")
        if self.window_scale is not None and not 0 <= self.window_scale <= 0xFF:
            raise ValueError(f"a window scale has 8 bits, {self.window_scale} does not fit")
        if any(not 0 <= value < MODULUS for value in self.timestamps or ()):
            raise ValueError(f"timestamps have 32 bits, {self.timestamps} do not fit")

    @property
    def shift(self) -> int:
        """The window shift in force: 0 without the option, never above 14 (RFC 7323 section 2.3)."""
        return min(self.window_scale or 0, int(WINDOW_SCALE_MAX.value))


NO_OPTIONS: Final = Options()
NO_FLAGS: Final = Flags(0)
ZERO: Final = Seq(0)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment between two known ends: the ports belong to the connection, not here.

    Raises ValueError if the window does not fit 16 bits or the urgent pointer does not.
    """

    seq: Seq
    """SEG.SEQ, the number of the first octet, or of the SYN."""
    ack: Seq = ZERO
    """SEG.ACK; without the ACK flag it has no meaning."""
    flags: Flags = NO_FLAGS
    window: int = 0
    """SEG.WND as in the header, in units of the window scale."""
    payload: bytes = b""
    urgent: int = 0
    """SEG.UP as in the header: an offset from SEG.SEQ (RFC 9293 section 3.8.5)."""
    options: Options = NO_OPTIONS

    def __post_init__(self) -> None:
        if not 0 <= self.window <= PORT_MAX:
            raise ValueError(f"a window has 16 bits, {self.window} does not fit")
        if not 0 <= self.urgent <= PORT_MAX:
            raise ValueError(f"an urgent pointer has 16 bits, {self.urgent} does not fit")

    def has(self, flags: Flags) -> bool:
        """Say whether all of `flags` are set."""
        return self.flags & flags == flags

    @property
    def length(self) -> int:
        """SEG.LEN: the numbers that it takes; SYN and FIN take one each (RFC 9293 section 3.4)."""
        return len(self.payload) + self.has(Flags.SYN) + self.has(Flags.FIN)

    @property
    def end(self) -> Seq:
        """The number after the last one that it takes."""
        return self.seq + self.length

    @property
    def fin_seq(self) -> Seq | None:
        """The number that its FIN takes, None without one."""
        return self.end - 1 if self.has(Flags.FIN) else None

    def __str__(self) -> str:
        """As RFC 9293 writes a segment: `<SEQ=100><ACK=300><CTL=FIN,ACK>`, with the payload's length if any."""
        ack = f"<ACK={self.ack}>" if self.has(Flags.ACK) else ""
        data = f"<DATA={len(self.payload)}>" if self.payload else ""
        return f"<SEQ={self.seq}>{ack}{data}<CTL={self.flags.words()}>"
