"""How the connection opened: SYN, SYN-ACK, ACK, and what stands for them."""

from itertools import pairwise

from finwait.explain.conversation import ACK, SYN, Conversation, Segment
from finwait.explain.item import Facts, Item, Part, part
from finwait.verdict.verdict import peer_of


def prologue(c: Conversation) -> list[Item]:
    """Say how the client was told when no SYN or SYN-ACK was captured."""
    row = c.row
    if row.client_by not in ("port", "first") or not c.segments:
        return []
    parts = [part(f"midstream-{row.client_by}", address=row.client)]
    if not c.absolute:
        parts.append(part("written-as-1"))
    return [Item((), tuple(parts))]


def syn(c: Conversation, s: Segment) -> list[Part]:
    """Tell a SYN or SYN-ACK."""
    before = c.segments[s.earlier] if s.earlier is not None else None
    if before is not None and before.flags & SYN:
        return _once_more(c, s, before)
    if s.flags & ACK:
        return _syn_ack(c, s)
    raw = s.step.seq
    if _established(c, s):
        return [part("syn-inside", frame=s.number, who=s.who)]
    theirs = c.first(peer_of(s.who), SYN)
    if theirs is not None and theirs.index < s.index:
        return [part("simultaneous-open", frame=s.number, who=s.who)]
    key = "syn" if s.who == "client" else "syn-first"
    parts = [part(key, frame=s.number, who=s.who, raw=raw)]
    if not c.absolute:
        parts.append(part("written-as-0"))
    if s.payload:
        first = c.shown(s.who, s.seq + 1)
        last = c.shown(s.who, s.seq + s.payload)
        parts.append(part("syn-data", payload_bytes=s.payload, first=first, last=last))
    return parts


def _syn_ack(c: Conversation, s: Segment) -> list[Part]:
    facts: Facts = {"frame": s.number, "who": s.who, "raw": s.step.seq}
    theirs = c.first(peer_of(s.who), SYN)
    if theirs is None or theirs.index > s.index:
        return [Part("syn-ack-alone", facts)]
    facts["ack"] = c.shown(peer_of(s.who), s.ack)
    if s.ack != theirs.seq + 1:
        return [Part("syn-ack-data", facts)]
    facts["isn"] = c.shown(peer_of(s.who), theirs.seq)
    return [Part("syn-ack", facts)]


def _once_more(c: Conversation, s: Segment, before: Segment) -> list[Part]:
    """Tell a SYN that was sent before; every repeat of one SYN is told at the first of them."""
    if before.flags & ACK != s.flags & ACK:
        ack = c.shown(peer_of(s.who), s.ack)
        return [part("syn-ack-crossed", frame=s.number, who=s.who, ack=ack)] if s.ack else []
    earlier = c.segments[before.earlier] if before.earlier is not None else None
    if earlier is not None and earlier.flags & SYN and earlier.flags & ACK == s.flags & ACK:
        return []
    repeats = [t for t in c.ending(s.who, s.end) if t.index >= s.index and t.flags & SYN]
    same = [before, *(t for t in repeats if t.flags & ACK == s.flags & ACK)]
    answered = any(i > before.index for i in c.old)
    return [
        part(
            "syn-ack-again" if s.flags & ACK else "syn-again-old" if answered else "syn-again",
            who=s.who,
            times=len(same) - 1,
            frames=tuple(t.number for t in same[1:]),
            gaps=tuple(b.at - a.at for a, b in pairwise(same)),
        )
    ]


def handshake_ack(c: Conversation, s: Segment) -> list[Part]:
    """Tell the segment that completes the handshake."""
    facts: Facts = {"who": s.who, "frame": s.number, "ack": c.shown(peer_of(s.who), s.ack)}
    if c.rejected:
        return [Part("handshake-ack-rejected", facts | {"peer": peer_of(s.who)})]
    first = c.segments[0]
    if not first.flags & SYN or first.flags & ACK:
        return [Part("handshake-ack-bare", facts)]
    return [Part("handshake-ack", facts | {"rtt_s": s.at - first.at})]


def _established(c: Conversation, s: Segment) -> bool:
    """Tell whether the handshake was over before segment `s`."""
    if s.index == 0:
        return False
    before = c.segments[s.index - 1]
    opening = {"CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED"}
    return not {before.client_state, before.server_state} & opening
