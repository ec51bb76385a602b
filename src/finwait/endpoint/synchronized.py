"""Segments in SYN-RECEIVED and the synchronized states (RFC 9293 section 3.10.7.4), check by check in its order."""

from finwait.endpoint.acceptable import acceptable, note_timestamp, reset_counts, too_old
from finwait.endpoint.assemble import TAKES_DATA, acknowledge, take_data
from finwait.endpoint.calls import Errno, Happening
from finwait.endpoint.challenge import answer_unacceptable, challenge, may_answer
from finwait.endpoint.closing import fin_acknowledged, says_more
from finwait.endpoint.connection import Connection
from finwait.endpoint.opening import established_by
from finwait.endpoint.profile import Checks, SynInSynchronized
from finwait.endpoint.recovery import take_ack
from finwait.endpoint.rules import Rule
from finwait.endpoint.transmit import flush, quicken, refuse, send_ack, send_reset
from finwait.endpoint.window import judged_window, remaining
from finwait.endpoint.work import Work
from finwait.tcp import Event, Flags, Guard, Segment, State

HAVE_PEER_FIN = frozenset({State.CLOSE_WAIT, State.CLOSING, State.LAST_ACK, State.TIME_WAIT})


def in_synchronized(w: Work, segment: Segment) -> None:
    """All eight checks."""
    c = w.c
    nothing = not segment.flags & (Flags.ACK | Flags.RST | Flags.SYN)
    if nothing and c.profile.arrival_checks is Checks.LINUX:
        w.fire(Rule.NO_ACK)  # before the number is looked at (tcp_rcv_state_process)
        return
    if not _first_checks(w, segment):
        return
    if not segment.has(Flags.ACK):
        w.fire(Rule.NO_ACK)
        return
    fast = _predicted(c, segment)
    if fast:
        note_timestamp(c, segment, w.now)
        take_data(w, segment)
    good = _check_ack(w, segment)
    if is_over(c) or not (good or fast):
        return
    _check_urgent(w, segment)
    if not fast and (not _take_text(w, segment) or is_over(c)):
        return
    flush(w)
    if segment.payload or not fast:
        acknowledge(w)


def is_over(c: Connection) -> bool:
    """Say whether there is nothing to send or take any more."""
    return c.state is State.CLOSED or c.mini


# --- first to fourth: number, RST, SYN ---


def _first_checks(w: Work, segment: Segment) -> bool:
    """Sequence number, RST and SYN; says whether to go on."""
    c = w.c
    rst, syn = segment.has(Flags.RST), segment.has(Flags.SYN)
    if c.profile.arrival_checks is Checks.FREEBSD:
        if _freebsd_first(w, segment):
            return False
    elif not rst and not _check_timestamp(w, segment):
        return False
    if syn and _is_simultaneous(w, segment):
        return True
    if not acceptable(c, segment):
        _unacceptable(w, segment)
        return False
    if rst:
        _check_rst(w, segment)
    elif syn:
        _check_syn(w, segment)
    return not rst and not syn


def _unacceptable(w: Work, segment: Segment) -> None:
    """The number is outside: an ACK, but for a RST; Linux looks at SYN and RST first."""
    c = w.c
    linux = c.profile.arrival_checks is Checks.LINUX
    if segment.has(Flags.RST):
        if linux and reset_counts(c, segment):
            _check_rst(w, segment)
        else:
            w.fire(Rule.RST_OUTSIDE)
    elif linux and segment.has(Flags.SYN):
        _check_syn(w, segment)
    else:
        w.fire(Rule.UNACCEPTABLE)
        _note_repeated_fin(w, segment)
        answer_unacceptable(w, segment)


def _freebsd_first(w: Work, segment: Segment) -> bool:
    """What FreeBSD tcp_do_segment looks at before the number; says whether that is the end of it."""
    c = w.c
    if segment.has(Flags.RST):
        _check_rst(w, segment)
        return True
    if segment.has(Flags.SYN) and c.state is not State.SYN_RECEIVED:
        _check_syn(w, segment)
        return True
    if not _check_timestamp(w, segment) or not _freebsd_gone(w, segment):
        return True
    whole = segment.seq + len(segment.payload)
    if segment.length and segment.seq.before(c.rcv_nxt) and whole.at_or_before(c.rcv_nxt):
        c.ack_now = True  # it is trimmed to nothing, and an ACK is owed
    return False


