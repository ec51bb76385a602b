"""What happened to the payload between opening and closing: first words, repeats, holes, windows."""

from itertools import pairwise

from finwait.explain.conversation import ACK, RST, Conversation, Segment
from finwait.explain.item import Facts, Part, part
from finwait.verdict.verdict import peer_of

GROWTH = 1.5
"""How much longer a wait is than the one before when a timer backs off (RFC 6298 5.5 doubles it)."""


def first_words(c: Conversation, s: Segment) -> list[Part]:
    """Tell the first payload of the connection, and the first of the other end."""
    spoke = c.first_words
    first, last = c.shown(s.who, s.end - s.payload - _fin(s)), c.shown(s.who, s.end - 1 - _fin(s))
    if s is min(spoke.values(), key=lambda t: t.index):
        return [
            part(
                "first-data",
                who=s.who,
                frame=s.number,
                payload_bytes=s.payload,
                first=first,
                last=last,
                next=c.shown(s.who, s.end - _fin(s)),
            )
        ]
    if s is spoke.get(s.who):
        return [part("answer-data", who=s.who, frame=s.number, first=first)]
    return []


def one_way(c: Conversation) -> list[Part]:
    """Tell the payload of the one end that was captured, and what its acks prove of the other's."""
    who = c.segments[0].who
    peer = peer_of(who)
    sent = c.row.client_bytes if who == "client" else c.row.server_bytes
    parts = [part("payload-one-way", who=who, payload_bytes=sent)]
    acked = max((s.ack for s in c.of(who)), default=0) - 1  # its SYN, or the first number known
    if acked > 0:
        return [*parts, part("payload-by-acks", who=who, peer=peer, payload_bytes=acked)]
    return [*parts, part("payload-unseen", peer=peer)]


def again(c: Conversation, s: Segment) -> list[Part]:
    """Tell a repeat of payload; all repeats of the same bytes are told at the first of them."""
    if s.earlier is None:
        return []
    before = c.segments[s.earlier]
    first, last = c.shown(s.who, s.seq), c.shown(s.who, s.end - 1)
    if before.end != s.end:
        return [part("again-cut", who=s.who, frame=s.number, first=first, last=last)]
    if before.earlier is not None:  # told with the first repeat
        return []
    repeats = _chain(c, s)
    facts: Facts = {"who": s.who, "first": first, "last": last, "need": c.shown(s.who, s.end)}
    acked = c.segments[before.acked_by] if before.acked_by is not None else None
    if acked is not None and acked.index < s.index:
        gap = s.at - before.at
        return [
            Part("again-acked", facts | {"frame": s.number, "after_s": gap, "by": acked.number})
        ]
    if len(repeats) == 1:
        parts = [Part("again", facts | {"frame": s.number, "after_s": s.at - before.at})]
    else:
        gaps = tuple(b.at - a.at for a, b in zip([before, *repeats], repeats, strict=False))
        frames = tuple(r.number for r in repeats)
        count: Facts = {"times": len(repeats), "frames": frames, "gaps": gaps}
        parts = [Part("again-many", {**facts, **count}), *backing_off(gaps)]
    if acked is not None:
        ack = c.shown(s.who, acked.ack)
        parts.append(part("again-arrived", frame=acked.number, ack=ack))
    return parts


def after_close(c: Conversation, s: Segment) -> list[Part]:
    """Tell payload after the end: new, or bytes that had been acked long before, and how TIME-WAIT answers it."""
    before = c.segments[s.earlier] if s.earlier is not None else None
    acked = before.acked_by if before is not None and before.end == s.end else None
    if before is None or acked is None or acked > s.index:
        return [part("after-close", who=s.who, payload_bytes=s.payload, frame=s.number)]
    facts: Facts = {"who": s.who, "frame": s.number, "before": before.number}
    facts |= {"first": c.shown(s.who, s.seq), "last": c.shown(s.who, s.end - 1)}
    parts = [Part("after-close-again", facts | {"after_s": s.at - before.at})]
    answer = next((t for t in c.segments[s.index + 1 :] if not t.copy), None)
    if (
        answer is not None
        and answer.who != s.who
        and answer.flags == ACK
        and not answer.payload
        and answer.state(answer.who) == "TIME-WAIT"
    ):
        numbers: Facts = {
            "seq": c.shown(answer.who, answer.seq),
            "ack": c.shown(s.who, answer.ack),
        }
        parts.append(part("after-close-answered", who=answer.who, frame=answer.number, **numbers))
    return parts


