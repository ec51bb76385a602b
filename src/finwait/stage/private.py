"""Names that other systems have and Linux lacks, with numbers of our own: no Linux constant is that great.

`script/constants.py` reads a script's names by it, the model knows its options by it, and a kernel
stage refuses what is in it.
"""

from typing import Final

from finwait.stage.stage import PRIVATE

_NAMES: Final = (
    *("TCP_KEEPINIT", "TCP_NOOPT", "TCP_NOPUSH", "TCP_REMOTE_UDP_ENCAPS_PORT", "TCP_FUNCTION_BLK"),
    *("TCP_RACK_PACE_RATE_SS", "TCP_RACK_PACE_RATE_CA", "TCP_RACK_PACE_RATE_REC"),
    *(
        "TCP_RACK_PACE_MAX_SEG",
        "TCP_RACK_PACE_ALWAYS",
        "TCP_RACK_TLP_REDUCE",
        "TCP_RACK_MBUF_QUEUE",
    ),
    *(
        "TCP_LOG",
        "TCP_LOGID",
        "TCP_LOGBUF",
        "TCP_PCAP_IN",
        "TCP_PCAP_OUT",
        "TCP_DELACK",
        "TCP_MAXUNACKTIME",
    ),
    *("TCP_IDLE_REDUCE", "TCP_PERF_INFO", "TCP_STATS", "TCP_TXTLS_ENABLE", "TCP_RXTLS_ENABLE"),
    *(
        "SO_USELOOPBACK",
        "SO_ACCEPTFILTER",
        "SO_USER_COOKIE",
        "SO_SETFIB",
        "SO_NOSIGPIPE",
        "SO_NOSOCKET",
    ),
    *("SO_LISTENQLIMIT", "SO_LISTENQLEN", "SO_LISTENINCQLEN"),
    *(
        "IP_DONTFRAG",
        "IP_PORTRANGE",
        "IP_BINDANY",
        "IPV6_USE_MIN_MTU",
        "IPV6_BINDANY",
        "IPV6_PORTRANGE",
    ),
    *("FIONWRITE", "FIONSPACE", "MSG_EOF", "MSG_NBIO"),
    *("SCTP_REUSE_PORT", "SCTP_BINDX_ADD_ADDR", "SCTP_BINDX_REM_ADDR"),
    *("ICMP_UNREACH", "ICMP_UNREACH_NEEDFRAG", "ICMP6_PACKET_TOO_BIG"),
)

PRIVATE_NUMBERS: Final = {name: PRIVATE + place for place, name in enumerate(_NAMES)}
"""Name → number. The numbers mean nothing outside of one process."""
