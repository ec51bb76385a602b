"""Times, sizes and signs that a script goes by while it is written."""

from typing import Final

from finwait.explain.conversation import FIN, RST, SYN
from finwait.script.syntax import Option as TcpOption
from finwait.tcp import Flags

SECOND: Final = 1_000_000
SHORT: Final = SECOND // 2
"""Pauses up to here are never shortened: delayed ACKs and retransmission timeouts live there."""
PROMPT: Final = 10_000
"""An answer that carries the ACK itself has to come before Linux's delayed ACK (40 ms)."""
ACKED_WITHIN: Final = 300_000
"""Longer than Linux's longest delayed ACK (TCP_DELACK_MAX, 200 ms)."""
SENT_WITHIN: Final = 3 * SECOND
KIND: Final = SYN | FIN | RST
SIGNS: Final = Flags.FIN | Flags.SYN | Flags.RST | Flags.PSH | Flags.ACK
ABORTS: Final = frozenset({"abort", "abort-in-close-wait"})
"""Causes of a RST by the owner of a socket whose window is no smaller than before: were it, octets might lie unread."""
ORPHAN_LIVES: Final = 60.0
"""Seconds: tcp_fin_timeout. A socket that closed and answers later was only shut down."""
SMALL_BUFFER, DEFAULT_BUFFER, LARGE_BUFFER = 4096, 65_536, 212_992
"""Octets, for SO_RCVBUF, which doubles them (socket(7)); the second is what tcp_rmem has, the third the most that anybody may set
(net.core.rmem_max).
"""
PROCESS: Final = 200
"""Microseconds that a process needs between what it hears and what it does: nothing is at once on a kernel."""
LONGEST_SYN: Final = 200 * SECOND
"""Longer than Linux sends SYNs (tcp_syn_retries 6: 127 s)."""
WINDOW: Final = 65535
NOPS: Final = (TcpOption("nop"), TcpOption("nop"))
"""Options fill whole words of 32 bits (RFC 9293 section 3.1)."""
OFFSET: Final = 12
"""Where a TCP header says how many words of 32 bits it has (RFC 9293 section 3.1)."""
STAMP: Final = 12
"""Octets of the timestamps option with its padding (RFC 7323 appendix A)."""
DEFAULT_MSS: Final = 1460
"""Octets: of a peer that says nothing in this script, and the most that a script's device of 1,500 octets takes."""
FIRST_BURST: Final = 10
"""Segments that a stack sends before anything is acked (RFC 6928)."""
MOST_UNDER_WAY: Final = 2 * FIRST_BURST
"""Segments: a write beyond what the send buffer takes would block (Linux tcp_wmem, tcp_init_buffer_space)."""