def backing_off(gaps: tuple[float, ...]) -> list[Part]:
    """Say that the waits double, if they do; the first is often a probe of another timer (RFC 8985)."""
    doubling = [late >= GROWTH * early for early, late in pairwise(gaps)]
    if doubling and all(doubling):
        return [part("waits-grow")]
    if doubling[1:] and all(doubling[1:]):
        return [part("waits-grow-after-probe")]
    return []


def _chain(c: Conversation, s: Segment) -> list[Segment]:
    return [t for t in c.ending(s.who, s.end) if t.index >= s.index and t.payload]


def unusual(c: Conversation, s: Segment) -> list[Part]:
    """Tell what the core's labels say of one segment beyond plain data and acks."""
    parts: list[Part] = []
    who, frame = s.who, s.number
    if "gap" in s.labels:
        need = s.next_before
        if need is not None and need < s.seq:
            facts: Facts = {"first": c.shown(who, s.seq), "need": c.shown(who, need)}
            parts.append(part("gap", frame=frame, who=who, **facts))
    if "out-of-order" in s.labels:
        span: Facts = {"first": c.shown(who, s.seq), "last": c.shown(who, s.end - 1)}
        parts.append(part("out-of-order", frame=frame, **span))
    if "acks-unseen" in s.labels:
        parts.append(part("acks-unseen", frame=frame, ack=c.shown(peer_of(who), s.ack)))
    if "keep-alive" in s.labels:
        parts.extend(_keep_alive(c, s))
    if "zero-window" in s.labels and s.shut is None:
        parts.append(part("zero-window", frame=frame, who=who))
    if "window-probe" in s.labels:
        parts.append(part("window-probe", frame=frame, who=who))
    if s.window and s.shut is not None:
        parts.append(part("window-open", frame=frame, after_s=s.at - s.shut))
    return parts


def _keep_alive(c: Conversation, s: Segment) -> list[Part]:
    """Tell keep-alive probes: answered ones one by one, unanswered ones together."""
    before = _before(c, s)
    if before is not None and "keep-alive" in before.labels:
        return []  # told with the first of the run
    probes, answer = [s], None
    for index in range(s.index + 1, len(c.segments)):
        t = c.segments[index]
        if t.who == s.who and "keep-alive" in t.labels:
            probes.append(t)
        elif t.who != s.who and not t.copy:
            answer = t
            break
        elif not t.copy:
            break
    seq = c.shown(s.who, s.seq)
    if len(probes) == 1:
        parts = [part("keep-alive", frame=s.number, who=s.who, seq=seq)]
    else:
        frames = tuple(p.number for p in probes)
        parts = [part("keep-alive-many", who=s.who, times=len(probes), frames=frames, seq=seq)]
    if answer is not None and "keep-alive-ack" in answer.labels:
        ack = c.shown(s.who, answer.ack)
        parts.append(part("keep-alive-answered", frame=answer.number, who=answer.who, ack=ack))
    elif answer is None or answer.flags & RST:
        parts.append(part("keep-alive-silent"))
    return parts


def _before(c: Conversation, s: Segment) -> Segment | None:
    """Give the segment of either end before `s`, copies left out."""
    index = s.index - 1
    while index >= 0 and c.segments[index].copy:
        index -= 1
    return c.segments[index] if index >= 0 else None


def _fin(s: Segment) -> int:
    return s.flags & 1
