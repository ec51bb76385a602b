"""Receiving data: in order, out of order, twice; the peer's FIN; and when it is acknowledged."""

from finwait.endpoint.calls import Happening
from finwait.endpoint.closing import enter_time_wait
from finwait.endpoint.connection import Connection, Held, Piece
from finwait.endpoint.early import extend_duplicate, forget_blocks, keep
from finwait.endpoint.negotiate import own_mss
from finwait.endpoint.profile import Checks
from finwait.endpoint.rules import Rule
from finwait.endpoint.transmit import quicken, send_ack
from finwait.endpoint.window import grow, keeps_its_size, measure, memory_of, remaining, room_behind
from finwait.endpoint.work import Work
from finwait.tcp import Event, Flags, Segment, Seq, State

JIFFY = 1000
"""The kernel's timers go off at the next tick, not at once."""
GROWS = 128
"""Octets of a segment in order that opens the window further (Linux tcp_event_data_recv); out of order, any does."""
TAKES_DATA = frozenset({State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2})
"""3.10.7.4, seventh: elsewhere segment text should not occur and is ignored."""


def take_data(w: Work, segment: Segment, *, limit: int | None = None) -> None:
    """Take the text and the FIN of a segment whose number is acceptable. `limit`: octets beyond RCV.NXT that are taken."""
    c = w.c
    fin = segment.has(Flags.FIN)
    start = segment.seq + segment.has(Flags.SYN)
    data = segment.payload
    if not data and not fin:
        return
    space = memory_of(c, len(data)), room_behind(c, len(data))
    end = start + len(data)
    linux = c.profile.arrival_checks is Checks.LINUX
    if (end + fin).at_or_before(c.rcv_nxt):
        _report_duplicate(w, start, end + fin if linux else end)  # Linux counts the FIN, too
        return
    if start.before(c.rcv_nxt):
        if (data or linux) and c.profile.duplicate_sack and c.sack:
            c.duplicate = (start, c.rcv_nxt)
            # The next segment would clear the report, so FreeBSD does not wait (tcp_do_segment, todrop).
            c.ack_now = c.ack_now or c.profile.arrival_checks is Checks.FREEBSD
        data = data[c.rcv_nxt - start :]
        start = c.rcv_nxt
    if limit is not None and len(data) > limit:
        data, fin = data[:limit], False
    if not linux:
        _report_overlap(c, start, start + len(data))
    if start == c.rcv_nxt:
        _in_order(w, Piece(start, data, fin, *space), len(segment.payload))
    else:
        _out_of_order(w, Piece(start, data, fin, *space))


def _report_duplicate(w: Work, start: Seq, end: Seq) -> None:
    """All of it is old: say so at once (RFC 2883 section 4.1)."""
    c = w.c
    w.fire(Rule.OLD_DATA)
    if c.profile.duplicate_sack and c.sack and end != start:
        c.duplicate = (start, end)
    quicken(c)
    c.ack_now = True


def _report_overlap(c: Connection, start: Seq, end: Seq) -> None:
    """Part of it waits here already: report the first such part (RFC 2883 section 4.1; Linux tcp_dsack_extend)."""
    if c.duplicate is not None or not (c.profile.duplicate_sack and c.sack):
        return
    found: tuple[Seq, Seq] | None = None
    for piece in c.pieces:
        left = piece.seq if piece.seq.after(start) else start
        right = piece.data_end if piece.data_end.before(end) else end
        if not left.before(right):
            continue
        if found is not None and found[1] != left:
            break
        found = (found[0] if found else left, right)
    c.duplicate = found


def _in_order(w: Work, first: Piece, whole: int) -> None:
    """The next octets, of a segment with `whole` of them, and what was kept that follows."""
    c = w.c
    data, fin = first.data, first.fin
    # its own FIN ends everything: what waited is thrown away
    had_pieces = bool(c.pieces) and not fin
    linux = c.profile.arrival_checks is Checks.LINUX
    if data:
        w.fire(Rule.RECEIVE_DATA)
        _deliver(w, data, first)
    if whole:
        _note_arrival(w, whole)
    known = c.rcv_nxt
    while not fin and c.pieces and c.pieces[0].seq.at_or_before(c.rcv_nxt):
        piece, c.pieces = c.pieces[0], c.pieces[1:]
        if linux and piece.seq.before(known):  # tcp_ofo_queue
            extend_duplicate(c, piece.seq, piece.end if piece.end.before(known) else known)
        if piece.end.after(c.rcv_nxt):
            w.fire(Rule.REASSEMBLE)
            _deliver(w, piece.data[c.rcv_nxt - piece.seq :], piece)
            fin = piece.fin
    if had_pieces:
        c.ack_now = True  # a gap was filled, in part or whole (RFC 5681 section 4.2)
    if fin:
        take_fin(w)
    forget_blocks(c)


def release(w: Work) -> None:
    """Deliver the text that came with a SYN (3.10.7.3, fourth)."""
    c = w.c
    if c.pieces and c.pieces[0].seq == c.rcv_nxt:
        _in_order(w, Piece(c.rcv_nxt, b"", fin=False), 0)
        c.ack_now = False
        c.to_ack += 1


def _deliver(w: Work, data: bytes, piece: Piece) -> None:
    c = w.c
    c.rcv_nxt += len(data)
    c.bytes_received += len(data)
    if not c.read_shut or not c.orphan:
        c.received += data
        last = c.held[-1] if c.held else Held(0, 0, -1)
        if (
            len(data) <= last.room
        ):  # moved to where room is, its own memory is free (Linux tcp_try_coalesce)
            more = Held(last.octets + len(data), last.memory, last.room - len(data))
            c.held = (*c.held[:-1], more)
        else:
            c.held = (*c.held, Held(len(data), piece.memory, piece.room))
    w.tell(Happening.READABLE)


