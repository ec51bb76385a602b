"""What of a captured connection a script plays: whose stack is under test, which segments, in which order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from finwait.capture.connection import Connection
from finwait.explain.conversation import ACK, FIN, RST, SYN, Conversation, Segment
from finwait.script.tcp_options import from_wire, split
from finwait.verdict.verdict import FORGED, peer_of

HEADER: Final = 20
"""Octets of a TCP header without options."""
FEW: Final = 16
"""Segments that a reader takes in: a connection with no more is kept whole."""
REQUEST: Final = 1460
"""Octets: causes tell an end that said more from one that only asked (REQUEST in core/src/verdict/cause.rs)."""
SILENT: Final = 1.0
"""Seconds: longer than any ACK is delayed (RFC 9293 section 3.8.6.3: half a second), and than a segment is on its way."""
KEPT_BEFORE: Final = 8
"""Segments kept before the first one of the close: the last request and its answer."""
MOST_OCTETS: Final = 32_768
"""Kept of either end: of more, what a stack acks and when depends on its buffer and its clock."""
FROM_OUTSIDE: Final = frozenset(
    {FORGED, "middlebox-idle-timeout", "peer-lost-state", "handshake-rejected"}
)
"""Causes in which the RST is nothing that the end it names would do by itself: the other end is put under test."""
WAITING_FOR_AN_ACK: Final = frozenset({"FIN-WAIT-1", "CLOSING", "LAST-ACK"})
"""States of an end whose FIN is not acked (RFC 9293 section 3.3.2)."""
NOT_ONE_CONNECTION: Final = {
    "port-reused": (
        "its cause is another connection on the same ports",
        "其原因是使用相同端口的另一个连接",
    ),
    "time-wait-reuse-refused": (
        "its cause is the TIME-WAIT of an earlier connection on the same ports",
        "其原因是使用相同端口的前一个连接的 TIME-WAIT",
    ),
    "stray-reset": (
        "there is no connection to play, only a RST",
        "没有可以重现的连接，只有一个 RST",
    ),
    "stray-segments": (
        "there is no connection to play, only stray segments",
        "没有可以重现的连接，只有零散的报文段",
    ),
    "tls-truncated": (
        "its cause lies in TLS records, and a script gives payload by its length",
        "其原因在于 TLS 记录，而脚本只给出载荷的长度",
    ),
}
"""Causes that one script of one connection cannot show, and why (English, Chinese)."""


def deciding_side(row: Connection) -> str:
    """Name the end whose behaviour decides the close: who aborts, answers, closes first or gives up."""
    if row.cause == "fin-never-acked" and row.server_state in WAITING_FOR_AN_ACK:
        return "client" if row.client_state in WAITING_FOR_AN_ACK else "server"
    if row.cause == "handshake-abandoned" or row.close == "refused":
        return "server"
    if row.close in {"reset", "handshake-reset"}:
        by = row.reset_by if row.reset_by in {"client", "server"} else "server"
        return peer_of(by) if row.cause in FROM_OUTSIDE else by
    if row.closed_by in {"client", "server"}:
        return row.closed_by
    return "server" if row.server_retransmissions > row.client_retransmissions else "client"


@dataclass(frozen=True, slots=True)
class Part:
    """What is played."""

    segments: tuple[Segment, ...]
    """Without the opening, in the order in which the stack under test meets them."""
    dropped: dict[str, int]
    """Numbers of each end that were left out before them."""
    left_out: int
    """Segments left out before them."""
    lost: frozenset[int]
    """Indices of segments that never arrived at the stack under test."""
    acked: int
    """What the peer of the stack under test has acked last, in the numbers of the conversation."""
    arrived: int
    """What its peer tells to have received: acked, or known to its RST (RFC 9293 section 3.10.5)."""
    mended: frozenset[int]
    """Indices of segments that only tell of payload of the stack under test that was lost and arrived in the end."""


def part(c: Conversation, under_test: str, *, whole: bool) -> Part:
    """Choose what is played."""
    live = [s for s in c.segments if not s.copy and not s.flags & SYN and _counts(s, under_test)]
    lost = _lost(live, under_test) | _unheard(live, under_test)
    mended = _mended(live, under_test)
    at = 0 if whole else _cut(live)
    base = _base(live, at)
    if at:
        live_kept = [s for s in live[:at] if s.span] + live[at:]
        kept = [s for s in live_kept if _after(s, base)]
    else:
        kept = live
    order = tuple(_ordered(kept, under_test, lost))
    acked, arrived = (told[under_test] for told in (_acked(live), _arrived(live)))
    return Part(order, base, len(live) - len(kept), lost, acked, arrived, mended)


def _counts(s: Segment, under_test: str) -> bool:
    """Leave out a RST of the peer that ended nothing; what makes the stack under test send one is played."""
    return s.who == under_test or "rst-ignored" not in s.labels


def _after(s: Segment, base: dict[str, int]) -> bool:
    """Tell whether its numbers are of what is kept: a late copy of what was left out has others.

    What was under way at the cut may ack less than the cut does.
    """
    if s.has(RST | ACK) and s.step.seq == 0:  # an answer of nobody has no number of its own
        return True
    if s.span:
        return s.seq > base[s.who]
    return s.seq >= base[s.who] and (not s.flags & ACK or s.ack > base[peer_of(s.who)])


def _cut(live: Sequence[Segment]) -> int:
    """Find where the part that matters begins: a little before the first FIN or RST, or before what was never answered.

    A little is few segments and few octets: a segment has up to 64 KB where the capture was made above an offload.
    """
    first = next((i for i, s in enumerate(live) if s.flags & (FIN | RST)), None)
    if first is None:
        unanswered = next(
            (i for i, s in enumerate(live) if s.payload and s.acked_by is None), len(live)
        )
        first = min(unanswered, len(live) - 1)
    at = 0 if len(live) <= FEW else max(0, first - KEPT_BEFORE)
    while at < first and any(_octets(live[at:], who) > MOST_OCTETS for who in ("client", "server")):
        at += 1
    return at


def _octets(live: Sequence[Segment], who: str) -> int:
    return sum(s.payload for s in live if s.who == who)


def _base(live: Sequence[Segment], at: int) -> dict[str, int]:
    """Count the numbers of each end that are left out with what comes before the cut: all that arrived, then or later.

    What was under way at the cut would need a congestion window that a new connection does not have (RFC 6928).
    """
    before, later = _acked(live[:at]), _arrived(live)
    base = {}
    for who, acked in before.items():
        ends = (s.end for s in live[:at] if s.who == who and not s.flags & RST and s.end <= later[who])  # fmt: skip
        base[who] = min(max(acked, *ends, 1), _last_words(live, who)) - 1
    return base


def _last_words(live: Sequence[Segment], who: str) -> int:
    """Give the number from which on an end says more than a request, or its first: a cause may rest on either."""
    said = [s for s in live if s.who == who and s.payload]
    end = max((s.end - bool(s.flags & FIN) for s in said), default=1)
    enough = (s.seq for s in said if end - s.seq > REQUEST)
    return max(enough, default=min((s.seq for s in said), default=end))


def _acked(live: Sequence[Segment]) -> dict[str, int]:
    """Give what the peer of each end has acked last."""
    acked = {"client": 1, "server": 1}
    for s in live:
        if s.flags & ACK and not s.flags & RST:
            acked[peer_of(s.who)] = max(acked[peer_of(s.who)], s.ack)
    return acked


def _arrived(live: Sequence[Segment]) -> dict[str, int]:
    """Give what the peer of each end tells to have received."""
    arrived = _acked(live)
    for s in live:
        if s.has(RST | ACK) and s.step.seq:  # an answer of nobody acks what nobody took
            arrived[peer_of(s.who)] = max(arrived[peer_of(s.who)], s.ack)
    return arrived


def _lost(live: Sequence[Segment], under_test: str) -> frozenset[int]:
    """Find segments of the peer that were captured and never arrived: it sent them again before anything acked them."""
    sent: dict[int, Segment] = {}
    found: set[int] = set()
    for s in live:
        if s.who == under_test:
            if s.flags & ACK:
                sent = {end: one for end, one in sent.items() if end > s.ack}
        elif s.span and not s.flags & RST:
            before = sent.get(s.end)
            if before is not None and s.acked_by is not None and before.seq == s.seq:
                found.add(before.index)
            sent[s.end] = s
    return frozenset(found)


def _unheard(live: Sequence[Segment], under_test: str) -> frozenset[int]:
    """Find payload of the peer that never arrived: the stack under test was silent, and then acked only what came before it.

    What had arrived would have been acked, after a delay at most (RFC 9293 section 3.8.6.3); what crossed is younger.
    """
    found: set[int] = set()
    answer: Segment | None = None
    for s in reversed(live):
        if s.who == under_test:
            answer = s
        elif s.payload and s.acked_by is None and "window-probe" not in s.labels:
            lone = answer is not None and answer.flags & (ACK | RST) == ACK and answer.ack == s.seq
            if answer is not None and lone and answer.at - s.at > SILENT:
                found.add(s.index)
    return frozenset(found)


def _mended(live: Sequence[Segment], under_test: str) -> frozenset[int]:
    """Find what only tells of a loss on the way to the peer that was made good, and needs no second showing.

    When a stack sends again, and how it cuts that, depends on its timers to the millisecond (RFC 8985): a script that
    expected it would end there, long before the close. So such payload arrives the first time: it is not waited for
    again, SACK blocks (RFC 2018) become ACKs (`shown_ack`), and ACKs that tell nothing more then are not injected.
    What was never acked is sent again when the timer says so.
    """
    most = _acked(live)[under_test]
    found: set[int] = set()
    acked = 0
    for s in live:
        if s.who == under_test:
            again = s.payload and s.earlier is not None and not s.flags & (FIN | RST)
            if again and s.end <= most:
                found.add(s.index)
        elif s.flags & ACK and not s.flags & RST:
            shown = shown_ack(s, most)
            if sack_edges(s) and not s.span and shown <= acked:
                found.add(s.index)
            acked = max(acked, shown)
    return frozenset(found)


def shown_ack(s: Segment, most: int) -> int:
    """Give the ACK that a segment would carry had nothing been lost of what arrived in the end, `most`."""
    return max([s.ack, *(edge for edge in sack_edges(s) if edge <= most)])


def sack_edges(s: Segment) -> tuple[int, ...]:
    """Give the edges of its SACK blocks, in the numbers of the conversation."""
    if not s.flags & ACK:
        return ()
    blocks = [o for o in map(from_wire, split(s.step.header[HEADER:])) if o.name == "sack"]
    edges = blocks[0].numbers if blocks else ()
    return tuple(s.ack + (edge - s.step.ack + (1 << 31)) % (1 << 32) - (1 << 31) for edge in edges)


def _ordered(kept: Sequence[Segment], under_test: str, lost: frozenset[int]) -> list[Segment]:
    """Put what the stack under test sent before what it had not received then.

    Every segment acks what its sender has received (RFC 9293 section 3.4), wherever the capture was made.
    """
    order: list[Segment] = []
    for s in kept:
        at = len(order)
        if s.who == under_test and s.flags & ACK and (s.span or s.flags & RST):
            for back in range(at - 1, -1, -1):
                if _unseen(order[back], s, under_test, lost):
                    at = back
                elif order[back].who != under_test or order[back].span or order[back].flags & RST:
                    break
        order.insert(at, s)
    return order


def _unseen(before: Segment, s: Segment, under_test: str, lost: frozenset[int]) -> bool:
    return (
        before.who != under_test
        and before.span > 0
        and before.end > s.ack
        and before.index not in lost
    )
