"""RSTs: their form, what drew them, and what they are worth."""

from finwait.explain.conversation import ACK, RST, Conversation, Segment, peer_of
from finwait.explain.item import Facts, Part, part

PRINTABLE = 60
"""Characters shown of a RST's payload."""


def reset(c: Conversation, s: Segment) -> list[Part]:
    """Tell a RST."""
    before = [t for t in c.of(s.who) if t.flags & RST and t.index < s.index]
    if "rst-ignored" in s.labels:
        return [_ignored(c, s), *_payload(s)]
    told = [t for t in before if "rst-ignored" not in t.labels]
    if told:
        return _more(c, s, told)
    if _both_acked(c, s):
        key = "rst-time-wait" if "time-wait-assassinated" in c.row.notes else "rst-late"
        return [part(key, frame=s.number), *_payload(s)]
    parts = _form(c, s)
    if not _answers_syn(c, s):
        parts += _worth(c, s)
    parts += _payload(s)
    if "ends-connection" in s.labels and c.row.close == "reset":
        parts.append(part("reset-ends"))
    return parts


def _form(c: Conversation, s: Segment) -> list[Part]:
    facts: Facts = {"frame": s.number, "who": s.who}
    seq: Facts = {"seq": c.shown(s.who, s.seq)}
    if "rst-owner" in s.labels:
        return [Part("rst-owner", facts | seq | {"ack": c.shown(peer_of(s.who), s.ack)})]
    if "rst-reply" not in s.labels:
        return [Part("rst-unclear", facts | seq)]
    drew = c.drew(s)
    if s.flags & ACK:
        ack: Facts = {"ack": c.shown(peer_of(s.who), s.ack)}
        if c.row.close == "refused":
            return [Part("refused", facts | ack)]
        number: Facts = {"trigger": drew.number} if drew else {"trigger": 0}
        return [Part("rst-reply-syn" if drew else "rst-unclear", facts | seq | ack | number)]
    if drew is None:
        return [Part("rst-reply-unseen", facts | seq)]
    parts = [Part("rst-reply", facts | seq | {"trigger": drew.number})]
    own = c.fins[s.who]
    if own is not None and drew.ack == own.number and own.first.index < s.index:
        parts.append(part("rst-reply-fin", trigger=drew.number, **seq))
    return parts


def _answers_syn(c: Conversation, s: Segment) -> bool:
    """Tell whether its worth is judged by its ack (RFC 9293 3.10.7.3), not its seq."""
    return c.row.close == "refused" or (s.has(RST | ACK) and s.step.seq == 0)


def _worth(c: Conversation, s: Segment) -> list[Part]:
    peer = peer_of(s.who)
    expected = c.acked_up_to(peer, s.index)
    if expected is None:
        return []
    seq = c.shown(s.who, s.seq)
    if s.seq == expected:
        return [part("rst-exact", seq=seq, peer=peer)]
    sent = [t.end for t in c.of(s.who) if t.index < s.index and not t.flags & RST]
    if s.seq > expected and s.seq == max(sent, default=None):
        facts: Facts = {"who": s.who, "peer": peer}
        return [part("rst-in-flight", seq=seq, expected=c.shown(s.who, expected), **facts)]
    return []


def _ignored(c: Conversation, s: Segment) -> Part:
    peer = peer_of(s.who)
    expected = c.acked_up_to(peer, s.index)
    wanted = s.seq if expected is None else expected
    return part(
        "rst-ignored",
        frame=s.number,
        who=s.who,
        peer=peer,
        seq=c.shown(s.who, s.seq),
        expected=c.shown(s.who, wanted),
        off=abs(s.seq - wanted),
    )


def _more(c: Conversation, s: Segment, told: list[Segment]) -> list[Part]:
    """Tell the second and later RSTs of one end together."""
    if len(told) > 1:
        return []
    frames = tuple(
        t.number
        for t in c.of(s.who)
        if t.flags & RST and t.index >= s.index and "rst-ignored" not in t.labels
    )
    return [part("rst-again", who=s.who, frames=frames)]


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
