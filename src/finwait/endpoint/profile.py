"""What systems do differently, as data. `profiles.toml` has the values, each with its source; this says what they mean.

`dataclasses.replace(LINUX, fin_timeout=…)` is what a sysctl does. Times are microseconds.
"""

import tomllib
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

FILE: Final = "profiles.toml"


class SynInSynchronized(StrEnum):
    """What a SYN inside a connection draws."""

    CHALLENGE = "challenge"
    """An ACK, wherever it lies (RFC 5961 section 4.2)."""
    RESET_IN_WINDOW = "reset-in-window"
    """RST and the end of the connection if it lies in the window (RFC 793 page 71, FreeBSD insecure_syn)."""


class RstInSynchronized(StrEnum):
    """Which RST ends a connection."""

    EXACT = "exact"
    """Only at RCV.NXT; elsewhere in the window it draws a challenge ACK (RFC 5961 section 3.2)."""
    IN_WINDOW = "in-window"
    """Anywhere in the window (RFC 793 page 70, FreeBSD insecure_rst)."""


class Blackhole(StrEnum):
    """Whether segments for nobody are answered."""

    ANSWER = "answer"
    SYN = "drop-syn"
    """A SYN is not (FreeBSD blackhole=1)."""
    ALL = "drop-all"
    """Nothing is (FreeBSD blackhole=2)."""


class SynOptions(StrEnum):
    """In which order the options of a SYN are laid out."""

    LINUX = "linux"
    """mss, sackOK, TS, nop, wscale: padded in pairs (Linux tcp_options_write)."""
    FREEBSD = "freebsd"
    """mss, nop, wscale, sackOK, TS, padded with eol (FreeBSD tcp_addoptions)."""


class Checks(StrEnum):
    """Whose checks of an arriving segment are made, where they differ in more than one number."""

    RFC9293 = "rfc9293"
    LINUX = "linux"
    FREEBSD = "freebsd"


