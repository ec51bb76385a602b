"""The rules of TCP that a step can follow, each with where it is written. A step returns those that it followed."""

from enum import Enum


class Rule(Enum):
    """Name → source (a section of RFC 9293, another RFC with its section, or a kernel symbol) and meaning."""

    # calls
    OPEN_ACTIVE = ("3.10.1", "OPEN sends a SYN")
    SEND_QUEUED = ("3.10.2", "SEND queues octets")
    SEND_REFUSED = ("3.10.2", "SEND without a connection, or after the FIN")
    RECEIVE_CALL = ("3.10.3", "RECEIVE takes octets")
    SHUTDOWN_WRITE = ("3.10.4", "no more data: a FIN follows what is queued")
    SHUTDOWN_READ = ("3.6.1", "the user reads no more")
    CLOSE_UNOPENED = ("3.10.4", "CLOSE before there is a connection sends nothing")
    CLOSE_UNREAD = ("RFC 1122 4.2.2.13", "CLOSE with unread data sends RST")
    LINGER_ZERO = ("Linux __tcp_close", "CLOSE with SO_LINGER 0 aborts")
    ABORT = ("3.10.5", "ABORT")
    OPTION_SET = ("3.9.1", "a socket option changes")

    # CLOSED, LISTEN, SYN-SENT
    CLOSED_RST = ("3.10.7.1", "a RST without a connection is discarded")
    RESET_REPLY = ("3.10.7.1", "a segment is answered by a RST")
    LISTEN_RST = ("3.10.7.2", "first: a RST is ignored")
    LISTEN_ACK = ("3.10.7.2", "second: an ACK draws a RST")
    LISTEN_SYN = ("3.10.7.2", "third: a SYN opens")
    LISTEN_SYN_ACK_IGNORED = ("FreeBSD syncache_badack", "a SYN,ACK to a listener is ignored")
    LISTEN_SYN_FIN = ("Linux tcp_rcv_state_process", "a SYN with FIN is dropped")
    SYN_FIN_DROPPED = ("FreeBSD net.inet.tcp.drop_synfin", "a SYN with FIN is dropped everywhere")
    LISTEN_OTHER = ("3.10.7.2", "fourth: anything else is dropped")
    FAST_OPEN_SYN_DATA = ("RFC 7413 4.2", "the data of a SYN with a good cookie is taken")
    SYN_SENT_BAD_ACK = ("3.10.7.3", "first: an ACK of nothing sent draws a RST")
    SYN_SENT_BAD_RST = ("3.10.7.3", "a RST that does not acknowledge the SYN is dropped")
    SYN_SENT_REFUSED = ("3.10.7.3", "second: RST,ACK: connection refused")
    SYN_SENT_SYN_ACK = ("3.10.7.3", "fourth: a SYN,ACK establishes")
    SYN_SENT_SYN = ("3.10.7.3", "fourth: a SYN: both open")
    SYN_SENT_OTHER = ("3.10.7.3", "fifth: neither SYN nor RST is dropped")

    # SYN-RECEIVED
    SYN_AGAIN = ("Linux tcp_check_req", "a repeated SYN draws the SYN,ACK again")
    SYN_IN_SYN_RECEIVED = ("3.10.7.4", "fourth: a SYN in the window sends back to LISTEN")
    SYN_RECEIVED_ACK = ("3.10.7.4", "fifth: the ACK of our SYN establishes")
    SYN_RECEIVED_BAD_ACK = ("3.10.7.4", "fifth: another ACK draws a RST")
    SYN_RECEIVED_RESET = ("Linux tcp_check_req", "a RST or SYN in the window ends it")
    DEFER_ACCEPT = ("Linux tcp_check_req", "the third ACK alone does not wake the listener")
    ESTABLISH = ("3.10.7.4", "the connection is synchronized")

    # number, timestamp, RST, SYN, ACK
    UNACCEPTABLE = ("3.10.7.4", "first: the number is not acceptable")
    ACK_UNACCEPTABLE = ("3.10.7.4", "first: an unacceptable segment is answered by an ACK")
    TIMESTAMP_MISSING = ("RFC 7323 3.2", "a segment without the agreed timestamp is dropped")
    PAWS = ("RFC 7323 5.3", "R1: the timestamp shows an old duplicate")
    RST_OUTSIDE = ("3.10.7.4", "a RST outside the window is dropped")
    RST_EXACT = ("RFC 5961 3.2", "a RST at RCV.NXT ends the connection")
    RST_INEXACT = ("RFC 5961 3.2", "a RST elsewhere in the window is challenged")
    SYN_CHALLENGE = ("RFC 5961 4.2", "a SYN in a synchronized state is challenged")
    SYN_RESETS = ("FreeBSD net.inet.tcp.insecure_syn", "a SYN in the window resets")
    CHALLENGE_ACK = ("RFC 5961 3.2", "a challenge ACK is sent")
    ACK_LIMITED = ("RFC 5961 7", "such an ACK is not sent: too many, or too soon")
    NO_ACK = ("3.10.7.4", "fifth: a segment without ACK is dropped")
    ACK_NEW = ("3.10.7.4", "fifth: SND.UNA moves")
    ACK_UNSENT = ("3.10.7.4", "fifth: an ACK of something not yet sent")
    ACK_TOO_OLD = ("RFC 5961 5.2", "an ACK from before the largest window")

    # text and FIN
    URGENT = ("3.10.7.4", "sixth: RCV.UP moves")
    RECEIVE_DATA = ("3.10.7.4", "seventh: text in order")
    OUT_OF_ORDER = ("3.10.7.4", "seventh: text that comes too early is kept")
    REASSEMBLE = ("3.10.7.4", "seventh: kept text follows")
    OLD_DATA = ("3.10.7.4", "text that is all known already")
    ZERO_WINDOW_DROP = ("3.10.7.4", "text beyond the window is dropped")
    TEXT_AFTER_FIN = ("3.10.7.4", "text or FIN after the peer's FIN")
    DATA_AFTER_CLOSE = ("RFC 1122 4.2.2.13", "data after CLOSE draws RST")
    RECEIVE_FIN = ("3.10.7.4", "eighth: the peer's FIN in its turn")
    DELAY_ACK = ("3.8.6.3", "an ACK waits")
    DELAYED_ACK_TIMEOUT = ("3.8.6.3", "an ACK has waited long enough")
    WINDOW_UPDATE = ("3.8.6.2.2", "reading opens the window")
    READ_SENDS_ACK = ("Linux tcp_cleanup_rbuf", "reading everything sends the ACK that waits")
    ACK_REPEATS_FIN = ("FreeBSD tcp_default_output", "an ACK carries our FIN again")

    # sending
    SEND_DATA = ("3.10.2", "data goes out")
    SEND_FIN = ("3.10.4", "the FIN goes out")
    ZERO_WINDOW = ("3.8.6", "the window is closed")
    NAGLE = ("3.7.4", "a small segment waits for an ACK")
    CORKED = ("Linux tcp_nagle_check", "a small segment waits for more data")

    # loss
    RETRANSMISSION_TIMEOUT = ("RFC 6298 5.4", "the oldest segment goes again")
    DUPLICATE_ACK = ("RFC 5681 2", "a duplicate ACK")
    FAST_RETRANSMIT = ("RFC 5681 3.2", "loss is found without a timeout")
    PARTIAL_ACK = ("RFC 6582 3.2", "the next hole")
    RETRANSMIT_LOST = ("RFC 6675 5", "a lost segment goes again")
    TAIL_PROBE = ("RFC 8985 7.3", "a tail loss probe")
    HANDSHAKE_TIMEOUT = ("FreeBSD net.inet.tcp.keepinit", "the handshake takes too long")
    GIVE_UP = ("3.10.8", "the user timeout, or R2")
    PATH_MTU = ("RFC 1191 6.4", "the path takes smaller packets only")
    ICMP_ENDS = ("RFC 1122 4.2.3.9", "an ICMP error ends a handshake")
    ICMP_SOFT = ("RFC 5461 2.1", "an ICMP error is only remembered")
    ICMP_OUTSIDE = ("RFC 5927 4.1", "an ICMP error that quotes nothing in flight is ignored")

    # probes
    WINDOW_PROBE = ("3.8.6.1", "a closed window is probed")
    DEVICE_FULL = ("3.8.6.1", "the local device drops what is sent: tried again soon")
    PERSIST_SENDS = ("3.8.6.1", "what was held back too long goes out")
    KEEP_ALIVE_PROBE = ("3.8.4", "an idle peer is probed")
    KEEP_ALIVE_OVER = ("3.8.4", "too many probes without an answer")

    # the end
    FIN_ACKED = ("3.10.7.4", "fifth: our FIN is acknowledged")
    FIN_WAIT_2_ORPHAN = ("Linux tcp_fin_timeout", "an orphan waits for the FIN only so long")
    FIN_WAIT_2_TIMEOUT = ("Linux tcp_fin_timeout", "it has waited long enough")
    LINGER2_RESET = ("Linux TCPABORTONLINGER", "TCP_LINGER2 < 0: no FIN-WAIT-2")
    MINI_RST = ("Linux tcp_timewait_state_process", "any RST in the window ends FIN-WAIT-2")
    MINI_RESET = ("Linux tcp_timewait_state_process", "a SYN in FIN-WAIT-2 draws RST")
    MINI_QUIET = ("Linux tcp_timewait_state_process", "a segment without news in FIN-WAIT-2")
    TIME_WAIT = ("3.6.1", "2 MSL begin")
    TIME_WAIT_RESTART = ("3.10.7.4", "2 MSL begin again")
    TIME_WAIT_OVER = ("3.10.8", "2 MSL are over")
    TIME_WAIT_ACK = ("3.10.7.4", "the last ACK again")
    TIME_WAIT_QUIET = ("3.10.7.4", "nothing to answer in TIME-WAIT")
    TIME_WAIT_ASSASSINATED = ("RFC 1337 2", "a RST ends TIME-WAIT")
    TIME_WAIT_RST_IGNORED = ("RFC 1337 3", "a RST in TIME-WAIT is ignored")
    TIME_WAIT_REUSE = ("RFC 6191 2", "a SYN in TIME-WAIT opens anew")

    @property
    def source(self) -> str:
        """Where it is written."""
        return str(self.value[0])

    @property
    def meaning(self) -> str:
        """What it says."""
        return str(self.value[1])
