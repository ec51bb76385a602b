"""What a joined connection proves: whose RST it was, and what a device between swallowed (D5, D6, D7)."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from finwait.compare.judge import Judge
from finwait.compare.meeting import Pair
from finwait.compare.sighting import Sighting
from finwait.explain.conversation import FIN, RST, SYN
from finwait.verdict.catalogue import entry
from finwait.verdict.language import Lang, Text, duration
from finwait.verdict.verdict import peer_of

IDLE: Final = 60.0
"""Seconds: no known device forgets an idle connection sooner (docs/diagnosis: IPVS 900, AWS 350, half-closed 60)."""
ODD: Final = 1
"""A TTL that differs by more from all others of its sender is a sign of another sender (D6)."""
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
        "FIN sent by {sender} (frame {frame} of {where}) never arrived at {victim}{idle}; {copies}",
        "{sender}发出的 FIN（{where} 第 {frame} 帧）从未到达{victim}{idle}；{copies}",
    ),
    "payload-lost": Text(
        "payload sent by {sender} (frame {frame} of {where}) never arrived at {victim}{idle}; {copies}",
        "{sender}发出的载荷（{where} 第 {frame} 帧）从未到达{victim}{idle}；{copies}",
    ),
}
_COPIES: Final = Text(
    "sent {n} times: likely a device between swallows it", "发送了 {n} 次：很可能被中间设备吞掉"
)
_ONCE: Final = Text("sent once", "只发送了一次")
_AFTER: Final = Text(", after {idle} of silence", "，在静默 {idle} 之后")
_CERTAIN: Final = Text("certain: {because}", "确定：{because}")
_LIKELY: Final = Text("likely, not certain: {because}", "很可能但不确定：{because}")
_BECAUSE: Final = {
    "sender-spoke-on": Text(
        "{sender} spoke on, as nobody does who has reset", "{sender}此后仍在发言，复位之后不会如此"
    ),
    "victim-spoke-on": Text("{victim} spoke on", "{victim}此后仍在发言"),
    "ttl": Text(
        "its TTL is none that the segments of {sender} have", "它的 TTL 与{sender}的报文段都不同"
    ),
    "asked-again": Text(
        "{victim} still acked only what comes before it", "{victim}此后的确认仍停在它之前"
    ),
    "same": Text("it is the same in both captures", "它在两份抓包中完全相同"),
    "may-be-missed": Text("{other} may have missed it", "{other} 可能漏抓"),
    "altered": Text("it is not the same at both", "两处并不相同"),
}
Because = Literal["sender-spoke-on", "victim-spoke-on", "ttl", "asked-again", "same", "may-be-missed", "altered"]  # fmt: skip
_UNSURE: Final = {"may-be-missed", "altered"}


class Proof(NamedTuple):
    """One thing that only both captures together show."""

    kind: str
    """rst-injected, rst-genuine, rst-lost, fin-lost, payload-lost."""
    rule: str
    """The rule of diagnosis that it decides: D5 (idle timeout), D6 (injected RST), D7 (connection tracking); "" for none. `finwait catalogue rule` tells."""
    sender: str
    """The end that the segment names."""
    frame: int
    where: str
    """"A" or "B": the capture that has the frame."""
    idle: float
    """Seconds since the segment before it there."""
    copies: int
    """How often it was sent, or arrived."""
    because: Because
    """What makes it certain or only likely: what the ends did then, the RST's TTL, or that the other capture has it as well; that the other
    capture may have missed it, or has something else."""

    @property
    def confidence(self) -> Literal["certain", "likely"]:
        """certain: also if the other capture missed it. likely: it rests on the other capture."""
        return "likely" if self.because in _UNSURE else "certain"

    def said(self, lang: Lang = "en") -> str:
        """Put it into words: what, by which rule, how sure, and why so sure."""
        idle = _AFTER.say(lang).format(idle=duration(self.idle, lang)) if self.idle >= IDLE else ""
        sender, victim = (_ENDS[who].say(lang) for who in (self.sender, peer_of(self.sender)))
        copies = (_COPIES if self.copies > 1 else _ONCE).say(lang).format(n=self.copies)
        text = _SAID[self.kind].say(lang).format(
            sender=sender, victim=victim, frame=self.frame, where=self.where, idle=idle, copies=copies
        )  # fmt: skip
        other = "B" if self.where == "A" else "A"
        because = _BECAUSE[self.because].say(lang).format(sender=sender, victim=victim, other=other)
        sure = (
            (_CERTAIN if self.confidence == "certain" else _LIKELY)
            .say(lang)
            .format(because=because)
        )
        stop = Text("; ", "；").say(lang)
        rule = f" ({self.rule}: {self.rule_title(lang)})" if self.rule else ""
        return f"{text}{rule}{stop}{sure}"

    def rule_title(self, lang: Lang = "en") -> str:
        """Name what the rule finds, "" if there is none."""
        return entry("rule", self.rule).title.say(lang) if self.rule else ""

    def data(self, lang: Lang = "en") -> dict[str, object]:
        """Give it as plain data."""
        return {
            "kind": self.kind, "confidence": self.confidence, "because": self.because,
            "rule": self.rule or None, "rule_title": self.rule_title(lang) or None,
            "sender": self.sender, "frame": self.frame, "where": self.where, "idle": self.idle, "copies": self.copies,
            "text": self.said(lang),
        }  # fmt: skip


Lone = tuple[str, tuple[Sighting, str]]
"""A segment that one capture has: what became of it, itself, and which capture."""


def proofs(judge: Judge, lone: Sequence[Lone], pairs: Sequence[Pair]) -> list[Proof]:
    """Find them; of several RSTs to one end the first speaks for all."""
    told: dict[tuple[str, str], Proof] = {}
    order = sorted(lone, key=lambda one: (one[1][0].ts, one[1][0].frame))
    sent = Counter(
        (one.who, one.end) for kind, (one, _) in lone if kind in {"lost", "outside"} and one.span
    )
    knows = {x.who for x, _ in pairs if x.flags & RST}
    for kind, (one, where) in order:
        what = _kind(kind, one, where, judge)
        if what == "rst-lost" and one.who in knows:
            continue  # another of its RSTs arrived
        if what is not None and (what, one.who) not in told:
            copies = sent[one.who, one.end] if one.span else 1
            told[what, one.who] = _proof(what, one, where, judge, copies)
    found = list(told.values())
    if not any(proof.kind == "rst-injected" for proof in found):
        found += _genuine(judge, pairs)
    return found


def _kind(kind: str, one: Sighting, where: str, judge: Judge) -> str | None:
    if kind not in {"lost", "injected"}:
        return None
    if one.flags & RST:
        return "rst-injected" if kind == "injected" else "rst-lost"
    other = "B" if where == "A" else "A"
    if kind == "injected" or not one.span or judge.octets[other, one.who].reaches(one.end):
        return None
    return "fin-lost" if one.flags & FIN else "payload-lost" if one.payload else None


def _proof(kind: str, one: Sighting, where: str, judge: Judge, copies: int) -> Proof:
    idle = _idle(one, judge.captures[where].sightings)
    rule = ""
    if kind == "rst-injected":
        rule = "D5" if idle >= IDLE else "D6"
    elif kind == "fin-lost" and copies > 1:  # one alone may just have been lost
        rule = "D7"
    elif kind == "payload-lost" and idle >= IDLE:
        rule = "D5"
    return Proof(
        kind, rule, one.who, one.frame, where, idle, copies, _because(kind, one, where, judge)
    )


def _because(kind: str, one: Sighting, where: str, judge: Judge) -> Because:
    if not one.flags & RST:
        return "asked-again" if judge.waited(one, where) else "may-be-missed"
    if judge.spoke_on(one, where):
        return "sender-spoke-on" if kind == "rst-injected" else "victim-spoke-on"
    odd = kind == "rst-injected" and not any(judge.holes.values()) and _odd(one, where, judge)
    return "ttl" if odd else "may-be-missed"


def _idle(one: Sighting, sightings: Sequence[Sighting]) -> float:
    """Seconds of silence before the first sending of a segment."""
    place = next(n for n, s in enumerate(sightings) if s.key == one.key)
    return (sightings[place].ts - sightings[place - 1].ts) / 1e9 if place else 0.0


def _odd(one: Sighting, where: str, judge: Judge) -> bool:
    """Tell whether the TTL of a RST is none that its sender's segments have there (D6)."""
    others = {
        s.ttl for s in judge.captures[where].of(one.who) if s is not one and not s.flags & RST
    }
    return bool(others) and all(abs(ttl - one.ttl) > ODD for ttl in others)


def _genuine(judge: Judge, pairs: Sequence[Pair]) -> list[Proof]:
    """The RST that ended the connection, if both captures have it."""
    rows = (judge.meeting.a.row, judge.meeting.b.row)
    if not any(row.close in {"reset", "refused", "handshake-reset"} for row in rows):
        return []
    resets = [
        (x, y)
        for x, y in pairs
        if x.flags & RST and not (x.ignored and y.ignored) and not x.flags & SYN
    ]
    if not resets:
        return []
    x, y = min(resets, key=lambda pair: pair[0].ts)
    because: Because = "same" if x.look == y.look else "altered"
    return [Proof("rst-genuine", "", x.who, x.frame, "A", 0.0, 1, because)]
