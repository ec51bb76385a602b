"""RSTs: their form, what drew them, and what they are worth."""

from finwait.explain.conversation import ACK, RST, SYN, Conversation, Segment
from finwait.explain.doubt import doubts
from finwait.explain.item import Facts, Part, part
from finwait.verdict.verdict import FORGED, one_way, peer_of

DOUBTED = (FORGED, "middlebox-idle-timeout")
"""Causes that say the RST was not sent by the end it names."""
PRINTABLE = 60
"""Characters shown of a RST's payload."""


def reset(c: Conversation, s: Segment) -> list[Part]:
    """Tell a RST."""
    if (old := c.old_answer(s)) is not None:
        return [*_to_old(c, s, old), *_payload(s)]
    if "rst-ignored" in s.labels:
        return [_ignored(c, s), *_payload(s)]
    counted = c.resets[s.who]
    if s is not counted[0]:
        return _more(c, s, counted[0]) if s is counted[1] else []
    if _both_acked(c, s):
        key = "rst-time-wait" if "time-wait-assassinated" in c.row.notes else "rst-late"
        return [part(key, frame=s.number), *_payload(s)]
    if s.index in c.forged:
        return _forged(c, s)
    parts = _form(c, s)
    if c.row.cause in DOUBTED and s.who == c.row.reset_by:
        parts.append(part("rst-named", who=s.who))
    if not _answers_syn(c, s):
        parts += _worth(c, s)
    parts += _payload(s)
    if "ends-connection" in s.labels and c.row.close == "reset" and s.index:
        lost = next((d for d in doubts(c) if d.key == "rst-lost"), None)
        ends: Facts = {"who": s.who, "peer": peer_of(s.who)}
        parts.append(Part("reset-ends-lost", ends) if lost else Part("reset-ends", {}))
    return parts


def _to_old(c: Conversation, s: Segment, old: Segment) -> list[Part]:
    """Tell a RST by which a caller answers the numbers of an earlier connection, and what came of it."""
    peer = peer_of(s.who)
    facts: Facts = {"trigger": old.number, "seq": c.shown(s.who, s.seq)}
    parts = [part("rst-to-old", frame=s.number, who=s.who, **facts)]
    again = next((c.segments[i].number for i in c.old if i > s.index), None)
    if again is not None:
        return [*parts, part("rst-to-old-in-vain", peer=peer, again=again)]
    taken = next((t for t in c.of(peer) if t.index > s.index and t.flags & SYN), None)
    if taken is not None:
        return [*parts, part("rst-to-old-ends", by=taken.number)]
    return [*parts, part("rst-to-old-last", peer=peer)]


def _forged(c: Conversation, s: Segment) -> list[Part]:
    """Tell a RST that the end that it names did not send."""
    who, peer, others = s.who, peer_of(s.who), c.ttls(s.who)
    parts = [part("rst-forged", frame=s.number, who=who, seq=c.shown(who, s.seq))]
    if others and s.step.ttl not in others:
        parts.append(part("rst-ttl", ttl=s.step.ttl, others=others, who=who))
    parts += _payload(s)
    if "ends-connection" in s.labels and c.row.close == "reset":
        parts.append(part("reset-ends-forged", who=who, peer=peer))
    return parts


def _form(c: Conversation, s: Segment) -> list[Part]:
    facts: Facts = {"frame": s.number, "who": s.who, "seq": c.shown(s.who, s.seq)}
    if c.row.cause == "stray-reset":
        return [Part("rst-stray", facts)]
    ack: Facts = {"ack": c.shown(peer_of(s.who), s.ack)}
    if "rst-owner" in s.labels:
        return [Part("rst-owner", facts | ack)]
    own = c.fins[s.who]
    if (
        own is not None
        and not s.flags & ACK
        and s.seq == own.number
        and _below_fin(c, s, c.drew(s))
    ):
        expected = c.shown(s.who, own.number + 1)
        return [Part("rst-below-fin", facts | {"expected": expected, "peer": peer_of(s.who)})]
    if "rst-reply" not in s.labels:
        return [Part("rst-unclear", facts)]
    if s.flags & ACK:
        return _reply_to_syn(c, s, facts | ack)
    return _reply(c, s, facts)


