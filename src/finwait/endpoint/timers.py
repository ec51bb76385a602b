"""What happens when time runs out (RFC 9293 section 3.10.8, RFC 6298 section 5, RFC 1122 section 4.2.3.6)."""

from finwait.endpoint.calls import Errno
from finwait.endpoint.connection import Connection
from finwait.endpoint.profile import Checks
from finwait.endpoint.recovery import enter_loss, mend
from finwait.endpoint.rules import Rule
from finwait.endpoint.transmit import (
    SENDING,
    emit,
    flush,
    send_ack,
    send_again,
    send_reset,
    timeout,
)
from finwait.endpoint.work import Work
from finwait.tcp import Event, Flags, State

JIFFY = 1000
"""The kernel's timers go off at the next tick, not at once."""
RESOURCE_PROBE_INTERVAL = 500_000
"""Linux: how soon what the local device dropped is tried again."""

HANDSHAKE = frozenset({State.SYN_SENT, State.SYN_RECEIVED})


def run(w: Work) -> None:
    """Let every timer that is due go off, the earliest first."""
    c = w.c
    if _due(w, c.handshake_at):
        w.fire(Rule.HANDSHAKE_TIMEOUT)
        _give_up(w)
        return
    if _due(w, c.time_wait_at):
        w.fire(Rule.TIME_WAIT_OVER)
        w.move(Event.TIME_WAIT_TIMEOUT)
        return
    if _due(w, c.fin_wait_2_at):
        _fin_wait_2(w)
        return
    if _due(w, c.ack_at):
        _delayed_ack(w)
    if _due(w, c.probe_at):
        _tail_probe(w)
    if _due(w, c.retransmit_at):
        _retransmit(w)
    if _due(w, c.persist_at):
        _persist(w)
    if _due(w, c.keep_at):
        _keep_alive(w)


def _due(w: Work, at: int | None) -> bool:
    return at is not None and at <= w.now and w.c.state is not State.CLOSED


def _give_up(w: Work) -> None:
    """The user timeout of 3.10.8, or R2: the connection is gone, without a word to the peer."""
    c = w.c
    w.fire(Rule.GIVE_UP)
    if c.state is State.SYN_RECEIVED and c.passive and not c.connected:
        w.move(Event.USER_TIMEOUT)
        return
    w.die(Event.USER_TIMEOUT, c.soft_error or Errno.ETIMEDOUT)


def _delayed_ack(w: Work) -> None:
    c = w.c
    w.fire(Rule.DELAYED_ACK_TIMEOUT)
    c.ack_at = None
    if c.profile.quick_acks:
        # Linux tcp_delack_timer_handler: the peer did not wait for it, so it waits longer or not at all
        if c.interactive:
            c.interactive = False
            c.ato = c.profile.delayed_ack_min
        else:
            c.ato = min(c.ato << 1, c.rto)
    send_ack(w)


def _fin_wait_2(w: Work) -> None:
    c = w.c
    c.fin_wait_2_at = None
    w.fire(Rule.FIN_WAIT_2_TIMEOUT)
    w.move(Event.FIN_WAIT_2_TIMEOUT)


# --- retransmission ---


def most_retries(c: Connection) -> int:
    """How often the oldest segment may be sent again before the connection is given up."""
    profile, settings = c.profile, c.settings
    if c.state is State.SYN_SENT:
        return (profile.syn_retries if settings.syn_retries is None else settings.syn_retries) + (
            profile.syn_linear_timeouts
        )
    if c.state is State.SYN_RECEIVED:
        return profile.syn_ack_retries
    return profile.orphan_retries if c.orphan else profile.retries


