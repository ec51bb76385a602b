"""Segments in CLOSED, LISTEN and SYN-SENT (RFC 9293 sections 3.10.7.1 to 3.10.7.3), and how a connection is established."""

from finwait.endpoint.acceptable import note_timestamp
from finwait.endpoint.assemble import acknowledge, release, take_data
from finwait.endpoint.calls import Errno, Happening
from finwait.endpoint.connection import Connection, Piece, Sent
from finwait.endpoint.negotiate import advertised_mss, clock, own_mss, take_offer
from finwait.endpoint.profile import Checks
from finwait.endpoint.recovery import note_round_trip, set_rto
from finwait.endpoint.rules import Rule
from finwait.endpoint.transmit import (
    arm_retransmission,
    flush,
    refuse,
    send_ack,
    send_syn,
)
from finwait.endpoint.window import establish_window, open_window, round_buffer
from finwait.endpoint.work import Work
from finwait.tcp import Event, Flags, Segment, State
from finwait.tcp.seq import HALF, MODULUS


def in_closed(w: Work, segment: Segment) -> None:
    """3.10.7.1: everything but a RST draws a RST."""
    if segment.has(Flags.RST):
        w.fire(Rule.CLOSED_RST)
        w.move(Event.RCV_RST)
        return
    if segment.has(Flags.ACK):
        w.move(Event.RCV_BAD_ACK)
    elif segment.has(Flags.SYN):
        w.move(Event.RCV_SYN)
    elif segment.has(Flags.FIN):
        w.move(Event.RCV_FIN)
    refuse(w, segment)


def in_listen(w: Work, segment: Segment) -> None:
    """3.10.7.2."""
    c = w.c
    if segment.has(Flags.RST):
        w.fire(Rule.LISTEN_RST)
        w.move(Event.RCV_RST)
    elif segment.has(Flags.ACK):
        if segment.has(Flags.SYN) and not c.profile.listen_resets_syn_ack:
            w.fire(Rule.LISTEN_SYN_ACK_IGNORED)
            return
        w.fire(Rule.LISTEN_ACK)
        w.move(Event.RCV_BAD_ACK)
        refuse(w, segment)
    elif not segment.has(Flags.SYN):
        w.fire(Rule.LISTEN_OTHER)
    elif segment.has(Flags.FIN) and c.profile.listen_drops_syn_fin:
        w.fire(Rule.LISTEN_SYN_FIN)
    else:
        accept_syn(w, segment)
        w.fire(Rule.LISTEN_SYN)
        w.move(Event.RCV_SYN)
        send_syn_ack(w)


def accept_syn(w: Work, segment: Segment) -> None:
    """Take the peer's SYN into a fresh control block in LISTEN."""
    c = w.c
    c.passive = True
    _take_numbers(w, segment)
    c.snd_wnd = c.max_window = segment.window
    c.snd_una = c.snd_nxt = c.iss
    asked = segment.flags & (Flags.ECE | Flags.CWR) == Flags.ECE | Flags.CWR
    c.ecn = asked and c.profile.ecn in {1, 2}
    if c.profile.keep_init:
        c.handshake_at = None
    if c.fast_open_child:
        w.fire(Rule.FAST_OPEN_SYN_DATA)
        establish_window(c, advertised_mss(c))
        take_data(w, segment)
        c.syn_data_acked = bool(segment.payload)


def _take_numbers(w: Work, segment: Segment) -> None:
    """IRS, RCV.NXT, options and the first window."""
    c = w.c
    c.irs = segment.seq
    c.rcv_nxt = c.rcv_wup = segment.seq + 1
    take_offer(c, segment.options, w.now)
    stamps = 12 if c.timestamps and c.profile.window_slow_start else 0
    open_window(c, advertised_mss(c) - stamps)
    c.heard_at = w.now


def send_syn_ack(w: Work) -> None:
    """Send the SYN,ACK for the first time and watch over it."""
    c = w.c
    sent = Sent(c.iss, b"", syn=True, fin=False, push=False, sent_at=w.now)
    c.queue = (sent,)
    c.snd_nxt = c.iss + 1
    c.opened_at = w.now
    c.rto = c.profile.rto_initial
    c.retransmit_at = w.now + c.rto
    send_syn(w, sent)