def _is_simultaneous(w: Work, segment: Segment) -> bool:
    """The SYN,ACK of a simultaneous open repeats the SYN that brought us to SYN-RECEIVED (3.5, Figure 7)."""
    c = w.c
    return (
        c.state is State.SYN_RECEIVED
        and not c.passive
        and segment.has(Flags.ACK)
        and segment.seq == c.irs
        and segment.ack == c.snd_nxt
    )


def _check_timestamp(w: Work, segment: Segment) -> bool:
    """PAWS (RFC 7323 section 5.3), and the option that has to be there (3.2)."""
    c = w.c
    if c.timestamps and segment.options.timestamps is None:
        if c.profile.tolerate_missing_timestamps:
            return True
        w.fire(Rule.TIMESTAMP_MISSING)
        return False
    if not too_old(c, segment, w.now):
        return True
    w.fire(Rule.PAWS)
    if segment.has(Flags.SYN) and c.profile.arrival_checks is Checks.LINUX:
        challenge(w)
    elif (segment.payload or not c.profile.paws_drops_bare_ack) and may_answer(w, segment):
        send_ack(w)
    return False


def _freebsd_gone(w: Work, segment: Segment) -> bool:
    """FreeBSD resets data after close before it looks at the window (tcp_do_segment, TF_CLOSED)."""
    c = w.c
    left = max(c.rcv_nxt - segment.seq, 0)
    new = len(segment.payload) - left
    if c.orphan and new > 0 and c.state not in HAVE_PEER_FIN:
        _data_after_close(w, segment)
        return False
    return True


def _check_rst(w: Work, segment: Segment) -> None:
    """Second: RST (RFC 5961 section 3.2)."""
    c = w.c
    counts = reset_counts(c, segment)
    if counts is None:
        w.fire(Rule.RST_OUTSIDE)
    elif not counts:
        w.fire(Rule.RST_INEXACT)
        challenge(w, Event.RCV_INEXACT_RST)
    else:
        w.fire(Rule.RST_EXACT)
        _reset(w)


def _reset(w: Work) -> None:
    """The peer's RST ends the connection."""
    c = w.c
    c.reset = True
    if c.state is State.SYN_RECEIVED and c.passive and not c.fast_open_child:
        w.move(Event.RCV_RST, Guard.PASSIVE_OPEN)
        return
    error = Errno.ECONNRESET
    if c.state is State.SYN_RECEIVED and not c.passive:
        error = Errno.ECONNREFUSED if c.profile.arrival_checks is not Checks.LINUX else error
    elif c.state is State.CLOSE_WAIT and c.profile.arrival_checks is Checks.LINUX:
        error = Errno.EPIPE
    elif c.state in {State.CLOSING, State.LAST_ACK} and c.profile.arrival_checks is Checks.RFC9293:
        w.die(Event.RCV_RST, None)
        return
    w.die(Event.RCV_RST, error)


def _check_syn(w: Work, segment: Segment) -> None:
    """Fourth: SYN (RFC 5961 section 4.2; before it, page 71 of RFC 793)."""
    c = w.c
    if c.state is State.SYN_RECEIVED and c.passive:
        if c.profile.syn_ack_again_for_syn and segment.seq == c.irs:
            w.fire(Rule.SYN_AGAIN)
            return
        w.fire(Rule.SYN_IN_SYN_RECEIVED)
        w.move(Event.RCV_SYN, Guard.PASSIVE_OPEN)
        return
    inside = segment.seq.within(c.rcv_wup, max(judged_window(c), 1))
    if c.profile.syn_in_synchronized is SynInSynchronized.RESET_IN_WINDOW and inside:
        w.fire(Rule.SYN_RESETS)
        send_reset(w)
        w.die(Event.SND_RST, Errno.ECONNRESET)
        return
    w.fire(Rule.SYN_CHALLENGE)
    challenge(w, Event.RCV_SYN)


# --- fifth: ACK ---


