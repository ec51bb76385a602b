"""What TCP_INFO, TCP_CC_INFO and SO_MEMINFO say, by the names that scripts use."""

import socket
import struct
from pathlib import Path
from typing import Final

TCP_CC_INFO: Final = 26
SO_MEMINFO: Final = 55

BITS: Final = (
    "state", "ca_state", "retransmits", "probes", "backoff", "options", "wscales", "flags",
)  # fmt: skip
"""The eight octets that struct tcp_info begins with (linux/tcp.h)."""
WORDS: Final = (
    "rto", "ato", "snd_mss", "rcv_mss", "unacked", "sacked", "lost", "retrans", "fackets",
    "last_data_sent", "last_ack_sent", "last_data_recv", "last_ack_recv", "pmtu", "rcv_ssthresh",
    "rtt", "rttvar", "snd_ssthresh", "snd_cwnd", "advmss", "reordering", "rcv_rtt", "rcv_space",
    "total_retrans",
)  # fmt: skip
LATER: Final = (
    ("pacing_rate", "Q"), ("max_pacing_rate", "Q"), ("bytes_acked", "Q"), ("bytes_received", "Q"),
    ("segs_out", "I"), ("segs_in", "I"), ("notsent_bytes", "I"), ("min_rtt", "I"), ("data_segs_in", "I"),
    ("data_segs_out", "I"), ("delivery_rate", "Q"), ("busy_time", "Q"), ("rwnd_limited", "Q"),
    ("sndbuf_limited", "Q"), ("delivered", "I"), ("delivered_ce", "I"), ("bytes_sent", "Q"),
    ("bytes_retrans", "Q"), ("dsack_dups", "I"), ("reord_seen", "I"), ("rcv_ooopack", "I"), ("snd_wnd", "I"),
    ("rcv_wnd", "I"), ("rehash", "I"), ("total_rto", "H"), ("total_rto_recoveries", "H"), ("total_rto_time", "I"),
    ("received_ce", "I"), ("delivered_e1_bytes", "I"), ("delivered_e0_bytes", "I"), ("delivered_ce_bytes", "I"),
    ("received_e1_bytes", "I"), ("received_e0_bytes", "I"), ("received_ce_bytes", "I"), ("accecn", "I"),
)  # fmt: skip
TABLES: Final = ("/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6")
MEMORY: Final = (
    "RMEM_ALLOC", "RCVBUF", "WMEM_ALLOC", "SNDBUF", "FWD_ALLOC", "WMEM_QUEUED", "OPTMEM", "BACKLOG", "DROPS",
)  # fmt: skip
"""linux/sock_diag.h SK_MEMINFO_*"""


def read(fd: int) -> dict[str, int]:
    """Ask a socket; what the kernel is too old to say is 0. Raises OSError if it is no TCP socket."""
    borrowed = socket.socket(fileno=fd)
    try:
        raw = borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 512)
        memory = borrowed.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 4 * len(MEMORY))
    finally:
        borrowed.detach()
    found = parse(raw)
    amounts = struct.unpack(f"{len(memory) // 4}I", memory)
    found |= {f"SK_MEMINFO_{name}": amount for name, amount in zip(MEMORY, amounts, strict=False)}
    return found


def shown(local_port: int, remote_port: int) -> int | None:
    """The state that /proc/net/tcp and tcp6 show for a connection in the namespace of this thread, None: not there."""
    for name in TABLES:
        with Path(name).open(encoding="ascii") as table:
            for line in table.readlines()[1:]:
                _, local, remote, state, *_ = line.split()
                ports = int(local.rpartition(":")[2], 16), int(remote.rpartition(":")[2], 16)
                if ports == (local_port, remote_port):
                    return int(state, 16)
    return None


def parse(raw: bytes) -> dict[str, int]:
    """Read struct tcp_info."""
    raw = raw.ljust(512, b"\0")
    bits = dict(zip(BITS, raw[:8], strict=True))
    wscales, flags = bits.pop("wscales"), bits.pop("flags")
    bits |= {
        "snd_wscale": wscales & 0xF,
        "rcv_wscale": wscales >> 4,
        "delivery_rate_app_limited": flags & 1,
        "fastopen_client_fail": flags >> 1 & 3,
    }
    words = dict(zip(WORDS, struct.unpack_from(f"{len(WORDS)}I", raw, 8), strict=True))
    form = "=" + "".join(kind for _, kind in LATER)
    later = dict(
        zip((name for name, _ in LATER), struct.unpack_from(form, raw, 8 + 4 * len(WORDS)), strict=True)
    )  # fmt: skip
    accecn = later.pop("accecn")
    later |= {
        "ecn_mode": accecn & 3, "accecn_opt_seen": accecn >> 2 & 3,
        "accecn_fail_mode": accecn >> 4 & 0xF, "options2": accecn >> 8,
    }  # fmt: skip
    return {f"tcpi_{name}": value for name, value in (bits | words | later).items()}
