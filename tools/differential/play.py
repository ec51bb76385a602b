"""What a random closing is made of, and how one is drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias, TypeVar

from finwait.tcp import Flags

T = TypeVar("T")

MS = 1000
WINDOW = 65535
"""What the peer offers, and about what an unscaled stack offers (RFC 9293 section 3.1)."""


class From(Enum):
    """What a position is counted from."""

    WANTED = "wanted"
    """The last acknowledgment number of the stack: RCV.NXT as it told us."""
    SENT = "sent"
    """The number after the last octet that the peer itself has sent."""
    START = "start"
    """The number after the SYN."""


@dataclass(frozen=True)
class Inject:
    """A segment of the peer."""

    flags: Flags
    base: From = From.SENT
    offset: int = 0
    """SEG.SEQ is this far from the base."""
    ack: int = 0
    """SEG.ACK is this far from the end of what the stack was seen to send; without ACK unused."""
    length: int = 0
    window: int = WINDOW


@dataclass(frozen=True)
class Do:
    """A call of the process on the connection's socket."""

    name: str
    argument: int = 0


Action: TypeAlias = Inject | Do


@dataclass(frozen=True)
class Step:
    """Wait, then act."""

    wait: int
    """Microseconds."""
    action: Action


@dataclass(frozen=True)
class Play:
    """A whole closing."""

    seed: int
    passive: bool
    """The stack under test accepted (else it connected)."""
    timestamps: bool
    sack: bool
    steps: tuple[Step, ...]
    rest: int = 400 * MS
    """How long to watch after the last step."""
    ipv6: bool = False
    scale: int | None = None
    """The peer's window scale (RFC 7323); None: it offers none."""


SHORT = (0, 12 * MS, 24 * MS)
"""Clear of 30 and 40 ms, where Linux decides about delayed ACKs (TCP_DELACK_MIN, tcp_send_delayed_ack)."""
LONG = (100 * MS, 320 * MS, 700 * MS)
LATE = 12 * MS
"""How late a timer of the kernel may be: two jiffies (HZ = 250) and a busy machine. A step waits until a timer is surely over."""
AT_ONCE = 500
"""What the stack sends later than that comes of a timer."""

A, F, R, S, P = Flags.ACK, Flags.FIN, Flags.RST, Flags.SYN, Flags.PSH
SEGMENTS: tuple[tuple[Flags, int], ...] = (
    (A, 6), (F | A, 8), (R, 3), (R | A, 3), (S, 2), (S | A, 1), (P | A, 6), (F | P | A, 3), (F, 1), (Flags(0), 1),
)  # fmt: skip
CALLS = (
    ("close", 6), ("shutdown-write", 6), ("shutdown-read", 1), ("shutdown-both", 1), ("write", 5), ("read", 4),
    ("linger-0", 1), ("user-timeout", 1), ("linger2", 1), ("nodelay", 1),
)  # fmt: skip
OFFSETS = ((0, 14), (1, 2), (10, 2), (-1, 3), (-2, 1), (-11, 1), (WINDOW - 200, 1), (WINDOW + 1, 1), (1 << 21, 1))  # fmt: skip
ACKS = ((0, 14), (-1, 5), (-2, 1), (1, 1), (100, 1), (-100_000, 1), (1 << 20, 1))
LENGTHS = ((1, 1), (10, 6), (100, 2), (1460, 1))


def draw(seed: int) -> Play:
    """Draw a play: the same seed, the same play."""
    dice = random.Random(seed)
    steps = tuple(_step(dice) for _ in range(dice.randint(3, 9)))
    return Play(seed, dice.random() < 0.6, dice.random() < 0.3, dice.random() < 0.4, steps)


def widened(play: Play) -> Play:
    """The same play, by the seed also over IPv6 or with window scaling."""
    dice = random.Random(~play.seed)
    return replace(play, ipv6=dice.random() < 0.5, scale=dice.choice((None, 0, 7)))


def _step(dice: random.Random) -> Step:
    wait = dice.choice(SHORT if dice.random() < 0.85 else LONG)
    if dice.random() < 0.4:
        name = _pick(dice, CALLS)
        argument = {
            "write": (10, 100, 1000, 3000), "user-timeout": (300, 900), "linger2": (-1, 1), "read": (5, 10000)
        }.get(name, (0,))  # fmt: skip
        return Step(wait, Do(name, dice.choice(argument)))
    flags = _pick(dice, SEGMENTS)
    length = _pick(dice, LENGTHS) if P in flags else 0
    base = _pick(dice, ((From.SENT, 5), (From.WANTED, 3), (From.START, 1)))
    window = _pick(dice, ((WINDOW, 12), (0, 1), (1000, 1)))
    return Step(wait, Inject(flags, base, _pick(dice, OFFSETS), _pick(dice, ACKS), length, window))


def _pick(dice: random.Random, weighted: tuple[tuple[T, int], ...]) -> T:
    things, weights = zip(*weighted, strict=True)
    picked: T = dice.choices(things, weights)[0]
    return picked
