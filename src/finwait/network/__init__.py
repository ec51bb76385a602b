"""A network in virtual time: hosts, the links between them with their faults, and closings played on it."""

from finwait.network.application import Leave, Manner, Process
from finwait.network.closing import Closing, Played, Truth, closings, play
from finwait.network.link import Fault, Link
from finwait.network.network import Fate, LiveLock, Network, Node, Record, packets

__all__ = [
    "Closing",
    "Fate",
    "Fault",
    "Leave",
    "Link",
    "LiveLock",
    "Manner",
    "Network",
    "Node",
    "Played",
    "Process",
    "Record",
    "Truth",
    "closings",
    "packets",
    "play",
]