def in_syn_sent(w: Work, segment: Segment) -> None:
    """3.10.7.3, in its order: ACK, RST, SYN."""
    c = w.c
    if segment.has(Flags.ACK) and not _acks_our_syn(w, segment):
        if segment.has(Flags.RST):
            w.fire(Rule.SYN_SENT_BAD_RST)
            return
        w.fire(Rule.SYN_SENT_BAD_ACK)
        w.move(Event.RCV_BAD_ACK)
        refuse(w, segment)
        return
    if segment.has(Flags.RST):
        if segment.has(Flags.ACK):
            w.fire(Rule.SYN_SENT_REFUSED)
            w.die(Event.RCV_RST, Errno.ECONNREFUSED)
            c.reset = True
        else:
            w.fire(Rule.SYN_SENT_BAD_RST)
        return
    if not segment.has(Flags.SYN):
        w.fire(Rule.SYN_SENT_OTHER)
        return
    if segment.has(Flags.ACK):
        _syn_ack(w, segment)
    else:
        _simultaneous_open(w, segment)


def _acks_our_syn(w: Work, segment: Segment) -> bool:
    """ISS < SEG.ACK =< SND.NXT, and an echo of a timestamp that we sent (RFC 7323 section 3.2)."""
    c = w.c
    if not (segment.ack.after(c.snd_una) and segment.ack.at_or_before(c.snd_nxt)):
        return False
    stamps = segment.options.timestamps
    if stamps and stamps[1] and c.profile.timestamps and not segment.has(Flags.RST):
        first = clock(c, c.queue[0].sent_at if c.retries == 0 and c.queue else c.opened_at)
        echo = (stamps[1] - first + HALF) % MODULUS - HALF
        latest = (clock(c, w.now) - stamps[1] + HALF) % MODULUS - HALF
        if echo < 0 or latest < 0:
            return False
    return True


def _syn_ack(w: Work, segment: Segment) -> None:
    """The handshake succeeds."""
    c = w.c
    w.fire(Rule.SYN_SENT_SYN_ACK)
    window = c.rcv_wnd
    _take_numbers(w, segment)
    c.rcv_wnd = window  # our SYN said it
    _learn_fast_open(c, segment)
    first = c.queue[0]
    sent_data = first.data if first.times == 1 else b""
    taken = min(segment.ack - c.snd_una - 1, len(sent_data))
    if first.times == 1:
        note_round_trip(c, w.now - first.sent_at)
    elif c.retries:
        c.rto = max(c.rto, c.profile.rto_after_lost_syn) if c.srtt is None else c.rto
    rest = c.syn_data[taken:]
    c.syn_data_acked = bool(c.syn_data) and taken == len(c.syn_data)
    c.bytes_acked += taken + 1
    c.queue, c.syn_data = (), b""
    c.snd_una = segment.ack
    c.snd_nxt = segment.ack
    c.unsent = rest + c.unsent
    c.pushed += len(rest)
    c.ecn = c.profile.ecn == 1 and segment.flags & (Flags.ECE | Flags.CWR) == Flags.ECE
    w.move(Event.RCV_SYN_ACK)
    _window_of_syn(c, segment)
    establish(w)
    if segment.payload or segment.has(Flags.FIN):
        take_data(w, segment)
        c.ack_now = True
    if not flush(w):
        if c.settings.defer_accept or c.interactive or c.write_pending:
            c.ack_at = w.now + c.profile.delayed_ack
        else:
            send_ack(w)
    elif c.ack_now:
        acknowledge(w)


def _learn_fast_open(c: Connection, segment: Segment) -> None:
    """Keep the cookie that the peer gives (RFC 7413 section 4.1.2)."""
    options = segment.options
    c.learnt_mss = options.mss or 0
    cookie = options.fast_open or b""
    if 4 <= len(cookie) <= 16 and len(cookie) % 2 == 0 and c.fast_open_tried:
        c.learnt_cookie = cookie
        c.fast_open_experimental = options.fast_open_experimental


