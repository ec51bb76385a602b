"""A play told to a person, and as data. The same facts in every form."""

from typing import Final

from finwait.errors import called
from finwait.script.outcome import Failure, Outcome, Shown, Status
from finwait.script.source import printable
from finwait.script.timing import SECOND, seconds
from finwait.verdict.language import Lang, Text

VERDICT: Final = {
    Status.PASSED: Text("passed", "通过"),
    Status.FAILED: Text("FAILED", "失败"),
    Status.STOPPED: Text("stopped", "已停止"),
    Status.NOT_APPLICABLE: Text("not applicable", "不适用"),
    Status.BROKEN: Text("broken script", "脚本有误"),
    Status.INTERRUPTED: Text("interrupted", "被中断"),
}
EXPECTED = Text("expected", "预期")
ACTUAL = Text("actual  ", "实际")
NOTHING = Text("nothing came", "没有报文")
NONE = Text("none", "无")
EACH = Text(
    "{field}: expected {expected}, was {actual}", "{field}：应为 {expected}，实际为 {actual}"
)
UNREAD = Text("not read by any line", "没有任何脚本行读取")
STATE = Text("state", "状态")
REASON = Text("likely", "可能原因")
WHY = Text("why", "原因")
WARNING = Text("warning", "警告")


def one_line(outcome: Outcome, lang: Lang) -> str:
    """Say how a script ended."""
    lasted = f"{outcome.lasted / SECOND:.3f} s"
    return f"{called(outcome.path, lang)} ({outcome.variant}, {outcome.stage}): {VERDICT[outcome.status].say(lang)}, {lasted}"


def text(outcome: Outcome, lang: Lang) -> str:
    """Tell all of it; a script that passed without a warning is one line."""
    lines = [one_line(outcome, lang)]
    if outcome.failure is not None:
        lines += failure_lines(outcome.path, outcome.failure, lang)
    if outcome.endpoint is not None and outcome.status is not Status.PASSED:
        lines.append(f"  {STATE.say(lang)}: {outcome.endpoint.state}")
    lines += [f"  {WHY.say(lang)}: {why.say(lang)}" for why in outcome.story]
    if outcome.failure is not None:
        lines += [f"  {REASON.say(lang)}: {reason.say(lang)}" for reason in outcome.failure.reasons]
        unread = outcome.failure.unread or outcome.unread
        lines += [f"  {UNREAD.say(lang)}: {seconds(one.at)}  {one.text}" for one in unread[:10]]
    lines += [f"  {WARNING.say(lang)}: {warning.say(lang)}" for warning in outcome.warnings]
    return "\n".join(map(printable, lines)) + "\n"


def failure_lines(path: str, failure: Failure, lang: Lang) -> list[str]:
    """The place, what differs, and both packets one under the other."""
    place = ":".join(
        [called(path, lang), *(str(n) for n in (failure.at.line, failure.at.column) if n)]
    )
    lines = [f"  {place}: {failure.message.say(lang)}"]
    if failure.source:
        lines.append(f"    {failure.source}")
    if failure.expected is not None:
        lines += compared(failure.expected, failure.actual, failure, lang)
    lines += [f"    {line}" for line in failure.detail.splitlines()]
    return lines


def compared(expected: Shown, actual: Shown | None, failure: Failure, lang: Lang) -> list[str]:
    """Lay both packets out part under part, and mark under them what differs."""
    names = list(dict(expected.fields))
    names += [name for name, _ in (actual.fields if actual else ()) if name not in names]
    rows: list[dict[str, str]] = [dict(expected.fields), dict(actual.fields) if actual else {}]
    order = [
        n
        for n in (
            "ecn",
            "tos",
            "ttl",
            "dscp",
            "flags",
            "seq",
            "ack",
            "win",
            "urg",
            "options",
            "packet",
        )
        if n in names
    ]
    widths = {name: max(len(row.get(name, "")) for row in rows) for name in order}
    told = []
    for label, shown, row in ((EXPECTED, expected, rows[0]), (ACTUAL, actual, rows[1])):
        if shown is None:
            told.append(f"    {label.say(lang)}  {NOTHING.say(lang)}")
            continue
        parts = " ".join(row.get(name, "").ljust(widths[name]) for name in order)
        told.append(f"    {label.say(lang)}  {seconds(shown.at):>12}  > {parts}".rstrip())
    if actual is not None:
        time = "^" * 12 if failure.kind == "time" else " " * 12
        marks = " ".join(_marks(name, rows, failure).ljust(max(widths[name], 1)) for name in order)
        pad = " " * (4 + (8 if lang == "en" else 4) + 2)
        line = f"{pad}{time}    {marks}".rstrip()
        if line.strip():
            told.append(line)
        told += _each(failure, lang)
    return told


def _marks(name: str, rows: list[dict[str, str]], failure: Failure) -> str:
    """What stands under a part of the packet: nothing, or carets where it differs."""
    if name == "options":
        return _option_marks(rows[1].get(name, ""), failure)
    widest = max(len(row.get(name, "")) for row in rows)
    return "^" * max(widest, 1) if _differs(name, rows, failure) else ""


