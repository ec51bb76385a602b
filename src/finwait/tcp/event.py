"""What can happen to an end of a connection."""

from enum import StrEnum


class Event(StrEnum):
    """One event an edge. `transitions.toml` says when an endpoint has it and what proves it on the wire."""

    OPEN_PASSIVE = "open-passive"
    CLOSE = "close"
    ABORT = "abort"
    SND_SYN = "snd-syn"
    SND_FIN = "snd-fin"
    SND_RST = "snd-rst"
    RCV_SYN = "rcv-syn"
    RCV_SYN_ACK = "rcv-syn-ack"
    RCV_ACK_OF_SYN = "rcv-ack-of-syn"
    RCV_BAD_ACK = "rcv-bad-ack"
    RCV_FIN = "rcv-fin"
    RCV_ACK_OF_FIN = "rcv-ack-of-fin"
    RCV_RST = "rcv-rst"
    RCV_INEXACT_RST = "rcv-inexact-rst"
    RETRANSMISSION_TIMEOUT = "retransmission-timeout"
    USER_TIMEOUT = "user-timeout"
    FIN_WAIT_2_TIMEOUT = "fin-wait-2-timeout"
    TIME_WAIT_TIMEOUT = "time-wait-timeout"


class Guard(StrEnum):
    """A condition under which another row of the table holds for the same state and event."""

    PASSIVE_OPEN = "passive-open"
    FIN_ACKED = "fin-acked"
    REUSE_ALLOWED = "reuse-allowed"