def _reply_to_syn(c: Conversation, s: Segment, facts: Facts) -> list[Part]:
    """Tell an answer to a segment without ACK: RST+ACK with seq 0 (RFC 9293 3.5.2)."""
    if c.row.close == "refused":
        return [Part("refused", facts)]
    drew = c.drew(s)
    if drew is None:
        return [Part("rst-unclear", facts)]
    return [Part("rst-reply-syn", facts | {"trigger": drew.number})]


def _reply(c: Conversation, s: Segment, facts: Facts) -> list[Part]:
    """Tell an answer to a segment with ACK: RST with that number (RFC 9293 3.5.2)."""
    drew, own = c.drew(s), c.fins[s.who]
    if drew is None:
        return [Part("rst-reply-unseen", facts)]
    parts = [Part("rst-reply", facts | {"trigger": drew.number})]
    if state := c.left_unseen(s):
        parts.append(part("rst-reply-since", who=s.who, state=state))
    if own is not None and drew.ack == own.number and own.first.index < s.index:
        seq = c.shown(s.who, s.seq)
        parts.append(part("rst-reply-fin", trigger=drew.number, seq=seq))
    return parts


def _below_fin(c: Conversation, s: Segment, drew: Segment | None) -> bool:
    """Tell whether a RST with the number of its sender's FIN cannot be an answer.

    The FIN was acked, and what carries that number in its ack was sent before the FIN.
    """
    own = c.fins[s.who]
    if own is None or own.acked_by is None or own.acked_by.index > s.index:
        return False
    return drew is None or drew.index < own.first.index


def _answers_syn(c: Conversation, s: Segment) -> bool:
    """Tell whether its worth is judged by its ack (RFC 9293 3.10.7.3), not its seq."""
    return c.row.close == "refused" or (s.has(RST | ACK) and s.step.seq == 0)


def _worth(c: Conversation, s: Segment) -> list[Part]:
    peer = peer_of(s.who)
    expected = s.peer_ack
    if expected is None:
        return []
    seq = c.shown(s.who, s.seq)
    if s.seq == expected:
        parts = [part("rst-exact", seq=seq, peer=peer)]
        on = next((t for t in c.of(peer) if t.index > s.index), None) if c.forged else None
        if on is not None and s.state(peer) != "CLOSED":
            parts.append(part("rst-sends-on", peer=peer, on=on.number))
        return parts
    if s.seq > expected and s.seq == s.next_before:
        facts: Facts = {"who": s.who, "peer": peer}
        return [part("rst-in-flight", seq=seq, expected=c.shown(s.who, expected), **facts)]
    return []


def _ignored(c: Conversation, s: Segment) -> Part:
    peer = peer_of(s.who)
    expected = s.peer_ack
    wanted = s.seq if expected is None else expected
    facts: Facts = {"frame": s.number, "who": s.who, "peer": peer, "seq": c.shown(s.who, s.seq)}
    if expected is None and one_way(c.row):
        return Part("rst-unheard", facts)
    if s.seq == wanted:
        return Part("rst-unheeded", facts)
    off: Facts = {"expected": c.shown(s.who, wanted), "off": abs(s.seq - wanted)}
    return Part("rst-ignored", facts | off)


def _more(c: Conversation, s: Segment, first: Segment) -> list[Part]:
    """Tell the second and later RSTs of one end together."""
    further = c.resets[s.who][1:]
    frames = tuple(t.number for t in further)
    if all(t.index in c.forged for t in further):
        return [part("rst-again-forged", who=s.who, frames=frames)]
    parts = [part("rst-again", who=s.who, frames=frames)]
    answers = "rst-reply" in s.labels and "rst-reply" in first.labels
    if answers and c.row.cause not in DOUBTED:
        parts.append(part("rst-again-why"))
    return parts


def _both_acked(c: Conversation, s: Segment) -> bool:
    return all(
        own is not None and own.acked_by is not None and own.acked_by.index < s.index
        for own in c.fins.values()
    )


def _payload(s: Segment) -> list[Part]:
    if not s.payload:
        return []
    shown = "".join(chr(b) if 32 <= b < 127 else "." for b in s.step.data[:PRINTABLE])
    return [part("rst-data", payload_bytes=s.payload, text=shown)]
