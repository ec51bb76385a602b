"""Socket options: what setting one does, and what is read back."""

from dataclasses import replace
from typing import Any

from finwait.endpoint.calls import Errno, Option, Result
from finwait.endpoint.connection import Connection
from finwait.endpoint.negotiate import set_mss
from finwait.endpoint.profile import Profile
from finwait.endpoint.rules import Rule
from finwait.endpoint.settings import Settings
from finwait.endpoint.transmit import flush, send_ack
from finwait.endpoint.work import Work
from finwait.tcp import State

SECOND = 1_000_000
MILLISECOND = 1_000
MSS_MIN, MSS_MAX = 88, 32767
"""Linux TCP_MIN_MSS, MAX_TCP_WINDOW: what TCP_MAXSEG takes."""
KEEP_MAX, KEEP_INTERVAL_MAX, KEEP_COUNT_MAX, SYN_COUNT_MAX = 32767, 32767, 127, 127
"""Linux MAX_TCP_KEEPIDLE and its kin."""
BUFFER_MIN = 2304
"""Linux SOCK_MIN_RCVBUF, about."""

_SECONDS = {
    Option.TCP_KEEPIDLE: ("keep_idle", KEEP_MAX),
    Option.TCP_KEEPINTVL: ("keep_interval", KEEP_INTERVAL_MAX),
    Option.TCP_KEEPINIT: ("keep_init", KEEP_MAX),
}
_COUNTS = {
    Option.TCP_KEEPCNT: ("keep_probes", KEEP_COUNT_MAX),
    Option.TCP_SYNCNT: ("syn_retries", SYN_COUNT_MAX),
}
_SWITCHES = {
    Option.SO_KEEPALIVE: "keep_alive",
    Option.SO_REUSEADDR: "reuse_address",
    Option.TCP_NODELAY: "no_delay",
    Option.TCP_CORK: "cork",
    Option.TCP_FASTOPEN_CONNECT: "fast_open_connect",
    Option.TCP_NOOPT: "no_options",
    Option.TCP_INQ: "inq",
}
_NUMBERS = {
    Option.TCP_FASTOPEN: "fast_open_queue",
    Option.TCP_NOTSENT_LOWAT: "not_sent_low_water",
    Option.TCP_REMOTE_UDP_ENCAPS_PORT: "udp_port",
    Option.TCP_WINDOW_CLAMP: "window_clamp",
    Option.IP_TOS: "tos",
    Option.SO_RCVLOWAT: "receive_low_water",
}


def changed(settings: Settings, profile: Profile, option: Option, value: int) -> Settings | Errno:  # noqa: PLR0911 - one return a kind of option
    """Give the settings with `option` set to `value`, or why not."""
    if option in _SECONDS:
        name, most = _SECONDS[option]
        if not 1 <= value <= most:
            return Errno.EINVAL
        return _with(settings, name, value * SECOND)
    if option in _COUNTS:
        name, most = _COUNTS[option]
        if not 1 <= value <= most:
            return Errno.EINVAL
        return _with(settings, name, value)
    if option in _SWITCHES:
        return _with(settings, _SWITCHES[option], bool(value))
    if option in _NUMBERS:
        return Errno.EINVAL if value < 0 else _with(settings, _NUMBERS[option], value)
    return _changed_otherwise(settings, profile, option, value)


def _with(settings: Settings, name: str, value: int) -> Settings:
    """Set one field by its name."""
    changes: dict[str, Any] = {name: value}
    return replace(settings, **changes)


def _changed_otherwise(  # noqa: C901, PLR0911 - one return an option
    settings: Settings, profile: Profile, option: Option, value: int
) -> Settings | Errno:
    if option is Option.SO_LINGER:
        return replace(settings, linger=value if value >= 0 else None)
    if option is Option.TCP_MAXSEG:
        if value and not MSS_MIN <= value <= MSS_MAX and profile.buffer_overhead:
            return Errno.EINVAL
        return replace(settings, mss=value)
    if option is Option.TCP_LINGER2:
        if profile.linger2_max == 0:
            return Errno.ENOPROTOOPT
        if value * SECOND > profile.linger2_max:
            value = profile.linger2_max // SECOND
        return replace(settings, linger2=-1 if value < 0 else value * SECOND or None)
    if option is Option.TCP_DEFER_ACCEPT:
        return replace(settings, defer_accept=max(value, 0))
    if option is Option.TCP_USER_TIMEOUT:
        return Errno.EINVAL if value < 0 else replace(settings, user_timeout=value * MILLISECOND)
    if option is Option.SO_RCVBUF:
        size = max(2 * value, BUFFER_MIN) if profile.buffer_overhead else value
        return replace(settings, receive_buffer=size, receive_buffer_set=True)
    if option is Option.SO_SNDBUF:
        size = max(2 * value, 2 * BUFFER_MIN) if profile.buffer_overhead else value
        return replace(settings, send_buffer=size, send_buffer_set=True)
    if option is Option.IP_TTL:
        return (
            Errno.EINVAL
            if not -1 <= value <= 255
            else replace(settings, ttl=None if value < 0 else value)
        )
    if option is Option.TCP_QUICKACK:
        return settings
    return Errno.ENOPROTOOPT