def _option_marks(actual: str, failure: Failure) -> str:
    """Mark the first option that differs; the end of the list where one is missing there."""
    places = [one.place for one in failure.differences if one.place is not None]
    if not places:
        return ""
    options = actual.strip("<>").split(",")
    before = "<" + "".join(f"{option}," for option in options[: places[0]])
    if places[0] >= len(options) or not actual:
        return " " * max(len(actual) - 1, 0) + "^"
    return " " * len(before) + "^" * len(options[places[0]])


def _differs(name: str, rows: list[dict[str, str]], failure: Failure) -> bool:
    expected, actual = rows[0].get(name), rows[1].get(name)
    if failure.kind == "time" or expected == actual:
        return False
    if name == "win" and expected is None:
        return False
    if name == "seq" and expected is not None and expected.startswith("..."):
        return expected.partition("(")[2] != (actual or "").partition("(")[2]
    return True


def _each(failure: Failure, lang: Lang) -> list[str]:
    """Every difference on a line of its own, where the message does not name the only one."""
    each = [part for one in failure.differences for part in one.each]
    if len(each) == 1 and not failure.differences[0].parts:
        return []
    nothing = NONE.say(lang)
    return [
        "      "
        + EACH.say(lang).format(
            field=one.field, expected=one.expected or nothing, actual=one.actual or nothing
        )
        for one in each
    ]


def data(outcome: Outcome, lang: Lang) -> dict[str, object]:
    """Give everything as JSON takes it; texts in one language."""
    failure = outcome.failure
    return {
        "script": outcome.path,
        "variant": outcome.variant,
        "stage": outcome.stage,
        "status": outcome.status.value,
        "seconds": outcome.lasted / SECOND,
        "state": outcome.endpoint.state if outcome.endpoint else None,
        "why": [why.say(lang) for why in outcome.story],
        "failure": None if failure is None else _failure(failure, lang),
        "warnings": [warning.say(lang) for warning in outcome.warnings],
        "unread": [_shown(one) for one in outcome.unread],
        "printed": outcome.printed,
    }


def _failure(failure: Failure, lang: Lang) -> dict[str, object]:
    difference = failure.difference
    return {
        "kind": failure.kind,
        "line": failure.at.line,
        "column": failure.at.column,
        "source": printable(failure.source),
        "message": failure.message.say(lang),
        "field": difference.field if difference else None,
        "expected_value": difference.expected if difference else None,
        "actual_value": difference.actual if difference else None,
        "differences": [
            {"field": one.field, "expected": one.expected, "actual": one.actual}
            for whole in failure.differences
            for one in whole.each
        ],
        "expected": _shown(failure.expected),
        "actual": _shown(failure.actual),
        "reasons": [reason.say(lang) for reason in failure.reasons],
        "unread": [_shown(one) for one in failure.unread],
        "detail": printable(failure.detail),
    }


def _shown(shown: Shown | None) -> dict[str, object] | None:
    return None if shown is None else {"seconds": shown.at / SECOND, "packet": shown.text}


# --- for other programs ---


def tap(outcomes: list[Outcome], lang: Lang) -> str:
    """TAP version 14 (https://testanything.org)."""
    lines = ["TAP version 14", f"1..{len(outcomes)}"]
    for number, outcome in enumerate(outcomes, 1):
        good = outcome.status in {Status.PASSED, Status.STOPPED, Status.NOT_APPLICABLE}
        skip = ""
        if outcome.status is Status.NOT_APPLICABLE:
            why = outcome.failure.message.say(lang) if outcome.failure else ""
            skip = f" # SKIP not applicable: {printable(' '.join(why.split()))}"
        name = f"{outcome.path} ({outcome.variant})".replace("#", "\\#")
        lines.append(f"{'' if good else 'not '}ok {number} - {name}{skip}")
        if not good:
            lines += [f"# {line}" for line in text(outcome, lang).splitlines()]
    return "\n".join(lines) + "\n"


def junit(outcomes: list[Outcome], lang: Lang) -> str:
    """The XML that CI servers read."""
    from xml.etree.ElementTree import Element, SubElement, tostring

    failed = [o for o in outcomes if o.status is Status.FAILED]
    broken = [o for o in outcomes if o.status in {Status.BROKEN, Status.INTERRUPTED}]
    skipped = [o for o in outcomes if o.status is Status.NOT_APPLICABLE]
    suite = Element(
        "testsuite", name="finwait run", tests=str(len(outcomes)), failures=str(len(failed)), errors=str(len(broken)),
        skipped=str(len(skipped)),
    )  # fmt: skip
    for outcome in outcomes:
        case = SubElement(
            suite, "testcase", classname=f"{outcome.stage}.{outcome.variant}", name=outcome.path, time=f"{outcome.lasted / SECOND:.6f}",
        )  # fmt: skip
        failure = outcome.failure
        if outcome.status is Status.NOT_APPLICABLE:
            SubElement(case, "skipped", message=failure.message.say(lang) if failure else "")
        elif failure is not None:
            place = f"{called(outcome.path, lang)}:{failure.at.line}:{failure.at.column}: "
            tag = "failure" if outcome.status is Status.FAILED else "error"
            said = place * (failure.at.line > 0) + failure.message.say(lang)
            told = SubElement(case, tag, message=said, type=failure.kind)
            told.text = text(outcome, lang)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suite, encoding="unicode") + "\n"
