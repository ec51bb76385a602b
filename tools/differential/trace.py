"""What a stack did: its packets in the numbers of the play, what its calls gave, and where it stood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from finwait.tcp import Flags

EARLY = 30_000
"""Microseconds by which two timers may differ: the kernel's jiffy (HZ = 250: 4 ms) and a busy machine."""
PART = 0.15
"""The same, as a part of the time since the last packet or step."""


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


def differences(kernel: tuple[Saw, ...], model: tuple[Saw, ...]) -> Iterator[str]:
    """Say in which step the two part first, and how."""
    for number, (real, ours) in enumerate(zip(kernel, model, strict=True)):
        if real.result != ours.result:
            yield f"step {number}: the call gave {real.result} on the kernel, {ours.result} here"
        if real.sent != ours.sent:
            theirs = "; ".join(map(str, real.sent)) or "nothing"
            mine = "; ".join(map(str, ours.sent)) or "nothing"
            yield f"step {number}: the kernel sent {theirs} | here {mine}"
        elif late := [
            (a.at - real.at, b.at - ours.at)
            for a, b in zip(real.sent, ours.sent, strict=True)
            if abs((a.at - real.at) - (b.at - ours.at)) > max(EARLY, PART * abs(a.at - real.at))
        ]:
            yield f"step {number}: the times differ, in µs after the step: {late}"
        if real.state != ours.state:
            yield f"step {number}: the kernel is in state {real.state}, here {ours.state}"
