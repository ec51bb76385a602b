"""What a joined connection proves: whose RST it was, and what a device between swallowed (D5, D6, D7)."""

from typing import Final, NamedTuple

from finwait.compare.join import Difference, Joined
from finwait.explain.conversation import FIN, RST, Conversation, Segment
from finwait.verdict.language import Lang, Text, duration
from finwait.verdict.verdict import peer_of

IDLE: Final = 60.0
"""Seconds: no known device forgets an idle connection sooner (docs/diagnosis: IPVS 900, AWS 350, half-closed 60)."""
_ENDS: Final = {"client": Text("the client", "客户端"), "server": Text("the server", "服务器")}
_SAID: Final = {
    "rst-injected": Text(
        "RST seen at {victim} (frame {frame} of {where}), never sent by {sender}: a device between made it{idle}",
        "{victim}处看到 RST（{where} 第 {frame} 帧），{sender}从未发送：由中间设备产生{idle}",
    ),
    "rst-genuine": Text(
        "RST (frame {frame} of {where}) was sent by {sender} itself and arrived at {victim}: no device between made it",
        "RST（{where} 第 {frame} 帧）确由{sender}发出并到达{victim}：不是中间设备产生的",
    ),
    "rst-lost": Text(
        "RST sent by {sender} (frame {frame} of {where}) never arrived at {victim}: {victim} does not know of the end",
        "{sender}发出的 RST（{where} 第 {frame} 帧）从未到达{victim}：{victim}不知道连接已结束",
    ),
    "fin-lost": Text(
        "FIN sent by {sender} (frame {frame} of {where}) never arrived at {victim} in any copy: a device between swallows it{idle}",
        "{sender}发出的 FIN（{where} 第 {frame} 帧）没有任何一份到达{victim}：被中间设备吞掉{idle}",
    ),
    "payload-lost": Text(
        "payload sent by {sender} (frame {frame} of {where}) never arrived at {victim} in any copy: a device between swallows it{idle}",
        "{sender}发出的载荷（{where} 第 {frame} 帧）没有任何一份到达{victim}：被中间设备吞掉{idle}",
    ),
}
_AFTER: Final = Text(", after {idle} of silence", "，在静默 {idle} 之后")


class Proof(NamedTuple):
    """One thing that only both captures together show."""

    kind: str
    """rst-injected, rst-genuine, rst-lost, fin-lost, payload-lost."""
    rule: str
    """The rule of diagnosis that it decides: D5 (idle timeout), D6 (injected RST), D7 (connection tracking); "" for none."""
    sender: str
    """The end that the segment names."""
    frame: int
    where: str
    """"A" or "B": the capture that has the frame."""
    idle: float
    """Seconds since the segment before it there."""

    def said(self, lang: Lang = "en") -> str:
        """Put it into words."""
        idle = _AFTER.say(lang).format(idle=duration(self.idle, lang)) if self.idle >= IDLE else ""
        sender, victim = (_ENDS[who].say(lang) for who in (self.sender, peer_of(self.sender)))
        text = _SAID[self.kind].say(lang).format(
            sender=sender, victim=victim, frame=self.frame, where=self.where, idle=idle
        )  # fmt: skip
        return f"{text}{f' ({self.rule})' if self.rule else ''}"


def proofs(joined: Joined) -> list[Proof]:
    """Find them; of several RSTs to one end the first speaks for all."""
    found: list[Proof] = []
    told: set[tuple[str, str]] = set()
    for one in joined.differences:
        kind = _kind(one, joined)
        if kind is not None and (kind, one.sender) not in told:
            told.add((kind, one.sender))
            found.append(_proof(kind, one, joined))
    if not any(proof.kind == "rst-injected" for proof in found):
        found += _genuine(joined)
    return found


def _segment(one: Difference, joined: Joined) -> tuple[Segment | None, str, Conversation]:
    where, c = ("A", joined.a) if one.a is not None else ("B", joined.b)
    number = one.a if one.a is not None else one.b
    return next((s for s in c.segments if s.number == number), None), where, c


def _kind(one: Difference, joined: Joined) -> str | None:
    s, where, _ = _segment(one, joined)
    if s is None or one.kind not in {"lost", "injected"}:
        return None
    if s.flags & RST:
        return "rst-injected" if one.kind == "injected" else "rst-lost"
    if one.kind == "lost" and s.span and not _arrived(s, joined.b if where == "A" else joined.a):
        return "fin-lost" if s.flags & FIN else "payload-lost" if s.payload else None
    return None


def _arrived(s: Segment, there: Conversation) -> bool:
    """Tell whether any copy of its last number is in the other capture."""
    last = (s.step.seq + s.span - 1) % (1 << 32)
    return any(
        t.who == s.who and not t.copy and (last - t.step.seq) % (1 << 32) < t.span
        for t in there.segments
    )


def _proof(kind: str, one: Difference, joined: Joined) -> Proof:
    s, where, c = _segment(one, joined)
    frame = one.a if one.a is not None else one.b or 0
    idle = 0.0
    if s is not None:
        first = next((t for t in c.segments if t.who == s.who and t.seq == s.seq and t.span), s)
        before = [t.at for t in c.segments[: first.index]]
        idle = first.at - before[-1] if before else 0.0
    rule = ""
    if kind == "rst-injected":
        rule = "D5" if idle >= IDLE else "D6"
    elif kind in {"payload-lost", "fin-lost"} and (idle >= IDLE or kind == "fin-lost"):
        rule = "D5" if kind == "payload-lost" else "D7"
    return Proof(kind, rule, one.sender, frame, where, idle)


def _genuine(joined: Joined) -> list[Proof]:
    """The RST that ended the connection, if both captures have it."""
    alone = {one.a for one in joined.differences if one.kind != "changed"}
    resets = [
        s for who in ("client", "server") for s in joined.a.resets[who] if s.number not in alone
    ]
    if not resets or joined.a.row.close not in {"reset", "refused", "handshake-reset"}:
        return []
    first = min(resets, key=lambda s: s.index)
    return [Proof("rst-genuine", "", first.who, first.number, "A", 0.0)]
