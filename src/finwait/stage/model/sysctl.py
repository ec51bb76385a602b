"""The one table of what sysctl names mean to the model: name → what it changes in the profile, or in which values it is harmless.

Names of Linux without `net.` and with dots (`ipv4.tcp_sack`), names of FreeBSD likewise (`inet.tcp.sack.enable`).
`docs/model-stage.md` shows it (a test holds the two together).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from finwait.endpoint import Blackhole, Profile, RstInSynchronized, SynInSynchronized
from finwait.endpoint.cookie import read_key
from finwait.stage.model.world import World

SECOND, MILLISECOND = 1_000_000, 1_000
NO_RETRIES: Final = 0
FAST_OPEN_CLIENT, FAST_OPEN_SERVER, NO_COOKIE_CLIENT, NO_COOKIE_SERVER = 0x1, 0x2, 0x4, 0x200
EVERY_LISTENER: Final = 0x400
"""Linux tcp.h TFO_CLIENT_ENABLE and its kin."""

Changes: TypeAlias = dict[str, Any]
"""Fields of a profile and their new values."""


@dataclass(frozen=True, slots=True)
class Knob:
    """One name. `change` gives the fields for a value (its words); ValueError: no such value."""

    change: Callable[[list[str], Profile], Changes]
    fields: tuple[str, ...]
    """What it changes, for the documentation."""


@dataclass(frozen=True, slots=True)
class Harmless:
    """A name that changes nothing here, as long as the value asks for what the model does anyway."""

    values: frozenset[str] | None
    """None: any."""
    why: str


def _number(text: str) -> int:
    return int(text, 0)


def _of(field: str, unit: int = 1) -> Knob:
    """One number, in units of so many of the field's."""
    return Knob(lambda words, _: {field: _number(words[0]) * unit}, (field,))


def _switch(field: str, *, inverted: bool = False) -> Knob:
    return Knob(lambda words, _: {field: bool(_number(words[0])) != inverted}, (field,))


def _sizes(size: str, most: str) -> Knob:
    """Least, default, most."""
    return Knob(
        lambda words, _: {size: _number(words[1]), most: _number(words[2])},
        (size, most),
    )


def _chosen(field: str, *choices: object) -> Knob:
    """A number that counts into choices."""

    def change(words: list[str], _: Profile) -> Changes:
        place = _number(words[0])
        if not 0 <= place < len(choices):
            raise ValueError(words[0])
        return {field: choices[place]}

    return Knob(change, (field,))


def _fast_open(words: list[str], profile: Profile) -> Changes:
    """Linux tcp_fastopen, a set of bits."""
    del profile
    bits = _number(words[0])
    return {
        "fast_open_client": bool(bits & FAST_OPEN_CLIENT),
        "fast_open_server": bool(bits & FAST_OPEN_SERVER),
        "fast_open_every_listener": bool(bits & EVERY_LISTENER),
        "fast_open_without_cookie": bool(bits & (NO_COOKIE_CLIENT | NO_COOKIE_SERVER)),
    }


def _rfc1323(words: list[str], profile: Profile) -> Changes:
    """FreeBSD: 0 neither, 1 both, 2 window scaling only, 3 timestamps only."""
    del profile
    value = _number(words[0])
    return {"window_scaling": value in {1, 2}, "timestamps": value in {1, 3}}


def _retries(words: list[str], profile: Profile) -> Changes:
    del profile
    return {"retries": _number(words[0])}


_SYN = (SynInSynchronized.CHALLENGE, SynInSynchronized.RESET_IN_WINDOW)
_RST = (RstInSynchronized.EXACT, RstInSynchronized.IN_WINDOW)
_BLACKHOLE = (Blackhole.ANSWER, Blackhole.SYN, Blackhole.ALL)
_DROP_OPTIONS = (0, 3)
"""FreeBSD tcp_timer_rexmt drops the options with the third repeat of a SYN."""

