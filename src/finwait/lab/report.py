"""What a run of the lab says: steps, ladder, verdict, and the table at the end."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from finwait.errors import FinwaitError
from finwait.lab.experiment import Experiment
from finwait.lab.history import Event
from finwait.lab.judge import Row, Told
from finwait.lab.reasons import REASONS
from finwait.lab.world import Step
from finwait.picture.ladder_text import Style, draw
from finwait.picture.width import left, width, wrap
from finwait.verdict.language import Lang, Text

if TYPE_CHECKING:
    from finwait.explain.as_data import Json
    from finwait.lab.play import Result

WHO: Final = {
    "client": Text("client", "客户端"),
    "server": Text("server", "服务器"),
    "wire": Text("wire", "线路"),
    "both": Text("both", "双方"),
}
STEPS: Final = Text("What the programs and the wire do", "程序与线路的动作")
LADDER: Final = Text(
    "What went over the wire; states as the kernels told them (outside) and as the packets prove them (inside)",
    "线路上的报文；外侧是内核报告的状态，内侧是由报文推断的状态",
)
UNTRACED: Final = Text(
    "Tracepoints are not permitted here: the kernels' states were read from their tables of sockets (sock_diag) after each"
    " packet, so a state that lasts shorter is not seen, and reasons of resets are not known.",
    "此处不允许使用 tracepoint：内核状态是在每个报文之后从套接字表（sock_diag）读取的，持续时间更短的状态看不到，RST 的原因也不得而知。",
)
VERDICT, KERNEL, DIFFERS, LIMIT = (
    Text("Verdict from the packets", "由报文得出的结论"),
    Text("The kernels' own words", "内核自己的说法"),
    Text("NOT the same", "不一致"),
    Text("What a wire cannot show", "线路上看不到的"),
)
HEADS: Final = (
    Text("experiment", "实验"),
    Text("expected", "预期"),
    Text("from the wire", "由报文"),
    Text("from the kernel", "由内核"),
    Text("same", "一致"),
)
YES, NO, NOT_RUN = Text("same", "一致"), Text("NOT", "否"), Text("did not run", "未能运行")


def heading(experiment: Experiment, style: Style, lang: Lang) -> list[str]:
    """Write what an experiment is about."""
    title = f"{experiment.title.say(lang)} ({experiment.name})"
    return [
        style.paint(
            "heading", f"━━ {title} ".ljust(72, "━") if style.unicode else f"== {title} =="
        ),
        *wrap(experiment.shows.say(lang), min(style.columns, 100)),
        "",
        style.paint("heading", STEPS.say(lang)),
    ]


def step_line(step: Step, began: int, lang: Lang) -> str:
    """Write one step."""
    at, who, words = step
    return f"  {(at - began) / 1e9:8.4f}  {left(WHO[who].say(lang), 7)} {words}"


def body(experiment: Experiment, result: "Result", style: Style, lang: Lang) -> list[str]:
    """Write what comes after the steps."""
    columns = min(style.columns, 110) - 2
    lines = ["", style.paint("heading", LADDER.say(lang))]
    if not result.row.traced:
        lines += [f"  {line}" for line in wrap(UNTRACED.say(lang), columns)]
    lines += ["", *draw(result.ladder, style)]
    said = [result.verdict, result.cause, *result.evidence, *result.time_wait]
    lines += ["", style.paint("heading", VERDICT.say(lang))]
    lines += [f"  {line}" for text in said for line in wrap(text, columns)]
    lines += ["", style.paint("heading", KERNEL.say(lang)), *_kernel(result, lang)]
    if experiment.expected.limit is not None:
        lines += ["", style.paint("heading", LIMIT.say(lang))]
        lines += [f"  {line}" for line in wrap(experiment.expected.limit.say(lang), columns)]
    if not result.row.same:
        lines += ["", style.paint("rst", DIFFERS.say(lang))]
        lines += [f"  {line}" for line in result.row.differences]
    return [*lines, ""]


def _kernel(result: "Result", lang: Lang) -> Iterator[str]:
    kernel = result.row.kernel
    for who, states in (("client", kernel.client), ("server", kernel.server)):
        path = " → ".join(states.split()) or "-"
        yield f"  {left(WHO[who].say(lang), 7)} {path}"
    for event in result.events:
        if event.reason:
            meaning = REASONS.get(event.means)
            words = f": {meaning.text.say(lang)}" if meaning else ""
            yield f"  RST {WHO[event.who].say(lang)}, {event.reason} ({event.old}){words}"


def table(rows: Sequence[tuple[Experiment, Row | None]], style: Style, lang: Lang) -> list[str]:
    """Write the table: expected, from the wire, from the kernel, same or not."""
    cells = [[head.say(lang) for head in HEADS]]
    for experiment, row in rows:
        if row is None:
            cells.append([experiment.name, _wanted(experiment), "", "", NOT_RUN.say(lang)])
            continue
        verdict = (YES if row.same else NO).say(lang)
        cells.append([row.name, row.expected.short, row.wire.short, row.kernel.short, verdict])
    widths = [max(width(line[place]) for line in cells) for place in range(len(HEADS))]
    lines = []
    for number, line in enumerate(cells):
        text = "  ".join(left(cell, wide) for cell, wide in zip(line, widths, strict=True)).rstrip()
        bad = number > 0 and line[-1] != YES.say(lang)
        lines.append(style.paint("heading" if number == 0 else "rst" if bad else "", text))
    return lines


def _wanted(experiment: Experiment) -> str:
    wanted = experiment.expected
    return Told(wanted.close, wanted.closed_by, wanted.cause, "", "").short


def as_data(experiment: Experiment, result: "Result") -> dict[str, "Json"]:
    """Give a result as plain data that `json.dumps` takes."""
    row = result.row
    return {
        "name": experiment.name,
        "title": experiment.title.en,
        "same": row.same,
        "differences": list(row.differences),
        "traced": row.traced,
        "seconds": round(result.took, 3),
        "expected": _told(row.expected),
        "wire": _told(row.wire),
        "kernel": _told(row.kernel),
        "steps": [{"at_ns": at, "who": who, "what": words} for at, who, words in result.steps],
        "events": [_event(event) for event in result.events],
    }


def failed_data(experiment: Experiment, error: FinwaitError | OSError) -> dict[str, "Json"]:
    """Give what stopped an experiment as plain data."""
    return {
        "name": experiment.name,
        "title": experiment.title.en,
        "same": False,
        "error": str(error),
    }


def _told(told: Told) -> dict[str, "Json"]:
    return {
        "close": told.close,
        "closed_by": told.closed_by,
        "cause": told.cause,
        "client": told.client.split(),
        "server": told.server.split(),
        "reset": told.reset,
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
    }
