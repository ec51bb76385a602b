"""A comparison in words, and as data."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from finwait.capture.connection import Connection
from finwait.compare.comparison import Comparison
from finwait.compare.join import Difference, Joined
from finwait.errors import called
from finwait.verdict.catalogue import entries, entry
from finwait.verdict.language import Lang, Text, duration
from finwait.verdict.verdict import sentence, why_skipped

FEW: Final = 20
"""Differences of one connection, and connections, that are shown whatever they hold; the data have all."""
_HEAD: Final = Text(
    "{joined} connections in both captures, {a} only in A, {b} only in B",
    "两份抓包共有 {joined} 个连接，仅 A 有 {a} 个，仅 B 有 {b} 个",
)
_PROOFS: Final = Text("Proofs: {kinds}", "证据：{kinds}")
_CLOCKS: Final = Text(
    "B's clock is {offset:+.6f} s against A's when A begins (give or take {error}){drift}",
    "A 开始时，B 的时钟相对 A 为 {offset:+.6f} 秒（误差 {error} 以内）{drift}",
)
_FASTER: Final = Text(
    ", and runs {ppm:.1f} ± {error:.1f} ppm faster", "，且快 {ppm:.1f} ± {error:.1f} ppm"
)
_SLOWER: Final = Text(
    ", and runs {ppm:.1f} ± {error:.1f} ppm slower", "，且慢 {ppm:.1f} ± {error:.1f} ppm"
)
_UNSTEADY: Final = Text(
    ", and the difference does not stay: a drift or a step, which these captures do not tell apart",
    "，且差值不恒定：是漂移还是跳变，这两份抓包无法区分",
)
_NO_CLOCKS: Final = Text(
    "The clocks do not agree on one offset: each connection is judged by its own times",
    "两端时钟没有统一的偏移：每个连接按各自的时间判断",
)
_ONE_WAY: Final = Text(
    "Nothing of one direction was seen at both: the offset of the clocks and the time on the way cannot be told apart",
    "有一个方向的报文段没有同时出现在两处：时钟偏移与途中时间无法区分",
)
_ONE_PLACE: Final = Text(
    "The times do not tell which capture is nearer to the client: nothing is called lost or injected. If you know it, say"
    " --client A or --client B; or were both made at one place?",
    "时间无法说明哪一份更靠近客户端：因此不判定丢失或注入。如果你知道，请用 --client A 或 --client B 说明；或者两份抓包是在同一处抓取的？",
)
_SOME_OPEN: Final = Text(
    "For {n} connections the times do not tell which capture is nearer to the client: if you know it, say --client A or"
    " --client B",
    "有 {n} 个连接无法由时间判断哪一份更靠近客户端：如果你知道，请用 --client A 或 --client B 说明",
)
_CONTRADICTED: Final = Text(
    "The times of {n} connections contradict --client {given}: they say that the other capture is nearer to the client,"
    " and were followed",
    "有 {n} 个连接的时间与 --client {given} 矛盾：时间说明另一份更靠近客户端，以时间为准",
)
_SAME_FILE: Final = Text(
    "A and B are one file: a comparison needs a capture of each end",
    "A 和 B 是同一个文件：比较需要两端各一份抓包",
)
_NOTHING: Final = Text("Nothing could be joined: {why}", "没有可以对照的连接：{why}")
_EMPTY: Final = Text("{name} has no frames", "{name} 中没有帧")
_NO_TCP: Final = Text(
    "{name} has frames, but no TCP that could be read", "{name} 中有帧，但没有可读取的 TCP"
)
_HEADERS_CUT: Final = Text(
    "the headers of {name} are cut off: capture with a larger snap length",
    "{name} 的头部被截断：抓包时请加大 snaplen",
)
CUT: Final = frozenset({"link-header-cut", "ip-header-cut", "tcp-header-cut"})
"""Reasons for which a frame that may be TCP was not used."""
_APART: Final = Text(
    "no connection is in both. They join by sequence numbers: a proxy, or a firewall that changes them, makes two"
    " connections of one. By their clocks A covers {a}, and B {b}.",
    "没有两份抓包共有的连接。连接按序列号对照：代理或改写序列号的防火墙会把一个连接变成两个。按各自的时钟，A 覆盖 {a}，B 覆盖 {b}。",
)
_AND: Final = Text(", and ", "，")
_OFFSET: Final = Text(
    "  B's clock is {offset:+.6f} s against A's; {delay} on the way; {near}",
    "  B 的时钟相对 A 为 {offset:+.6f} 秒；途中 {delay}；{near}",
)
_UNKNOWN: Final = Text("an unknown time", "时间未知")
_NEAR: Final = {
    "A": Text("A is nearer to the client", "A 更靠近客户端"),
    "B": Text("B is nearer to the client", "B 更靠近客户端"),
    "": Text("which is nearer to the client is not known", "无法判断哪一份更靠近客户端"),
}
_TOLD: Final = {
    "times": Text("", ""),
    "clocks": Text(", by the clocks of all connections", "（按全部连接的时钟）"),
    "option": Text(", as --client says", "（按 --client 所说）"),
    "": Text("", ""),
}
_COUNTS: Final = Text("  {both} segments at both; {kinds}", "  两处都有 {both} 个报文段；{kinds}")
_SAME: Final = Text("nothing lost, changed or injected", "没有丢失、改动或注入")
_NAT: Final = Text("  NAT: {a} at A is {b} at B", "  NAT：A 处的 {a} 在 B 处是 {b}")
_HOPS: Final = Text(
    "  hops between, by the TTL: {client} for the client's segments, {server} for the server's",
    "  按 TTL 计的中间跳数：客户端的报文段 {client}，服务器的报文段 {server}",
)
_TTL: Final = Text("  TTL of its own in A's frames {frames}", "  A 中 TTL 异常的帧：{frames}")
_HOLES: Final = Text(
    "  {name} missed {n} segments: its holes make proofs of RSTs and ACKs weaker",
    "  {name} 漏抓了 {n} 个报文段：有关 RST 和 ACK 的证据因此变弱",
)
_LEFT_OUT: Final = Text(
    "  too many segments: the middle was not compared", "  报文段太多：中间部分未比较"
)
_MORE: Final = Text(
    "    … and {n} more (--format json has all)", "    … 另有 {n} 个（--format json 给出全部）"
)
_QUIET: Final = Text(
    "{n} connections without a proof or a difference are not listed (--format json has all)",
    "另有 {n} 个没有证据也没有差异的连接未列出（--format json 给出全部）",
)
_ONLY: Final = {
    "A": Text("Only in A: {row}", "仅在 A 中：{row}"),
    "B": Text("Only in B: {row}", "仅在 B 中：{row}"),
}
_ONLY_MORE: Final = Text(
    "Only in {name}: {n} more (--format json has all)",
    "仅在 {name} 中：另有 {n} 个（--format json 给出全部）",
)
_WHEN: Final = {
    "before": Text("; {other} had not begun", "；{other} 尚未开始"),
    "after": Text("; {other} had ended", "；{other} 已经结束"),
    "during": Text(
        "; nothing of it came by {other}, which ran then", "；{other} 当时在抓取，但没有见到它"
    ),
    "": Text("", ""),
}
_CUT: Final = Text("{n} in other pieces (offloading)", "{n} 个以其他方式分段（卸载）")
_COPIES: Final = Text("{n} captured twice or doubled", "{n} 个重复抓取或在途中重复")
_ENDS: Final = {"client": Text("client", "客户端"), "server": Text("server", "服务器")}


def text(comparison: Comparison, lang: Lang) -> str:
    """Write everything for people."""
    lines = [f"A  {called(comparison.a, lang)}", f"B  {called(comparison.b, lang)}"]
    counts = {"joined": len(comparison.connections), "a": len(comparison.only_a), "b": len(comparison.only_b)}  # fmt: skip
    lines.append(_HEAD.say(lang).format(**counts))
    lines += warnings(comparison, lang)
    if comparison.untold < len(comparison.connections):
        lines.append(_clocks(comparison, lang))
    proved = Counter((proof.kind, proof.confidence) for proof in comparison.proofs)
    if len(comparison.connections) > 1 and proved:
        kinds = ", ".join(
            f"{n} {kind} ({entry('confidence', sure).title.say(lang)})"
            for (kind, sure), n in proved.most_common()
        )
        lines.append(_PROOFS.say(lang).format(kinds=kinds))
    told = comparison.connections
    if len(told) > FEW:
        told = tuple(one for one in told if one.proofs or one.differences)
    for one in told:
        lines += ["", *_connection(one, lang)]
    if quiet := len(comparison.connections) - len(told):
        lines += ["", _QUIET.say(lang).format(n=quiet)]
    for name, rows in (("A", comparison.only_a), ("B", comparison.only_b)):
        lines += _only(comparison, name, rows, lang)
    return "\n".join(lines) + "\n"


def warnings(comparison: Comparison, lang: Lang) -> list[str]:
    """Say what whoever asked should know before anything else."""
    lines = [_SAME_FILE.say(lang)] if comparison.same else []
    if not comparison.connections:
        return [*lines, _unjoined(comparison, lang)]
    if n := comparison.contradicted:
        lines.append(_CONTRADICTED.say(lang).format(n=n, given=comparison.client))
    if (n := comparison.untold) and not comparison.same:
        every = n == len(comparison.connections)
        lines.append((_ONE_PLACE if every else _SOME_OPEN).say(lang).format(n=n))
    return lines


def _unjoined(comparison: Comparison, lang: Lang) -> str:
    a, b = comparison.spans["A"], comparison.spans["B"]
    if a and b:
        why = _APART.say(lang).format(a=_time(a), b=_time(b))
    else:
        why = _AND.say(lang).join(
            _no_tcp(comparison, name, lang)
            for name, span in comparison.spans.items()
            if span is None
        )
    return _NOTHING.say(lang).format(why=why)


def _no_tcp(comparison: Comparison, name: str, lang: Lang) -> str:
    """Say why a capture has no connection."""
    if not comparison.frames[name]:
        return _EMPTY.say(lang).format(name=name)
    skipped = comparison.skipped[name]
    cut = any(skipped.get(slug) for slug in CUT)
    said = (_HEADERS_CUT if cut else _NO_TCP).say(lang).format(name=name)
    return said + why_skipped(skipped, lang)


def _time(span: tuple[int, int]) -> str:
    first, last = (datetime.fromtimestamp(at // 10**9, UTC) for at in span)
    return f"{first:%Y-%m-%d %H:%M:%S} – {last:%Y-%m-%d %H:%M:%S} UTC"


def _clocks(comparison: Comparison, lang: Lang) -> str:
    clocks = comparison.clocks
    if clocks is None:
        one_way = all(_one_way(one) for one in comparison.connections)
        return (_ONE_WAY if one_way else _NO_CLOCKS).say(lang)
    drift = "" if clocks.steady else _UNSTEADY.say(lang)
    if clocks.drift is not None:
        ppm, sure = clocks.drift
        drift = (_FASTER if ppm > 0 else _SLOWER).say(lang).format(ppm=abs(ppm), error=sure)
    error = duration(max(clocks.error, 0.0), lang)
    return _CLOCKS.say(lang).format(offset=_rounded(clocks.offset), error=error, drift=drift)


def _one_way(joined: Joined) -> bool:
    """Tell whether both captures have segments of one end only."""
    return any(hops.usual is None for hops in joined.hops.values())


def _rounded(offset: float) -> float:
    """Round to the microsecond, without a sign before zero."""
    return round(offset, 6) or 0.0


def _only(
    comparison: Comparison, name: str, rows: tuple[Connection, ...], lang: Lang
) -> Iterable[str]:
    if not rows:
        return
    yield ""
    other = "B" if name == "A" else "A"
    for row in rows[:FEW]:
        when = _WHEN[comparison.when(row, name)].say(lang).format(other=other)
        yield _ONLY[name].say(lang).format(row=_row(row, lang)) + when
    if len(rows) > FEW:
        yield _ONLY_MORE.say(lang).format(name=name, n=len(rows) - FEW)


def _row(row: Connection, lang: Lang) -> str:
    return f"{row.conn}  {row.client} → {row.server}  {sentence(row, lang)}"


def _connection(joined: Joined, lang: Lang) -> list[str]:
    a, b, time = joined.a, joined.b, joined.clocks
    lines = [f"A {_row(a, lang)}", f"B {_row(b, lang)}"]
    lines += [f"  ⇒ {proof.said(lang)}" for proof in joined.proofs]
    near = _NEAR[time.near_client].say(lang) + _TOLD[time.told_by].say(lang)
    delay = _UNKNOWN.say(lang) if _one_way(joined) else duration(time.delay, lang)
    lines.append(_OFFSET.say(lang).format(offset=_rounded(time.offset), delay=delay, near=near))
    for who in joined.translated:
        pair = (a.client, b.client) if who == "client" else (a.server, b.server)
        lines.append(_NAT.say(lang).format(a=pair[0], b=pair[1]))
    lines += _hops(joined, lang)
    holes = joined.holes.items()
    lines += [_HOLES.say(lang).format(name=name, n=n) for name, n in holes if n]
    if joined.left_out:
        lines.append(_LEFT_OUT.say(lang))
    lines.append(_COUNTS.say(lang).format(both=joined.both, kinds=_kinds(joined, lang)))
    first = joined.differences[:FEW]
    lines += [_difference(difference, lang) for difference in first]
    if len(joined.differences) > FEW:
        lines.append(_MORE.say(lang).format(n=len(joined.differences) - FEW))
    return lines


def _kinds(joined: Joined, lang: Lang) -> str:
    counted = Counter(one.kind for one in joined.differences)
    words = entries("difference").items()
    kinds = [f"{counted[kind]} {word.title.say(lang)}" for kind, word in words if counted[kind]]
    if not kinds:
        kinds = [_SAME.say(lang)]
    if joined.resegmented:
        kinds.append(_CUT.say(lang).format(n=joined.resegmented))
    if copies := sum(joined.copies.values()):
        kinds.append(_COPIES.say(lang).format(n=copies))
    return ", ".join(kinds)


def _hops(joined: Joined, lang: Lang) -> list[str]:
    hops = joined.hops
    usual = {who: abs(h.usual) for who, h in hops.items() if h.usual is not None}
    lines = []
    if any(usual.values()):
        lines.append(_HOPS.say(lang).format(**{who: usual.get(who, "?") for who in hops}))
    odd = [frame for h in hops.values() for frame in h.others]
    if odd:
        lines.append(_TTL.say(lang).format(frames=", ".join(map(str, odd[:FEW]))))
    return lines


def _difference(one: Difference, lang: Lang) -> str:
    place = " ".join(f"{name} #{n}" for name, n in (("A", one.a), ("B", one.b)) if n is not None)
    fields = "".join(f"; {name} {here} → {there}" for name, (here, there) in one.fields.items())
    who = _ENDS[one.sender].say(lang)
    return f"    {entry('difference', one.kind).title.say(lang):<10} {place:<14} {who}  {one.name}{fields}"


def data(comparison: Comparison, lang: Lang) -> dict[str, object]:
    """Give everything as plain data."""
    clocks = comparison.clocks
    return {
        "a": comparison.a,
        "b": comparison.b,
        "same_file": comparison.same,
        "client": comparison.client,
        "warnings": warnings(comparison, lang),
        "clocks": clocks and {
            "offset_s": clocks.offset,
            "error_s": clocks.error,
            "steady": clocks.steady,
            "drift_ppm": clocks.drift and clocks.drift.ppm,
            "drift_error_ppm": clocks.drift and clocks.drift.error,
        },
        "connections": [_as_data(one, lang) for one in comparison.connections],
        "only_a": [_alone(comparison, "A", row) for row in comparison.only_a],
        "only_b": [_alone(comparison, "B", row) for row in comparison.only_b],
    }  # fmt: skip


def _alone(comparison: Comparison, where: str, row: Connection) -> dict[str, object]:
    return _ends(row) | {"when": comparison.when(row, where) or None}


def _as_data(joined: Joined, lang: Lang) -> dict[str, object]:
    return {
        "a": _ends(joined.a),
        "b": _ends(joined.b),
        "offset_s": joined.clocks.offset,
        "delay_s": None if _one_way(joined) else joined.clocks.delay,
        "near_client": joined.clocks.near_client or None,
        "near_client_told_by": joined.clocks.told_by or None,
        "contradicted": joined.contradicted,
        "both": joined.both,
        "resegmented": joined.resegmented,
        "copies": dict(joined.copies),
        "holes": dict(joined.holes),
        "left_out": joined.left_out,
        "translated": list(joined.translated),
        "hops": {who: h.usual for who, h in joined.hops.items()},
        "odd_ttl_frames": [frame for h in joined.hops.values() for frame in h.others],
        "proofs": [proof.data(lang) for proof in joined.proofs],
        "differences": [d._asdict() for d in joined.differences],
    }


def _ends(row: Connection) -> dict[str, object]:
    return {
        "conn": row.conn, "client": row.client, "server": row.server,
        "close": row.close, "closed_by": row.closed_by, "cause": row.cause,
    }  # fmt: skip
