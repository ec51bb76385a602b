"""One connection's transmission control block (RFC 9293 section 3.3.1) as a value. `step.py` makes the next one of it."""

from dataclasses import dataclass, field
from typing import NamedTuple

from finwait.endpoint.calls import Errno, Happening, Result
from finwait.endpoint.profile import Profile
from finwait.endpoint.rules import Rule
from finwait.endpoint.settings import Settings, default_settings
from finwait.tcp import Segment, Seq, State

ZERO = Seq(0)


@dataclass(frozen=True, slots=True)
class Sent:
    """A segment in flight: what the retransmission queue holds (RFC 9293 section 3.8)."""

    seq: Seq
    data: bytes
    syn: bool
    fin: bool
    push: bool
    sent_at: int
    """Of its last sending."""
    times: int = 1
    """How often it was sent."""
    sacked: bool = False
    lost: bool = False
    """Taken for lost and not sent again since."""

    @property
    def length(self) -> int:
        """Sequence numbers that it takes."""
        return len(self.data) + self.syn + self.fin

    @property
    def end(self) -> Seq:
        """The number after its last one."""
        return self.seq + self.length


@dataclass(frozen=True, slots=True)
class Piece:
    """Octets that arrived before others that come first; `fin`: a FIN follows them."""

    seq: Seq
    data: bytes
    fin: bool
    memory: int = 0
    """Octets of the receive buffer that it takes (Linux truesize)."""
    room: int = 0
    """How many octets more fit behind it in that memory (Linux skb_tailroom)."""

    @property
    def data_end(self) -> Seq:
        """The number after its last octet."""
        return self.seq + len(self.data)

    @property
    def end(self) -> Seq:
        """The number after its last one."""
        return self.seq + len(self.data) + self.fin


class Held(NamedTuple):
    """Segments that wait to be read in one piece of memory (Linux sk_buff)."""

    octets: int
    """Of them not read yet."""
    memory: int
    """What they take of the buffer until all are read (truesize)."""
    room: int
    """How many octets more fit behind them (skb_tailroom)."""


