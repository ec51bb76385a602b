"""The receive window: how large, what is offered, when it may shrink (RFC 9293 section 3.8.6)."""

from dataclasses import replace

from finwait.endpoint.connection import Connection
from finwait.endpoint.profile import Checks
from finwait.tcp.params import WINDOW_SCALE_MAX

FIELD_MAX = 0xFFFF
"""RFC 9293 section 3.1: the window has 16 bits."""


HEADROOM = 64
"""Linux NET_SKB_PAD."""
SHARED_INFO, SK_BUFF = 320, 256
"""sizeof(struct skb_shared_info), sizeof(struct sk_buff), aligned, on 64-bit machines."""
SMALL_HEAD = 576
"""Linux SKB_SMALL_HEAD_CACHE_SIZE; above it kmalloc gives powers of two."""
PAGE = 4096
LINEAR = PAGE - HEADROOM - SHARED_INFO
"""Octets of a packet that does not fit into a page that go into the head; the others go into pages (Linux tun_get_user)."""


def buffer_space(c: Connection) -> int:
    """Octets of payload that the whole receive buffer can hold (Linux tcp_full_space)."""
    return window_from(c, c.settings.receive_buffer)


def window_from(c: Connection, space: int) -> int:
    """Octets of payload that some memory can hold (Linux tcp_win_from_space)."""
    return space * c.window_ratio >> 8 if c.profile.buffer_overhead else space


def free_space(c: Connection) -> int:
    """What of it is free. In Linux whole segments take room, with their overhead, also those out of order."""
    if not c.profile.buffer_overhead:
        return max(buffer_space(c) - len(c.received), 0)
    held = sum(one.memory for one in c.held) + sum(piece.memory for piece in c.pieces)
    return window_from(c, max(c.settings.receive_buffer - held, 0))


def memory_of(c: Connection, octets: int) -> int:
    """Memory that a segment takes in Linux, as its TUN device makes the packet (skb->truesize: tun_alloc_skb, kmalloc_reserve)."""
    if not c.profile.buffer_overhead:
        return octets
    whole = HEADROOM + _packet(c, octets)
    if whole >= PAGE:
        return PAGE + SK_BUFF + -(-(whole - HEADROOM - LINEAR) // PAGE) * PAGE
    size = -(-whole // 64) * 64 + SHARED_INFO
    return (SMALL_HEAD if size <= SMALL_HEAD else 1 << (size - 1).bit_length()) + SK_BUFF


def room_behind(c: Connection, octets: int) -> int:
    """Octets that fit behind a segment into the memory that it takes (Linux skb_tailroom)."""
    whole = HEADROOM + _packet(c, octets)
    if not c.profile.buffer_overhead or whole >= PAGE:
        return 0
    return memory_of(c, octets) - SK_BUFF - SHARED_INFO - whole


def _packet(c: Connection, octets: int) -> int:
    return c.header + 20 + (12 if c.timestamps else 0) + octets


def measure(c: Connection, octets: int, advertised_mss: int) -> None:
    """Learn the peer's segment size, and what part of the buffer such segments can fill (Linux tcp_measure_rcv_mss)."""
    if octets < c.rcv_mss:
        return
    if octets != c.rcv_mss and c.profile.buffer_overhead:
        ratio = max((octets << 8) // memory_of(c, octets), 1)
        if ratio != c.window_ratio:
            c.window_ratio = ratio
            _set_clamp(c, buffer_space(c))
    c.rcv_mss = min(octets, advertised_mss)


def _set_clamp(c: Connection, clamp: int) -> None:
    """Linux tcp_set_window_clamp."""
    before, c.window_clamp = c.window_clamp, clamp
    if clamp < before:
        c.rcv_ssthresh = min(c.rcv_ssthresh, clamp)
    else:
        c.rcv_ssthresh = max(min(c.rcv_wnd, clamp), c.rcv_ssthresh)


def offered_scale(c: Connection) -> int:
    """The shift that our SYN offers: the least that can say the largest buffer (RFC 7323 section 2.3)."""
    space = max(buffer_space(c), c.profile.receive_buffer_max)
    if c.profile.buffer_overhead and c.settings.receive_buffer_set:
        space = buffer_space(c)  # Linux tcp_connect_init, tcp_openreq_init_rwin: SOCK_RCVBUF_LOCK
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
    """Open the window further because a segment came (Linux tcp_grow_window)."""
    room = min(c.window_clamp, free_space(c)) - c.rcv_ssthresh
    if not c.profile.window_slow_start or room <= 0:
        return
    gain = 2 * advertised_mss
    if window_from(c, memory_of(c, length)) > length:
        gain = _slow_growth(c, length)
    if gain:
        c.rcv_ssthresh += min(room, max(gain, 2 * length))
        c.quick |= 1


def _slow_growth(c: Connection, length: int) -> int:
    """Small segments open the window only while it is small (Linux __tcp_grow_window)."""
    memory = window_from(c, memory_of(c, length)) >> 1
    window = window_from(c, c.profile.receive_buffer_max) >> 1
    while c.rcv_ssthresh <= window:
        if memory <= length:
            return 2 * c.rcv_mss
        memory >>= 1
        window >>= 1
    return 0


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
        c.quick = 0
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


def keeps_its_size(c: Connection) -> bool:
    """Say whether a window offered now is as large as the last (Linux __tcp_ack_snd_check)."""
    return _wanted(c) >= c.rcv_wnd


def next_window(c: Connection) -> int:
    """The window of a segment sent now, in octets: the right edge never moves left (3.8.6.2.2, SHLD-14)."""
    current = remaining(c)
    wanted = _wanted(c)
    if wanted < current:
        unit = 1 << c.rcv_wscale
        wanted = -(-current // unit) * unit
    return wanted if c.profile.window_slow_start else min(wanted, FIELD_MAX << c.rcv_wscale)


def offer(c: Connection) -> int:
    """Offer the window in a segment that goes out now: gives the header's field, and remembers it."""
    window = next_window(c)
    unit = 1 << c.rcv_wscale
    field = min(-(-window // unit), FIELD_MAX)  # rounded up: the right edge never moves left
    # Linux remembers more than an unscaled field can say (tcp_select_window)
    c.rcv_wnd = window if c.profile.window_slow_start else field << c.rcv_wscale
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
