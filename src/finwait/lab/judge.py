"""Expected, from the wire, from the kernel: the same or not."""

from collections.abc import Sequence
from dataclasses import dataclass

from finwait.explain.explanation import Explanation
from finwait.lab.experiment import Expected
from finwait.lab.history import ENDS, Event, closing, path, took_effect, verdict
from finwait.lab.reasons import REASONS


@dataclass(frozen=True, slots=True)
class Told:
    """How it closed, as one of the three tells it."""

    close: str
    closed_by: str
    cause: str
    client: str
    """States after ESTABLISHED."""
    server: str
    reset: str = ""

    @property
    def short(self) -> str:
        """In a cell of a table."""
        by = "" if self.closed_by == "none" else f" by {self.closed_by}"
        return f"{self.close}{by}" + (f", {self.cause}" if self.cause else "")


@dataclass(frozen=True, slots=True)
class Row:
    """One experiment in the table at the end."""

    name: str
    expected: Told
    wire: Told
    kernel: Told
    differences: tuple[str, ...]
    """What is not the same, one line each."""
    traced: bool
    """Whether the kernel told of every change; else its table of sockets was looked at."""

    @property
    def same(self) -> bool:
        """Whether all three say the same."""
        return not self.differences


def judge(
    name: str, expected: Expected, told: Explanation, events: Sequence[Event], *, traced: bool
) -> Row:
    """Compare."""
    should = Told(
        expected.close, expected.closed_by, expected.cause, expected.client, expected.server, expected.reset
    )  # fmt: skip
    wire, kernel = from_wire(told), from_kernel(events)
    wrong = [
        f"from the wire, {field}: {getattr(wire, field) or 'nothing'}, expected {getattr(should, field) or 'nothing'}"
        for field in ("close", "closed_by", "cause", "client", "server", "reset")
        if getattr(wire, field) != getattr(should, field)
    ]
    wrong += _kernel(expected, kernel, wire) if traced else _seen(expected, events)
    return Row(name, should, wire, kernel, tuple(wrong), traced)


def from_wire(told: Explanation) -> Told:
    """What finwait says of the capture."""
    row = told.row
    passed: dict[str, list[str]] = {who: [] for who in ENDS}
    for segment in told.segments:
        for who in ENDS:
            for state in (segment.via.get(who, ""), getattr(segment, f"{who}_state")):
                begun = passed[who] or state not in {"CLOSED", "LISTEN"}
                if state and begun and state not in passed[who][-1:]:
                    passed[who].append(state)
    reset = "" if row.reset_by == "none" else f"{row.reset_by} {row.reset_form or 'any'}"
    return Told(
        row.close, row.closed_by, row.cause, closing(passed["client"]), closing(passed["server"]), reset
    )  # fmt: skip


def from_kernel(events: Sequence[Event]) -> Told:
    """What the kernels say; the cause is what the reason of the first RST means."""
    close, by = verdict(events)
    first = next((event for event in events if event.reason and took_effect(event, events)), None)
    return Told(
        close,
        by,
        first.means if first else "",
        closing(path(events, "client")),
        closing(path(events, "server")),
        first.who if first else "",
    )


def _kernel(expected: Expected, kernel: Told, wire: Told) -> list[str]:
    """What the kernels say otherwise."""
    wanted = {
        "close": expected.kernel_close or expected.close,
        "closed_by": expected.kernel_closed_by or expected.closed_by,
        "client": (expected.kernel_client or expected.client).removeprefix("-"),
        "server": (expected.kernel_server or expected.server).removeprefix("-"),
        "cause": expected.reason,
    }
    wrong = [
        f"from the kernel, {field}: {getattr(kernel, field) or 'nothing'}, expected {value or 'nothing'}"
        for field, value in wanted.items()
        if getattr(kernel, field) != value
    ]
    known = REASONS.get(kernel.cause)
    if known is not None and wire.cause not in known.causes:
        wrong.append(f"the kernel's reason means {kernel.cause}, and finwait says {wire.cause}")
    return wrong


def _seen(expected: Expected, events: Sequence[Event]) -> list[str]:
    """Without tracepoints: the states that the table of sockets showed have to be among the expected, in their order.

    Requests are in that table as SYN-RECEIVED, and are not counted: tracepoints do not tell of them either.
    """
    wrong = []
    for who in ENDS:
        seen = [state for state in closing(path(events, who)).split() if state != "SYN-RECEIVED"]
        paths = {
            getattr(expected, f"kernel_{who}") or getattr(expected, who),
            getattr(expected, who),
        }
        if not any(_within(seen, right.split()) for right in paths):
            wrong.append(
                f"sock_diag, {who}: {' '.join(seen)}, expected {' or '.join(sorted(paths))}"
            )
    return wrong


def _within(some: Sequence[str], whole: Sequence[str]) -> bool:
    rest = iter(whole)
    return all(state in rest for state in some)