@dataclass(slots=True)
class Connection:
    """Never changed by anyone but `step`, which works on a copy: a Connection that you hold stays as it is.

    Its members are immutable, so the copy is shallow. Times are microseconds; None for a timer means
    that it does not run.
    """

    profile: Profile
    settings: Settings
    iss: Seq = ZERO
    state: State = State.CLOSED
    passive: bool = False
    """Reached SYN-RECEIVED from LISTEN (3.5, MUST-11)."""
    header: int = 20
    """Octets of the IP header: 20 or 40 (IPv6)."""
    mtu: int = 1500
    ts_offset: int = 0
    device_full: bool = False
    """The local device drops what is sent: new data is kept and tried again (Linux TCP_RESOURCE_PROBE_INTERVAL)."""

    # --- sending ---
    snd_una: Seq = ZERO
    snd_nxt: Seq = ZERO
    snd_wnd: int = 0
    snd_wl1: Seq = ZERO
    snd_wl2: Seq = ZERO
    max_window: int = 0
    """The largest window that the peer offered."""
    small_end: Seq = ZERO
    """The end of the last segment below the MSS (Minshall's Nagle)."""
    mss: int = 536
    """Payload of a full segment, options of every segment already taken off."""
    peer_mss: int = 0
    queue: tuple[Sent, ...] = ()
    """In flight, by number."""
    unsent: bytes = b""
    pushed: int = 0
    """Octets of `unsent` that are to end with PSH (the rest came with MSG_MORE)."""
    records: tuple[Seq, ...] = ()
    """Where a segment has to end (MSG_EOR)."""
    urgent: Seq | None = None
    """SND.UP: the number after the urgent octet."""
    write_pending: bool = False
    """A user sleeps to write: the ACK that ends the handshake waits for the data (Linux sk_write_pending)."""
    write_shut: bool = False
    """No more data: a FIN was sent or waits for its turn."""
    fin_seq: Seq | None = None
    """The number of our FIN, once sent."""
    fin_acked: bool = False

    # --- receiving ---
    irs: Seq = ZERO
    rcv_nxt: Seq = ZERO
    rcv_wup: Seq = ZERO
    """RCV.NXT as our last segment said it."""
    rcv_wnd: int = 0
    """The window that went with it."""
    rcv_ssthresh: int = 0
    window_clamp: int = 0
    rcv_mss: int = 536
    """The peer's segment size as far as it was seen."""
    received: bytes = b""
    held: tuple[Held, ...] = ()
    """The memory of what is in `received` (Linux sk_receive_queue)."""
    window_ratio: int = 128
    """256ths of the buffer that count as window (Linux scaling_ratio)."""
    pieces: tuple[Piece, ...] = ()
    sack_recent: tuple[Seq, ...] = ()
    """Numbers inside the blocks that changed last, newest first (RFC 2018 section 4)."""
    blocks: tuple[tuple[Seq, Seq], ...] = ()
    """The SACK blocks to report, where they are a list of their own (Linux selective_acks)."""
    duplicate: tuple[Seq, Seq] | None = None
    """The next ACK reports it (RFC 2883)."""
    peer_fin: Seq | None = None
    """The number of the peer's FIN, once received in order."""
    fin_unread: bool = False
    """The user has not been told yet that the data ends."""
    read_shut: bool = False
    rcv_urgent: Seq | None = None
    bytes_read: int = 0

    # --- options agreed ---
    snd_wscale: int = 0
    rcv_wscale: int = 0
    scaling: bool = False
    timestamps: bool = False
    sack: bool = False
    ecn: bool = False
    ecn_echo: bool = False
    """A CE mark waits for the peer's CWR."""
    ts_recent: int = 0
    ts_recent_at: int = 0
    fast_open: bytes | None = None
    """The cookie that our SYN asked with (empty) or carried."""
    fast_open_tried: bool = False
    """Our first SYN had the option; a repeated one has it no more."""
    fast_open_experimental: bool = False
    fast_open_answer: bytes | None = None
    """The cookie that our SYN,ACK gives (listener)."""
    fast_open_child: bool = False
    """In SYN-RECEIVED with data that the user may already read (RFC 7413 section 4.2)."""
    learnt_cookie: bytes | None = None
    learnt_mss: int = 0
    syn_data: bytes = b""
    """What our SYN carried."""
    syn_data_acked: bool = False

    # --- timers and estimates ---
    retransmit_at: int | None = None
    probe_at: int | None = None
    """Tail loss probe."""
    persist_at: int | None = None
    ack_at: int | None = None
    """Delayed ACK."""
    keep_at: int | None = None
    fin_wait_2_at: int | None = None
    time_wait_at: int | None = None
    handshake_at: int | None = None
    user_timeout_at: int | None = None
    reorder_at: int | None = None
    srtt: int | None = None
    rttvar: int = 0
    rto: int = 0
    backoff: int = 0
    retries: int = 0
    """Timeouts in a row."""
    first_retry_at: int | None = None
    probes: int = 0
    """Window or keep-alive probes unanswered."""
    persist_since: int | None = None
    keep_probes: int = 0
    opened_at: int = 0
    """When our first SYN went out."""
    heard_at: int = 0
    """When the peer was last heard."""
    ato: int = 0
    quick: int = 0
    """ACKs still to be sent at once."""
    interactive: bool = False
    """ACKs may wait for data to ride on (Linux pingpong)."""
    received_at: int = 0
    sent_at: int = 0
    ack_now: bool = False
    to_ack: int = 0
    """Segments with data since the last ACK."""
    challenged_at: int | None = None
    challenges: int = 0
    """Challenge ACKs since `challenged_at`, within its second."""
    out_of_window_at: int | None = None

    # --- congestion (segments) ---
    cwnd: int = 10
    ssthresh: int = 2**31 - 1
    grown: int = 0
    """Segments acknowledged towards the next growth."""
    duplicates: int = 0
    recover: Seq | None = None
    """The end of what was in flight when loss was found; None: no recovery."""
    in_loss: bool = False
    """The recovery follows a timeout."""
    undo: tuple[int, int] | None = None
    """Window and threshold before a timeout that may turn out spurious (F-RTO, RFC 5682)."""
    tail_probe_end: Seq | None = None
    tail_probe_new: bool = False
    """The tail loss probe carried new data, so its ACK says all (Linux tlp_retrans, tcp_process_tlp_ack)."""
    recovery_sent: int = 0

    # --- the user ---
    orphan: bool = False
    """No process holds it: close was called."""
    mini: bool = False
    """Only the small record of TIME-WAIT is kept (Linux)."""
    error: Errno | None = None
    soft_error: Errno | None = None
    reset: bool = False
    """A RST of the peer, or ours, ended it."""
    connected: bool = False
    """Was ESTABLISHED once."""

    # --- counts ---
    total_retransmits: int = 0
    segments_in: int = 0
    segments_out: int = 0
    bytes_acked: int = 0
    """Numbers of the peer's ACKs: octets, our FIN, and of an active OPEN our SYN (Linux tcp_snd_una_update)."""
    bytes_received: int = 0
    delivered: int = 0
    syn_acks: int = 0
    """How often the SYN,ACK was sent again."""
    deferred: bool = False
    """Its third ACK was dropped: TCP_DEFER_ACCEPT waits for data."""


def new_connection(
    profile: Profile, *, iss: Seq = ZERO, settings: Settings | None = None, ipv6: bool = False
) -> Connection:
    """Make a connection in CLOSED."""
    return Connection(
        profile=profile,
        settings=settings or default_settings(profile),
        iss=iss,
        small_end=iss,
        header=40 if ipv6 else 20,
        rto=profile.rto_initial,
        cwnd=profile.initial_window,
        ssthresh=profile.initial_ssthresh,
    )


@dataclass(frozen=True, slots=True)
class Step:
    """What an input did."""

    connection: Connection
    segments: tuple[Segment, ...]
    """To be sent, in this order."""
    events: tuple[Happening, ...]
    rules: tuple[Rule, ...]
    """The rules that fired, in order."""
    edges: tuple[int, ...]
    """The rows of `transitions.toml` that were taken, by number, in order."""
    result: Result = field(default_factory=Result)
    """Of a call."""