def _model_time(c: Connection, retries: int, base: int) -> int:
    """How long `retries` doublings of a timeout take (Linux tcp_model_timeout)."""
    top = c.profile.rto_max
    linear = (top // base).bit_length() - 1
    if retries <= linear:
        return ((2 << retries) - 1) * base
    return ((2 << linear) - 1) * base + (retries - linear) * top


def _syn_too_old(w: Work) -> bool:
    """Repeats without backoff do not make a SYN wait longer than doublings alone would (Linux tcp_write_timeout)."""
    c = w.c
    if c.state is not State.SYN_SENT or not c.profile.syn_linear_timeouts:
        return False
    chosen = c.settings.syn_retries
    retries = c.profile.syn_retries if chosen is None else chosen
    return w.now - c.opened_at >= _model_time(c, retries, c.profile.rto_initial)


def _exhausted(w: Work) -> bool:
    """Say whether it is time to give up (3.8.3, R2; Linux tcp_write_timeout)."""
    c = w.c
    limit = most_retries(c)
    if c.state in HANDSHAKE:
        if c.settings.user_timeout and c.state is State.SYN_SENT and c.first_retry_at is not None:
            return w.now - c.opened_at >= c.settings.user_timeout
        return c.retries >= limit or _syn_too_old(w)
    if c.first_retry_at is None or not c.retries:
        return False
    if c.settings.user_timeout:
        return w.now - c.first_retry_at >= c.settings.user_timeout
    if c.profile.rto_min_is_variance:
        return w.now - c.first_retry_at >= _model_time(c, limit, c.profile.rto_min)
    return c.retries >= limit


def _retransmit(w: Work) -> None:
    """The retransmission timer (RFC 6298 section 5.4 to 5.6)."""
    c = w.c
    c.retransmit_at = None
    if not c.queue:
        return
    if _exhausted(w):
        _give_up(w)
        return
    w.fire(Rule.RETRANSMISSION_TIMEOUT)
    w.move(Event.RETRANSMISSION_TIMEOUT)
    c.retries += 1
    if c.first_retry_at is None:
        c.first_retry_at = w.now
    if c.state in HANDSHAKE:
        if c.state is State.SYN_RECEIVED:
            c.syn_acks += 1
        send_again(w, 0)
        if c.state is not State.SYN_SENT or c.retries > c.profile.syn_linear_timeouts:
            c.backoff += 1
    else:
        enter_loss(c, c.retries)
        c.probe_at = None
        c.tail_probe_end = None
        mend(w, at_least=1)
        c.backoff += 1
    c.rto = min(c.rto << 1, c.profile.rto_max) if c.backoff else c.rto
    c.retransmit_at = w.now + _clamped(w, timeout(c))


def _clamped(w: Work, rto: int) -> int:
    """Wake up when the user's patience ends (Linux tcp_clamp_rto_to_user_timeout)."""
    c = w.c
    if not c.settings.user_timeout or c.first_retry_at is None or c.state in HANDSHAKE:
        return rto
    left = c.settings.user_timeout - (w.now - c.first_retry_at)
    return max(min(rto, left), 1000)


def _tail_probe(w: Work) -> None:
    """Tail loss probe (RFC 8985 section 7.3): new data if there is, else the last segment again."""
    c = w.c
    c.probe_at = None
    if not c.queue:
        return
    if c.tail_probe_end is not None:
        # one at a time: the timeout takes over, by the age of the oldest segment (Linux tcp_rearm_rto)
        c.retransmit_at = max(c.queue[0].sent_at + timeout(c), w.now + JIFFY)
        return
    w.fire(Rule.TAIL_PROBE)
    c.tail_probe_end = c.snd_nxt
    cwnd, c.cwnd = c.cwnd, c.cwnd + 1
    sent_new = bool(c.unsent) and flush(w, force=True)
    c.cwnd = cwnd
    if not sent_new:
        last = len(c.queue) - 1
        send_again(w, last)
    c.tail_probe_end, c.tail_probe_new = c.snd_nxt, sent_new
    c.probe_at = None
    c.retransmit_at = w.now + timeout(c)


# --- probes ---


def watch_window(w: Work) -> None:
    """Start the persist timer when data waits, nothing is in flight and no ACK may come (3.8.6.1, SHLD-29)."""
    c = w.c
    waits = bool(c.unsent) or (c.write_shut and c.fin_seq is None)
    active = c.state in SENDING
    if not waits or c.queue or not active or c.mini:
        c.persist_at = c.persist_at if waits and active and not c.queue else None
        return
    if c.persist_at is None:
        linux = (
            c.profile.arrival_checks is Checks.LINUX
        )  # the timeout has the backoff already (tcp_check_probe_timer)
        wait = max(c.rto, c.profile.rto_min) << (0 if linux else c.backoff)
        c.persist_at = w.now + min(wait, c.profile.rto_max)


def _persist(w: Work) -> None:
    """Ask for the window, or send what was held back (3.8.6.1)."""
    c = w.c
    c.persist_at = None
    # A user's patience counts from the first probe (Linux icsk_probes_tstamp).
    since = c.persist_since = w.now if c.persist_since is None else c.persist_since
    patience = c.settings.user_timeout
    if patience and w.now - since >= patience:
        _give_up(w)
        return
    limit = c.profile.orphan_retries if c.orphan else c.profile.retries
    if c.probes >= limit:
        _give_up(w)
        return
    if flush(w, force=True, push=True):  # Linux tcp_write_wakeup
        w.fire(Rule.PERSIST_SENDS)
        return
    c.probes += 1
    if c.device_full:
        w.fire(Rule.DEVICE_FULL)
        c.persist_at = w.now + _within(patience, since, w.now, RESOURCE_PROBE_INTERVAL)
        return
    w.fire(Rule.WINDOW_PROBE)
    if c.profile.probe_with_data and c.unsent:
        emit(w, c.snd_nxt, Flags.ACK, c.unsent[:1])
    else:
        emit(w, c.snd_una - 1, Flags.ACK)
    c.backoff = min(c.backoff + 1, 16)
    wait = min(max(c.rto, c.profile.rto_min) << c.backoff, c.profile.rto_max)
    c.persist_at = w.now + _within(patience, since, w.now, wait)


def _within(patience: int, since: int, now: int, wait: int) -> int:
    """Wait no longer than the user's patience lasts (Linux tcp_clamp_probe0_to_user_timeout)."""
    return max(min(wait, patience - (now - since)), 1000) if patience else wait


def _keep_alive(w: Work) -> None:
    """Ask whether the peer still lives (RFC 9293 section 3.8.4)."""
    c = w.c
    c.keep_at = None
    settings, profile = c.settings, c.profile
    idle = settings.keep_idle or profile.keep_idle
    if c.state in HANDSHAKE or c.mini:
        return
    if c.queue or c.unsent:
        c.keep_at = w.now + idle
        return
    elapsed = w.now - c.heard_at
    if elapsed < idle:
        c.keep_at = c.heard_at + idle
        return
    probes = settings.keep_probes or profile.keep_probes
    patience = settings.user_timeout
    over = elapsed >= patience and c.keep_probes > 0 if patience else c.keep_probes >= probes
    if over:
        w.fire(Rule.KEEP_ALIVE_OVER)
        send_reset(w)
        w.die(Event.SND_RST, c.soft_error or Errno.ETIMEDOUT)
        return
    w.fire(Rule.KEEP_ALIVE_PROBE)
    emit(w, c.snd_una - 1, Flags.ACK)
    c.keep_probes += 1
    c.keep_at = w.now + (settings.keep_interval or profile.keep_interval)
