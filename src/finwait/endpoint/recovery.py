"""What an ACK takes off the queue, what it says of the round trip, and how loss is found and mended."""

from dataclasses import replace

from finwait.endpoint.connection import Connection, Sent
from finwait.endpoint.negotiate import clock
from finwait.endpoint.profile import Checks
from finwait.endpoint.rules import Rule
from finwait.endpoint.transmit import arm_retransmission, flush, in_flight, send_again
from finwait.endpoint.work import Work
from finwait.tcp import Segment, Seq
from finwait.tcp.seq import MODULUS

GRANULARITY = 1000
"""RFC 6298 section 2.4: G, the clock's; a millisecond as kernels have it."""


def take_ack(w: Work, segment: Segment, *, data_too: bool) -> bool:
    """Take an acceptable ACK: acknowledged segments leave the queue. Says whether it acknowledged anything new."""
    c = w.c
    ack = segment.ack
    newly = ack - c.snd_una
    sacked = _take_sack(c, segment.options.sack)
    if newly > 0:
        w.fire(Rule.ACK_NEW)
        _advance(w, ack, segment)
    elif ack == c.snd_una and not data_too:
        if c.queue:
            _duplicate(w, sacked=sacked)
        else:
            c.tail_probe_end = (
                None  # both the probe and what it repeated arrived (Linux tcp_process_tlp_ack)
            )
    if sacked and c.recover is None:
        _look_for_loss(w)
    return newly > 0


def _advance(w: Work, ack: Seq, segment: Segment) -> None:
    """Move SND.UNA, measure, grow the window, end recoveries."""
    c = w.c
    measured = _measure(w, ack, segment)
    newly = ack - c.snd_una
    gone, kept = _split(c.queue, ack)
    c.bytes_acked += newly
    c.delivered += sum(1 for sent in gone if not sent.sacked)
    was_limited = len(c.queue) >= c.cwnd or c.cwnd < c.ssthresh
    c.queue = kept
    c.snd_una = ack
    if c.urgent is not None and c.urgent.at_or_before(ack):
        c.urgent = None
    if c.fin_seq is not None and ack.after(c.fin_seq):
        c.fin_acked = True
    c.duplicates = 0
    c.retries = 0
    if not gone and c.profile.arrival_checks is Checks.LINUX:
        return  # part of one segment only: nothing is measured, no timer begins anew (tcp_clean_rtx_queue)
    c.first_retry_at = None
    if measured or c.profile.arrival_checks is not Checks.LINUX:
        c.backoff = 0
        set_rto(
            c
        )  # Linux keeps what the backoff made of it until it can measure again (tcp_ack_update_rtt)
    if c.tail_probe_end is not None and (
        ack.after(c.tail_probe_end) or (c.tail_probe_new and ack == c.tail_probe_end)
    ):
        c.tail_probe_end = None  # an ACK of no more than the repeat does not tell which arrived
    if c.recover is not None:
        _recovering(w, ack, gone)
    elif was_limited and gone:
        _grow(c, len(gone))
    c.probe_at = None
    arm_retransmission(w)


def _split(queue: tuple[Sent, ...], ack: Seq) -> tuple[list[Sent], tuple[Sent, ...]]:
    """Cut the queue at `ack`; a segment that is acknowledged in part loses its head."""
    gone: list[Sent] = []
    for number, sent in enumerate(queue):
        if sent.end.at_or_before(ack):
            gone.append(sent)
            continue
        if ack.after(sent.seq):
            octets = ack - sent.seq - sent.syn
            rest = replace(sent, seq=ack, syn=False, data=sent.data[octets:])
            return gone, (rest, *queue[number + 1 :])
        return gone, queue[number:]
    return gone, ()


