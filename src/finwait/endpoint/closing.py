"""The end of a connection: our FIN is acknowledged, FIN-WAIT-2 of an orphan, TIME-WAIT."""

from finwait.endpoint.connection import Connection
from finwait.endpoint.profile import Checks, OrphanWait
from finwait.endpoint.rules import Rule
from finwait.endpoint.transmit import refuse, send_challenge, send_reset
from finwait.endpoint.window import remaining
from finwait.endpoint.work import Work
from finwait.tcp import Event, Flags, Segment, State


def fin_acknowledged(w: Work, segment: Segment) -> bool:
    """The peer has our FIN (3.10.7.4, fifth). Says whether the segment is looked at further."""
    c = w.c
    w.fire(Rule.FIN_ACKED)
    before = c.state
    w.move(Event.RCV_ACK_OF_FIN)
    if before is State.CLOSING:
        if c.ack_now:
            send_challenge(w)
        enter_time_wait(w)
        return False
    if before is State.LAST_ACK:
        return False
    if c.orphan:
        return orphan_in_fin_wait_2(w, segment)
    return True


def orphan_in_fin_wait_2(w: Work, segment: Segment | None) -> bool:
    """Nobody will read any more: wait only so long (Linux tcp_rcv_state_process, FreeBSD finwait2_timeout)."""
    c = w.c
    linger2 = c.settings.linger2
    if linger2 is not None and linger2 < 0:
        w.fire(Rule.LINGER2_RESET)
        if segment is None:
            send_reset(w)
        else:
            refuse(w, segment)
        w.die(Event.SND_RST, None)
        return False
    if segment is not None and says_more(c, segment) and c.profile.reset_data_after_close:
        w.fire(Rule.DATA_AFTER_CLOSE)
        refuse(w, segment)
        w.die(Event.SND_RST, None)
        return False
    wait = linger2 or c.profile.fin_wait_2
    if wait:
        w.fire(Rule.FIN_WAIT_2_ORPHAN)
        c.fin_wait_2_at = w.now + wait
    if c.profile.orphan_fin_wait_2 is OrphanWait.MINI and wait <= c.profile.time_wait:
        carries_fin = segment is not None and segment.has(Flags.FIN)
        if wait and not carries_fin:
            shrink(w)
            return False
    return True


def says_more(c: Connection, segment: Segment) -> bool:
    """Say whether a segment has octets beyond RCV.NXT; Linux takes a FIN that comes too early for such."""
    beyond = (segment.end - segment.has(Flags.FIN)).after(c.rcv_nxt)
    early_fin = segment.has(Flags.FIN) and c.profile.arrival_checks is Checks.LINUX
    return beyond and (bool(segment.payload) or early_fin)


def shrink(w: Work) -> None:
    """Keep the small record only (Linux tcp_time_wait): numbers and the window stay as they are."""
    c = w.c
    c.mini = True
    c.rcv_wnd = remaining(c)
    c.rcv_wup = c.rcv_nxt
    c.queue, c.unsent, c.pieces = (), b"", ()
    c.received = b"" if c.orphan else c.received
    c.retransmit_at = c.probe_at = c.persist_at = c.ack_at = c.keep_at = None
    c.user_timeout_at = None


def enter_time_wait(w: Work) -> None:
    """Both FINs are acknowledged: 2 MSL begin (3.6.1, MUST-13)."""
    c = w.c
    w.fire(Rule.TIME_WAIT)
    c.time_wait_at = w.now + c.profile.time_wait
    c.fin_wait_2_at = None
    shrink(w)
