"""Is what remains of a connection whole in itself? Then no reader of packets can see that something is missing."""

from __future__ import annotations

from .frames import ACK, FIN, RST, SYN, Frames, Header, header

WRAP = 1 << 32


def whole(frames: Frames, client: tuple[str, int]) -> bool:
    """Say whether the frames hold the handshake and every number that either end acked or passed over, FINs included, and
    what each RST without ACK answers. Looks at the frames alone, in its own dumb way."""
    heads = [head for _, octets in frames if (head := header(octets)) is not None]
    ours = [head for head in heads if head.src == client]
    theirs = [head for head in heads if head.src != client]
    if not _opened(ours, theirs):
        return False
    return _complete(ours, theirs) and _complete(theirs, ours)


def _opened(ours: list[Header], theirs: list[Header]) -> bool:
    syn = any(one.flags & SYN for one in ours)
    answers = [one for one in theirs if one.flags & SYN]
    return syn and any(
        one.flags & ACK and (one.ack - answer.seq - 1) % WRAP < WRAP // 2
        for answer in answers
        for one in ours
    )


def _complete(sent: list[Header], other: list[Header]) -> bool:
    """All that one end sent is there, up to the highest number that is known of it."""
    base = next(one.seq for one in sent if one.flags & SYN)
    have: set[tuple[int, int]] = set()
    known = 0
    for one in sent:
        start = (one.seq - base) % WRAP
        if one.flags & RST:
            continue
        end = start + one.payload + bool(one.flags & SYN) + bool(one.flags & FIN)
        have.add((start, end))
        known = max(known, start)
    acked = [(one.ack - base) % WRAP for one in other if one.flags & ACK]
    acks = {one.ack for one in other if one.flags & ACK}
    if any(one.flags & RST and not one.flags & ACK and one.seq not in acks for one in sent):
        return False
    reach = 0
    for start, end in sorted(have):
        if start > reach:
            break
        reach = max(reach, end)
    return reach >= max(known, *acked, 0)
