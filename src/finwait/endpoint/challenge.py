"""ACKs that answer what cannot be right, and their limits (RFC 5961 section 7, RFC 9293 3.10.7.4)."""

from finwait.endpoint.rules import Rule
from finwait.endpoint.transmit import quicken, send_ack, send_challenge
from finwait.endpoint.work import Work
from finwait.tcp import Event, Flags, Segment

SECOND = 1_000_000


def _too_soon(w: Work) -> bool:
    """Linux __tcp_oow_rate_limited: one such ACK a connection in `invalid_ack_interval`."""
    c = w.c
    interval = c.profile.invalid_ack_interval
    last = c.out_of_window_at
    if interval and last is not None and 0 <= w.now - last < interval:
        w.fire(Rule.ACK_LIMITED)
        return True
    c.out_of_window_at = w.now
    return False


def challenge(w: Work, event: Event | None = None) -> None:
    """Send a challenge ACK if the limits permit; `event` is what it answers."""
    c = w.c
    if event is not None:
        w.move(event)
    if c.profile.invalid_ack_interval:
        if _too_soon(w):
            return
    elif c.profile.challenge_acks:
        if c.challenged_at is None or w.now - c.challenged_at >= SECOND:
            c.challenged_at, c.challenges = w.now, 0
        if c.challenges >= c.profile.challenge_acks:
            w.fire(Rule.ACK_LIMITED)
            return
        c.challenges += 1
    w.fire(Rule.CHALLENGE_ACK)
    send_challenge(w)


def may_answer(w: Work, segment: Segment) -> bool:
    """Say whether an unacceptable segment is answered by an ACK now (Linux tcp_oow_rate_limited: data always is)."""
    if segment.payload or (segment.has(Flags.FIN) and not segment.has(Flags.SYN)):
        return True
    return not _too_soon(w)


def answer_unacceptable(w: Work, segment: Segment) -> None:
    """The ACK to a segment outside the window (3.10.7.4, first), which also may say that it was a duplicate."""
    c = w.c
    if not may_answer(w, segment):
        return
    w.fire(Rule.ACK_UNACCEPTABLE)
    if segment.length and segment.seq.before(c.rcv_nxt):
        quicken(c)
        if c.sack and c.profile.duplicate_sack:
            end = segment.end if segment.end.before(c.rcv_nxt) else c.rcv_nxt
            c.duplicate = (segment.seq, end)
    send_ack(w)
