"""Segments in TIME-WAIT, and in the small record that Linux keeps of FIN-WAIT-2 (RFC 9293 3.6.1, RFC 1337, RFC 6191)."""

from finwait.endpoint.acceptable import acceptable, note_timestamp, too_old
from finwait.endpoint.challenge import may_answer
from finwait.endpoint.closing import enter_time_wait
from finwait.endpoint.connection import Connection
from finwait.endpoint.negotiate import segment_options
from finwait.endpoint.opening import accept_syn, send_syn_ack
from finwait.endpoint.profile import Checks
from finwait.endpoint.rules import Rule
from finwait.endpoint.transmit import acknowledged, refuse
from finwait.endpoint.work import Work
from finwait.tcp import Event, Flags, Guard, Segment
from finwait.tcp.seq import HALF, MODULUS

REUSE_GAP = 65535 + 2
"""Linux tcp_timewait_state_process: above anything that the old window could hold."""


def last_ack(w: Work) -> None:
    """Send the last ACK again: the old numbers, the old window."""
    c = w.c
    window = c.rcv_wnd >> c.rcv_wscale
    # Linux tcp_v4_timewait_ack cuts what does not fit to its low 16 bits
    window = window & 0xFFFF if c.profile.time_wait_answers is Checks.LINUX else min(window, 0xFFFF)
    options = segment_options(c, w.now)
    w.out.append(Segment(c.snd_nxt, c.rcv_nxt, Flags.ACK, window, b"", 0, options))
    c.segments_out += 1
    acknowledged(c)


def restart(w: Work) -> None:
    """2 MSL begin again (3.10.7.4, eighth)."""
    w.fire(Rule.TIME_WAIT_RESTART)
    w.c.time_wait_at = w.now + w.c.profile.time_wait


def may_reopen(w: Work, segment: Segment) -> bool:
    """Say whether a SYN may begin a new connection here (RFC 1122 section 4.2.2.13, RFC 6191 section 2)."""
    c = w.c
    wrong = Flags.RST | Flags.ACK
    if not segment.has(Flags.SYN) or segment.flags & wrong:
        return False
    if c.profile.time_wait_answers is Checks.LINUX and too_old(c, segment, w.now):
        return False
    if c.profile.time_wait_reuse_seq and segment.seq.after(c.rcv_nxt):
        return True
    stamps = segment.options.timestamps
    if not c.profile.time_wait_reuse_timestamp or not c.timestamps or stamps is None:
        return False
    newer = (stamps[0] - c.ts_recent + HALF) % MODULUS - HALF
    return newer > 0


def reopen(w: Work, segment: Segment, fresh: Connection) -> None:
    """Let a listener's new connection take the place of the old one, with a number above all that it used."""
    w.fire(Rule.TIME_WAIT_REUSE)
    least = w.c.snd_nxt + REUSE_GAP
    w.give_way(fresh)
    if w.c.iss.before(least) or w.c.profile.time_wait_answers is Checks.LINUX:
        w.c.iss = least
    accept_syn(w, segment)
    w.move(Event.RCV_SYN, Guard.REUSE_ALLOWED)
    send_syn_ack(w)


def in_time_wait(w: Work, segment: Segment, fresh: Connection | None) -> None:
    """Answer a segment in TIME-WAIT; `fresh` is what a listener there would begin with."""
    if fresh is not None and may_reopen(w, segment):
        reopen(w, segment, fresh)
        return
    answers = w.c.profile.time_wait_answers
    if answers is Checks.LINUX and may_reopen(w, segment):
        w.move(Event.RCV_SYN)
        w.fire(
            Rule.TIME_WAIT_ACK
        )  # nobody listens: an ACK, which no limit counts (tcp_v4_rcv, TCP_TW_SYN)
        last_ack(w)
        return
    if answers is Checks.LINUX:
        _linux(w, segment)
    elif answers is Checks.FREEBSD:
        _freebsd(w, segment)
    else:
        _rfc9293(w, segment)


def _rfc9293(w: Work, segment: Segment) -> None:
    """3.10.7.4 as in other states, with RFC 6191 and RFC 5961."""
    c = w.c
    rst = segment.has(Flags.RST)
    if not rst and too_old(c, segment, w.now):
        w.fire(Rule.PAWS)
        last_ack(w)
    elif rst:
        _rst(w, segment, inside=acceptable(c, segment))
    elif not acceptable(c, segment):
        w.fire(Rule.UNACCEPTABLE)
        if segment.has(Flags.FIN) and segment.end == c.rcv_nxt:
            w.move(Event.RCV_FIN)
            restart(w)
        last_ack(w)
    elif segment.has(Flags.SYN):
        w.fire(Rule.SYN_CHALLENGE)
        w.move(Event.RCV_SYN)
        last_ack(w)
    elif not segment.has(Flags.ACK):
        w.fire(Rule.NO_ACK)
    elif segment.ack.after(c.snd_nxt):
        w.fire(Rule.ACK_UNSENT)
        w.move(Event.RCV_BAD_ACK)
        last_ack(w)
    else:
        note_timestamp(c, segment, w.now)
        if segment.length:
            # 3.10.7.4, fifth: the only thing that can arrive here is the FIN again
            restart(w)
            w.fire(Rule.TIME_WAIT_ACK)
            last_ack(w)
        else:
            w.fire(Rule.TIME_WAIT_QUIET)