def _check_ack(w: Work, segment: Segment) -> bool:
    """Judge SEG.ACK; says whether to go on."""
    c = w.c
    if c.state is State.SYN_RECEIVED:
        return _ack_in_syn_received(w, segment)
    if segment.ack.after(c.snd_nxt):
        w.fire(Rule.ACK_UNSENT)
        return _bad_ack(w)
    window = c.max_window
    if c.profile.arrival_checks is Checks.LINUX:
        window = min(window, c.bytes_acked)
    if segment.ack.before(c.snd_una - window):
        w.fire(Rule.ACK_TOO_OLD)
        return _bad_ack(w)
    idle = not c.queue
    _heard(w)
    window_before = c.snd_wnd
    old = segment.ack.before(c.snd_una)
    if not old or c.profile.arrival_checks is not Checks.LINUX:
        note_timestamp(c, segment, w.now)  # Linux tcp_ack: not of one with an old ACK
    updates = _updates_window(c.profile.arrival_checks, w, segment)
    text = bool(segment.payload) or segment.has(Flags.FIN)
    if updates:
        _take_window(w, segment)
    changed = updates and c.snd_wnd != window_before
    take_ack(w, segment, data_too=text or changed or old)
    if idle and not old and c.persist_at is not None and c.profile.arrival_checks is Checks.LINUX:
        wait = max(c.rto, c.profile.rto_min) << c.backoff
        c.persist_at = w.now + min(wait, c.profile.rto_max)  # it begins anew (tcp_ack_probe)
    if c.write_shut is False and segment.ack.after(c.snd_una - 1):
        w.tell(Happening.WRITABLE)
    if c.fin_acked and c.state in {State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK}:
        return fin_acknowledged(w, segment)
    return True


def _predicted(c: Connection, segment: Segment) -> bool:
    """Linux's fast path (header prediction) takes the timestamp and the next octets before the ACK (tcp_rcv_established)."""
    return (
        c.profile.arrival_checks is Checks.LINUX
        and c.state is State.ESTABLISHED
        and bool(not segment.payload or c.held or c.queue)  # else no memory is set aside
        and segment.flags | Flags.PSH == Flags.ACK | Flags.PSH
        and segment.seq == c.rcv_nxt
        and segment.ack.at_or_before(c.snd_nxt)
        and segment.window << c.snd_wscale == c.snd_wnd
        and not c.pieces
    )


def _bad_ack(w: Work) -> bool:
    """An ACK of what was never sent, or of long ago (RFC 5961 section 5.2)."""
    c = w.c
    if c.profile.arrival_checks is Checks.FREEBSD:
        w.move(Event.RCV_BAD_ACK)
        send_ack(w)
    else:
        challenge(w, Event.RCV_BAD_ACK)
    return False


def _ack_in_syn_received(w: Work, segment: Segment) -> bool:
    """SND.UNA < SEG.ACK =< SND.NXT establishes; else a RST at SEG.ACK."""
    c = w.c
    good = segment.ack.after(c.snd_una) and segment.ack.at_or_before(c.snd_nxt)
    if not good:
        w.fire(Rule.SYN_RECEIVED_BAD_ACK)
        w.move(Event.RCV_BAD_ACK)
        refuse(w, segment)
        return False
    w.fire(Rule.SYN_RECEIVED_ACK)
    established_by(w, segment)
    if c.fin_acked and c.state is State.FIN_WAIT_1:
        return fin_acknowledged(w, segment)
    return True


def _heard(w: Work) -> None:
    """The peer lives: keep-alive begins anew (RFC 9293 section 3.8.4)."""
    c = w.c
    c.heard_at = w.now
    c.keep_probes = 0
    c.probes = 0
    if c.persist_since is not None:
        c.persist_since = w.now
    if c.keep_at is not None:
        c.keep_at = w.now + (c.settings.keep_idle or c.profile.keep_idle)


def _updates_window(checks: Checks, w: Work, segment: Segment) -> bool:
    """SND.WND is updated by newer segments only (3.10.7.4; Linux tcp_may_update_window)."""
    c = w.c
    if segment.ack.before(c.snd_una):
        return False
    if checks is Checks.LINUX:
        wanted = segment.window << c.snd_wscale
        newer = segment.seq == c.snd_wl1 and (wanted > c.snd_wnd or wanted == 0)
        return segment.ack.after(c.snd_una) or segment.seq.after(c.snd_wl1) or newer
    return segment.seq.after(c.snd_wl1) or (
        segment.seq == c.snd_wl1 and segment.ack.at_or_after(c.snd_wl2)
    )


