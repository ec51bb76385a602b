"""Whether a segment's number, timestamp and RST are acceptable (RFC 9293 section 3.4, RFC 7323 section 5.3, RFC 5961)."""

from finwait.endpoint.connection import Connection
from finwait.endpoint.profile import Checks, RstInSynchronized
from finwait.endpoint.window import judged_window, remaining
from finwait.tcp import Flags, Segment, Seq, State
from finwait.tcp.seq import HALF, MODULUS

PAWS_IDLE = 24 * 24 * 3600 * 1_000_000
"""RFC 7323 section 5.5: after 24 idle days TS.Recent is worth nothing."""
AFTER_PEER_FIN = frozenset({State.CLOSE_WAIT, State.LAST_ACK, State.CLOSING})


def in_window(seq: Seq, length: int, start: Seq, window: int) -> bool:
    """The four cases of section 3.4: an empty segment, or one with numbers, against a window that may be closed."""
    if length == 0:
        return seq == start if window == 0 else seq.within(start, window)
    if window == 0:
        return False
    return seq.within(start, window) or (seq + (length - 1)).within(start, window)


def acceptable(c: Connection, segment: Segment) -> bool:
    """Say whether any of the segment's numbers can be used, by the checks of the profile."""
    checks = c.profile.arrival_checks
    if checks is Checks.LINUX:
        return _acceptable_to_linux(c, segment)
    if checks is Checks.FREEBSD:
        return _acceptable_to_freebsd(c, segment)
    return in_window(segment.seq, segment.length, c.rcv_nxt, remaining(c))


def _acceptable_to_linux(c: Connection, segment: Segment) -> bool:
    """Linux tcp_sequence (6.18): from what was acknowledged last to the end of the window, ends included."""
    if segment.end.before(c.rcv_wup):
        return False
    limit = c.rcv_nxt + remaining(c)
    if segment.end.at_or_before(limit):
        return True
    if (segment.end - segment.has(Flags.FIN)).at_or_before(limit):
        return True
    if segment.seq.after(limit):
        return False
    return not c.received and not c.fin_unread  # only while nothing waits to be read


def _acceptable_to_freebsd(c: Connection, segment: Segment) -> bool:
    """FreeBSD tcp_do_segment trims at both ends; what remains decides. A duplicate is acceptable, and answered."""
    window = judged_window(c)
    limit = c.rcv_nxt + window
    length = len(segment.payload)
    beyond = segment.seq + length - limit
    if beyond > 0 and segment.seq.at_or_after(c.rcv_nxt) and beyond >= length:
        return window == 0 and segment.seq == c.rcv_nxt
    return True


def too_old(c: Connection, segment: Segment, now: int) -> bool:
    """PAWS: say whether the timestamp shows an old duplicate (RFC 7323 section 5.3 R1)."""
    stamps = segment.options.timestamps
    if not c.timestamps or stamps is None:
        return False
    if (stamps[0] - c.ts_recent + HALF) % MODULUS - HALF >= 0:
        return False
    if now - c.ts_recent_at >= PAWS_IDLE:
        return False
    if c.profile.arrival_checks is not Checks.LINUX:
        return True
    # Linux tcp_disordered_ack: a bare ACK that repeats the last one may be reordered
    disordered = (
        segment.flags & Flags.ACK
        and segment.length == 0
        and segment.seq == c.rcv_nxt
        and segment.ack == c.snd_una
        and segment.window << c.snd_wscale == c.snd_wnd
        and (c.ts_recent - stamps[0]) % MODULUS <= c.rto * 1200 // 1_000_000
    )
    return not disordered


def note_timestamp(c: Connection, segment: Segment, now: int) -> None:
    """Update TS.Recent (RFC 7323 section 4.3)."""
    stamps = segment.options.timestamps
    if not c.timestamps or stamps is None or segment.seq.after(c.rcv_wup):
        return
    if (stamps[0] - c.ts_recent + HALF) % MODULUS - HALF >= 0 or now - c.ts_recent_at >= PAWS_IDLE:
        c.ts_recent, c.ts_recent_at = stamps[0], now


def reset_counts(c: Connection, segment: Segment) -> bool | None:
    """Judge a RST: True it ends the connection, False it draws a challenge ACK, None it is ignored."""
    checks = c.profile.arrival_checks
    window = judged_window(c)
    base = c.rcv_wup if checks is Checks.FREEBSD else c.rcv_nxt
    seq = segment.seq
    exact = seq == base
    inside = exact if window == 0 else seq.within(base, window)
    if checks is Checks.LINUX:
        inside = _acceptable_to_linux(c, segment)
        if c.profile.rst_after_fin and c.state in AFTER_PEER_FIN and seq == c.rcv_nxt - 1:
            return True
        if inside and c.sack and c.pieces and seq == max_piece_end(c):
            return True
    if not inside:
        return None
    return exact or c.profile.rst_in_synchronized is RstInSynchronized.IN_WINDOW


def max_piece_end(c: Connection) -> Seq:
    """The highest number that came out of order (Linux tcp_validate_incoming takes a RST there, too)."""
    return c.pieces[-1].end
