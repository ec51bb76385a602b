"""How the connection opened: SYN, SYN-ACK, ACK, and what stands for them."""

from finwait.explain.conversation import ACK, SYN, Conversation, Segment, peer_of
from finwait.explain.item import Facts, Item, Part, part


def prologue(c: Conversation) -> list[Item]:
    """Say how the client was told when no SYN or SYN-ACK was captured."""
    row = c.row
    if row.client_by not in ("port", "first") or not c.segments:
        return []
    parts = [part(f"midstream-{row.client_by}", who="client")]
    if not c.absolute:
        parts.append(part("written-as-1"))
    return [Item((), tuple(parts))]


def syn(c: Conversation, s: Segment) -> list[Part]:
    """Tell a SYN or SYN-ACK."""
    same = [t for t in c.of(s.who) if t.flags & SYN and t.end == s.end and t.index < s.index]
    if any(t.flags & ACK == s.flags & ACK for t in same):
        return _again(c, s)
    if s.flags & ACK and same:
        ack = c.shown(peer_of(s.who), s.ack)
        return [part("syn-ack-crossed", frame=s.number, who=s.who, ack=ack)]
    if s.flags & ACK:
        return _syn_ack(c, s)
    raw = s.step.seq
    if _established(c, s):
        return [part("syn-inside", frame=s.number, who=s.who)]
    theirs = [t for t in c.of(peer_of(s.who)) if t.flags & SYN and t.index < s.index]
    if theirs:
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
    syns = [t for t in c.of(peer_of(s.who)) if t.flags & SYN and t.index < s.index]
    if not syns:
        return [Part("syn-ack-alone", facts)]
    facts["ack"] = c.shown(peer_of(s.who), s.ack)
    if s.ack != syns[0].seq + 1:
        return [Part("syn-ack-data", facts)]
    facts["isn"] = c.shown(peer_of(s.who), syns[0].seq)
    return [Part("syn-ack", facts)]


def _again(c: Conversation, s: Segment) -> list[Part]:
    """Tell every repeat of one SYN at the first of them."""
    same = [
        t
        for t in c.of(s.who)
        if t.flags & SYN and t.end == s.end and t.flags & ACK == s.flags & ACK
    ]
    repeats = same[1:]
    if s is not repeats[0]:
        return []
    return [
        part(
            "syn-ack-again" if s.flags & ACK else "syn-again",
            who=s.who,
            times=len(repeats),
            frames=tuple(t.number for t in repeats),
            gaps=tuple(b.at - a.at for a, b in zip(same, repeats, strict=False)),
        )
    ]


def handshake_ack(c: Conversation, s: Segment) -> list[Part]:
    """Tell the segment that completes the handshake."""
    facts: Facts = {"who": s.who, "frame": s.number, "ack": c.shown(peer_of(s.who), s.ack)}
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
