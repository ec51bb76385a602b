"""One connection's transmission control block (RFC 9293 section 3.3.1) as a value. `step.py` makes the next one of it."""

from dataclasses import dataclass

from finwait.endpoint.calls import Errno, Happening, Result
from finwait.endpoint.profile import Profile
from finwait.endpoint.rules import Rule
from finwait.tcp import Segment, Seq, State


@dataclass(frozen=True, slots=True)
class Sent:
    """A segment in flight: what the retransmission queue holds (RFC 9293 section 3.8)."""

    seq: Seq
    data: bytes
    syn: bool
    fin: bool
    push: bool
    sent_at: int
    """Of its last sending."""
    first_sent_at: int
    times: int = 1
    """How often it was sent."""
    sacked: bool = False
    lost: bool = False
    """Taken for lost and not sent again since."""

    @property
    def length(self) -> int:
        """Sequence numbers that it takes."""
        return len(self.data) + self.syn + self.fin

    @property
    def end(self) -> Seq:
        """The number after its last one."""
        return self.seq + self.length


@dataclass(slots=True)
class Connection:
    """Never changed by anyone but `step`, which works on a copy: a Connection that you hold stays as it is.

    Times are microseconds; None for a timer means that it does not run.
    """

    profile: Profile
    state: State = State.CLOSED


@dataclass(frozen=True, slots=True)
class Step:
    """What an input did."""

    connection: Connection
    segments: tuple[Segment, ...]
    """To be sent, in this order."""
    events: tuple[Happening, ...]
    rules: tuple[Rule, ...]
    """The rules that fired, in order."""
    result: Result = Result()
    """Of a call."""
    died: Errno | None = None