def _window_of_syn(c: Connection, segment: Segment) -> None:
    """The window of a SYN is never scaled (RFC 7323 section 2.2)."""
    c.snd_wnd = c.max_window = segment.window
    c.snd_wl1, c.snd_wl2 = segment.seq, segment.ack


def _simultaneous_open(w: Work, segment: Segment) -> None:
    """Both ends sent a SYN (3.5, Figure 7)."""
    c = w.c
    w.fire(Rule.SYN_SENT_SYN)
    asked = segment.flags & (Flags.ECE | Flags.CWR) == Flags.ECE | Flags.CWR
    c.ecn = asked and c.profile.ecn in {1, 2}
    _keep_for_later(c, segment)
    window = c.rcv_wnd
    _take_numbers(w, segment)
    c.rcv_wnd = window
    round_buffer(c)
    _window_of_syn(c, segment)
    c.unsent = c.syn_data + c.unsent
    c.syn_data = b""
    c.snd_nxt = c.iss + 1
    first = c.queue[0]
    w.move(Event.RCV_SYN)
    again = Sent(first.seq, b"", syn=True, fin=False, push=False, sent_at=w.now, times=first.times)
    c.queue = (again,)
    send_syn(w, again)
    arm_retransmission(w)


def _keep_for_later(c: Connection, segment: Segment) -> None:
    """Text of a SYN waits for ESTABLISHED (3.10.7.3, fourth); Linux drops it, FreeBSD drops the FIN."""
    checks = c.profile.arrival_checks
    if checks is Checks.LINUX:
        return
    fin = segment.has(Flags.FIN) and checks is Checks.RFC9293
    if segment.payload or fin:
        c.pieces = (Piece(segment.seq + 1, segment.payload, fin),)


def establish(w: Work) -> None:
    """What begins with ESTABLISHED, from either side."""
    c = w.c
    w.fire(Rule.ESTABLISH)
    c.connected = True
    c.handshake_at = None
    c.retransmit_at = None
    c.retries = c.backoff = 0
    c.first_retry_at = None
    if c.srtt is not None:
        set_rto(c)
    establish_window(c, own_mss(c))
    c.small_end = c.snd_una
    c.heard_at = c.received_at = w.now
    if c.settings.keep_alive:
        c.keep_at = w.now + (c.settings.keep_idle or c.profile.keep_idle)
    w.tell(Happening.CONNECTED)
    w.tell(Happening.WRITABLE)


def established_by(w: Work, segment: Segment) -> None:
    """The ACK of our SYN,ACK was acceptable: ESTABLISHED (3.10.7.4, fifth, SYN-RECEIVED)."""
    c = w.c
    first = c.queue[0] if c.queue else None
    if first is not None and first.times == 1:
        note_round_trip(c, w.now - first.sent_at)
    elif c.timestamps and segment.options.timestamps:
        echo = segment.options.timestamps[1]
        note_round_trip(c, ((clock(c, w.now) - echo) % MODULUS) * 1000)
    elif c.srtt is None:
        c.rto = max(c.profile.rto_initial, c.profile.rto_after_lost_syn)
    rest = c.queue[1:]
    c.queue = rest
    c.bytes_acked += not c.passive
    c.snd_una = segment.ack if not rest else c.iss + 1
    c.snd_wnd = segment.window << c.snd_wscale
    c.max_window = max(c.max_window, c.snd_wnd)
    c.snd_wl1, c.snd_wl2 = segment.seq, segment.ack
    note_timestamp(c, segment, w.now)
    w.move(Event.RCV_ACK_OF_SYN)
    fast = c.fast_open_child
    c.fast_open_child = False
    window = (c.rcv_ssthresh, c.window_clamp)
    establish(w)
    release(w)
    if c.write_shut and c.state is State.ESTABLISHED:
        w.move(Event.SND_FIN)  # the CLOSE waited for this (3.10.4)
    if fast:
        c.rcv_ssthresh, c.window_clamp = window
