"""The closing by FIN, told by its numbers: four-way, three-way or simultaneous."""

from finwait.explain.conversation import FIN, RST, Conversation, Fin, Segment
from finwait.explain.item import Facts, Item, Part, part
from finwait.explain.transfer import backing_off
from finwait.verdict.verdict import one_way, peer_of

WAITING = {"FIN-WAIT-1", "CLOSING", "LAST-ACK"}
"""States of an end whose FIN is not acked (RFC 9293 3.3.2)."""


def fin(c: Conversation, s: Segment) -> list[Part]:
    """Tell a segment with FIN."""
    own, other = c.fins[s.who], c.fins[peer_of(s.who)]
    if own is None or s.end != own.number + 1:
        return []
    if s is not own.first:
        return _again(c, own, s)
    if other is None or other.first.index > s.index:
        return _first(c, own)
    return _second(c, own, other)


def _first(c: Conversation, own: Fin) -> list[Part]:
    s, who = own.first, own.who
    facts: Facts = {
        "who": who,
        "frame": s.number,
        "fin": c.shown(who, own.number),
        "next": c.shown(who, own.number + 1),
    }
    if not s.payload:
        return [Part("fin", facts)]
    span: Facts = {"first": c.shown(who, s.seq), "last": c.shown(who, own.number - 1)}
    return [Part("fin-data", facts | span | {"payload_bytes": s.payload})]


def _second(c: Conversation, own: Fin, other: Fin) -> list[Part]:
    s, who, peer = own.first, own.who, other.who
    facts: Facts = {"who": who, "frame": s.number, "fin": c.shown(who, own.number)}
    need = other.number + 1
    ack = c.shown(peer, s.ack)
    parts: list[Part] = []
    if s.ack < need and other.first.ack > own.number:  # captured late: this FIN was really first
        return _first(c, own)
    if s.ack < need:
        key = "fin-crossed" if s.ack == need - 1 else "fin-crossed-far"
        met: Facts = {"ack": ack, "need": c.shown(peer, need), "other_frame": other.first.number}
        parts.append(Part(key, facts | met))
    elif (before := _beyond_own(c, own)) is not None and "crosses-fin" in s.labels:
        seq: Facts = {"seq": c.shown(who, before.seq), "other_frame": other.first.number}
        parts.append(Part("fin-crossed-unseen", facts | seq | {"before": before.number}))
    else:
        after = s.at - other.first.at
        told: Facts = facts | {"next": c.shown(who, own.number + 1), "after_s": after}
        if other.acked_by is not None and other.acked_by.index < s.index:
            parts.append(Part("fin-four-way", told | {"by": other.acked_by.number}))
        else:
            both: Facts = {"ack": ack, "other_fin": c.shown(peer, other.number)}
            parts.append(Part("fin-three-way", told | both))
    if s.payload:
        parts.append(part("fin-carries", payload_bytes=s.payload))
    return parts


def _beyond_own(c: Conversation, own: Fin) -> Segment | None:
    """Find the segment that was sent after a FIN, as its number shows, and captured before it: that FIN had been sent already."""
    earlier = (s for s in c.of(own.who) if s.index < own.first.index and not s.flags & RST)
    return next((s for s in earlier if s.seq > own.number), None)


def _again(c: Conversation, own: Fin, s: Segment) -> list[Part]:
    """Tell every repeat of a FIN at the first of them."""
    if s is not own.repeats[0]:
        return []
    sent = [own.first, *own.repeats]
    gaps = tuple(b.at - a.at for a, b in zip(sent, own.repeats, strict=False))
    facts: Facts = {"who": own.who, "need": c.shown(own.who, own.number + 1)}
    acked = own.acked_by
    lost = acked is not None and acked.index < s.index
    key = "fin-again-acked" if lost else "fin-again"
    by: Facts = {"by": acked.number} if acked is not None and lost else {}
    back = _still_waiting(s) if lost else []
    if len(own.repeats) == 1:
        one: Facts = {"frame": s.number, "before": own.first.number, "after_s": gaps[0]}
        return [Part(key, {**facts, **one, **by}), *back]
    frames = tuple(r.number for r in own.repeats)
    many: Facts = {"times": len(own.repeats), "frames": frames, "gaps": gaps}
    return [Part(f"{key}-many", {**facts, **many, **by}), *backing_off(gaps), *back]


