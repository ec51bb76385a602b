"""SYN-RECEIVED after a passive OPEN as kernels do it, who keep a smaller record there (Linux tcp_check_req, FreeBSD syncache)."""

from finwait.endpoint.acceptable import in_window, too_old
from finwait.endpoint.challenge import may_answer
from finwait.endpoint.connection import Connection
from finwait.endpoint.negotiate import clock
from finwait.endpoint.profile import Checks, RstInSynchronized
from finwait.endpoint.rules import Rule
from finwait.endpoint.transmit import emit, refuse, send_again
from finwait.endpoint.work import Work
from finwait.tcp import Event, Flags, Guard, Segment
from finwait.tcp.seq import MODULUS


def checked(w: Work, segment: Segment) -> bool:
    """Make the kernel's checks; says whether the segment goes on to the rest of 3.10.7.4."""
    if w.c.profile.syn_received_checks is Checks.LINUX:
        return _linux(w, segment)
    return _freebsd(w, segment)


def _again(w: Work) -> None:
    """Send the SYN,ACK once more because the SYN came once more."""
    w.fire(Rule.SYN_AGAIN)
    send_again(w, 0)


def _linux(w: Work, segment: Segment) -> bool:  # noqa: C901, PLR0911, PLR0912 - the kernel's order
    """Linux tcp_check_req."""
    c = w.c
    rst, syn, ack = segment.has(Flags.RST), segment.has(Flags.SYN), segment.has(Flags.ACK)
    old = too_old(c, segment, w.now)
    pure_syn = syn and not (rst or ack or segment.has(Flags.FIN))
    if pure_syn and segment.seq == c.irs and not old:
        if may_answer(w, segment):
            _again(w)
        return False
    if ack and not c.fast_open_child and segment.ack != c.iss + 1:
        w.fire(Rule.SYN_RECEIVED_BAD_ACK)
        if not rst:
            w.move(Event.RCV_BAD_ACK)
            refuse(w, segment)
        return False
    start, end = c.rcv_nxt, c.rcv_nxt + c.rcv_wnd
    inside = (
        segment.seq == start
        or (segment.end.after(start) and segment.seq.before(end))
        or (segment.seq == end and segment.length == 0)
    )
    if old or not inside or _echoes_another(c, segment):
        w.fire(Rule.UNACCEPTABLE)
        if not rst and may_answer(w, segment):
            w.fire(Rule.ACK_UNACCEPTABLE)
            emit(w, c.snd_nxt, Flags.ACK)
        return False
    if rst and segment.seq != start and not c.fast_open_child:
        w.fire(Rule.RST_INEXACT)
        w.move(Event.RCV_INEXACT_RST)
        if may_answer(w, segment):
            emit(w, c.snd_nxt, Flags.ACK)
        return False
    if rst or (syn and segment.seq != c.irs):
        w.fire(Rule.SYN_RECEIVED_RESET)
        if not rst:
            refuse(w, segment)
            w.move(Event.RCV_SYN, Guard.PASSIVE_OPEN)
        elif c.fast_open_child:
            return True
        else:
            w.move(Event.RCV_RST, Guard.PASSIVE_OPEN)
        return False
    if not ack:
        w.fire(Rule.NO_ACK)
        return False
    return _deferred(w, segment)


def _echoes_another(c: Connection, segment: Segment) -> bool:
    """The timestamp echoed is none of our SYN,ACKs' (Linux tcp_check_req, tsecr_reject)."""
    stamps = segment.options.timestamps
    if not c.timestamps or stamps is None or not stamps[1] or c.fast_open_child or not c.queue:
        return False
    first, last = clock(c, c.opened_at), clock(c, c.queue[0].sent_at)
    return (stamps[1] - first) % MODULUS > (last - first) % MODULUS


def _deferred(w: Work, segment: Segment) -> bool:
    """TCP_DEFER_ACCEPT: the third ACK alone does not wake anybody (Linux tcp_check_req)."""
    c = w.c
    waits = c.settings.defer_accept and c.syn_acks < defer_retries(
        c.settings.defer_accept, c.profile.rto_initial
    )
    if waits and segment.length == 0 and not c.fast_open_child:
        w.fire(Rule.DEFER_ACCEPT)
        c.deferred = True
        return False
    return True


def defer_retries(seconds: int, timeout: int) -> int:
    """How many SYN,ACKs go out in the time that an accept may be deferred (Linux secs_to_retrans)."""
    left, retries, wait = seconds * 1_000_000, 0, timeout
    total = wait
    if left > 0:
        retries = 1
        while left > total and retries < 255:
            retries += 1
            wait = min(wait * 2, 120_000_000)
            total += wait
    return retries


def _freebsd(w: Work, segment: Segment) -> bool:
    """FreeBSD syncache_chkrst, syncache_add and syncache_expand."""
    c = w.c
    if segment.has(Flags.RST):
        _freebsd_rst(w, segment)
        return False
    if segment.has(Flags.SYN):
        if segment.has(Flags.ACK):
            w.fire(Rule.LISTEN_SYN_ACK_IGNORED)
            return False
        _again(w)
        return False
    if not segment.has(Flags.ACK):
        w.fire(Rule.NO_ACK)
        return False
    right = segment.ack == c.iss + 1
    inside = segment.seq.after(c.irs) and segment.seq.at_or_before(c.irs + c.rcv_wnd)
    if not right or not inside:
        w.fire(Rule.SYN_RECEIVED_BAD_ACK)
        w.move(Event.RCV_BAD_ACK)
        refuse(w, segment)
        return False
    return True


def _freebsd_rst(w: Work, segment: Segment) -> None:
    c = w.c
    start = c.irs + 1
    if not in_window(segment.seq, 0, start, c.rcv_wnd):
        w.fire(Rule.RST_OUTSIDE)
        return
    if segment.seq == start or c.profile.rst_in_synchronized is RstInSynchronized.IN_WINDOW:
        w.fire(Rule.SYN_RECEIVED_RESET)
        w.move(Event.RCV_RST, Guard.PASSIVE_OPEN)
        return
    w.fire(Rule.RST_INEXACT)
    w.move(Event.RCV_INEXACT_RST)
    emit(w, c.snd_nxt, Flags.ACK)
