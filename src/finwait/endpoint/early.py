"""Segments that come too early, as Linux keeps and reports them (RFC 2018, RFC 2883; tcp_data_queue_ofo, tcp_ofo_queue).

Linux keeps them whole, also where they overlap, and has its SACK blocks in a list of their own, which it
mends as segments come: so the order and the edges of the blocks are those of that list.
"""

from typing import Final

from finwait.endpoint.connection import Connection, Piece
from finwait.tcp import Seq

BLOCKS_MAX: Final = 4
"""Linux TCP_NUM_SACKS."""

Block = tuple[Seq, Seq]


def keep(c: Connection, piece: Piece) -> None:
    """Put a segment among those that wait (tcp_data_queue_ofo)."""
    before = [other for other in c.pieces if other.seq.at_or_before(piece.seq)]
    after = [other for other in c.pieces if other.seq.after(piece.seq)]
    for place, other in enumerate(before):
        if not piece.seq.before(other.end):
            continue
        if piece.end.at_or_before(other.end):
            _set_duplicate(c, piece.seq, piece.end)
            _add_block(c, (piece.seq, piece.end))
            return
        if piece.seq.after(other.seq):
            _set_duplicate(c, piece.seq, other.end)
        else:
            extend_duplicate(c, other.seq, other.end)
            del before[place]
            break
    while after and piece.end.after(after[0].seq):
        if piece.end.before(after[0].end):
            extend_duplicate(c, after[0].seq, piece.end)
            break
        covered = after.pop(0)
        extend_duplicate(c, covered.seq, covered.end)
    c.pieces = (*before, piece, *after)
    _add_block(c, (piece.seq, piece.end))


def forget_blocks(c: Connection) -> None:
    """Drop the blocks that RCV.NXT has reached (tcp_sack_remove)."""
    c.blocks = tuple(block for block in c.blocks if c.rcv_nxt.before(block[0])) if c.pieces else ()


def extend_duplicate(c: Connection, start: Seq, end: Seq) -> None:
    """Report octets that came twice, together with those known already if they touch (tcp_dsack_extend)."""
    if c.duplicate is None:
        _set_duplicate(c, start, end)
    elif (joined := _joined(c.duplicate, (start, end))) is not None:
        c.duplicate = joined


def _set_duplicate(c: Connection, start: Seq, end: Seq) -> None:
    if c.sack and c.profile.duplicate_sack:
        c.duplicate = (start, end)


def _joined(one: Block, other: Block) -> Block | None:
    """The two as one block if they touch (tcp_sack_extend)."""
    if other[0].after(one[1]) or one[0].after(other[1]):
        return None
    start = other[0] if other[0].before(one[0]) else one[0]
    return start, other[1] if other[1].after(one[1]) else one[1]


def _add_block(c: Connection, new: Block) -> None:
    """Extend a block, which becomes the first, or begin one (tcp_sack_new_ofo_skb, tcp_sack_maybe_coalesce)."""
    if not c.sack:
        return
    for place, block in enumerate(c.blocks):
        first = _joined(block, new)
        if first is None:
            continue
        rest: list[Block] = []
        for other in c.blocks[:place] + c.blocks[place + 1 :]:
            more = _joined(first, other)
            if more is None:
                rest.append(other)
            else:
                first = more
        c.blocks = (first, *rest)
        return
    c.blocks = (new, *c.blocks)[:BLOCKS_MAX]
