"""Sending: data and FIN as windows and Nagle's algorithm permit, ACKs, RSTs, and what goes again."""

from dataclasses import replace

from finwait.endpoint.connection import Connection, Sent
from finwait.endpoint.negotiate import sack_blocks, segment_options, syn_ack_options, syn_options
from finwait.endpoint.profile import Checks
from finwait.endpoint.rules import Rule
from finwait.endpoint.window import offer
from finwait.endpoint.work import Work
from finwait.tcp import Flags, Options, Segment, Seq, State

SENDING = frozenset(
    {State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK}
)
"""States in which queued data or a FIN may go out."""
BURST_MAX = 64
"""Segments: more never fit in 64 KiB (Linux GSO_LEGACY_MAX_SIZE)."""
FIN_OUT = frozenset({State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK})


def emit(
    w: Work, seq: Seq, flags: Flags, payload: bytes = b"", options: Options | None = None
) -> None:
    """Send one segment with the present ACK and window."""
    c = w.c
    window = offer(c) if flags & Flags.ACK and not flags & Flags.SYN else c.rcv_wnd
    if flags & Flags.SYN:
        c.rcv_wup = c.rcv_nxt
    if options is None:
        options = segment_options(c, w.now)
    if c.ecn_echo and flags & Flags.ACK and not flags & Flags.SYN:
        flags |= Flags.ECE
    urgent = 0
    if c.urgent is not None and c.urgent.after(seq) and not flags & (Flags.SYN | Flags.RST):
        flags |= Flags.URG
        urgent = min(c.urgent - seq, 0xFFFF)
    ack = c.rcv_nxt if flags & Flags.ACK else Seq(0)
    w.out.append(Segment(seq, ack, flags, min(window, 0xFFFF), payload, urgent, options))
    c.segments_out += 1
    if flags & Flags.ACK:
        acknowledged(c)


def acknowledged(c: Connection) -> None:
    """An ACK has gone out: nothing is owed any more."""
    c.ack_at = None
    c.ack_now = False
    c.to_ack = 0
    c.duplicate = None
    if c.quick:
        c.quick -= 1
        if not c.quick:
            c.ato = c.profile.delayed_ack_min  # Linux tcp_dec_quickack_mode


def quicken(c: Connection) -> None:
    """The peer repeats itself, so ACKs were lost or late: the next ones go at once (Linux tcp_enter_quickack_mode)."""
    if c.profile.quick_acks:
        c.quick = max(c.quick, c.profile.quick_acks)
        c.ato = c.profile.delayed_ack_min
    c.interactive = False


def send_ack(w: Work) -> None:
    """Send a bare ACK, or in FreeBSD's way one with our FIN while that is not acknowledged."""
    c = w.c
    if c.profile.ack_repeats_fin and c.state in FIN_OUT and c.fin_seq is not None:
        w.fire(Rule.ACK_REPEATS_FIN)
        emit(w, c.fin_seq, Flags.FIN | Flags.ACK)
        return
    emit(w, own_number(c), Flags.ACK)


def send_challenge(w: Work) -> None:
    """Send an ACK with the present numbers (RFC 5961): the same everywhere, never with a FIN."""
    emit(w, own_number(w.c), Flags.ACK)


def own_number(c: Connection) -> Seq:
    """SEG.SEQ of a segment that takes no number: SND.NXT, or the end of a window that shrank (Linux tcp_acceptable_seq)."""
    end = c.snd_una + c.snd_wnd
    beyond = c.snd_nxt - end
    if not c.profile.acks_in_window or beyond <= 0 or (c.scaling and beyond < 1 << c.rcv_wscale):
        return c.snd_nxt
    return end


def send_reset(w: Work) -> None:
    """Send the RST of a living connection: with ACK, at SND.NXT."""
    c = w.c
    window = 0 if c.profile.reset_window_zero else offer(c)
    options = Options() if c.profile.reset_window_zero else segment_options(c, w.now)
    w.out.append(
        Segment(
            own_number(c),
            c.rcv_nxt,
            Flags.RST | Flags.ACK,
            window,
            b"",
            0,
            options if c.profile.arrival_checks is Checks.LINUX else replace(options, sack=()),
        )
    )
    c.segments_out += 1