def _measure(w: Work, ack: Seq, segment: Segment) -> bool:
    """Take a round trip sample: from a segment sent once (Karn), or from the timestamp (RFC 7323 section 4.1)."""
    c = w.c
    sample = None
    gone = [sent for sent in c.queue if sent.end.at_or_before(ack)]
    if not gone and c.profile.arrival_checks is Checks.LINUX:
        return False  # FLAG_ACKED asks for a whole segment
    if c.profile.arrival_checks is not Checks.LINUX or all(sent.times == 1 for sent in gone):
        once = [w.now - sent.sent_at for sent in gone if sent.times == 1 and not sent.sacked]
        # Linux takes that of the oldest, and none if any was sent again (tcp_clean_rtx_queue)
        place = 0 if c.profile.arrival_checks is Checks.LINUX else -1
        sample = once[place] if once else None
    stamps = segment.options.timestamps
    if sample is None and c.timestamps and stamps and stamps[1]:
        sample = ((clock(c, w.now) - stamps[1]) % MODULUS) * 1000
    if sample is None:
        return False
    note_round_trip(c, sample)
    return True


def note_round_trip(c: Connection, sample: int) -> None:
    """Update SRTT and RTTVAR (RFC 6298 section 2.2, 2.3)."""
    if c.srtt is None:
        c.srtt = max(sample, 1)
        c.rttvar = sample // 2
    else:
        c.rttvar += (abs(c.srtt - sample) - c.rttvar) // 4
        c.srtt += (sample - c.srtt) // 8
    set_rto(c)


def set_rto(c: Connection) -> None:
    """RTO from the estimates, without backoff (RFC 6298 section 2.3, 2.4; FreeBSD TCP_REXMTVAL; Linux __tcp_set_rto)."""
    profile = c.profile
    if c.srtt is None:
        c.rto = profile.rto_initial
        return
    variance = max(4 * c.rttvar, GRANULARITY)
    if profile.rto_min_is_variance:
        rto = c.srtt + max(variance, profile.rto_min)
    else:
        rto = max(c.srtt + variance, profile.rto_min)
    c.rto = min(rto, profile.rto_max)


def _grow(c: Connection, segments: int) -> None:
    """Slow start and congestion avoidance (RFC 5681 section 3.1)."""
    if c.cwnd < c.ssthresh:
        c.cwnd += segments
        return
    c.grown += segments
    if c.grown >= c.cwnd:
        c.grown -= c.cwnd
        c.cwnd += 1


# --- loss ---


def _take_sack(c: Connection, blocks: tuple[tuple[Seq, Seq], ...]) -> bool:
    """Mark what the peer holds (RFC 2018 section 5); says whether any of it is news."""
    if not c.sack or not blocks:
        return False
    news = False
    marked: list[Sent] = []
    for sent in c.queue:
        if not sent.sacked and any(
            left.at_or_before(sent.seq) and right.at_or_after(sent.end) for left, right in blocks
        ):
            marked.append(replace(sent, sacked=True, lost=False))
            c.delivered += 1
            news = True
        else:
            marked.append(sent)
    if news:
        c.queue = tuple(marked)
    return news


def _duplicate(w: Work, *, sacked: bool) -> None:
    """A duplicate ACK: after three of them the first segment is taken for lost (RFC 5681 section 3.2)."""
    c = w.c
    if c.sack and not sacked:
        return
    c.duplicates += 1
    c.tail_probe_end = None
    w.fire(Rule.DUPLICATE_ACK)
    if c.recover is None and not c.sack and c.duplicates >= c.profile.duplicate_acks:
        _enter(w)


def _look_for_loss(w: Work) -> None:
    """Find holes with enough SACKed segments above (RFC 6675 section 4, IsLost)."""
    c = w.c
    above = 0
    for sent in reversed(c.queue):
        if sent.sacked:
            above += 1
        elif above >= c.profile.duplicate_acks:
            _enter(w)
            return