class OrphanWait(StrEnum):
    """What is kept of a connection that no process holds in FIN-WAIT-2."""

    FULL = "full"
    """Everything."""
    MINI = "mini"
    """A small record that does not take data and ends at any RST in the window (Linux tcp_time_wait)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One system's choices."""

    name: str

    # --- retransmission (RFC 6298) ---
    rto_initial: int
    """Before the first round trip is measured."""
    rto_min: int
    """Linux and FreeBSD: least *variance* part (RTO = SRTT + max(4·RTTVAR, this)) resp. least whole."""
    rto_min_is_variance: bool
    rto_slop: int
    """Added to every timeout (FreeBSD rexmit_slop)."""
    rto_max: int
    rto_after_lost_syn: int
    """For data after a SYN was retransmitted (RFC 6298 section 5.7)."""
    syn_linear_timeouts: int
    """So many repeats of a SYN come without backoff (Linux tcp_syn_linear_timeouts)."""
    syn_retries: int
    syn_ack_retries: int
    retries: int
    """Of data, before the connection dies (R2)."""
    orphan_retries: int
    """The same once no process holds the socket."""
    spurious_timeouts: bool
    """F-RTO finds them (RFC 5682)."""
    tail_loss_probe: bool
    """RFC 8985 section 7."""
    burst_segments: int
    """What is handed to the device in one piece holds so many segments at least, and its last one carries PSH; 0: never more than one."""
    limited_transmit: bool
    """RFC 3042."""
    duplicate_acks: int
    """That begin fast retransmit (RFC 5681 section 3.2)."""

    # --- acknowledgments ---
    delayed_ack: int
    """The greatest delay; 0: never delayed."""
    delayed_ack_min: int
    """The delay at first (Linux TCP_ATO_MIN)."""
    quick_acks: int
    """Segments that are acknowledged at once at the start (Linux TCP_MAX_QUICKACKS)."""

    # --- windows and sizes ---
    initial_window: int
    """Full-sized segments before the first ACK (RFC 6928)."""
    receive_buffer: int
    """Default SO_RCVBUF as it is read back."""
    receive_buffer_max: int
    """What the window scale has to be able to say (Linux tcp_rmem[2], FreeBSD maxsockbuf)."""
    send_buffer: int
    send_buffer_max: int
    """What autotuning may grow it to as long as SO_SNDBUF was not set."""
    buffer_overhead: bool
    """Half of the buffer is overhead: SO_RCVBUF doubles and the window is half of it (Linux tcp_win_from_space)."""
    window_slow_start: bool
    """The window opens as data comes (Linux rcv_ssthresh)."""
    round_to_mss: bool
    """The receive buffer is rounded up to whole segments at the handshake (FreeBSD tcp_mss)."""
    mss_default_v4: int
    """Without the peer's option."""
    mss_default_v6: int
    mss_min: int
    """The least that is believed of a peer's option."""
    window_scaling: bool
    timestamps: bool
    tolerate_missing_timestamps: bool
    """A segment without the option is taken although it was negotiated (RFC 7323 section 3.2 says drop)."""
    sack: bool
    ecn: int
    """0 off, 1 asks and answers, 2 only answers (Linux tcp_ecn and FreeBSD ecn.enable agree so far)."""
    ecn_retries: int
    """A SYN that is repeated more often asks no more (RFC 3168 section 6.1.1.1)."""
    udp_overhead: int
    """Octets that TCP in UDP takes off the MSS (FreeBSD udp_tunneling_overhead)."""
    syn_options: SynOptions
    syn_drop_options_after: int
    """A SYN that is repeated more often has no option but the MSS; 0: it keeps them."""
    ttl: int

    # --- opening ---
    syn_ack_again_for_syn: bool
    """A repeated SYN in SYN-RECEIVED is answered by the SYN,ACK again, not by a challenge ACK."""
    fast_open_client: bool
    fast_open_server: bool
    fast_open_without_cookie: bool
    fast_open_gives_up: bool
    """A peer that answers without a good cookie is not asked again."""
    fast_open_every_listener: bool
    """Also one that did not set TCP_FASTOPEN (Linux TFO_SERVER_WO_SOCKOPT1)."""
    listen_drops_syn_fin: bool
    """A segment with FIN and SYN does not open a connection."""
    drop_syn_fin: bool
    """Segments with FIN and SYN are dropped in every state (FreeBSD drop_synfin)."""
    listen_resets_syn_ack: bool
    """A SYN,ACK to a listener draws a RST; else it is ignored."""
    backlog_max: int
    """What listen() is cut to (somaxconn)."""
    abort_on_overflow: bool

    # --- segments that should not be there ---
    syn_in_synchronized: SynInSynchronized
    rst_in_synchronized: RstInSynchronized
    challenge_acks: int
    """A second, for all connections together; 0: no limit (RFC 5961 section 7)."""
    invalid_ack_interval: int
    """Least time between two ACKs of one connection to segments that are out of window (Linux tcp_invalid_ratelimit)."""
    rst_after_fin: bool
    """A RST at RCV.NXT-1 counts too once the peer's FIN is in (Linux tcp_reset_check)."""
    blackhole: Blackhole
    icmp_may_reset: bool
    """A hard ICMP error ends a handshake."""

    # --- closing ---
    reset_unread: bool
    """Close with unread data sends RST (RFC 2525 section 2.17, RFC 1122 4.2.2.13)."""
    reset_data_after_close: bool
    """Data after close of both directions draws RST and ends the connection (RFC 1122 section 4.2.2.13)."""
    ack_repeats_fin: bool
    """An ACK carries our FIN again while that is not acknowledged (FreeBSD); else it is a bare ACK."""
    fin_wait_2: int
    """How long an orphan waits for the peer's FIN; 0: for ever."""
    time_wait: int
    time_wait_reset: bool
    """An exact RST ends TIME-WAIT (RFC 9293 3.10.7.4); else ignored (RFC 1337)."""
    time_wait_challenge: bool
    """An inexact RST or a SYN in TIME-WAIT draws an ACK."""
    time_wait_reuse_seq: bool
    """A SYN above RCV.NXT opens anew (RFC 1122 section 4.2.2.13)."""
    time_wait_reuse_timestamp: bool
    """A SYN with a newer timestamp opens anew (RFC 6191)."""
    time_wait_leaves_socket: bool
    """TIME-WAIT is kept in a small record of its own; the user's socket says CLOSED from then on."""
    time_wait_max: int
    """Connections that may be in TIME-WAIT; more skip it."""
    linger2_max: int
    """The most that TCP_LINGER2 may ask for; 0: there is no such option."""

    # --- keep-alive ---
    keep_idle: int
    keep_interval: int
    keep_probes: int
    nagle_minshall: bool
    """Nagle's algorithm holds a small segment back only while another small one is in flight, not while anything is."""
    nagle_runs: bool
    """What goes out in one run is looked at as a whole: if nothing was unacknowledged before it, its small last segment goes, too."""
    arrival_checks: Checks
    """The order and the bounds of the first checks of a segment in a synchronized state."""
    syn_received_checks: Checks
    """The same in SYN-RECEIVED after a passive OPEN, where kernels keep a smaller record."""
    time_wait_answers: Checks
    orphan_fin_wait_2: OrphanWait
    acks_in_window: bool
    """The number of an ACK or RST never lies beyond the peer's window, even if SND.NXT does because that shrank."""
    fin_needs_window: bool
    """The FIN's number has to lie in the peer's window; else it goes out into a closed one."""
    paws_drops_bare_ack: bool
    """A segment with an old timestamp and no data is dropped without an ACK."""
    probe_with_data: bool
    """A window probe carries one octet of new data; else it is an empty segment at SND.UNA-1."""
    fin_ack_delayed: bool
    """The ACK of a FIN may wait for the user's own FIN, or other data."""
    reset_window_zero: bool
    """A RST,ACK has the window 0; else the last window."""
    icmp_soft_ends_handshake: bool
    """A soft ICMP error in SYN-SENT ends it, too."""
    window_update_at_read: bool
    """Reading sends an ACK when the window opens much."""
    duplicate_sack: bool
    """Duplicates are reported (RFC 2883)."""
    initial_ssthresh: int
    """In segments."""
    keep_init: int
    """How long a handshake may take; 0: no such limit."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of one profile and where it comes from."""

    value: object
    source: str