def reset_for(segment: Segment) -> Segment | None:
    """The RST that answers a segment without a connection (3.10.7.1); None to a RST."""
    if segment.has(Flags.RST):
        return None
    if segment.has(Flags.ACK):
        return Segment(segment.ack, flags=Flags.RST)
    return Segment(Seq(0), segment.end, Flags.RST | Flags.ACK)


def refuse(w: Work, segment: Segment) -> None:
    """Answer a segment with a RST, if it may be answered so."""
    answer = reset_for(segment)
    if answer is not None:
        w.fire(Rule.RESET_REPLY)
        w.out.append(answer)
        w.c.segments_out += 1


# --- data ---


def flush(w: Work, *, force: bool = False, push: bool = False, hold: bool = False) -> bool:
    """Send what may be sent now; says whether anything went.

    `force` sends one segment that would be held back, with PSH if `push`; `hold` keeps a small one (MSG_MORE).
    """
    c = w.c
    may = c.state in SENDING or (c.state is State.SYN_RECEIVED and c.fast_open_child)
    if not may or c.fin_seq is not None or c.device_full:
        return False
    went = False
    first = len(c.queue)
    idle = c.profile.nagle_runs and not c.queue
    while c.unsent or c.write_shut:
        room = c.snd_una + c.snd_wnd - c.snd_nxt
        size = _next_size(w, room, force=force, hold=hold, idle=idle)
        if size is None:
            break
        fin = c.write_shut and size == len(c.unsent)
        _send_new(w, size, fin=fin, push=push)
        went, force, push = True, False, False
        if fin:
            break
    if c.profile.burst_segments:
        _push_bursts(w, len(c.queue) - first)
    if went and c.retransmit_at is None:
        arm_retransmission(w)
    elif went and tail_probe_wanted(c):
        # new data is probed for even while a timeout runs (Linux tcp_write_xmit)
        c.probe_at, c.retransmit_at = w.now + _probe_timeout(c), None
        over = c.queue[0].sent_at + timeout(c)
        if over > w.now:
            c.probe_at = min(c.probe_at, over)
    return went


