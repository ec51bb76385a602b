"""Where an end may stand otherwise than drawn after the last segment, because no packet shows which.

A timer that gives up, a setting of the host, a segment of which nothing shows that it arrived. Each `Doubt` is one other state
with its reason; an end may have several, and whatever is true is the drawn state or one of them.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from finwait.explain.conversation import ACK, FIN, RST, SYN, Conversation, Segment
from finwait.explain.words import Fact, say
from finwait.verdict.language import Lang
from finwait.verdict.verdict import one_way, peer_of

ENDS: Final = ("client", "server")
GIVES_UP: Final = {
    "SYN-SENT": "net.ipv4.tcp_syn_retries",
    "SYN-RECEIVED": "net.ipv4.tcp_synack_retries",
    "FIN-WAIT-1": "net.ipv4.tcp_orphan_retries",
    "CLOSING": "net.ipv4.tcp_orphan_retries",
    "LAST-ACK": "net.ipv4.tcp_orphan_retries",
}
"""States that wait for an answer, and what limits how often Linux asks again before it closes without a word (tcp_write_timeout)."""
FIN_TAKES: Final = {
    "ESTABLISHED": "CLOSE-WAIT",
    "FIN-WAIT-1": "CLOSING",
    "FIN-WAIT-2": "TIME-WAIT",
}
"""What the other end's FIN makes of a state (RFC 9293 3.10.7.4, eighth)."""
PROBES: Final = {"keep-alive", "window-probe"}
"""Labels of segments without payload that ask for an ACK."""


class Doubt(NamedTuple):
    """One state in which an end may be instead."""

    who: str
    other: str
    key: str
    """Why, a text of section `doubt`; empty where the text on TIME-WAIT says it."""
    facts: Mapping[str, Fact]

    def text(self, lang: Lang) -> str:
        """Put it into words."""
        return say("doubt", self.key, self.facts, lang)


def doubts(c: Conversation) -> tuple[Doubt, ...]:
    """Find what no packet shows of the states after the last segment."""
    if not c.segments:
        return ()
    return tuple(each for who in ENDS for each in _of(c, who))


def final(c: Conversation, who: str) -> str:
    """Give where an end stands after the last segment, as drawn."""
    return c.segments[-1].state(who) if c.segments else ""


def _of(c: Conversation, who: str) -> Iterator[Doubt]:
    state = final(c, who)
    if one_way(c.row) and state != "CLOSED" and c.row.close != "reset":
        yield _doubt(c, who, "CLOSED", "one-way")
        return
    if state in GIVES_UP and (state != "SYN-RECEIVED" or _asks_again(c, who)):
        yield _doubt(c, who, "CLOSED", "gives-up", setting=GIVES_UP[state])
    if c.row.close == "vanished" and c.segments[-1].who == who:
        yield _doubt(c, who, "CLOSED", "gives-up", setting="net.ipv4.tcp_retries2")
    if state in {"FIN-WAIT-2", "TIME-WAIT"}:  # for tcp_fin_timeout, for 2 MSL
        yield Doubt(who, "CLOSED", "", {})
    fin = c.fins[peer_of(who)]
    if fin is not None and fin.acked_by is None and state in FIN_TAKES and c.row.close != "reset":
        other = FIN_TAKES[state]
        if other == "TIME-WAIT":
            yield Doubt(who, other, "", {})
        else:
            yield _doubt(c, who, other, "fin-arrived", frame=fin.first.number, other=other)
    yield from _handshake(c, who, state)
    yield from _reset(c, who, state)


def _doubt(c: Conversation, who: str, other: str, key: str, /, **facts: Fact) -> Doubt:
    return Doubt(who, other, key, {"who": who, "state": final(c, who), **facts})


def _asks_again(c: Conversation, who: str) -> bool:
    """Say whether an end in SYN-RECEIVED has had to send its SYN again: before, nothing is late."""
    return sum(bool(s.flags & SYN and s.flags & ACK) for s in c.of(who)) > 1


def _handshake(c: Conversation, who: str, state: str) -> Iterator[Doubt]:
    """Doubt an end that is taken for ESTABLISHED because of an ACK that it never showed to have taken."""
    if state != "ESTABLISHED" or not all(s.flags & SYN for s in c.of(who)) or not c.of(who):
        return
    acks = [s for s in c.of(peer_of(who)) if s.flags & ACK and not s.flags & (SYN | RST)]
    if acks:
        yield _doubt(c, who, "SYN-RECEIVED", "handshake", frame=acks[0].number)


def _reset(c: Conversation, who: str, state: str) -> Iterator[Doubt]:
    """Doubt that a RST closed an end, where it may have kept TIME-WAIT or was silent before."""
    resets = [s for s in c.resets[peer_of(who)] if (who, "CLOSED") in _ended(s)]
    if state != "CLOSED" or not resets:
        return
    reset = resets[-1]
    stood = next(old for end, old, new in reset.moves if (end, new) == (who, "CLOSED"))
    if stood == "TIME-WAIT":
        yield Doubt(who, stood, "", {})  # net.ipv4.tcp_rfc1337
    elif c.forged and (lost := [s for s in c.resets[reset.who] if s.index < reset.index]):
        frames = tuple(s.number for s in lost)
        yield _doubt(c, who, stood, "rst-lost-too", frame=reset.number, other=stood, frames=frames)
    elif asked := _unanswered(c, reset):
        frames = tuple(s.number for s in asked)
        yield _doubt(c, who, stood, "rst-lost", frame=reset.number, other=stood, frames=frames)


def _ended(s: Segment) -> set[tuple[str, str]]:
    return {(who, new) for who, _, new in s.moves}


def _unanswered(c: Conversation, reset: Segment) -> list[Segment]:
    """Give what a RST's sender asked in vain before it: probes, and what it sent again."""
    asked: list[Segment] = []
    for s in reversed(c.segments[: reset.index]):
        if s.copy:
            continue
        if s.who != reset.who:
            break
        again = s.earlier is not None and (s.payload or s.flags & (SYN | FIN))
        if again or s.labels & PROBES:
            asked.append(s)
    return asked[::-1]
