"""What became of a play: data for reports in every form."""

from dataclasses import dataclass, field
from enum import StrEnum

from finwait.script.compare import Difference
from finwait.script.syntax import Position
from finwait.verdict.language import Text
from finwait.wire import Packet
from finwait.wire.pcapng import EPOCH


class Status(StrEnum):
    """How a script ended."""

    PASSED = "passed"
    FAILED = "failed"
    """The stack did something else than the script expects."""
    STOPPED = "stopped"
    """`--until` was reached, and all before it was as expected."""
    NOT_APPLICABLE = "not-applicable"
    """The stage has no such thing as the script needs: a call, or a command that it could not honour."""
    BROKEN = "broken"
    """The script itself is wrong."""
    INTERRUPTED = "interrupted"
    """A signal ended the play."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A packet in the script's words and numbers."""

    at: int
    """Microseconds from the start of the script."""
    text: str
    fields: tuple[tuple[str, str], ...]
    """Name and text of each part, in the order of `text`."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the socket under test is, when the play ended."""

    state: str
    """As RFC 9293 names it."""
    info: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """What was not as the script expects."""

    kind: str
    """packet, time, call, command, code, script."""
    at: Position
    source: str
    """The line of the script."""
    message: Text
    differences: tuple[Difference, ...] = ()
    """Everything in which the packet differs; the first is the one that `message` names."""
    expected: Shown | None = None
    actual: Shown | None = None
    reasons: tuple[Text, ...] = ()
    unread: tuple[Shown, ...] = ()
    """Packets that the stack had sent and no line of the script expected, before this."""
    detail: str = ""
    """A traceback, or what a command wrote."""

    @property
    def difference(self) -> Difference | None:
        """The first."""
        return self.differences[0] if self.differences else None


@dataclass(frozen=True, slots=True)
class Crossing:
    """A packet that crossed the wire."""

    at: int
    """Microseconds from the start of the script; negative for what its first command brought about."""
    packet: Packet
    inbound: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """One script on one stage."""

    path: str
    variant: str
    """ipv4, ipv6, ipv4-mapped-ipv6."""
    stage: str
    status: Status
    lasted: int = 0
    """Microseconds of the stage's time."""
    failure: Failure | None = None
    warnings: tuple[Text, ...] = ()
    endpoint: Endpoint | None = None
    story: tuple[Text, ...] = ()
    """With `--until`: why the socket is where it is."""
    unread: tuple[Shown, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    printed: str = ""
    """What code blocks printed."""
    epoch: int = EPOCH
    """The script's time 0 in microseconds since 1970 (UTC)."""