def _push_bursts(w: Work, count: int) -> None:
    """Of what goes to the device in one piece, the last segment carries PSH (Linux __tcp_transmit_skb)."""
    c = w.c
    size = min(_burst(c), max(c.cwnd // 2, 1))  # Linux tcp_cwnd_test: two pieces in flight at least
    for place in range(count):
        ends_piece = (place + 1) % size == 0 or (place + 1 == count and count % size > 1)
        back = place - count
        if ends_piece and size > 1 and w.out[back].payload:
            w.out[back] = replace(w.out[back], flags=w.out[back].flags | Flags.PSH)
            sent = replace(c.queue[back], push=True)
            c.queue = (*c.queue[: len(c.queue) + back], sent, *c.queue[len(c.queue) + back + 1 :])


def _burst(c: Connection) -> int:
    """Segments in one piece: what goes in a millisecond at the rate of pacing (Linux tcp_tso_autosize, tcp_update_pacing_rate)."""
    if not c.srtt:
        return BURST_MAX
    percent = 200 if c.cwnd < c.ssthresh // 2 else 120
    paced = c.cwnd * percent * 1_000_000 // (100 * 1024 * c.srtt)
    return min(max(paced, c.profile.burst_segments), BURST_MAX)


def _next_size(  # noqa: PLR0911 - one a reason
    w: Work, room: int, *, force: bool, hold: bool, idle: bool
) -> int | None:
    """Octets of the next segment, None if none may go now."""
    c = w.c
    whole = len(c.unsent)
    mss = current_mss(c)
    size = min(whole, mss)
    for record in c.records:
        if record.after(c.snd_nxt):
            size = min(size, record - c.snd_nxt)
            break
    if in_flight(c) >= c.cwnd + _limited(c):
        return None
    fin = int(c.profile.fin_needs_window and c.write_shut and size == whole)
    if whole == 0:
        return 0 if room >= fin else None
    if size + fin > room:
        if room <= 0:
            w.fire(Rule.ZERO_WINDOW)
            return None
        # the sender's part of avoiding silly windows (3.8.6.2.1): half the largest window will do
        if not force and (c.profile.window_slow_start or room < c.max_window // 2):
            return None
        return min(room, size)
    if size < mss and not force and not _may_be_small(w, size, whole, hold=hold, idle=idle):
        return None
    return size


def current_mss(c: Connection) -> int:
    """Payload of a full segment now: SACK blocks that have to be told take room from it (Linux tcp_current_mss)."""
    blocks = len(sack_blocks(c))
    return c.mss - (4 + 8 * blocks) if blocks else c.mss


def _limited(c: Connection) -> int:
    """Segments above the window that limited transmit permits (RFC 3042)."""
    return min(c.duplicates, 2) if c.profile.limited_transmit and c.recover is None else 0


def _may_be_small(  # noqa: PLR0911 - one a reason
    w: Work, size: int, whole: int, *, hold: bool, idle: bool
) -> bool:
    """Nagle's algorithm (3.7.4) and its relatives."""
    c = w.c
    if c.write_shut and size == whole:
        return True
    if c.records:
        return True
    if c.urgent is not None and c.urgent.after(c.snd_nxt):
        return True
    if c.settings.cork or hold:
        w.fire(Rule.CORKED)
        return False
    if c.settings.no_delay or idle or not any(sent.data for sent in c.queue):
        return True
    if c.profile.nagle_minshall and not c.small_end.after(c.snd_una):
        return True
    w.fire(Rule.NAGLE)
    return False


def in_flight(c: Connection) -> int:
    """Segments taken to be in the network (RFC 6675 section 4, `pipe`)."""
    return sum(1 for sent in c.queue if not sent.sacked and not sent.lost)


def _send_new(w: Work, size: int, *, fin: bool, push: bool = False) -> None:
    """Send `size` octets for the first time, with the FIN if it is its turn."""
    c = w.c
    data, c.unsent = c.unsent[:size], c.unsent[size:]
    marked = c.pushed >= size or not c.profile.burst_segments
    c.pushed = max(c.pushed - size, 0)
    seq = c.snd_nxt
    ends_record = seq + size in c.records
    if c.records:
        c.records = tuple(record for record in c.records if record.after(seq + size))
    push = bool(data) and ((marked and (not c.unsent or ends_record)) or push)
    sent = Sent(seq, data, syn=False, fin=fin, push=push, sent_at=w.now)
    if 0 < size < current_mss(c):
        c.small_end = seq + size
    idle = not c.queue
    c.queue = (*c.queue, sent)
    c.snd_nxt = sent.end
    if fin:
        c.fin_seq = seq + size
        w.fire(Rule.SEND_FIN)
    if data:
        w.fire(Rule.SEND_DATA)
        _note_sending(w)
    if idle:
        c.retransmit_at = None  # armed afresh below
    emit(w, seq, _flags(sent), data)


def send_fin(w: Work) -> None:
    """Send the bare FIN at once, whatever the windows (CLOSE in SYN-RECEIVED)."""
    _send_new(w, 0, fin=True)
    arm_retransmission(w)


def _note_sending(w: Work) -> None:
    """Data that answers data soon makes a conversation: ACKs may wait for it (Linux tcp_event_data_sent)."""
    c = w.c
    if c.connected and w.now - c.received_at < c.ato:
        c.interactive = True
    c.sent_at = w.now


def _flags(sent: Sent) -> Flags:
    flags = Flags.ACK
    if sent.push:
        flags |= Flags.PSH
    if sent.fin:
        flags |= Flags.FIN
    return flags


# --- once more ---


def send_again(w: Work, index: int) -> None:
    """Send a segment of the queue once more, with what follows it if that fits (3.8.1)."""
    c = w.c
    sent = c.queue[index]
    if not sent.syn:
        sent = _join(c, index)
    sent = replace(sent, sent_at=w.now, times=sent.times + 1, lost=False)
    c.queue = (*c.queue[:index], sent, *c.queue[index + 1 :])
    c.total_retransmits += 1
    if sent.syn:
        send_syn(w, sent)
    else:
        emit(w, sent.seq, _flags(sent), sent.data)


def _join(c: Connection, index: int) -> Sent:
    """Merge a segment with the next ones while they fit (Linux tcp_retrans_try_collapse); MSS changes split it."""
    sent = c.queue[index]
    if len(sent.data) > c.mss:
        head = replace(sent, data=sent.data[: c.mss], fin=False, push=False)
        tail = replace(sent, seq=head.end, data=sent.data[c.mss :])
        c.queue = (*c.queue[:index], head, tail, *c.queue[index + 1 :])
        return head
    after = index + 1
    while after < len(c.queue) and not sent.fin:
        extra = c.queue[after]
        if extra.sacked or len(sent.data) + len(extra.data) > c.mss:
            break
        sent = replace(
            sent, data=sent.data + extra.data, fin=extra.fin, push=sent.push or extra.push
        )
        after += 1
    c.queue = (*c.queue[:index], sent, *c.queue[after:])
    return sent


def send_syn(w: Work, sent: Sent) -> None:
    """Send our SYN or SYN,ACK."""
    c = w.c
    if c.state is State.SYN_RECEIVED:
        flags = Flags.SYN | Flags.ACK
        if c.ecn and sent.times <= 1 + c.profile.ecn_retries:
            flags |= Flags.ECE
        emit(w, sent.seq, flags, b"", syn_ack_options(c, w.now))
        return
    drop_after = c.profile.syn_drop_options_after
    bare = bool(drop_after) and sent.times > drop_after
    flags = Flags.SYN
    if c.profile.ecn == 1 and sent.times <= 1 + c.profile.ecn_retries:
        flags |= Flags.ECE | Flags.CWR
    if sent.times > 1:
        c.fast_open = None
    emit(
        w, sent.seq, flags, sent.data if sent.times == 1 else b"", syn_options(c, w.now, bare=bare)
    )


# --- the timer that watches over it ---


def arm_retransmission(w: Work, *, since: int | None = None) -> None:
    """Start the retransmission timer afresh (RFC 6298 section 5.1, 5.3), or the tail loss probe in its stead."""
    c = w.c
    c.probe_at = None
    if not c.queue:
        c.retransmit_at = None
        return
    base = w.now if since is None else since
    c.retransmit_at = max(base + timeout(c), w.now)
    if tail_probe_wanted(c):
        # never later than the timeout, which begins anew after the probe (Linux tcp_schedule_loss_probe)
        c.probe_at = min(w.now + _probe_timeout(c), c.retransmit_at)
        c.retransmit_at = None


def timeout(c: Connection) -> int:
    """RTO with what a system adds to all but the very first (FreeBSD TCPT_RANGESET, rexmit_slop)."""
    return c.rto if c.srtt is None and not c.retries else c.rto + c.profile.rto_slop


def tail_probe_wanted(c: Connection) -> bool:
    """Say whether a tail loss probe may be scheduled (RFC 8985 section 7.2)."""
    return (
        c.profile.tail_loss_probe
        and c.sack
        and c.recover is None
        and c.state in SENDING
        and not any(sent.sacked for sent in c.queue)
    )


def _probe_timeout(c: Connection) -> int:
    """PTO (Linux tcp_schedule_loss_probe): two round trips, and a delayed ACK for a lone segment."""
    if c.srtt is None:
        return c.profile.rto_initial
    return 2 * c.srtt + (c.profile.rto_min if len(c.queue) == 1 else 2000)
