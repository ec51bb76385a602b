"""ICMP errors that quote a segment of ours (RFC 1122 section 4.2.3.9, RFC 5927, RFC 1191)."""

from dataclasses import replace

from finwait.endpoint.calls import Errno, IcmpError, IcmpKind
from finwait.endpoint.negotiate import set_mss
from finwait.endpoint.profile import Checks
from finwait.endpoint.recovery import mend
from finwait.endpoint.rules import Rule
from finwait.endpoint.work import Work
from finwait.tcp import Event, Guard, Seq, State

MTU_MIN = {20: 68, 40: 1280}
"""RFC 791 section 3.2 and RFC 8200 section 5, by the length of the IP header."""
HANDSHAKE = frozenset({State.SYN_SENT, State.SYN_RECEIVED})


def take(w: Work, error: IcmpError) -> None:
    """Act on an error if the quoted number is one in flight (RFC 5927 section 4.1)."""
    c = w.c
    seq = Seq(error.seq)
    if c.state in {State.CLOSED, State.LISTEN} or c.mini:
        return
    if not seq.within(c.snd_una, max(c.snd_nxt - c.snd_una, 1)):
        w.fire(Rule.ICMP_OUTSIDE)
        return
    if error.kind is IcmpKind.TOO_BIG:
        _too_big(w, error.mtu)
        return
    ends = error.kind is IcmpKind.HARD or c.profile.icmp_soft_ends_handshake
    if c.state in HANDSHAKE and ends and c.profile.icmp_may_reset:
        w.fire(Rule.ICMP_ENDS)
        if c.state is State.SYN_SENT:
            told = error.error
            if c.profile.arrival_checks is Checks.FREEBSD:
                told = Errno.ECONNREFUSED  # FreeBSD tcp_ctlinput: every hard error is a refusal
            w.die(Event.ABORT, told)
        elif c.passive and not c.fast_open_child:
            w.move(Event.RCV_RST, Guard.PASSIVE_OPEN)
        else:
            w.die(Event.USER_TIMEOUT, error.error)
        return
    w.fire(Rule.ICMP_SOFT)
    c.soft_error = error.error


def _too_big(w: Work, mtu: int) -> None:
    """Path MTU discovery (RFC 1191 section 6.4): smaller segments, and the lost one again."""
    c = w.c
    if not MTU_MIN[c.header] <= mtu < c.mtu:
        w.fire(Rule.ICMP_OUTSIDE)
        return
    w.fire(Rule.PATH_MTU)
    c.mtu = mtu
    before = c.mss
    set_mss(c)
    if c.state in HANDSHAKE or c.mss >= before:
        return
    c.queue = tuple(
        replace(sent, lost=True) if len(sent.data) > c.mss else sent for sent in c.queue
    )
    mend(w, at_least=1)