def _take_window(w: Work, segment: Segment) -> None:
    c = w.c
    c.snd_wnd = segment.window << c.snd_wscale
    c.max_window = max(c.max_window, c.snd_wnd)
    c.snd_wl1, c.snd_wl2 = segment.seq, segment.ack
    if c.snd_wnd and c.persist_at is not None:
        c.persist_at = None
        c.persist_since = None
        c.backoff = 0


# --- sixth to eighth: URG, text, FIN ---


def _check_urgent(w: Work, segment: Segment) -> None:
    """RCV.UP moves on (3.8.5)."""
    c = w.c
    if segment.has(Flags.URG) and segment.urgent and c.state in TAKES_DATA:
        end = segment.seq + segment.urgent
        if c.rcv_urgent is None or end.after(c.rcv_urgent):
            w.fire(Rule.URGENT)
            c.rcv_urgent = end


def _take_text(w: Work, segment: Segment) -> bool:
    """Segment text and FIN; says whether the connection goes on."""
    c = w.c
    if segment.length == 0:
        return True
    if _is_after_close(w, segment):
        _data_after_close(w, segment)
        return False
    if c.state in TAKES_DATA:
        limit = None
        if c.profile.arrival_checks is not Checks.LINUX:
            limit = max(c.rcv_nxt + judged_window(c) - segment.seq, 0)
            limit -= max(c.rcv_nxt - segment.seq, 0)
        elif _beyond(c, segment):
            w.fire(Rule.ZERO_WINDOW_DROP)
            quicken(c)
            c.ack_now = True
            return True
        take_data(w, segment, limit=limit)
        return True
    if segment.seq.before(c.rcv_nxt) or c.profile.arrival_checks is not Checks.LINUX:
        w.fire(Rule.TEXT_AFTER_FIN)
        _note_repeated_fin(w, segment)
        if c.profile.arrival_checks is Checks.LINUX:
            take_data(w, segment)
            return True
        c.ack_now = segment.end.at_or_before(c.rcv_nxt) or c.ack_now
    return True


def _note_repeated_fin(w: Work, segment: Segment) -> None:
    """The peer's FIN again: its ACK was lost, or came late (3.10.7.4, eighth)."""
    c = w.c
    if c.peer_fin is not None and segment.has(Flags.FIN) and segment.end == c.rcv_nxt:
        w.move(Event.RCV_FIN)


def _beyond(c: Connection, segment: Segment) -> bool:
    """Linux tcp_data_queue: nothing of it lies in the window, which may be closed; a bare FIN at RCV.NXT may come even then."""
    if segment.seq == c.rcv_nxt:
        return remaining(c) == 0 and bool(segment.payload)
    return segment.seq.at_or_after(c.rcv_nxt + remaining(c))


def _is_after_close(w: Work, segment: Segment) -> bool:
    """New octets that nobody will read (RFC 1122 section 4.2.2.13)."""
    c = w.c
    if not c.profile.reset_data_after_close:
        return False
    new = says_more(c, segment)
    if c.profile.arrival_checks is Checks.LINUX:
        shut = c.orphan or c.read_shut
        if c.state in {State.CLOSING, State.LAST_ACK, State.CLOSE_WAIT}:
            return new and segment.seq.before(c.rcv_nxt)
        # Linux is in FIN-WAIT-1 from the call on, even while our FIN waits behind data.
        closing = c.state is State.ESTABLISHED and c.write_shut
        return new and shut and (closing or c.state in {State.FIN_WAIT_1, State.FIN_WAIT_2})
    return new and c.orphan and c.state in {State.FIN_WAIT_1, State.FIN_WAIT_2, State.ESTABLISHED}


def _data_after_close(w: Work, segment: Segment) -> None:
    """Tell the sender that its data went nowhere: RST in the form of a reply."""
    w.fire(Rule.DATA_AFTER_CLOSE)
    refuse(w, segment)
    broken = w.c.state is State.CLOSE_WAIT and w.c.profile.arrival_checks is Checks.LINUX
    w.die(Event.SND_RST, Errno.EPIPE if broken else Errno.ECONNRESET)  # Linux tcp_reset