LINUX: Final[dict[str, Knob | Harmless]] = {
    "ipv4.tcp_rmem": _sizes("receive_buffer", "receive_buffer_max"),
    "ipv4.tcp_wmem": _sizes("send_buffer", "send_buffer_max"),
    "ipv4.tcp_timestamps": _switch("timestamps"),
    "ipv4.tcp_window_scaling": _switch("window_scaling"),
    "ipv4.tcp_sack": _switch("sack"),
    "ipv4.tcp_dsack": _switch("duplicate_sack"),
    "ipv4.tcp_ecn": _chosen("ecn", 0, 1, 2),
    "ipv4.tcp_syn_retries": _of("syn_retries"),
    "ipv4.tcp_synack_retries": _of("syn_ack_retries"),
    "ipv4.tcp_syn_linear_timeouts": _of("syn_linear_timeouts"),
    "ipv4.tcp_retries2": Knob(_retries, ("retries",)),
    "ipv4.tcp_orphan_retries": _of("orphan_retries"),
    "ipv4.tcp_rto_min_us": _of("rto_min"),
    "ipv4.tcp_rto_max_ms": _of("rto_max", MILLISECOND),
    "ipv4.tcp_fin_timeout": _of("fin_wait_2", SECOND),
    "ipv4.tcp_rfc1337": _switch("time_wait_reset", inverted=True),
    "ipv4.tcp_max_tw_buckets": _of("time_wait_max"),
    "ipv4.tcp_keepalive_time": _of("keep_idle", SECOND),
    "ipv4.tcp_keepalive_intvl": _of("keep_interval", SECOND),
    "ipv4.tcp_keepalive_probes": _of("keep_probes"),
    "ipv4.tcp_early_retrans": _switch("tail_loss_probe"),
    "ipv4.tcp_reordering": _of("duplicate_acks"),
    "ipv4.tcp_fastopen": Knob(
        _fast_open,
        (
            "fast_open_client",
            "fast_open_server",
            "fast_open_without_cookie",
            "fast_open_every_listener",
        ),
    ),
    "ipv4.tcp_challenge_ack_limit": _of("challenge_acks"),
    "ipv4.tcp_invalid_ratelimit": _of("invalid_ack_interval", MILLISECOND),
    "ipv4.tcp_abort_on_overflow": _switch("abort_on_overflow"),
    "ipv4.ip_default_ttl": _of("ttl"),
    "core.somaxconn": _of("backlog_max"),
    "ipv4.tcp_frto": Harmless(None, "a spurious timeout costs no more than its repeats"),
    "ipv4.tcp_fack": Harmless(None, "Linux has ignored it since 4.15"),
    "ipv4.tcp_recovery": Harmless(frozenset("1"), "recovery as RACK does it"),
    "ipv4.tcp_congestion_control": Harmless(
        frozenset({"cubic", "reno"}), "windows grow as NewReno's; until the first loss these agree"
    ),
    "ipv4.tcp_slow_start_after_idle": Harmless(frozenset("0"), "idling changes no window"),
    "ipv4.tcp_tso_win_divisor": Harmless(None, "segments are sent one by one"),
    "ipv4.tcp_min_tso_segs": _of("burst_segments"),
    "ipv4.tcp_pacing_ss_ratio": Harmless(None, "nothing is paced"),
    "ipv4.tcp_pacing_ca_ratio": Harmless(None, "nothing is paced"),
    "ipv4.tcp_notsent_lowat": Harmless(
        frozenset({"4294967295", "-1"}), "no limit unless a socket sets TCP_NOTSENT_LOWAT"
    ),
    "ipv4.tcp_ecn_option": Harmless(
        None, "accurate ECN is not modelled, nor asked for by tcp_ecn 0, 1, 2"
    ),
    "ipv4.tcp_syncookies": Harmless(frozenset("01"), "the queue never overflows in a script"),
    "ipv4.tcp_fastopen_blackhole_timeout_sec": Harmless(
        frozenset("0"), "fast open is never switched off by itself"
    ),
    "ipv4.tcp_tw_reuse": Harmless(None, "connect() takes a new port each time"),
    "ipv4.tcp_no_metrics_save": Harmless(frozenset("1"), "metrics are not kept, but for fast open"),
    "ipv4.tcp_mtu_probing": Harmless(frozenset("0"), "packets grow by no probing"),
    "ipv4.tcp_moderate_rcvbuf": Harmless(frozenset("0"), "buffers do not grow by reading"),
    "ipv4.tcp_autocorking": Harmless(None, "a device of no delay never holds packets"),
}
FREEBSD: Final[dict[str, Knob | Harmless]] = {
    "inet.tcp.rfc1323": Knob(_rfc1323, ("window_scaling", "timestamps")),
    "inet.tcp.sack.enable": _switch("sack"),
    "inet.tcp.ecn.enable": _chosen("ecn", 0, 1, 2),
    "inet.tcp.ecn.maxretries": _of("ecn_retries"),
    "inet.tcp.recvspace": _of("receive_buffer"),
    "inet.tcp.sendspace": _of("send_buffer"),
    "kern.ipc.maxsockbuf": _of("receive_buffer_max"),
    "kern.ipc.somaxconn": _of("backlog_max"),
    "inet.tcp.blackhole": _chosen("blackhole", *_BLACKHOLE),
    "inet.tcp.insecure_rst": _chosen("rst_in_synchronized", *_RST),
    "inet.tcp.insecure_syn": _chosen("syn_in_synchronized", *_SYN),
    "inet.tcp.drop_synfin": _switch("drop_syn_fin"),
    "inet.tcp.icmp_may_rst": _switch("icmp_may_reset"),
    "inet.tcp.tolerate_missing_ts": _switch("tolerate_missing_timestamps"),
    "inet.tcp.delacktime": _of("delayed_ack", MILLISECOND),
    "inet.tcp.rexmit_initial": _of("rto_initial", MILLISECOND),
    "inet.tcp.rexmit_min": _of("rto_min", MILLISECOND),
    "inet.tcp.rexmit_slop": _of("rto_slop", MILLISECOND),
    "inet.tcp.rexmit_drop_options": _chosen("syn_drop_options_after", *_DROP_OPTIONS),
    "inet.tcp.keepinit": _of("keep_init", MILLISECOND),
    "inet.tcp.keepidle": _of("keep_idle", MILLISECOND),
    "inet.tcp.keepintvl": _of("keep_interval", MILLISECOND),
    "inet.tcp.keepcnt": _of("keep_probes"),
    "inet.tcp.msl": _of("time_wait", 2 * MILLISECOND),
    "inet.tcp.finwait2_timeout": _of("fin_wait_2", MILLISECOND),
    "inet.tcp.maxtcptw": _of("time_wait_max"),
    "inet.tcp.mssdflt": _of("mss_default_v4"),
    "inet.tcp.v6mssdflt": _of("mss_default_v6"),
    "inet.tcp.minmss": _of("mss_min"),
    "inet.tcp.initcwnd_segments": _of("initial_window"),
    "inet.tcp.fastopen.client_enable": _switch("fast_open_client"),
    "inet.tcp.fastopen.server_enable": _switch("fast_open_server"),
    "inet.tcp.udp_tunneling_overhead": _of("udp_overhead"),
    "inet.tcp.syncookies": Harmless(frozenset("01"), "the queue never overflows in a script"),
    "inet.tcp.syncookies_only": Harmless(frozenset("0"), "a queue keeps what a SYN asked for"),
    "inet.tcp.path_mtu_discovery": Harmless(frozenset("1"), "packets too big are heard of"),
    "inet.tcp.pmtud_blackhole_detection": Harmless(
        frozenset("0"), "a timeout does not make segments smaller"
    ),
    "inet.tcp.pmtud_blackhole_mss": Harmless(None, "of no account without the detection"),
    "inet.tcp.v6pmtud_blackhole_mss": Harmless(None, "of no account without the detection"),
}


