"""From a conversation to a picture: what each arrow says, and what is folded away."""

from collections.abc import Iterable, Iterator

from finwait.explain.conversation import (
    ACK,
    FIN,
    OF_SENDER,
    RST,
    SYN,
    Conversation,
    Segment,
)
from finwait.explain.words import messages, write
from finwait.picture.ladder import Arrow, Fold, Ladder, Lane, Moment, Pause, Row
from finwait.verdict.catalogue import entry
from finwait.verdict.language import Lang, count, duration
from finwait.verdict.verdict import peer_of, sentence

FLAGS = (
    (SYN, "SYN"),
    (FIN, "FIN"),
    (RST, "RST"),
    (0x08, "PSH"),
    (ACK, "ACK"),
    (0x20, "URG"),
    (0x40, "ECE"),
    (0x80, "CWR"),
    (0x100, "AE"),
)
"""Names of the header bits (RFC 9293 3.1; AE: RFC 9768), the telling ones first."""

PLAIN = frozenset({"syn", "syn-ack", "handshake-ack", "data", "ack", "fin", "window-update"})
"""Labels that the flags, numbers and states beside the arrow say already."""
QUIET = PLAIN | {"duplicate-ack", "keep-alive-ack", "acks-fin", "ends-connection"}
"""Labels that are no reason to keep a segment out of a fold."""
WHOLE = 40
"""Connections of up to so many segments are shown whole."""
HEAD, BEFORE_CLOSE, AFTER_CLOSE, TAIL = 4, 5, 12, 4
"""Segments kept at the start, around the close and at the end of a longer one."""
KEEP_EACH = 2
"""Of each unusual label, and of RSTs and FINs, so many first and last ones are kept."""
UNACKED = frozenset({"FIN-WAIT-1", "CLOSING", "LAST-ACK"})
"""States of an end whose FIN is not acked (RFC 9293 3.3.2): what acks it and leaves it there has not arrived."""
PAUSE = 1.0
"""Seconds between two segments that are worth a line."""


def ladder(c: Conversation, lang: Lang, *, full: bool = False) -> Ladder:
    """Make the picture of a connection."""
    row, words = c.row, messages(lang, "headings")
    lanes = [
        Lane(entry("closed_by", who).title.say(lang), address, state)
        for who, address, state in (
            ("client", row.client, c.begin[0]),
            ("server", row.server, c.begin[1]),
        )
    ]
    rows: list[Row] = []
    kept = set(range(len(c.segments))) if full else chosen(c)
    hidden, before = 0, None
    cut = len(c.segments) // 2 if c.truncated else None
    for s in c.segments:
        if s.index == cut:
            hidden += c.truncated
        if s.index not in kept:
            hidden += 1
            continue
        if hidden:
            rows.append(Fold(words["segments_folded"].format(n=count(hidden))))
            hidden = 0
        rows.append(_arrow(c, s, before, lang))
        before = s
    if hidden:
        rows.append(Fold(words["segments_folded"].format(n=count(hidden))))
    title = sentence(row, lang, replaced=c.replaced)
    return Ladder(title, lanes[0], lanes[1], tuple(paused(rows, lang)), "finwait")


def paused(rows: Iterable[Row], lang: Lang) -> Iterator[Row]:
    """Put a line between two rows that lie far apart; a fold between them says enough."""
    before: Row | None = None
    for row in rows:
        if isinstance(before, Arrow | Moment) and isinstance(row, Arrow | Moment):
            gap = row.at - before.at
            if gap >= PAUSE:
                yield Pause(duration(gap, lang))
        yield row
        before = row


def chosen(c: Conversation) -> set[int]:
    """Choose the segments that a long connection is shown by (indexes)."""
    n = len(c.segments)
    if n <= WHOLE:
        return set(range(n))
    kept = {*range(HEAD), *range(n - TAIL, n)}
    for who in ("client", "server"):
        first = next((s.index for s in c.segments if s.who == who and s.payload), None)
        if first is not None:
            kept |= {first, first + 1}
    close = next((s.index for s in c.segments if s.number == c.row.close_frame), None)
    if close is not None:
        kept |= set(range(close - BEFORE_CLOSE, close + AFTER_CLOSE))
    seen: dict[str, list[int]] = {}
    for s in c.segments:
        names = set(s.labels) - QUIET
        names |= {name for bit, name in FLAGS[:3] if s.flags & bit}
        for name in names:
            seen.setdefault(name, []).append(s.index)
    for indexes in seen.values():
        kept |= {*indexes[:KEEP_EACH], *indexes[-KEEP_EACH:]}
    kept = {i for i in kept if 0 <= i < n}
    # a fold of one segment would take as much room as the segment
    return kept | {i for i in range(n) if i - 1 in kept and i + 1 in kept}


