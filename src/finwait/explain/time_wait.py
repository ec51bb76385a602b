"""Who holds TIME-WAIT, until when, or why nobody does."""

from collections.abc import Mapping
from typing import NamedTuple

from finwait.capture.connection import end
from finwait.explain.conversation import ACK, RST, Conversation, Segment
from finwait.explain.doubt import doubts, final
from finwait.explain.words import Fact, say
from finwait.verdict.language import Lang
from finwait.verdict.verdict import (
    NS,
    TIME_WAIT_LINUX,
    TIME_WAIT_MACOS,
    TIME_WAIT_RFC,
    clock,
    holder,
    one_way,
    peer_of,
)

Sentence = tuple[str, Mapping[str, Fact]]
UNACKED = ("FIN-WAIT-1", "CLOSING", "LAST-ACK")
"""States that wait for the ack of their own FIN (RFC 9293 3.3.2)."""


class TimeWait(NamedTuple):
    """Who holds TIME-WAIT after the last segment."""

    holder: str
    """client, server, both or none."""
    since: int | None
    """Nanoseconds since the Unix epoch; the latest start or restart of its clock."""
    sentences: tuple[Sentence, ...]
    replaced: tuple[int, int] | None = None
    """Frame and time of the SYN that ended it."""

    def until(self, seconds: int) -> int | None:
        """Give the moment at which a TIME-WAIT of so many seconds ends, in nanoseconds."""
        if self.since is None:
            return None
        end = self.since + seconds * NS
        return min(end, self.replaced[1]) if self.replaced else end

    def text(self, lang: Lang) -> list[str]:
        """Put it into words, a sentence each."""
        return [say("time_wait", key, facts, lang) for key, facts in self.sentences]


def time_wait(c: Conversation) -> TimeWait:
    """Work out who holds TIME-WAIT."""
    if c.refused:
        return TimeWait("server", None, _older(c))
    who = holder(c.row)
    if who == "none":
        return TimeWait(who, None, _why_nobody(c))
    ends = ("client", "server") if who == "both" else (who,)
    starts = [s for s in (_since(c, one) for one in ends) if s is not None]
    if not starts:
        return TimeWait(who, None, (("unknown", _states(c)),))
    start, restarted = max(starts, key=lambda found: found[0].index)
    since = start.step.ts
    facts: dict[str, Fact] = {"start": clock(since)}
    for name, seconds in (
        ("linux", TIME_WAIT_LINUX),
        ("macos", TIME_WAIT_MACOS),
        ("rfc", TIME_WAIT_RFC),
    ):
        facts[name] = clock(since + seconds * NS)
    key = "holds-both" if who == "both" else _why_holder(c, who)
    if c.replaced:
        key = "replaced-both" if who == "both" else "replaced"
        frame, ts = c.replaced
        facts |= {"frame": frame, "after_s": (ts - since) / NS}
    sentences: list[Sentence] = [(key, facts | {"who": who})]
    if restarted:
        sentences.append(("restarted", {"frame": start.number}))
    if who != "both" and not c.replaced:
        row = c.row
        client, server = end(row.client_ip, row.client_port), end(row.server_ip, row.server_port)
        sentences.append(("why", {"tuple": f"{client} - {server}"}))
    return TimeWait(who, since, tuple(sentences), c.replaced)


def _since(c: Conversation, who: str) -> tuple[Segment, bool] | None:
    """Find the segment that started this end's clock, and whether it started it anew.

    RFC 9293 3.10.7.4 restarts it for a repeated FIN, Linux for any segment with ACK
    (tcp_timewait_state_process).
    """
    entered: Segment | None = None
    for s in c.segments:
        if s.state(who) != "TIME-WAIT":
            entered = None
        elif entered is None:
            entered = s
    if entered is None:
        return None
    again = [
        s
        for s in c.of(peer_of(who))
        if s.index > entered.index and s.flags & ACK and not s.flags & RST
    ]
    return (again[-1], True) if again else (entered, False)


def _why_holder(c: Conversation, who: str) -> str:
    other = c.fins[peer_of(who)]
    if c.row.close == "simultaneous":
        return "holds-crossed"
    return "holds-unseen" if other is None or other.acked_by is None else "holds"


def _ends_time_wait(segment: Segment) -> bool:
    return any(old == "TIME-WAIT" and new == "CLOSED" for _, old, new in segment.moves)


def _older(c: Conversation) -> tuple[Sentence, ...]:
    """Tell the TIME-WAIT of an earlier connection, which refuses this one."""
    frames = tuple(c.segments[i].number for i in c.old)
    sentences: list[Sentence] = [("older", {"who": "server", "frames": frames})]
    resets = (s for s in c.segments if s.index > c.old[-1] and s.flags & RST)
    if reset := next(resets, None):
        sentences.append(("older-reset", {"frame": reset.number}))
    return tuple(sentences)


def _why_nobody(c: Conversation) -> tuple[Sentence, ...]:
    row = c.row
    killers = (s for s in c.segments if s.flags & RST and _ends_time_wait(s))
    if row.close in ("refused", "unanswered", "handshake-reset"):
        return (("never-open", {}),)
    if killer := next(killers, None):
        return (("assassinated", {"frame": killer.number, "who": peer_of(killer.who)}),)
    if row.close == "reset":
        return (_reset(c),)
    if one_way(row):
        return (("one-way", {}),)
    if waiting := _waiting(c):
        return waiting
    silent = not any(c.fins.values())
    return (("open", {}),) if silent else (("unknown", _states(c)),)


def _reset(c: Conversation) -> Sentence:
    if c.forged:
        return "reset-forged", {"who": c.row.reset_by, "peer": peer_of(c.row.reset_by)}
    lost = next((doubt.who for doubt in doubts(c) if doubt.key == "rst-lost"), None)
    return ("reset-lost", {"who": lost, "peer": peer_of(lost)}) if lost else ("reset", {})


def _waiting(c: Conversation) -> tuple[Sentence, ...]:
    """Tell of each end that closed what it still waits for."""
    sentences: list[Sentence] = []
    for who, state in (("client", c.row.client_state), ("server", c.row.server_state)):
        too = "-too" if sentences else ""
        fin = c.fins[peer_of(who)]
        if state == "FIN-WAIT-2" and fin is not None:
            facts: dict[str, Fact] = {"who": who, "state": state, "frame": fin.first.number}
            sentences.append(("waiting-fin", facts))
        elif state == "FIN-WAIT-2":
            sentences.append((f"waiting{too}", {"who": who, "state": state}))
        elif state in UNACKED:
            sentences.append((f"unacked{too}", {"who": who, "state": state}))
    return tuple(sentences)


def _states(c: Conversation) -> dict[str, Fact]:
    return {"client_state": final(c, "client"), "server_state": final(c, "server")}