@cache
def choices() -> dict[str, dict[str, Choice]]:
    """Give every choice: field → profile → value and source."""
    text = resources.files("finwait.endpoint").joinpath(FILE).read_text(encoding="utf-8")
    table = tomllib.loads(text)
    return {
        name: {who: Choice(row["value"], row["source"]) for who, row in rows.items()}
        for name, rows in table.items()
    }


def _load(name: str) -> Profile:
    """Build a profile from the file. Raises ValueError if a field is missing, unknown or of another type."""
    table = choices()
    known = {field.name: field.type for field in fields(Profile) if field.name != "name"}
    if known.keys() != table.keys():
        raise ValueError(f"{FILE}: fields differ: {sorted(known.keys() ^ table.keys())}")
    values: dict[str, object] = {}
    for field, kind in known.items():
        value = table[field][name].value
        wanted = kind if isinstance(kind, type) else object
        if issubclass(wanted, StrEnum):
            value = wanted(str(value))
        if type(value) is not wanted:
            raise ValueError(f"{FILE}: {field}.{name} is {value!r}, not {wanted.__name__}")
        values[field] = value
    return Profile(name=name, **values)  # type: ignore[arg-type]  # checked one by one above


RFC9293: Final = _load("rfc9293")
"""What the documents say, with MAYs not used and SHOULDs followed."""
LINUX: Final = _load("linux")
"""A Linux kernel of the 6.x series with default sysctls."""
FREEBSD: Final = _load("freebsd")
"""FreeBSD's base stack, 14 and later, with default sysctls."""
PROFILES: Final = {profile.name: profile for profile in (RFC9293, LINUX, FREEBSD)}
