"""The vocabulary of TCP: states, events, flags, segments, sequence numbers, and the one table of edges.

Nothing here has a clock, a socket or a random number, and nothing here imports another part of
finwait. The names are those of RFC 9293.
"""

from finwait.tcp.event import Event, Guard
from finwait.tcp.flags import Flags
from finwait.tcp.segment import Options, Segment
from finwait.tcp.seq import Seq
from finwait.tcp.state import State
from finwait.tcp.transitions import Edge, Outcome, Step, Transitions, next_state, transitions

__all__ = [
    "Edge",
    "Event",
    "Flags",
    "Guard",
    "Options",
    "Outcome",
    "Segment",
    "Seq",
    "State",
    "Step",
    "Transitions",
    "next_state",
    "transitions",
]
