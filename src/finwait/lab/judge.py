"""Expected, from the wire, from the kernel: the same or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from finwait.explain.explanation import Explanation
from finwait.lab.experiment import WHO, Expected
from finwait.lab.history import ENDS, Event, closing, path, took_effect, verdict
from finwait.lab.kernel_words import Tells
from finwait.lab.reasons import REASONS
from finwait.verdict.language import Lang, Text
from finwait.verdict.verdict import reset_after_fin

BY = Text(" by {}", "（{}）")
AFTER_FIN = Text(" by {} after {}'s FIN", "（{}，在{}的 FIN 之后）")
COMMA = Text(", ", "，")
NOT_TOLD = Text("not told", "未说明")
Agreement = Literal["same", "as-meant", "wire-only", "differs"]
"""same: all three. as-meant: the kernel says otherwise, and the experiment expects that of it. wire-only: expected and wire do,
and the kernel told too little to say how it closed. differs: from what was expected."""
WORST: Final[tuple[Agreement, ...]] = ("same", "as-meant", "wire-only", "differs")
"""In the order in which one of several connections speaks for all."""
WIRE, KERNEL, TABLE = (
    Text("from the wire", "由报文"),
    Text("from the kernel", "由内核"),
    Text("sock_diag", "sock_diag"),
)
LAST: Final = Text("from the kernel, at last", "由内核，最后状态")


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
    """Who sent the RST, and from packets in which form: "server owner"."""
    last: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Where each end is at last; what the packets leave open is told with all that it may be, the drawn state first."""

    def short(self, lang: Lang) -> str:
        """In a cell of a table: words of the catalogue."""
        if not self.close:
            return NOT_TOLD.say(lang)
        by = "" if self.closed_by == "none" else BY.say(lang).format(WHO[self.closed_by].say(lang))
        resetter = self.reset.partition(" ")[0]
        if self.close == "reset" and reset_after_fin(self.closed_by, resetter):
            ends = WHO[resetter].say(lang), WHO[self.closed_by].say(lang)
            by = AFTER_FIN.say(lang).format(*ends)
        return f"{self.close}{by}" + (COMMA.say(lang) + self.cause if self.cause else "")


@dataclass(frozen=True, slots=True)
class Row:
    """One experiment in the table at the end."""

    name: str
    expected: Told
    wire: Told
    kernel: Told
    differences: tuple[Text, ...]
    """What is not the same, one line each."""
    tells: Tells
    """What the kernel told of; where it was not of states, its table of sockets was looked at."""

    @property
    def same(self) -> bool:
        """Whether nothing differs from what was expected of it."""
        return not self.differences

    @property
    def agreement(self) -> Agreement:
        """How far the three agree."""
        if self.differences:
            return "differs"
        if not self.kernel.close:
            return "wire-only"
        closes = {(told.close, told.closed_by) for told in (self.wire, self.kernel)}
        return "as-meant" if len(closes) > 1 or astray(self.wire, self.kernel) else "same"


def astray(wire: Told, kernel: Told) -> list[str]:
    """Name the ends whose kernel has them, at last, where the packets do not leave room for."""
    return [who for who in ENDS if not set(kernel.last[who]) <= set(wire.last[who])]


def judge(
    name: str,
    expected: Expected,
    told: Explanation,
    events: Sequence[Event],
    tells: Tells,
    *,
    last: Mapping[str, str],
) -> Row:
    """Compare. `last`: where the kernels had both ends when the story was over."""
    should = expectation(expected)
    wire, kernel = from_wire(told), from_kernel(events, tells, last)
    wrong = [
        _difference(WIRE, field, getattr(wire, field), getattr(should, field))
        for field in ("close", "closed_by", "cause", "client", "server", "reset")
        if getattr(wire, field) != getattr(should, field)
    ]
    wrong += _closed(expected, kernel)
    wrong += _kernel(expected, kernel, wire, tells) if tells.states else _seen(expected, events)
    wrong += [
        _difference(LAST, who, kernel.last[who][0], " | ".join(wire.last[who]))
        for who in astray(wire, kernel)
        if not _meant(expected, who)
    ]
    return Row(name, should, wire, kernel, tuple(wrong), tells)


def expectation(expected: Expected) -> Told:
    """Give what is expected as one of the three that tell."""
    return Told(
        expected.close, expected.closed_by, expected.cause, expected.client, expected.server, expected.reset
    )  # fmt: skip


def _meant(expected: Expected, who: str) -> bool:
    """Say whether the experiment expects wire and kernel to differ here; `limit` says why."""
    return bool(expected.kernel_close or getattr(expected, f"kernel_{who}"))


def _difference(source: Text, field: str, said: str, wanted: str) -> Text:
    """Say in words what is not the same."""
    return Text(
        f"{source.en}, {field}: {said or 'nothing'}, expected {wanted or 'nothing'}",
        f"{source.zh}，{field}：{said or '无'}，预期 {wanted or '无'}",
    )


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
        row.close, row.closed_by, row.cause, closing(passed["client"]), closing(passed["server"]), reset,
        {who: tuple(state.replace("LISTEN", "CLOSED") for state in told.last_states(who)) for who in ENDS},
    )  # fmt: skip


def from_kernel(events: Sequence[Event], tells: Tells, last: Mapping[str, str]) -> Told:
    """What the kernels say; the cause is what the reason of the first RST means."""
    close, by = verdict(events, resets_told=tells.reasons)
    if close == "three-way" and not tells.states:
        close, by = "", "none"  # FIN-WAIT-2 may have been too short to be seen
    first = next((event for event in events if event.reset and took_effect(event, events)), None)
    return Told(
        close,
        by,
        first.means if first else "",
        closing(path(events, "client")),
        closing(path(events, "server")),
        first.who if first else "",
        {who: (last[who],) for who in ENDS},
    )


def _closed(expected: Expected, kernel: Told) -> list[Text]:
    """How it closed as the kernels say it, if that is not as expected; what they did not tell is not compared."""
    if not kernel.close:
        return []
    wanted = {
        "close": expected.kernel_close or expected.close,
        "closed_by": expected.kernel_closed_by or expected.closed_by,
    }
    return _others(kernel, wanted)


def _others(kernel: Told, wanted: dict[str, str]) -> list[Text]:
    return [
        _difference(KERNEL, field, getattr(kernel, field), value)
        for field, value in wanted.items()
        if getattr(kernel, field) != value
    ]


def _kernel(expected: Expected, kernel: Told, wire: Told, tells: Tells) -> list[Text]:
    """States and reasons that tracepoints told otherwise; what this kernel does not tell of is not compared."""
    wanted = {
        "client": (expected.kernel_client or expected.client).removeprefix("-"),
        "server": (expected.kernel_server or expected.server).removeprefix("-"),
        "cause": expected.reason,
    }
    if not tells.reasons or (kernel.reset and not kernel.cause):
        del wanted["cause"]
    wrong = _others(kernel, wanted)
    known = REASONS.get(kernel.cause)
    if known is not None and wire.cause not in known.causes:
        wrong.append(
            Text(
                f"the kernel's reason means {kernel.cause}, and finwait says {wire.cause}",
                f"内核的原因意为 {kernel.cause}，finwait 却说 {wire.cause}",
            )
        )
    return wrong


def _seen(expected: Expected, events: Sequence[Event]) -> list[Text]:
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
            wrong.append(_difference(TABLE, who, " ".join(seen), " | ".join(sorted(paths))))
    return wrong


def _within(some: Sequence[str], whole: Sequence[str]) -> bool:
    rest = iter(whole)
    return all(state in rest for state in some)