def _still_waiting(s: Segment) -> list[Part]:
    """Say where the end stood that repeats its FIN although an ack of it is in the capture."""
    stood = s.state(s.who)
    return [part("fin-ack-missed", who=s.who, state=stood)] if stood in WAITING else []


def ack_of_fin(c: Conversation, s: Segment) -> list[Part]:
    """Tell a segment without FIN that is the first to ack the other end's FIN."""
    other, own = c.fins[peer_of(s.who)], c.fins[s.who]
    if other is None or s.flags & FIN:
        return []
    if other.acked_by is not s:
        return _after_repeat(c, s, other)
    facts: Facts = {
        "frame": s.number,
        "ack": c.shown(other.who, s.ack),
        "fin": c.shown(other.who, other.number),
        "who": s.who,
    }
    again = other.missed
    if own is None or own.first.index > s.index:
        return _acks_first(c, s, own, facts, again)
    if own.acked_by is not None and own.acked_by.index < s.index:
        if again is not None:
            return [Part("final-ack-missed", facts | {"who": other.who, "again": again.number})]
        return [Part("final-ack", {k: v for k, v in facts.items() if k != "who"})]
    mine: Facts = {"seq": c.shown(s.who, s.seq), "own_fin": c.shown(s.who, own.number)}
    return [Part("acks-fin-closing", facts | mine), *_beyond(own, other.who, s)]


def _acks_first(
    c: Conversation, s: Segment, own: Fin | None, facts: Facts, again: Segment | None
) -> list[Part]:
    """Tell an ack of the other FIN before which no FIN of its own sender was captured."""
    if own is not None and s.seq > own.number:
        numbers: Facts = {"seq": c.shown(s.who, s.seq), "own_fin": c.shown(s.who, own.number)}
        return [Part("acks-fin-unseen", facts | numbers | {"own_frame": own.first.number})]
    missed = [part("acks-fin-missed", who=peer_of(s.who), again=again.number)] if again else []
    return [Part("acks-fin-data" if s.payload else "acks-fin", facts), *missed]


def _beyond(own: Fin, peer: str, s: Segment) -> list[Part]:
    """Say that a segment from beyond its sender's FIN does not show that the other end has that FIN."""
    again = next((r for r in own.repeats if r.index > s.index), None)
    if s.seq <= own.number or again is None or s.state(peer) != "FIN-WAIT-2":
        return []
    if own.acked_by is None:
        return [part("beyond-fin-never", who=peer)]
    return [part("beyond-fin", who=peer, again=again.number)]


def _after_repeat(c: Conversation, s: Segment, other: Fin) -> list[Part]:
    """Tell an ack that answers a repeated FIN, with or without having received it."""
    before = c.segments[s.index - 1] if s.index else None
    if before is None or before not in other.repeats or s.payload:
        return []
    ack = c.shown(other.who, s.ack)
    if s.ack > other.number:
        return [part("fin-reacked", frame=s.number, ack=ack)]
    need = c.shown(other.who, other.number + 1)
    return [part("fin-missed", frame=s.number, ack=ack, need=need, who=s.who)]


def epilogue(c: Conversation) -> list[Item]:
    """Say how it stands after the last segment, when nothing ended it."""
    row = c.row
    if not c.segments:
        return []
    last = c.segments[-1].number
    items = [
        Item((own.first.number,), (_never_acked(c, own),))
        for own in c.fins.values()
        if own is not None and own.acked_by is None and row.close != "reset"
    ]
    match row.close:
        case "half-closed" if row.closed_by != "none":
            items.append(Item((), (part("half-closed", peer=peer_of(row.closed_by)),)))
        case "vanished":
            key = "vanished-one-way" if one_way(row) else "vanished"
            items.append(Item((), (part(key, frame=last, who=c.segments[-1].who),)))
        case "unanswered":
            items.append(Item((), (_no_answer(c),)))
        case "open":
            items.append(Item((), (_no_end(c),)))
    return items


def _no_answer(c: Conversation) -> Part:
    if not c.refused:
        return part("no-answer")
    return part("no-syn-ack", frames=tuple(c.segments[i].number for i in c.old))


def _no_end(c: Conversation) -> Part:
    if not one_way(c.row):
        return part("open")
    who = c.segments[-1].who
    return part("open-one-way", who=who, peer=peer_of(who))


def _never_acked(c: Conversation, own: Fin) -> Part:
    need = c.shown(own.who, own.number + 1)
    key = "fin-never-acked-one-way" if one_way(c.row) else "fin-never-acked"
    return part(key, need=need, who=own.who, frame=own.first.number)
