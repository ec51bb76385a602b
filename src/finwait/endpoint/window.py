"""The receive window: how large, what is offered, when it may shrink (RFC 9293 section 3.8.6)."""

from dataclasses import replace

from finwait.endpoint.connection import Connection
from finwait.endpoint.profile import Checks
from finwait.tcp.params import WINDOW_SCALE_MAX

FIELD_MAX = 0xFFFF
"""RFC 9293 section 3.1: the window has 16 bits."""


def buffer_space(c: Connection) -> int:
    """Octets of payload that the whole receive buffer can hold (Linux tcp_full_space)."""
    size = c.settings.receive_buffer
    return size // 2 if c.profile.buffer_overhead else size


def free_space(c: Connection) -> int:
    """What of it is free. Octets out of order take room in Linux only."""
    held = len(c.received)
    if c.profile.buffer_overhead:
        held += sum(len(piece.data) for piece in c.pieces)
    return max(buffer_space(c) - held, 0)


def offered_scale(c: Connection) -> int:
    """The shift that our SYN offers: the least that can say the largest buffer (RFC 7323 section 2.3)."""
    space = max(buffer_space(c), c.profile.receive_buffer_max)
    if c.settings.window_clamp:
        space = min(space, c.settings.window_clamp)
    shift = 0
    if c.profile.buffer_overhead:
        # Linux tcp_select_initial_window: ilog2(space) - 15
        return max(0, min(space.bit_length() - 16, int(WINDOW_SCALE_MAX.value)))
    while shift < WINDOW_SCALE_MAX.value and FIELD_MAX << shift < space:
        shift += 1
    return shift


def open_window(c: Connection, mss: int) -> None:
    """Choose the first window, for our SYN or SYN,ACK, which is never scaled (RFC 7323 section 2.2)."""
    space = buffer_space(c)
    if c.settings.window_clamp:
        space = min(space, c.settings.window_clamp)
    if c.profile.window_slow_start and space > mss:
        space -= space % mss
    c.rcv_wnd = min(space, FIELD_MAX)
    c.rcv_ssthresh = c.rcv_wnd


def establish_window(c: Connection, advertised_mss: int) -> None:
    """Settle the buffer and the clamp when the connection is synchronized."""
    round_buffer(c)
    space = buffer_space(c)
    c.window_clamp = space
    if c.profile.window_slow_start:
        # Linux tcp_init_buffer_space keeps one segment aside
        if space > 2 * advertised_mss:
            c.window_clamp = max(2 * advertised_mss, space - advertised_mss)
        c.rcv_ssthresh = min(c.rcv_ssthresh, c.window_clamp)
    c.rcv_mss = max(min(c.mss, advertised_mss, max(c.rcv_wnd // 2, 1), 536), 88)


def round_buffer(c: Connection) -> None:
    """Make the buffer whole segments (FreeBSD tcp_mss), once the peer's SYN said how large those are."""
    if not c.profile.round_to_mss or c.settings.receive_buffer_set:
        return
    size = c.settings.receive_buffer
    whole = c.mss + (12 if c.timestamps else 0)  # FreeBSD's maxseg has the options in it
    rounded = min(-(-size // whole) * whole, max(c.profile.receive_buffer_max, size))
    c.settings = replace(c.settings, receive_buffer=rounded)


def remaining(c: Connection) -> int:
    """What is left of the window that was offered last (RCV.WND seen from RCV.NXT)."""
    return max(c.rcv_wnd - (c.rcv_nxt - c.rcv_wup), 0)


def judged_window(c: Connection) -> int:
    """The window that arriving numbers are compared with, from RCV.NXT on: FreeBSD takes what the buffer has room for."""
    if c.profile.arrival_checks is Checks.FREEBSD:
        return max(free_space(c), remaining(c))
    return remaining(c)


def grow(c: Connection, length: int, advertised_mss: int) -> None:
    """Open the window further because data came (Linux tcp_grow_window)."""
    room = min(c.window_clamp, free_space(c)) - c.rcv_ssthresh
    if c.profile.window_slow_start and room > 0:
        c.rcv_ssthresh += min(room, max(2 * advertised_mss, 2 * length))


def _wanted(c: Connection) -> int:
    """The window that the buffer suggests, before it is kept from shrinking; avoids silly windows (3.8.6.2.2)."""
    free = free_space(c)
    clamp = c.settings.window_clamp
    if clamp:
        free = min(free, clamp)
    if not c.profile.window_slow_start:
        small = free < buffer_space(c) // 4 and free < c.mss
        return 0 if small else free
    full = min(c.window_clamp or buffer_space(c), buffer_space(c))
    mss = min(c.rcv_mss, full) or 1
    if free < full // 2:
        free -= free % (1 << c.rcv_wscale)
        if free < buffer_space(c) // 16 or free < mss:
            return 0
    free = min(free, c.rcv_ssthresh)
    if c.rcv_wscale:
        unit = 1 << c.rcv_wscale
        return -(-free // unit) * unit
    window = c.rcv_wnd
    if window <= free - mss or window > free:
        return free - free % mss
    return window


def next_window(c: Connection) -> int:
    """The window of a segment sent now, in octets: the right edge never moves left (3.8.6.2.2, SHLD-14)."""
    current = remaining(c)
    wanted = _wanted(c)
    if wanted < current:
        unit = 1 << c.rcv_wscale
        wanted = -(-current // unit) * unit
    return min(wanted, FIELD_MAX << c.rcv_wscale)


def offer(c: Connection) -> int:
    """Offer the window in a segment that goes out now: gives the header's field, and remembers it."""
    window = next_window(c)
    unit = 1 << c.rcv_wscale
    field = min(-(-window // unit), FIELD_MAX)  # rounded up: the right edge never moves left
    c.rcv_wnd = field << c.rcv_wscale
    c.rcv_wup = c.rcv_nxt
    return field


def worth_an_update(c: Connection) -> bool:
    """Say whether the user has read so much that the peer should know (Linux tcp_cleanup_rbuf, RFC 9293 3.8.6.2.2)."""
    left = remaining(c)
    if c.profile.window_slow_start:
        if 2 * left > (c.window_clamp or buffer_space(c)):
            return False
        new = _wanted(c)
        return new > 0 and new >= 2 * left
    gain = _wanted(c) - left
    # FreeBSD tcp_output: two segments more, or a quarter of the buffer when little is left
    return gain >= 2 * c.mss and (
        gain >= buffer_space(c) // 4 or left <= buffer_space(c) // 8 or buffer_space(c) <= 8 * c.mss
    )
