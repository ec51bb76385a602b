"""The ways to end a connection, as `endings.toml` has them, and the moments at which they happen."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from finwait.errors import Misuse
from finwait.verdict.language import Text
from finwait.verdict.spelling import meant, near

TABLE: Final = Path(__file__).parent / "endings.toml"
SECOND: Final = 1_000_000
UNITS: Final = {"us": 1, "ms": 1000, "s": SECOND}
TIME: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|ms|s)")
LONGEST: Final = 12
"""Characters of a moment: more digits are no moment that anybody waits for."""


class Act(StrEnum):
    """What the peer does to its connection."""

    NOTHING = "nothing"
    CLOSE = "close"
    SHUTDOWN = "shutdown"
    ABORT = "abort"
    DARK = "dark"
    FORGE = "forge"
    FORGE_BLIND = "forge-blind"


class Wire(StrEnum):
    """What becomes of single segments."""

    FAITHFUL = ""
    JOIN_FIN = "join-fin"
    CROSS_FIN = "cross-fin"
    HIDE_FIN = "hide-fin"
    LOSE_FIN = "lose-fin"
    LOSE_LAST_ACK = "lose-last-ack"
    REFUSE = "refuse"
    DEAF = "deaf"


class When(StrEnum):
    """A moment in the life of a connection."""

    CONNECT = "connect"
    REQUEST = "request"
    HALF = "half"
    REPLY = "reply"
    FIN = "fin"
    OCTETS = "octets"
    TIME = "time"


NAMED: Final = (When.CONNECT, When.REQUEST, When.HALF, When.REPLY)


@dataclass(frozen=True, slots=True)
class Moment:
    """When to act. `amount`: octets that the peer has said, or microseconds since the connection stands."""

    when: When
    amount: int = 0

    def __str__(self) -> str:
        """Write it as `--after` takes it."""
        match self.when:
            case When.OCTETS:
                return str(self.amount)
            case When.TIME:
                return f"{self.amount / SECOND:g}s"
        return self.when.value


@dataclass(frozen=True, slots=True)
class Ending:
    """One row of the table; `hesitates` in microseconds."""

    name: str
    what: Text
    when: When
    act: Act = Act.NOTHING
    on_fin: Act = Act.CLOSE
    hesitates: int = 0
    wire: Wire = Wire.FAITHFUL
    reads: bool = True
    replies: bool = True
    buffer: int = 0

    @property
    def waits(self) -> bool:
        """Whether it lets the other end close first."""
        return self.when is When.FIN

    @property
    def announces(self) -> bool:
        """Whether it says `Connection: close`, so that an HTTP application closes after one message."""
        return self.waits or self.act in {Act.FORGE, Act.FORGE_BLIND}

    @property
    def needs_listener(self) -> bool:
        """Whether it is about a SYN that comes, so that a peer that connects cannot do it."""
        return self.wire in {Wire.REFUSE, Wire.DEAF}


@cache
def endings() -> Mapping[str, Ending]:
    """Give all, by name, in the order of the table."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {name: _ending(name, row) for name, row in table.items()}


def _ending(name: str, row: Mapping[str, object]) -> Ending:
    what, hesitates, buffer = row["what"], row.get("hesitates", 0), row.get("buffer", 0)
    if not (isinstance(what, dict) and isinstance(hesitates, int) and isinstance(buffer, int)):
        raise TypeError(f"{TABLE.name}: {name}")
    return Ending(
        name,
        Text(str(what["en"]), str(what["zh"])),
        When(str(row["when"])),
        Act(str(row.get("act", "nothing"))),
        Act(str(row.get("on-fin", "close"))),
        hesitates * 1000,
        Wire(str(row.get("wire", ""))),
        bool(row.get("reads", True)),
        bool(row.get("replies", True)),
        buffer,
    )


def ending(name: str) -> Ending:
    """Find one. Raises Misuse."""
    found = endings().get(str(name))
    if found is None:
        known, hint = ", ".join(endings()), meant(near(str(name), endings()))
        raise Misuse(
            f"no close {name!r}{hint.en}\nthere are {known}",
            f"没有关闭方式 {name!r}{hint.zh}\n可用的有 {known}",
        )
    return found


def moment(ending: Ending, after: str | int | None) -> Moment:
    """Read what `--after` says: connect, request, half, reply, octets that the peer says (`500`), or a time (`2s`, `200ms`).

    Without it, the moment of the ending. Raises Misuse.
    """
    if after is None:
        return Moment(ending.when)
    if ending.waits or ending.needs_listener:
        raise Misuse(
            f"{ending.name} waits for what the other end does: there is no moment to choose",
            f"{ending.name} 取决于对方的动作：不能用 --after 选择时刻",
        )
    word = str(after).lower()
    time = TIME.fullmatch(word)
    if time is not None and len(word) <= LONGEST:
        return Moment(When.TIME, round(float(time[1]) * UNITS[time[2]]))
    if word.isascii() and word.isdigit() and len(word) <= LONGEST:
        return Moment(When.OCTETS, int(word))
    if word in set(NAMED):
        return Moment(When(word))
    names = ", ".join(NAMED)
    raise Misuse(
        f"--after {after}: write {names}, a number of octets, or a time such as 200ms or 2s",
        f"--after {after}：请写 {names}、字节数，或时间，如 200ms、2s",
    )