def apply(w: Work, option: Option, value: int) -> Result:
    """Set an option on a connection, and do at once what follows from it."""
    c = w.c
    found = changed(c.settings, c.profile, option, value)
    if isinstance(found, Errno):
        return Result(error=found)
    w.fire(Rule.OPTION_SET)
    c.settings = found
    if option is Option.SO_KEEPALIVE:
        idle = found.keep_idle or c.profile.keep_idle
        c.keep_at = w.now + idle if value and c.connected and not c.mini else None
    elif option is Option.TCP_KEEPIDLE and found.keep_alive and c.connected:
        c.keep_at = max(c.heard_at + value * SECOND, w.now)
    elif option is Option.TCP_NODELAY and value:
        flush(w, force=True)  # once, even over TCP_CORK (Linux TCP_NAGLE_PUSH)
    elif option is Option.TCP_CORK and not value:
        flush(w)
    elif option is Option.TCP_QUICKACK:
        _quick_ack(w, value)
    elif option is Option.TCP_MAXSEG and c.state.synchronized and value:
        set_mss(c)
    elif option is Option.SO_RCVBUF and c.connected:
        c.window_clamp = 0
    return Result()


def _quick_ack(w: Work, value: int) -> None:
    """Linux tcp_sock_set_quickack: an odd value leaves the conversation mode until it shows again."""
    c = w.c
    if not value:
        c.interactive = True
        return
    c.interactive = False
    if c.ack_at is not None and c.state in {State.ESTABLISHED, State.CLOSE_WAIT}:
        send_ack(w)
        if not value & 1:
            c.interactive = True


def read(settings: Settings, connection: Connection, option: Option) -> Result:
    """Read an option back."""
    if option in _SWITCHES:
        return Result(int(getattr(settings, _SWITCHES[option])))
    if option in _NUMBERS:
        return Result(int(getattr(settings, _NUMBERS[option])))
    profile = connection.profile
    plain: dict[Option, int] = {
        Option.SO_RCVBUF: settings.receive_buffer,
        Option.SO_SNDBUF: settings.send_buffer,
        Option.SO_LINGER: -1 if settings.linger is None else settings.linger,
        Option.TCP_KEEPIDLE: (settings.keep_idle or profile.keep_idle) // SECOND,
        Option.TCP_KEEPINTVL: (settings.keep_interval or profile.keep_interval) // SECOND,
        Option.TCP_KEEPCNT: settings.keep_probes or profile.keep_probes,
        Option.TCP_KEEPINIT: (settings.keep_init or profile.keep_init) // SECOND,
        Option.TCP_SYNCNT: settings.syn_retries or profile.syn_retries,
        Option.TCP_DEFER_ACCEPT: settings.defer_accept,
        Option.TCP_USER_TIMEOUT: settings.user_timeout // MILLISECOND,
        Option.TCP_QUICKACK: int(not connection.interactive),
        Option.TCP_MAXSEG: _mss_read(settings, connection),
        Option.IP_TTL: settings.ttl if settings.ttl is not None else profile.ttl,
        Option.TCP_LINGER2: _linger2_read(settings, profile),
    }
    if option not in plain:
        return Result(error=Errno.ENOPROTOOPT)
    return Result(plain[option])


def _mss_read(settings: Settings, connection: Connection) -> int:
    """What TCP_MAXSEG says: the segment size in use, before there is one the wish."""
    profile = connection.profile
    if connection.peer_mss:
        return connection.mss
    if settings.mss:
        return settings.mss
    return profile.mss_default_v6 if connection.header == 40 else profile.mss_default_v4


def _linger2_read(settings: Settings, profile: Profile) -> int:
    if settings.linger2 is None:
        return profile.fin_wait_2 // SECOND
    return -1 if settings.linger2 < 0 else settings.linger2 // SECOND
