"""What a stack did: its packets in the numbers of the play, what its calls gave, and where it stood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from finwait.tcp import Flags

EARLY = 30_000
"""Microseconds by which two timers may differ: the kernel's jiffy (HZ = 250: 4 ms) and a busy machine."""
PART = 0.15
"""The same, as a part of the time since the stack last sent something with a number: the kernel's timer wheel rounds up by an eighth (LVL_CLK_DIV)."""


@dataclass(frozen=True)
class Sent:
    """A packet of the stack."""

    flags: Flags
    seq: int
    """From the stack's initial number; as it is in a RST without ACK to a segment without one."""
    ack: int | None
    """From the peer's initial number."""
    length: int
    window: int
    options: str
    """What came with it: `ts` with the echoed value, `sack` with its blocks; values of the stack's own clock are left out."""
    at: int = field(compare=False)

    @property
    def numbered(self) -> bool:
        """It takes a number, so a timer watches over it."""
        return self.length > 0 or bool(self.flags & (Flags.SYN | Flags.FIN))

    def __str__(self) -> str:
        ack = "" if self.ack is None else f" ack {self.ack}"
        letters = "".join(letter for letter, flag in LETTERS if flag in self.flags) or "-"
        end = self.seq + self.length
        return f"{letters} {self.seq}:{end}({self.length}){ack} win {self.window} <{self.options}>"


LETTERS = (("F", Flags.FIN), ("S", Flags.SYN), ("R", Flags.RST), ("P", Flags.PSH), (".", Flags.ACK),
           ("U", Flags.URG), ("E", Flags.ECE), ("W", Flags.CWR))  # fmt: skip


@dataclass(frozen=True)
class Saw:
    """What one step brought."""

    at: int = field(compare=False)
    result: tuple[int, int] | None
    """Value and errno of a call."""
    sent: tuple[Sent, ...]
    state: int | None
    """TCP_INFO's, None once the socket is closed."""


TOGETHER = 2000
"""Microseconds within which the pieces of one super-segment go out."""


def glued(sent: tuple[Sent, ...]) -> tuple[Sent, ...]:
    """Join what one piece of the device would have carried.

    Linux hands a TUN device super-segments (TSO), our endpoint segments of one MSS each: the same octets, the same moment,
    the same header. PSH or FIN ends a piece, so what was held back, or went later, stays apart.
    """
    joined: list[Sent] = []
    for one in sent:
        last = joined[-1] if joined else None
        if last is not None and _continues(last, one):
            joined[-1] = replace(last, flags=one.flags, length=last.length + one.length)
        else:
            joined.append(one)
    return tuple(joined)


def _continues(last: Sent, one: Sent) -> bool:
    ends = Flags.PSH | Flags.FIN
    return (
        last.flags == Flags.ACK
        and one.flags & ~ends == Flags.ACK
        and last.length > 0 < one.length
        and one.seq == last.seq + last.length
        and (one.ack, one.window, one.options) == (last.ack, last.window, last.options)
        and one.at - last.at < TOGETHER
    )


def differences(kernel: tuple[Saw, ...], model: tuple[Saw, ...]) -> Iterator[str]:
    """Say in which step the two part first, and how."""
    last = kernel[0].at
    for number, (raw, mine_raw) in enumerate(zip(kernel, model, strict=True)):
        real, ours = (
            replace(raw, sent=glued(raw.sent)),
            replace(mine_raw, sent=glued(mine_raw.sent)),
        )
        if real.result != ours.result:
            yield f"step {number}: the call gave {real.result} on the kernel, {ours.result} here"
        if real.sent != ours.sent:
            theirs = "; ".join(map(str, real.sent)) or "nothing"
            mine = "; ".join(map(str, ours.sent)) or "nothing"
            yield f"step {number}: the kernel sent {theirs} | here {mine}"
        elif late := list(_late(real, ours, real.at - last)):
            yield f"step {number}: the times differ, in µs after the step: {late}"
        if real.state != ours.state:
            yield f"step {number}: the kernel is in state {real.state}, here {ours.state}"
        last = max([last, *(one.at for one in real.sent if one.numbered)])


def _late(real: Saw, ours: Saw, quiet: int) -> Iterator[tuple[int, int]]:
    """Find the packets whose times after the step differ; `quiet`: how long before the step the kernel had sent nothing."""
    before = -quiet
    for theirs, mine in zip(real.sent, ours.sent, strict=True):
        a, b = theirs.at - real.at, mine.at - ours.at
        if abs(a - b) > max(EARLY, PART * (a - before)):
            yield a, b
        before = a if theirs.numbered else before