def _rst(w: Work, segment: Segment, *, inside: bool) -> None:
    """A RST may end TIME-WAIT too early: hazard F1 of RFC 1337."""
    c = w.c
    if not inside:
        w.fire(Rule.RST_OUTSIDE)
    elif segment.seq != c.rcv_nxt:
        if c.profile.time_wait_challenge:
            w.fire(Rule.RST_INEXACT)
            w.move(Event.RCV_INEXACT_RST)
            last_ack(w)
        else:
            w.fire(Rule.TIME_WAIT_QUIET)
    elif c.profile.time_wait_reset:
        w.fire(Rule.TIME_WAIT_ASSASSINATED)
        w.move(Event.RCV_RST)
    else:
        w.fire(Rule.TIME_WAIT_RST_IGNORED)


def _linux(w: Work, segment: Segment) -> None:
    """Linux tcp_timewait_state_process, the part after FIN-WAIT-2."""
    c = w.c
    old = too_old(c, segment, w.now)
    rst = segment.has(Flags.RST)
    exact = not old and segment.seq == c.rcv_nxt and (segment.length == 0 or rst)
    if exact and rst and c.profile.time_wait_reset:
        w.fire(Rule.TIME_WAIT_ASSASSINATED)
        w.move(Event.RCV_RST)
        return
    if exact:
        if rst:
            w.fire(Rule.TIME_WAIT_RST_IGNORED)
        restart(w)
        note_timestamp(c, segment, w.now)
        w.fire(Rule.TIME_WAIT_QUIET)
        return
    if rst:
        w.fire(Rule.RST_OUTSIDE)
        return
    if segment.has(Flags.SYN) and not segment.has(Flags.ACK):
        w.move(Event.RCV_SYN)
    elif segment.has(Flags.FIN) and segment.end == c.rcv_nxt:
        w.move(Event.RCV_FIN)
    if old or segment.has(Flags.ACK):
        restart(w)
    if may_answer(w, segment):
        w.fire(Rule.TIME_WAIT_ACK)
        last_ack(w)


def _freebsd(w: Work, segment: Segment) -> None:
    """FreeBSD tcp_twcheck."""
    c = w.c
    if segment.has(Flags.RST):
        w.fire(Rule.TIME_WAIT_RST_IGNORED)
        return
    if not segment.has(Flags.ACK):
        w.fire(Rule.NO_ACK)
        return
    if segment.has(Flags.FIN) and segment.end == c.rcv_nxt:
        w.move(Event.RCV_FIN)
        restart(w)
    quiet = (
        segment.flags == Flags.ACK
        and segment.length == 0
        and segment.seq == c.rcv_nxt
        and segment.ack == c.snd_nxt
    )
    if quiet:
        w.fire(Rule.TIME_WAIT_QUIET)
    else:
        w.fire(Rule.TIME_WAIT_ACK)
        last_ack(w)


# --- the small record of FIN-WAIT-2 ---


def in_mini_fin_wait_2(w: Work, segment: Segment) -> None:
    """Linux tcp_timewait_state_process, substate FIN-WAIT-2: no data is taken any more."""
    c = w.c
    rst = segment.has(Flags.RST)
    if (not rst and too_old(c, segment, w.now)) or not _in_mini_window(w, segment):
        if may_answer(w, segment):  # even a RST is answered
            w.fire(Rule.ACK_UNACCEPTABLE)
            last_ack(w)
        return
    if rst:
        w.fire(Rule.MINI_RST)
        w.move(Event.RCV_RST)
    elif segment.has(Flags.SYN) and segment.seq.at_or_after(c.rcv_nxt):
        w.fire(Rule.MINI_RESET)
        refuse(w, segment)
        w.move(Event.SND_RST)
    elif not segment.has(Flags.ACK) or segment.end.at_or_before(c.rcv_nxt) or segment.length == 0:
        w.fire(Rule.MINI_QUIET)
    elif not segment.has(Flags.FIN) or segment.end != c.rcv_nxt + 1:
        w.fire(Rule.DATA_AFTER_CLOSE)
        refuse(w, segment)
        w.move(Event.SND_RST)
    else:
        w.fire(Rule.RECEIVE_FIN)
        note_timestamp(c, segment, w.now)
        c.peer_fin = c.rcv_nxt
        c.rcv_nxt = c.rcv_wup = segment.end
        w.move(Event.RCV_FIN)
        enter_time_wait(w)
        last_ack(w)


def _in_mini_window(w: Work, segment: Segment) -> bool:
    """Linux tcp_in_window."""
    c = w.c
    start, end = c.rcv_nxt, c.rcv_nxt + c.rcv_wnd
    if segment.seq == start:
        return True
    if segment.end.after(start) and segment.seq.before(end):
        return True
    return segment.seq == end and segment.length == 0
