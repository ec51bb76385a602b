"""The numbers of TCP, each with the clause or the kernel symbol that it comes from.

The defaults of Linux are those of `include/net/tcp.h` and of a fresh network namespace; a test
compares the latter with the running kernel.
"""

from dataclasses import dataclass
from typing import Final, Literal

Unit = Literal["s", "octets", "times", "bits", ""]


@dataclass(frozen=True, slots=True)
class Param:
    """A number of the protocol."""

    value: float
    unit: Unit
    """Seconds, octets, a count of segments, bits, or none for a ratio."""
    source: str
    """`RFC n section`, `Linux symbol`, `FreeBSD symbol` or `macOS symbol`."""
    meaning: str


# How long a segment may live, and what waits for that.
MSL: Final = Param(120, "s", "RFC 9293 3.4.2", "maximum segment lifetime, taken as two minutes")
TIME_WAIT: Final = Param(240, "s", "RFC 9293 3.6.1", "TIME-WAIT: 2 MSL (MUST-13)")
LINUX_TIME_WAIT: Final = Param(60, "s", "Linux TCP_TIMEWAIT_LEN", "TIME-WAIT, not adjustable")
FREEBSD_TIME_WAIT: Final = Param(60, "s", "FreeBSD net.inet.tcp.msl", "TIME-WAIT: 2 × 30 s")
MACOS_TIME_WAIT: Final = Param(30, "s", "macOS net.inet.tcp.msl", "TIME-WAIT: 2 × 15 s")
LINUX_FIN_WAIT_2: Final = Param(
    60, "s", "Linux tcp_fin_timeout", "FIN-WAIT-2 once no process holds the socket"
)
FREEBSD_FIN_WAIT_2: Final = Param(
    60, "s", "FreeBSD TCPTV_FINWAIT2_TIMEOUT", "FIN-WAIT-2 once no process holds the socket"
)

# Retransmission.
RTO_INITIAL: Final = Param(
    1, "s", "RFC 6298 2.1", "timeout before the first round trip is measured"
)
RTO_MIN: Final = Param(1, "s", "RFC 6298 2.4", "least timeout")
RTO_MAX: Final = Param(60, "s", "RFC 6298 2.5", "a cap on the timeout may not be below this")
RTO_AFTER_LOST_SYN: Final = Param(
    3, "s", "RFC 6298 5.7", "timeout for data after a SYN was retransmitted"
)
RTT_ALPHA: Final = Param(1 / 8, "", "RFC 6298 2.3", "weight of a new sample in SRTT")
RTT_BETA: Final = Param(1 / 4, "", "RFC 6298 2.3", "weight of a new sample in RTTVAR")
RTT_K: Final = Param(4, "", "RFC 6298 2.3", "RTTVARs that RTO lies above SRTT")
LINUX_RTO_INITIAL: Final = Param(
    1, "s", "Linux TCP_TIMEOUT_INIT", "timeout before the first round trip is measured"
)
LINUX_RTO_MIN: Final = Param(0.2, "s", "Linux TCP_RTO_MIN", "least timeout")
LINUX_RTO_MAX: Final = Param(120, "s", "Linux TCP_RTO_MAX", "greatest timeout")

# Giving up.
R1: Final = Param(
    3, "times", "RFC 9293 3.8.3", "retransmissions before IP and the user are told (SHLD-10)"
)
R2: Final = Param(
    100, "s", "RFC 9293 3.8.3", "retransmission before the connection is closed (SHLD-11)"
)
R2_SYN: Final = Param(180, "s", "RFC 9293 3.8.3", "the same for a SYN (MUST-23)")
LINUX_RETRIES: Final = Param(15, "times", "Linux tcp_retries2", "retransmissions of data")
LINUX_SYN_RETRIES: Final = Param(6, "times", "Linux tcp_syn_retries", "retransmissions of a SYN")
LINUX_SYN_ACK_RETRIES: Final = Param(
    5, "times", "Linux tcp_synack_retries", "retransmissions of a SYN,ACK"
)
LINUX_ORPHAN_RETRIES: Final = Param(
    8,
    "times",
    "Linux tcp_orphan_retries",
    "of a socket that no process holds; the sysctl's 0 means 8",
)

# Keep-alive.
KEEP_ALIVE_IDLE: Final = Param(7200, "s", "RFC 9293 3.8.4", "least default idle time (MUST-28)")
LINUX_KEEP_ALIVE_IDLE: Final = Param(
    7200, "s", "Linux tcp_keepalive_time", "idle time before the first probe"
)
LINUX_KEEP_ALIVE_INTERVAL: Final = Param(
    75, "s", "Linux tcp_keepalive_intvl", "time between probes"
)
LINUX_KEEP_ALIVE_PROBES: Final = Param(
    9, "times", "Linux tcp_keepalive_probes", "unanswered probes before the connection is reset"
)

# Acknowledgments.
DELAYED_ACK_MAX: Final = Param(
    0.5, "s", "RFC 9293 3.8.6.3", "an ACK may wait less than this (MUST-40)"
)
LINUX_DELAYED_ACK_MIN: Final = Param(0.04, "s", "Linux TCP_DELACK_MIN", "least delay of an ACK")
LINUX_DELAYED_ACK_MAX: Final = Param(0.2, "s", "Linux TCP_DELACK_MAX", "greatest delay of an ACK")

# Sizes.
MSS_DEFAULT_V4: Final = Param(
    536, "octets", "RFC 9293 3.7.1", "send MSS over IPv4 without the option (MUST-15)"
)
MSS_DEFAULT_V6: Final = Param(
    1220, "octets", "RFC 9293 3.7.1", "send MSS over IPv6 without the option (MUST-15)"
)
WINDOW_SCALE_MAX: Final = Param(14, "bits", "RFC 7323 2.3", "greatest shift of a window")
INITIAL_WINDOW: Final = Param(10, "times", "RFC 6928 2", "full-sized segments before the first ACK")
ISN_TICK: Final = Param(4e-6, "s", "RFC 9293 3.4.1", "the clock of initial sequence numbers")
