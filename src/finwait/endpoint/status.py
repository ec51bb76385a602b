"""What an end can say of itself: the numbers of TCP_INFO."""

from dataclasses import dataclass

from finwait.endpoint.connection import Connection
from finwait.endpoint.negotiate import advertised_mss
from finwait.endpoint.work import deadline
from finwait.tcp import State


@dataclass(frozen=True, slots=True)
class Status:
    """Counts in segments or octets, times in microseconds; names as in Linux's `struct tcp_info` without `tcpi_`."""

    state: State
    ca_state: int = 0
    """0 Open, 1 Disorder, 2 CWR, 3 Recovery, 4 Loss (Linux enum tcp_ca_state)."""
    retransmits: int = 0
    """Timeouts in a row."""
    probes: int = 0
    backoff: int = 0
    options: int = 0
    """TCPI_OPT_*: 1 timestamps, 2 SACK, 4 wscale, 8 ECN, 16 ECN seen, 32 SYN data acked."""
    snd_wscale: int = 0
    rcv_wscale: int = 0
    rto: int = 0
    ato: int = 0
    snd_mss: int = 0
    rcv_mss: int = 0
    unacked: int = 0
    sacked: int = 0
    lost: int = 0
    retrans: int = 0
    pmtu: int = 0
    rcv_ssthresh: int = 0
    rtt: int = 0
    rttvar: int = 0
    snd_ssthresh: int = 0
    snd_cwnd: int = 0
    advmss: int = 0
    reordering: int = 3
    total_retrans: int = 0
    bytes_acked: int = 0
    bytes_received: int = 0
    segs_out: int = 0
    segs_in: int = 0
    notsent_bytes: int = 0
    delivered: int = 0
    snd_wnd: int = 0
    rcv_wnd: int = 0
    next_timer: int | None = None
    """When the next timer goes off, on the clock of `now`."""


def status_of(c: Connection) -> Status:
    """Read the numbers off a connection."""
    sacked = sum(1 for sent in c.queue if sent.sacked)
    lost = sum(1 for sent in c.queue if sent.lost)
    options = (
        (1 if c.timestamps else 0)
        | (2 if c.sack else 0)
        | (4 if c.scaling else 0)
        | (8 if c.ecn else 0)
        | (32 if c.syn_data_acked else 0)
    )
    phase = 1 if sacked or c.duplicates else 0
    if c.recover is not None:
        phase = 4 if c.in_loss else 3
    return Status(
        state=c.state,
        ca_state=phase,
        retransmits=c.retries,
        probes=c.probes or c.keep_probes,
        backoff=c.backoff,
        options=options,
        snd_wscale=c.snd_wscale,
        rcv_wscale=c.rcv_wscale,
        rto=c.rto,
        ato=c.ato,
        snd_mss=c.mss,
        rcv_mss=c.rcv_mss,
        unacked=len(c.queue),
        sacked=sacked,
        lost=lost,
        retrans=sum(1 for sent in c.queue if sent.times > 1 and not sent.sacked and not sent.lost),
        pmtu=c.mtu,
        rcv_ssthresh=c.rcv_ssthresh,
        rtt=c.srtt or 0,
        rttvar=c.rttvar,
        snd_ssthresh=c.ssthresh,
        snd_cwnd=c.cwnd,
        advmss=advertised_mss(c),
        total_retrans=c.total_retransmits,
        bytes_acked=c.bytes_acked,
        bytes_received=c.bytes_received,
        segs_out=c.segments_out,
        segs_in=c.segments_in,
        notsent_bytes=len(c.unsent),
        delivered=c.delivered,
        snd_wnd=c.snd_wnd,
        rcv_wnd=c.rcv_wnd,
        next_timer=deadline(c),
    )
