"""What a person should know first: how it ended how often, what repeats, what was not read."""

from collections.abc import Iterator, Sequence

from finwait.capture.connection import end, rfc3339
from finwait.capture.connections import Connections, Finding, Outcome
from finwait.picture.width import left, right, width
from finwait.verdict import Lang, Text, entry
from finwait.verdict.gravity import gravity
from finwait.verdict.language import count, duration
from finwait.verdict.verdict import reset_after_fin, why_skipped

_READ = Text(
    "{frames} frames read = {used} used + {skipped} skipped",
    "读取 {frames} 帧 = 使用 {used} + 跳过 {skipped}",
)
_FOUND = Text(
    "{connections} connections, {first} to {last}", "{connections} 个连接，{first} 至 {last}"
)
_ONE = Text("1 connection, {first} to {last}", "1 个连接，{first} 至 {last}")
_FAULTY = Text(
    "not all could be read: see the warnings for where and why",
    "未能全部读取：何处、为何，见警告",
)
_NOTHING = Text("no TCP connection", "没有 TCP 连接")
_MEET = Text("{n} of {total} meet the condition", "{total} 个中有 {n} 个满足条件")
_EVICTED = Text(
    "{n} connections were told early: too many were open at once (--max-connections)",
    "同时打开的连接过多，提前给出了 {n} 个连接的结论（--max-connections）",
)
_INTERRUPTED = Text(
    "interrupted: this is what was read until then", "已中断：以下是中断前读到的内容"
)
_HEADS = (Text("connections", "连接数"), Text("how", "如何"), Text("by", "谁"), Text("why", "为何"))

_IDLE = Text(
    "{server} closes after {gap} idle: {matched} of {total}",
    "{server} 空闲 {gap} 后关闭连接：{total} 个中有 {matched} 个",
)
_REUSED = Text(
    "; the client reused {reused} of them within {delay}",
    "；客户端在 {delay} 内又使用了其中 {reused} 个",
)
_HABIT = Text(
    "{server} ends connections by RST as a habit: {matched} of {total}",
    "{server} 惯于用 RST 结束连接：{total} 个中有 {matched} 个",
)
_HABIT_OF_CLIENTS = Text(
    "the clients of {server} end connections by RST as a habit: {matched} of {total}",
    "{server} 的客户端惯于用 RST 结束连接：{total} 个中有 {matched} 个",
)
_BURST = Text(
    "{server}: {matched} of {total} connections were reset at the same moment, {at}",
    "{server}：{total} 个连接中有 {matched} 个在同一时刻被重置，{at}",
)
_REFUSED = Text(
    "{server} refused {matched} of {total} connections",
    "{server} 拒绝了 {total} 个连接中的 {matched} 个",
)
_KINDS = {
    "idle-close": _IDLE,
    "reset-habit": _HABIT,
    "reset-burst": _BURST,
    "refused": _REFUSED,
}


def summary(
    found: Connections, lang: Lang, chosen: Sequence[Outcome] | None = None
) -> Iterator[str]:
    """Lines of the summary, without colours.

    chosen: the outcomes to count instead of all, if only some connections were asked for.
    """
    if found.interrupted:
        yield _INTERRUPTED.say(lang)
    yield read_line(found, lang)
    if found.faults:
        yield _FAULTY.say(lang)
    if found.evicted:
        yield _EVICTED.say(lang).format(n=count(found.evicted))
    outcomes = found.summary
    total = sum(outcome.connections for outcome in outcomes)
    first, last = found.first_ts, found.last_ts
    if not total or first is None or last is None:
        yield _NOTHING.say(lang)
        return
    text = _ONE if total == 1 else _FOUND
    yield text.say(lang).format(connections=count(total), first=_second(first), last=_second(last))
    if chosen is not None:
        meeting = sum(outcome.connections for outcome in chosen)
        yield _MEET.say(lang).format(n=count(meeting), total=count(total))
    counted = outcomes if chosen is None else chosen
    if counted:
        yield ""
        yield from _outcomes(counted, lang)
    sentences = [sentence for group in found.groups if (sentence := finding(group, lang))]
    if sentences:
        yield ""
        yield from sentences


def read_line(found: Connections, lang: Lang) -> str:
    """Say what was read, used and skipped, and why."""
    skipped = sum(found.skipped.values())
    line = _READ.say(lang).format(
        frames=count(found.frames), used=count(found.used), skipped=count(skipped)
    )
    return line + why_skipped(found.skipped, lang)


def _outcomes(outcomes: Sequence[Outcome], lang: Lang) -> Iterator[str]:
    """Lines of the table how, by whom, why: the gravest first, then the most frequent."""
    ordered = sorted(outcomes, key=lambda o: (-gravity(o.close, o.cause), -o.connections))
    rows = [tuple(head.say(lang) for head in _HEADS)]
    for outcome in ordered:
        why = entry("cause", outcome.cause).title.say(lang)
        sure = entry("confidence", outcome.confidence).title.say(lang)
        how, who = ending(outcome)
        rows.append(
            (
                count(outcome.connections),
                how.say(lang),
                entry("closed_by", who).title.say(lang),
                f"{why}（{sure}）" if lang == "zh" else f"{why} ({sure})",
            )
        )
    yield from aligned(rows)


def ending(outcome: Outcome) -> tuple[Text, str]:
    """How it ended and by whom, such that the two together are true: who reset stands beside a RST."""
    close = entry("close", outcome.close)
    if reset_after_fin(outcome.closed_by, outcome.reset_by):
        return close.title_after_fin or close.title, outcome.reset_by
    return close.title, outcome.closed_by


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lay rows out in columns, the first one to the right."""
    first, *rest = (max(map(width, column)) for column in zip(*rows, strict=True))
    for number, *cells in rows:
        filled = [left(cell, wide) for cell, wide in zip(cells, rest, strict=True)]
        yield "  " + "  ".join([right(number, first), *filled]).rstrip()


def finding(group: Finding, lang: Lang) -> str:
    """One thing that repeats across connections, as a sentence; empty if its kind is unknown."""
    text = _KINDS.get(group.kind)
    if group.kind == "reset-habit" and group.by == "client":
        text = _HABIT_OF_CLIENTS
    if text is None:
        return ""
    said = text.say(lang).format(
        server=end(group.server_ip, group.server_port),
        matched=count(group.matched),
        total=count(group.total),
        gap=duration(group.gap_s or 0.0, lang),
        at=_second(group.at_ns or 0),
    )
    if group.kind == "idle-close" and group.reused:
        delay = duration(group.reuse_delay_s or 0.0, lang)
        said += _REUSED.say(lang).format(reused=count(group.reused), delay=delay)
    return said


def _second(ts: int) -> str:
    return rfc3339(ts)[:19].replace("T", " ") + " UTC"
