"""What a run of the lab says of one experiment: steps, ladder, verdict, the kernels' words."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from finwait.errors import FinwaitError
from finwait.explain.words import messages
from finwait.lab.beside import COLON
from finwait.lab.experiment import WHO, Expected, Experiment
from finwait.lab.history import ENDS, Event, path
from finwait.lab.judge import Told
from finwait.lab.kernel_words import Tells
from finwait.lab.proxy import LEGS
from finwait.lab.reset_words import reset_words
from finwait.lab.table import words
from finwait.lab.travel import draw as draw_travel
from finwait.lab.world import Step
from finwait.picture.ladder_text import Style, draw
from finwait.picture.width import left, width, wrap
from finwait.verdict.language import Lang, Text

if TYPE_CHECKING:
    from finwait.explain.as_data import Json
    from finwait.lab.play import Came, Played, Result

STEPS: Final = Text("What the programs and the wire do", "程序与线路的动作")
LADDER: Final = Text(
    "What went over the wire; states as the kernels told them and as the packets prove them",
    "线路上的报文；内核报告的状态与由报文推断的状态",
)
UNTRACED: Final = Text(
    "Without tracepoints the kernels' states are read from their tables of sockets (sock_diag) after each packet: a state that"
    " lasts shorter is not seen, and of RSTs and their reasons nothing is known.",
    "没有 tracepoint 时，内核状态是在每个报文之后从套接字表（sock_diag）读取的：持续时间更短的状态看不到，RST 及其原因也不得而知。",
)
NO_RESETS: Final = Text(
    "This kernel has no tracepoint tcp:tcp_send_reset: of RSTs it tells nothing, only of changes of state.",
    "此内核没有 tracepoint tcp:tcp_send_reset：它只报告状态变化，不报告 RST。",
)
NO_REASONS: Final = Text(
    "Reasons are not told by this kernel (Linux 6.10 is the first that does): of RSTs it tells only those that a full socket sends.",
    "此内核不说明原因（从 Linux 6.10 开始才有）：它只报告由完整套接字发送的 RST。",
)
VERDICT, KERNEL, DIFFERS, LIMIT = (
    Text("Verdict from the packets", "由报文得出的结论"),
    Text("The kernels' own words", "内核自己的说法"),
    Text("NOT the same", "不一致"),
    Text("What a wire cannot show", "线路上看不到的"),
)
WHICH: Final = Text(
    "It is connection {} of the capture, counted from 0, as `finwait explain` counts.",
    "它是抓包中的连接 {}，从 0 数起，与 `finwait explain` 一致。",
)
BEFORE: Final = Text("Connection {} before it: {}.", "在它之前的连接 {}：{}。")
STAYS: Final = Text("nothing after ESTABLISHED", "ESTABLISHED 之后没有变化")
NO_STATE: Final = Text("no state", "没有状态")
RST_SENT: Final = Text("RST, ", "RST，")
TRAVELS: Final = Text("How it travels from leg to leg", "它如何从一侧传到另一侧")


def heading(experiment: Experiment, style: Style, lang: Lang) -> list[str]:
    """Write what an experiment is about."""
    title = f"{experiment.title.say(lang)} ({experiment.name})"
    wide = min(style.columns, 72)
    rule = f"━━ {title} " + "━" * (wide - width(title) - 4) if style.unicode else f"== {title} =="
    return [
        style.paint("heading", rule),
        *wrap(experiment.shows.say(lang), min(style.columns, 100)),
        "",
        style.paint("heading", STEPS.say(lang)),
    ]


def step_line(step: Step, began: int, lang: Lang) -> str:
    """Write one step."""
    at, who, words = step
    return f"  {(at - began) / 1e9:8.4f}  {left(WHO[who].say(lang), 6)}  {words}"


def body(experiment: Experiment, result: "Result", style: Style, lang: Lang) -> list[str]:
    """Write what comes after the steps."""
    expected = experiment.expectations
    lines: list[str] = []
    for number, (leg, wanted) in enumerate(zip(result.legs, expected, strict=True)):
        name = f"{LEGS[number].say(lang)}{COLON.say(lang)}" if len(expected) > 1 else ""
        lines += _leg(leg, wanted, name, style, lang)
    if result.hops:
        lines += ["", style.paint("heading", TRAVELS.say(lang))]
        lines += draw_travel(result.hops, result.steps[0][0], style, lang)
    return [*lines, ""]


def missing(tells: Tells) -> Text | None:
    """Say what the kernel does not tell; None if it tells everything."""
    if not tells.states:
        return UNTRACED
    if not tells.resets:
        return NO_RESETS
    return None if tells.reasons else NO_REASONS


def _leg(leg: "Played", wanted: Expected, name: str, style: Style, lang: Lang) -> list[str]:
    """Write about one connection."""
    columns = min(style.columns, 110) - 2

    def indented(*texts: str) -> list[str]:
        return [f"  {line}" for text in texts for line in wrap(text, columns)]

    lines = ["", *_heading(f"{name}{LADDER.say(lang)}", style)]
    if (lacks := missing(leg.row.tells)) is not None:
        lines += indented(lacks.say(lang))
    lines += ["", *draw(leg.ladder, style)]
    lines += ["", *_heading(f"{name}{VERDICT.say(lang)}", style)]
    lines += indented(leg.verdict, leg.cause, *_evidence(leg, lang), *leg.time_wait, *leg.doubts)
    lines += indented(*in_capture(leg, lang))
    lines += ["", *_heading(f"{name}{KERNEL.say(lang)}", style)]
    lines += indented(*_kernel(leg, lang))
    if wanted.limit is not None:
        lines += ["", *_heading(LIMIT.say(lang), style), *indented(wanted.limit.say(lang))]
    if not leg.row.same:
        lines += ["", style.paint("rst", DIFFERS.say(lang))]
        lines += indented(*(each.say(lang) for each in leg.row.differences))
    return lines


def _heading(text: str, style: Style) -> list[str]:
    return [style.paint("heading", line) for line in wrap(text, style.columns)]


def _evidence(leg: "Played", lang: Lang) -> Iterator[str]:
    words, colon = messages(lang, "headings"), COLON.say(lang)
    for key, sentences in (("for", leg.evidence), ("against", leg.against)):
        yield from (f"- {words[key]}{colon}{sentence}" for sentence in sentences)


def in_capture(leg: "Played", lang: Lang) -> Iterator[str]:
    """Say which connection of the capture it is, unless it is the only or the first one; and what was before it between its ends."""
    if leg.connection:
        yield WHICH.say(lang).format(leg.connection)
    if leg.before:
        yield BEFORE.say(lang).format(leg.connection - 1, leg.before)


def states_told(leg: "Played", lang: Lang) -> dict[str, str]:
    """Give the states after ESTABLISHED of each end as its kernel told them, in words."""
    found = {"client": leg.row.kernel.client, "server": leg.row.kernel.server}
    for who, states in found.items():
        silent = STAYS if "ESTABLISHED" in path(leg.events, who) else NO_STATE
        found[who] = " → ".join(states.split()) or silent.say(lang)
    return found


def _kernel(leg: "Played", lang: Lang) -> Iterator[str]:
    """Write what each kernel said: the states after ESTABLISHED, and its RSTs."""
    room = max(width(WHO[who].say(lang)) for who in ENDS)
    for who, states in states_told(leg, lang).items():
        yield f"{left(WHO[who].say(lang), room)}  {states}"
    resets = Counter((event.who, *reset_words(event, lang)) for event in leg.events if event.reset)
    for (who, reason, meaning), times in resets.items():
        sent = RST_SENT.say(lang) + COLON.say(lang).join(filter(None, (reason, meaning)))
        often = f" (× {times})" if times > 1 else ""
        yield f"{left(WHO[who].say(lang), room)}  {sent}{often}"


def as_data(experiment: Experiment, came: "Came", lang: Lang) -> dict[str, "Json"]:
    """Give what came of an experiment as plain data that `json.dumps` takes."""
    if isinstance(came, FinwaitError | OSError):
        return _failed(experiment, came, lang)
    return _result(experiment, came, lang)


def _result(experiment: Experiment, result: "Result", lang: Lang) -> dict[str, "Json"]:
    """Give a result. With a proxy the server's leg stands in `server_leg`."""
    first, *further = result.legs
    data: dict[str, Json] = {
        "name": experiment.name,
        "title": experiment.title.say(lang),
        "same": result.same,
        "agreement": result.agreement,
        "seconds": round(result.took, 3),
        **_played(first, lang),
        "steps": [{"at_ns": at, "who": who, "what": words} for at, who, words in result.steps],
    }
    for leg in further:
        data["server_leg"] = _played(leg, lang)
    return data