def _mark_holes(c: Connection) -> None:
    """Take every hole with enough SACKed segments above it for lost, once."""
    above = 0
    marked: list[Sent] = []
    for sent in reversed(c.queue):
        if sent.sacked:
            above += 1
        elif above >= c.profile.duplicate_acks and sent.times == 1:
            marked.append(replace(sent, lost=True))
            continue
        marked.append(sent)
    c.queue = tuple(reversed(marked))


def _enter(w: Work) -> None:
    """Fast retransmit and fast recovery (RFC 6582 section 3.2, RFC 6675 section 5)."""
    c = w.c
    w.fire(Rule.FAST_RETRANSMIT)
    c.recover = c.snd_nxt
    c.in_loss = False
    c.ssthresh = max(c.cwnd // 2, 2)
    c.cwnd = c.ssthresh
    c.probe_at = None
    _mark_holes(c)
    if not any(sent.lost for sent in c.queue):
        c.queue = (replace(c.queue[0], lost=True), *c.queue[1:])
    mend(w, at_least=1)
    arm_retransmission(w)


def _recovering(w: Work, ack: Seq, gone: list[Sent]) -> None:
    """An ACK during recovery: the end of it, or the next hole (RFC 6582 section 3.2 step 3)."""
    c = w.c
    if c.in_loss and c.undo is not None and _was_spurious(c, gone):
        w.fire(Rule.SPURIOUS_TIMEOUT)
        c.cwnd, c.ssthresh = max(c.cwnd, c.undo[0]), c.undo[1]
        c.recover, c.in_loss, c.undo = None, False, None
        c.queue = tuple(replace(sent, lost=False) for sent in c.queue)
        return
    if c.recover is None or ack.at_or_after(c.recover):
        if c.in_loss:
            _grow(c, len(gone))
        c.recover = None
        c.in_loss = False
        if c.cwnd > c.ssthresh:
            c.cwnd = max(c.ssthresh, 1)
        return
    if c.in_loss:
        _grow(c, len(gone) or 1)
        if c.undo is not None and not c.snd_nxt.after(c.recover):
            # F-RTO, step 2b: new data shows whether the timeout was spurious (Linux tcp_process_loss)
            c.recover, may = c.snd_nxt, bool(c.unsent) and c.snd_wnd > c.snd_nxt - c.snd_una
            if may:
                flush(w)
                return
            c.undo = None
    elif c.queue and not c.sack:
        w.fire(Rule.PARTIAL_ACK)
        c.queue = (replace(c.queue[0], lost=True), *c.queue[1:])
    _mark_holes(c)
    mend(w, at_least=0 if c.in_loss or c.sack else 1)


def _was_spurious(c: Connection, gone: list[Sent]) -> bool:
    """F-RTO (RFC 5682 section 3.1): what was never sent again is acknowledged after a timeout, so it was not lost.

    Without SACK Linux cannot tell if any of it was sent again (tcp_clean_rtx_queue).
    """
    again = any(sent.times > 1 for sent in gone)
    return any(sent.times == 1 and not sent.sacked for sent in gone) and (c.sack or not again)


def mend(w: Work, *, at_least: int = 0) -> None:
    """Send lost segments again while the congestion window permits."""
    c = w.c
    index = 0
    while index < len(c.queue):
        if c.queue[index].lost:
            if at_least <= 0 and in_flight(c) >= c.cwnd:
                return
            w.fire(Rule.RETRANSMIT_LOST)
            send_again(w, index)
            at_least -= 1
        index += 1


def enter_loss(c: Connection, retry: int) -> None:
    """A timeout: all that is in flight is taken for lost, one segment at a time goes out (RFC 5681 section 3.1)."""
    if retry == 1 or c.recover is None:
        c.undo = (c.cwnd, c.ssthresh) if c.profile.spurious_timeouts else None
        c.ssthresh = max(c.cwnd // 2, 2)
    c.recover = c.snd_nxt
    c.in_loss = True
    c.cwnd = 1
    c.grown = 0
    c.duplicates = 0
    c.queue = tuple(sent if sent.sacked else replace(sent, lost=True) for sent in c.queue)