def _note_arrival(w: Work, length: int) -> None:
    """Keep the books of the ACK clock (Linux tcp_event_data_recv, tcp_measure_rcv_mss)."""
    c = w.c
    advertised = own_mss(c)
    profile = c.profile
    measure(c, length, advertised)
    gap = w.now - c.received_at if c.received_at else None
    if c.ato == 0:
        c.ato = profile.delayed_ack_min
        c.quick = min(max(c.rcv_wnd // (2 * c.rcv_mss), 2), profile.quick_acks)
    elif gap is not None and profile.quick_acks:
        if gap <= profile.delayed_ack_min // 2:
            c.ato = c.ato // 2 + profile.delayed_ack_min // 2
        elif gap < c.ato:
            c.ato = min(c.ato // 2 + gap, c.rto)
        elif gap > c.rto:
            c.quick = max(c.quick, min(max(c.rcv_wnd // (2 * c.rcv_mss), 2), profile.quick_acks))
    c.received_at = w.now
    c.to_ack += 1
    if length >= GROWS:
        grow(c, length, advertised)


def _out_of_order(w: Work, piece: Piece) -> None:
    """Keep what comes too early, and tell the sender at once (RFC 5681 section 4.2)."""
    c = w.c
    w.fire(Rule.OUT_OF_ORDER)
    c.ack_now = True
    if c.profile.arrival_checks is Checks.LINUX:
        measure(c, len(piece.data), own_mss(c))
        keep(c, piece)
        if c.sack:
            grow(c, len(piece.data), own_mss(c))
        return
    c.sack_recent = (piece.seq, *c.sack_recent[:7])
    kept: list[Piece] = []
    for other in c.pieces:
        if other.end.at_or_before(piece.seq) or other.seq.at_or_after(piece.end):
            kept.append(other)
        elif other.seq.at_or_before(piece.seq) and other.end.at_or_after(piece.end):
            return
        elif piece.seq.at_or_before(other.seq) and piece.end.at_or_after(other.end):
            continue  # the new one covers it
        elif other.seq.before(piece.seq):
            kept.append(Piece(other.seq, other.data[: piece.seq - other.seq], fin=False))
        else:
            piece = Piece(piece.seq, piece.data[: other.seq - piece.seq], fin=False)
            kept.append(other)
    kept.append(piece)
    base = c.rcv_nxt
    c.pieces = tuple(sorted(kept, key=lambda found: found.seq - base))


def take_fin(w: Work) -> None:
    """The peer's FIN, in its turn (3.10.7.4, eighth)."""
    c = w.c
    w.fire(Rule.RECEIVE_FIN)
    before = c.state
    c.peer_fin = c.rcv_nxt
    c.fin_unread = True
    c.rcv_nxt += 1
    w.tell(Happening.PEER_CLOSED)
    w.tell(Happening.READABLE)
    w.move(Event.RCV_FIN)
    if c.state is State.TIME_WAIT:
        send_ack(w)  # with what Linux still has to report
        enter_time_wait(w)
    elif before is not State.FIN_WAIT_1 and c.profile.fin_ack_delayed:
        c.interactive |= before is State.ESTABLISHED
        if c.ack_at is None and not c.ack_now:
            c.to_ack = max(c.to_ack, 1)
    elif before is State.FIN_WAIT_1 and not c.profile.ack_repeats_fin:
        send_ack(w)  # before anything else goes out (Linux tcp_fin)
    else:
        c.ack_now = True
    c.pieces = c.blocks = ()
    if c.profile.arrival_checks is Checks.LINUX:
        c.duplicate = None  # tcp_fin: tcp_sack_reset


# --- acknowledging ---


def acknowledge(w: Work) -> None:
    """Send the ACK that is due now, or let it wait (3.8.6.3; Linux __tcp_ack_snd_check)."""
    c = w.c
    if c.ack_now or (c.pieces and c.to_ack):
        send_ack(w)
        return
    if not c.to_ack:
        return
    profile = c.profile
    if profile.delayed_ack == 0:
        send_ack(w)
        return
    unacked = c.rcv_nxt - c.rcv_wup
    if profile.quick_acks:
        enough = unacked > c.rcv_mss and (not _unread(c) or keeps_its_size(c))
        at_once = enough or (c.quick > 0 and not c.interactive)
    else:
        at_once = c.to_ack >= 2 or unacked >= 2 * c.mss or remaining(c) == 0
    if at_once:
        send_ack(w)
        return
    delay_ack(w)


def _unread(c: Connection) -> bool:
    return bool(c.received) or c.fin_unread


def delay_ack(w: Work) -> None:
    """Start the timer of the delayed ACK, or let an earlier one stand."""
    c = w.c
    w.fire(Rule.DELAY_ACK)
    delay = min(ack_delay(c), c.profile.delayed_ack)
    if c.ack_at is not None and c.profile.quick_acks and c.ack_at <= w.now + max(delay // 4, JIFFY):
        send_ack(w)  # it is about to go anyway (Linux tcp_send_delayed_ack)
        return
    due = w.now + delay
    if c.ack_at is None or due < c.ack_at:
        c.ack_at = due


def ack_delay(c: Connection) -> int:
    """How long an ACK may wait (Linux tcp_send_delayed_ack)."""
    profile = c.profile
    if not profile.quick_acks:
        return profile.delayed_ack
    ato = c.ato
    if ato > profile.delayed_ack_min:
        longest = profile.delayed_ack if c.interactive else 500_000
        if c.srtt is not None:
            longest = min(longest, max(c.srtt, profile.delayed_ack_min))
        ato = min(ato, longest)
    return max(ato, JIFFY)