def normal(name: str) -> str:
    """A name as the tables have it: `/proc/sys/net/ipv4/tcp_sack`, `net/ipv4/tcp_sack` and `net.ipv4.tcp_sack` are one."""
    return name.removeprefix("/proc/sys/").replace("/", ".").removeprefix("net.")


def apply(world: World, name: str, value: str) -> str | None:
    """Set a name to a value. None: done. Else why not: it is then not applicable to the model."""
    key = normal(name)
    knob = LINUX.get(key) or FREEBSD.get(key)
    if knob is None and key not in ACTIONS:
        return f"the model has no sysctl {name}"
    if isinstance(knob, Harmless):
        harmless = knob.values is None or value.strip() in knob.values
        return None if harmless else f"{name}={value} is not modelled ({knob.why})"
    try:
        if key in ACTIONS:
            ACTIONS[key](world, value)
        if knob is not None:
            world.configure(knob.change(value.split(), world.profile))
    except (ValueError, IndexError, OverflowError):
        return f"{value!r} is no value of {name} that the model knows"
    return None


def _forget_cookies(world: World, _: str) -> None:
    world.host.cookies.clear()
    world.host.fast_open_refused.clear()


def _forget_cookies_when_off(world: World, value: str) -> None:
    if not _number(value):
        _forget_cookies(world, value)


def _set_udp_port(world: World, value: str) -> None:
    world.host.udp_port = _number(value)


def _set_cookie_key(world: World, value: str) -> None:
    world.host.fast_open_key = read_key(value)


ACTIONS: Final[dict[str, Callable[[World, str], None]]] = {
    "ipv4.tcp_fastopen_key": _set_cookie_key,
    "inet.tcp.hostcache.purgenow": _forget_cookies,
    "inet.tcp.fastopen.client_enable": _forget_cookies_when_off,
    "inet.tcp.udp_tunneling_port": _set_udp_port,
}
"""Names that act on the host, beside or instead of a field of the profile."""


def current(world: World, name: str) -> Changes | None:
    """What a name's fields are now; None if it is unknown."""
    knob = LINUX.get(normal(name)) or FREEBSD.get(normal(name))
    if isinstance(knob, Knob):
        return {field: getattr(world.profile, field) for field in knob.fields}
    return {} if knob is not None or normal(name) in ACTIONS else None