def _played(leg: "Played", lang: Lang) -> dict[str, "Json"]:
    row = leg.row
    return {
        "agreement": row.agreement,
        "connection": leg.connection,
        "differences": [each.say(lang) for each in row.differences],
        "traced": row.tells.states,
        "reasons_told": row.tells.reasons,
        "expected": _told(row.expected),
        "wire": _told(row.wire),
        "kernel": _told(row.kernel),
        "events": [_event(event) for event in leg.events],
    }


def _failed(experiment: Experiment, error: FinwaitError | OSError, lang: Lang) -> dict[str, "Json"]:
    """Give what stopped an experiment."""
    return {
        "name": experiment.name,
        "title": experiment.title.say(lang),
        "same": False,
        "agreement": None,
        "error": words(error, lang),
    }


def _told(told: Told) -> dict[str, "Json"]:
    return {
        "close": told.close,
        "closed_by": told.closed_by,
        "cause": told.cause,
        "client": told.client.split(),
        "server": told.server.split(),
        "reset": told.reset,
        "last": {who: list(states) for who, states in told.last.items()},
    }


def _event(event: Event) -> dict[str, "Json"]:
    return {
        "at_ns": event.at,
        "who": event.who,
        "old": event.old,
        "new": event.new or None,
        "reason": event.reason or None,
        "means": event.means or None,
        "by": event.by,
        "since_ns": event.since or None,
    }
