"""What an end can say of itself: the numbers of TCP_INFO."""

from dataclasses import dataclass

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
