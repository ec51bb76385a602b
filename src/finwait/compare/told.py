"""A comparison in words, and as data."""

from typing import Final

from finwait.capture.connection import Connection
from finwait.compare.comparison import Compared, Comparison
from finwait.compare.join import Difference
from finwait.errors import shown
from finwait.verdict.language import Lang, Text, duration
from finwait.verdict.verdict import sentence

FEW: Final = 20
"""Differences of one connection that are shown; the data have all."""
_HEAD: Final = Text(
    "{joined} connections in both captures, {a} only in A, {b} only in B",
    "两份抓包共有 {joined} 个连接，仅 A 有 {a} 个，仅 B 有 {b} 个",
)
_CLOCKS: Final = Text(
    "  B's clock is {offset:+.6f} s against A's; {delay} on the way; {near}",
    "  B 的时钟相对 A 为 {offset:+.6f} 秒；途中 {delay}；{near}",
)
_NEAR: Final = {
    "A": Text("A is nearer to the client", "A 更靠近客户端"),
    "B": Text("B is nearer to the client", "B 更靠近客户端"),
    "": Text("which is nearer to the client is not known", "无法判断哪一份更靠近客户端"),
}
_COUNTS: Final = Text("  {both} segments at both; {kinds}", "  两处都有 {both} 个报文段；{kinds}")
_SAME: Final = Text("nothing lost, changed or injected", "没有丢失、改动或注入")
_NAT: Final = Text("  NAT: {a} at A is {b} at B", "  NAT：A 处的 {a} 在 B 处是 {b}")
_HOPS: Final = Text(
    "  hops between, by the TTL: {client} for the client's segments, {server} for the server's",
    "  按 TTL 计的中间跳数：客户端的报文段 {client}，服务器的报文段 {server}",
)
_TTL: Final = Text("  TTL of its own in A's frames {frames}", "  A 中 TTL 异常的帧：{frames}")
_MORE: Final = Text(
    "    … and {n} more (--format json has all)", "    … 另有 {n} 个（--format json 给出全部）"
)
_ONLY: Final = {
    "A": Text("Only in A: {row}", "仅在 A 中：{row}"),
    "B": Text("Only in B: {row}", "仅在 B 中：{row}"),
}
_CUT: Final = Text("{n} in other pieces (offloading)", "{n} 个以其他方式分段（卸载）")
KINDS: Final = {
    "lost": Text("lost", "丢失"),
    "injected": Text("injected", "注入"),
    "changed": Text("changed", "改动"),
    "missed": Text("missed", "漏抓"),
    "outside": Text("outside", "范围外"),
    "unclear": Text("unclear", "不明"),
}
_ENDS: Final = {"client": Text("client", "客户端"), "server": Text("server", "服务器")}


def text(comparison: Comparison, lang: Lang) -> str:
    """Write everything for people."""
    lines = [f"A  {shown(comparison.a)}", f"B  {shown(comparison.b)}"]
    counts = {"joined": len(comparison.connections), "a": len(comparison.only_a), "b": len(comparison.only_b)}  # fmt: skip
    lines.append(_HEAD.say(lang).format(**counts))
    for one in comparison.connections:
        lines += ["", *_connection(one, lang)]
    alone = [("A", row) for row in comparison.only_a] + [("B", row) for row in comparison.only_b]
    if alone:
        lines.append("")
    lines += [_ONLY[where].say(lang).format(row=_row(row, lang)) for where, row in alone]
    return "\n".join(lines) + "\n"


def _row(row: Connection, lang: Lang) -> str:
    return f"{row.conn}  {row.client} → {row.server}  {sentence(row, lang)}"


def _connection(one: Compared, lang: Lang) -> list[str]:
    joined = one.joined
    a, b, time = joined.a.row, joined.b.row, joined.clocks
    lines = [f"A {_row(a, lang)}", f"B {_row(b, lang)}"]
    lines += [f"  ⇒ {proof.said(lang)}" for proof in one.proofs]
    near = _NEAR[time.near_client].say(lang)
    lines.append(_CLOCKS.say(lang).format(offset=time.offset, delay=duration(time.delay, lang), near=near))  # fmt: skip
    for who in joined.translated:
        pair = (a.client, b.client) if who == "client" else (a.server, b.server)
        lines.append(_NAT.say(lang).format(a=pair[0], b=pair[1]))
    lines += _hops(one, lang)
    counted = [one.kind for one in joined.differences]
    kinds = [f"{counted.count(kind)} {word.say(lang)}" for kind, word in KINDS.items() if kind in counted]  # fmt: skip
    if joined.resegmented:
        kinds.append(_CUT.say(lang).format(n=joined.resegmented))
    said = ", ".join(kinds) or _SAME.say(lang)
    lines.append(_COUNTS.say(lang).format(both=joined.both, kinds=said))
    first = joined.differences[:FEW]
    lines += [_difference(difference, lang) for difference in first]
    if len(joined.differences) > FEW:
        lines.append(_MORE.say(lang).format(n=len(joined.differences) - FEW))
    return lines


def _hops(one: Compared, lang: Lang) -> list[str]:
    hops = one.joined.hops
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
    return f"    {KINDS[one.kind].say(lang):<10} {place:<14} {who}  {one.name}{fields}"


def data(comparison: Comparison, lang: Lang) -> dict[str, object]:
    """Give everything as plain data."""
    return {
        "a": comparison.a,
        "b": comparison.b,
        "connections": [_as_data(one, lang) for one in comparison.connections],
        "only_a": [row.conn for row in comparison.only_a],
        "only_b": [row.conn for row in comparison.only_b],
    }


def _as_data(one: Compared, lang: Lang) -> dict[str, object]:
    joined = one.joined
    return {
        "a": _ends(joined.a.row),
        "b": _ends(joined.b.row),
        "offset_s": joined.clocks.offset,
        "delay_s": joined.clocks.delay,
        "near_client": joined.clocks.near_client or None,
        "both": joined.both,
        "resegmented": joined.resegmented,
        "translated": list(joined.translated),
        "hops": {who: h.usual for who, h in joined.hops.items()},
        "odd_ttl_frames": [frame for h in joined.hops.values() for frame in h.others],
        "proofs": [proof._asdict() | {"text": proof.said(lang)} for proof in one.proofs],
        "differences": [d._asdict() for d in joined.differences],
    }


def _ends(row: Connection) -> dict[str, object]:
    return {
        "conn": row.conn, "client": row.client, "server": row.server,
        "close": row.close, "closed_by": row.closed_by, "cause": row.cause,
    }  # fmt: skip
