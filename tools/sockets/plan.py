"""What a connection is to be: both programs, call by call, and what the wire does to their packets. The same seed, the same plan."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from finwait.lab.wire import Side

SIDES: Final[tuple[Side, Side]] = ("client", "server")
SIZES: Final = (1, 19, 100, 1448, 1449, 3000, 5000, 20_000, 60_000)
"""Octets that a program says at once: around one segment (1,448 with timestamps over IPv4), and more."""
SMALL_BUFFER: Final = 4096
"""Octets of SO_RCVBUF that a reader who does not read lets fill: a zero window."""
PAUSES: Final = (0.0, 0.0, 0.001, 0.02, 0.06, 0.1, 0.3)
"""Seconds: below and above the time that Linux delays an ACK, 40 ms (kernel: TCP_DELACK_MIN)."""
DELAYS: Final = (0.0, 0.0, 0.0005, 0.005, 0.02)
"""Seconds that a packet is on its way."""


class Do(StrEnum):
    """A call, or what befalls a program."""

    SAY = "send"
    HEAR = "recv"
    HEAR_END = "recv to the end"
    SHUTDOWN = "shutdown(SHUT_WR)"
    CLOSE = "close"
    ABORT = "SO_LINGER 0, close"
    LINGER2 = "TCP_LINGER2 -1, shutdown, close"
    KILL = "kill -9"
    DESTROY = "SOCK_DESTROY"


ENDING: Final = frozenset({Do.SHUTDOWN, Do.CLOSE, Do.ABORT, Do.LINGER2, Do.KILL, Do.DESTROY})
"""What ends a program's sending, for good or for bad."""


@dataclass(frozen=True, slots=True)
class Move:
    """One call, after a pause in seconds. amount: octets to say or hear."""

    do: Do
    amount: int = 0
    pause: float = 0.0

    def __str__(self) -> str:
        amount = f" {self.amount}" if self.amount else ""
        return f"+{self.pause:g} {self.do}{amount}"


class Fate(StrEnum):
    """What the wire does to a packet."""

    LOSE = "lose"
    DOUBLE = "double"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Plan:
    """A connection. `fates`: by sender and by the number of its packet, from 0."""

    seed: int
    client: tuple[Move, ...]
    server: tuple[Move, ...]
    delay: float
    fates: dict[tuple[Side, int], Fate]
    listens: bool = True
    small_buffer: Side | None = None
    """Whose receive buffer is small."""

    def moves(self, who: Side) -> tuple[Move, ...]:
        """Give the program of an end."""
        return self.client if who == "client" else self.server

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, {self.delay * 1000:g} ms on the way"]
        lines += [f"  {who}: " + "; ".join(map(str, self.moves(who))) for who in SIDES]
        if self.fates:
            lines.append(
                "  wire: "
                + ", ".join(f"{fate} {side} {n}" for (side, n), fate in self.fates.items())
            )
        if self.small_buffer:
            lines.append(f"  small receive buffer: {self.small_buffer}")
        return "\n".join(lines if self.listens else [*lines, "  nobody listens"])


def draw(seed: int) -> Plan:
    """Draw a plan."""
    dice = random.Random(seed)
    moves: dict[Side, list[Move]] = {"client": [], "server": []}
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
        speaker = dice.choice(("client", "client", "client", "server"))
        _talk(dice, moves, SIDES if speaker == "client" else ("server", "client"))
    for who in SIDES:
        moves[who] += _ending(dice)
    fates: dict[tuple[Side, int], Fate] = {}
    if dice.random() < 0.35:
        for _ in range(dice.randint(1, 3)):
            fates[dice.choice(SIDES), dice.randrange(9)] = dice.choice(tuple(Fate))
    return Plan(
        seed, tuple(moves["client"]), tuple(moves["server"]), dice.choice(DELAYS), fates,
        listens=dice.random() > 0.02, small_buffer=dice.choice(SIDES) if dice.random() < 0.06 else None,
    )  # fmt: skip


def _talk(dice: random.Random, moves: dict[Side, list[Move]], who: tuple[Side, Side]) -> None:
    """One says something; the other reads all, a part or nothing of it, and often answers."""
    asker, answerer = who
    asks = dice.choice(SIZES)
    moves[asker].append(Move(Do.SAY, asks, dice.choice(PAUSES)))
    reads = dice.choice((asks,) * 8 + (asks // 2, 0))
    if reads:
        moves[answerer].append(Move(Do.HEAR, reads))
    if dice.random() < 0.7:
        answer = dice.choice(SIZES)
        moves[answerer].append(Move(Do.SAY, answer, dice.choice(PAUSES)))
        reads = dice.choice((answer,) * 8 + (answer // 2, 0))
        if reads:
            moves[asker].append(Move(Do.HEAR, reads))


def _ending(dice: random.Random) -> list[Move]:
    """How a program leaves: at once, on the other's end, in two steps, not at all."""
    pause = dice.choice(PAUSES)
    last = Move(dice.choice((Do.CLOSE,) * 8 + (Do.ABORT, Do.KILL)), pause=dice.choice(PAUSES))
    match dice.randrange(16):
        case 0 | 1 | 2 | 3 | 4:
            return [Move(Do.CLOSE, pause=pause)]
        case 5 | 6 | 7 | 8:
            return [Move(Do.HEAR_END), last]
        case 9 | 10:
            return [Move(Do.SHUTDOWN, pause=pause), Move(Do.HEAR_END), last]
        case 11:
            late = Move(Do.SAY, dice.choice(SIZES), dice.choice(PAUSES))
            return [Move(Do.HEAR_END), late, last]
        case 12:
            return [Move(dice.choice((Do.ABORT, Do.LINGER2)), pause=pause)]
        case 13:
            return [Move(dice.choice((Do.KILL, Do.KILL, Do.DESTROY)), pause=pause)]
        case 14:
            return [Move(Do.SHUTDOWN, pause=pause), last]
        case _:
            return []