def flags_of(bits: int) -> str:
    """Name the flags of a segment."""
    return " ".join(name for bit, name in FLAGS if bits & bit) or "-"


def crosses(before: Segment | None, s: Segment) -> bool:
    """Tell whether `s` was sent before the segment above it arrived, as the numbers show.

    Only where it tells something: when one of the two opens or closes the connection.
    """
    if before is None or before.who == s.who or before.copy or s.copy or not before.span:
        return False
    if not (before.flags | s.flags) & (SYN | FIN) or not s.span or before.flags & RST:
        return False
    if s.flags & ACK:
        return s.ack < before.end
    return bool(s.flags & SYN)  # without an ACK it has received nothing


def _arrow(c: Conversation, s: Segment, before: Segment | None, lang: Lang) -> Arrow:
    peer = peer_of(s.who)
    raw_zero = s.has(RST | ACK) and s.step.seq == 0
    numbers = [f"seq {0 if raw_zero else c.shown(s.who, s.seq)}"]
    if s.flags & ACK:
        numbers.append(f"ack {c.shown(peer, s.ack)}")
    if s.payload:
        numbers.append(f"len {s.payload}")
    numbers.append(f"win {s.window}")
    return Arrow(
        frame=s.number,
        at=s.at,
        rightward=s.who == "client",
        flags=flags_of(s.flags),
        numbers=tuple(numbers),
        kind=_kind(s),
        left=s.client_state,
        right=s.server_state,
        left_via=s.via.get("client", ""),
        right_via=s.via.get("server", ""),
        labels=_labels(c, s, lang),
        crosses=crosses(before, s),
        faint=s.copy or "rst-ignored" in s.labels,
    )


def _kind(s: Segment) -> str:
    for bit, kind in ((RST, "rst"), (SYN, "syn"), (FIN, "fin")):
        if s.flags & bit:
            return kind
    if s.labels & {"keep-alive", "keep-alive-ack", "window-probe"}:
        return "probe"
    return "data" if s.payload else "ack"


def _labels(c: Conversation, s: Segment, lang: Lang) -> tuple[str, ...]:
    forged = s.index in c.forged
    labels = _in_name(c, s, lang) if forged else []
    for slug in s.step.labels:
        if slug in PLAIN or slug == "rst-trigger" or (forged and slug in OF_SENDER):
            continue
        if slug not in s.labels:  # the verdict knows better
            continue
        title = _title(c, s, slug, lang)
        about = _about(c, s, slug)
        labels.append(_with_frame(title, about, lang) if about else title)
        if slug == "acks-fin" and s.state(peer_of(s.who)) in UNACKED:
            labels.append(messages(lang, "words")["ack-missed"])
    if c.left_unseen(s):
        labels.append(messages(lang, "words")["left-unseen"])
    if s.flags & RST and (peer_of(s.who), "TIME-WAIT", "CLOSED") in s.moves:
        labels.append(messages(lang, "words")["rfc1337"])
    drew = c.draws.get(s.index)
    if drew is not None:
        labels.append(_with_frame(entry("label", "rst-trigger").title.say(lang), drew, lang))
    return tuple(labels)


def _in_name(c: Conversation, s: Segment, lang: Lang) -> list[str]:
    """Label a RST that the end that it names did not send."""
    words, others = messages(lang, "words"), c.ttls(s.who)
    labels = [words["rst-in-name"].format(who=words[s.who])]
    if others and s.step.ttl not in others:
        labels.append(
            words["ttl-other"].format(ttl=s.step.ttl, others=write("others", others, lang))
        )
    return labels


def _title(c: Conversation, s: Segment, slug: str, lang: Lang) -> str:
    """Write a label. The core labels the answers to both kinds of probes alike."""
    asked = c.segments[s.index - 1].labels if s.index else frozenset()
    if slug == "keep-alive-ack" and "window-probe" in asked:
        return messages(lang, "words")["window-probe-ack"]
    return entry("label", slug).title.say(lang)


def _with_frame(title: str, frame: int, lang: Lang) -> str:
    return f"{title} #{frame}" if lang == "zh" else f"{title} (#{frame})"


def _about(c: Conversation, s: Segment, slug: str) -> int:
    """Give the frame that a label refers to, 0 if none."""
    if slug == "rst-reply":
        drew = c.drew(s)
        return drew.number if drew else 0
    if slug in ("retransmission", "fin-retransmission", "syn-retransmission"):
        return c.segments[s.earlier].number if s.earlier is not None else 0
    if slug in ("crosses-fin", "acks-fin"):
        other = c.fins[peer_of(s.who)]
        return other.first.number if other else 0
    return s.refers_to if slug in ("duplicate", "challenge-ack", "old-ack") else 0
