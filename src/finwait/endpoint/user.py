"""The calls of the user (RFC 9293 section 3.10.1 to 3.10.6; RFC 1122 section 4.2.2.13)."""

from finwait.endpoint.calls import (
    Abort,
    Close,
    Connect,
    Errno,
    Happening,
    Receive,
    Result,
    Send,
    SetOption,
    Shutdown,
)
from finwait.endpoint.closing import orphan_in_fin_wait_2
from finwait.endpoint.connection import Connection, Held, Sent
from finwait.endpoint.negotiate import advertised_mss
from finwait.endpoint.options import apply
from finwait.endpoint.profile import Checks
from finwait.endpoint.rules import Rule
from finwait.endpoint.transmit import flush, send_ack, send_fin, send_reset, send_syn
from finwait.endpoint.window import open_window, worth_an_update
from finwait.endpoint.work import Work
from finwait.tcp import Event, State

MAY_SEND = frozenset({State.ESTABLISHED, State.CLOSE_WAIT})
OPENING = frozenset({State.SYN_SENT, State.SYN_RECEIVED})
OWES_RESET = frozenset(
    {State.SYN_RECEIVED, State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2, State.CLOSE_WAIT}
)
"""3.10.5: ABORT in these states sends a RST."""


def connect(w: Work, call: Connect) -> None:
    """Active OPEN (3.10.1)."""
    c = w.c
    w.fire(Rule.OPEN_ACTIVE)
    c.opened_at = c.heard_at = w.now
    c.snd_una = c.iss
    c.cwnd = c.profile.initial_window
    open_window(c, advertised_mss(c))
    data = b""
    if call.fast_open:
        # A cookie of no octets: data without the option (Linux TFO_CLIENT_NO_COOKIE).
        c.fast_open = None if call.cookie == b"" else call.cookie or b""
        c.fast_open_tried = c.fast_open is not None
        c.fast_open_experimental = call.cookie_experimental
        if call.cookie is not None:
            data = call.data
    c.syn_data = data
    c.unsent = call.data[len(data) :]
    c.pushed = len(c.unsent)
    sent = Sent(c.iss, data, syn=True, fin=False, push=False, sent_at=w.now)
    c.queue = (sent,)
    c.snd_nxt = c.iss + 1 + len(data)
    w.move(Event.SND_SYN)
    send_syn(w, sent)
    c.rto = c.profile.rto_initial
    c.retransmit_at = w.now + c.rto
    keep_init = c.settings.keep_init or c.profile.keep_init
    if keep_init:
        c.handshake_at = w.now + keep_init
    w.result = Result(len(call.data), error=Errno.EINPROGRESS)


def take_error(c: Connection) -> Errno | None:
    """Give the error that waits, once."""
    error, c.error = c.error, None
    return error


def room_to_send(c: Connection) -> int:
    """Octets that the send buffer still takes; autotuning counts as room as long as nobody set its size."""
    size = c.settings.send_buffer
    if c.profile.buffer_overhead and not c.settings.send_buffer_set:
        size = c.profile.send_buffer_max
    held = len(c.unsent) + sum(len(sent.data) for sent in c.queue)
    return max(size - held, 0)


def send(w: Work, call: Send) -> None:
    """SEND (3.10.2)."""
    c = w.c
    if c.error is not None and not (c.write_shut and c.error is Errno.EPIPE):
        w.result = Result(error=take_error(c))
        return
    if c.write_shut or c.state not in MAY_SEND | OPENING:
        w.fire(Rule.SEND_REFUSED)
        c.error = None
        w.result = Result(error=Errno.EPIPE if c.write_shut else Errno.ENOTCONN)
        return
    if c.state in OPENING and c.profile.arrival_checks is Checks.LINUX and not c.fast_open_child:
        w.result = Result(error=Errno.EAGAIN)
        return
    room = room_to_send(c)
    if room <= 0:
        w.result = Result(error=Errno.EAGAIN)
        return
    data = call.data[:room]
    c.unsent += data
    if call.urgent and data:
        c.urgent = c.snd_nxt + len(c.unsent)
    if not call.more:
        c.pushed = len(c.unsent)
    if call.end_of_record:
        c.records = (*c.records, c.snd_nxt + len(c.unsent))
    w.fire(Rule.SEND_QUEUED)
    flush(w, hold=call.more)
    w.result = Result(len(data))


def receive(w: Work, call: Receive) -> None:
    """RECEIVE (3.10.3)."""
    c = w.c
    if c.received:
        w.fire(Rule.RECEIVE_CALL)
        data = c.received[: call.limit]
        if not call.peek:
            c.received = c.received[len(data) :]
            c.held = _left(c.held, len(data))
            c.bytes_read += len(data)
            _after_reading(w)
        w.result = Result(len(data), data)
        return
    if c.peer_fin is not None:
        c.fin_unread = c.fin_unread and call.peek
    if c.peer_fin is not None and c.profile.arrival_checks is Checks.LINUX:
        w.result = Result()  # Linux SOCK_DONE: the end of data goes before an error
        return
    if c.error is not None:
        w.result = Result(error=take_error(c))
        return
    if c.peer_fin is not None or c.read_shut:
        w.result = Result()
        return
    if c.state in {State.CLOSED, State.LISTEN}:
        w.result = Result(error=Errno.ENOTCONN)
        return
    w.result = Result(error=Errno.EAGAIN)


def _left(held: tuple[Held, ...], taken: int) -> tuple[Held, ...]:
    """What is held once so many octets were read: memory is free when all in it is read."""
    for number, one in enumerate(held):
        if one.octets > taken:
            return (one._replace(octets=one.octets - taken), *held[number + 1 :])
        taken -= one.octets
    return ()


def _after_reading(w: Work) -> None:
    """Tell the peer of the room if it is worth a segment (3.8.6.2.2; Linux tcp_cleanup_rbuf)."""
    c = w.c
    if c.mini:
        return
    waits = c.ack_at is not None and c.profile.quick_acks > 0
    if waits and c.rcv_nxt - c.rcv_wup > c.rcv_mss:  # it waited for the room that this read makes
        w.fire(Rule.READ_SENDS_ACK)
        send_ack(w)
        return
    if c.state not in {State.ESTABLISHED, State.FIN_WAIT_1, State.FIN_WAIT_2}:
        return
    if c.profile.window_update_at_read and worth_an_update(c):
        w.fire(Rule.WINDOW_UPDATE)
        send_ack(w)
    elif waits and not c.interactive and not c.received:
        w.fire(Rule.READ_SENDS_ACK)
        send_ack(w)


def shutdown(w: Work, call: Shutdown) -> None:
    """Half-close (3.6.1)."""
    c = w.c
    if c.state in {State.CLOSED, State.LISTEN, State.TIME_WAIT}:
        w.result = Result(error=Errno.ENOTCONN)
        return
    if call.read:
        w.fire(Rule.SHUTDOWN_READ)
        c.read_shut = True
        w.tell(Happening.READABLE)
    if not call.write:
        return
    if c.state is State.SYN_SENT:
        w.fire(Rule.CLOSE_UNOPENED)
        w.die(Event.CLOSE, None)
        return
    _shut_write(w)


def _shut_write(w: Work) -> None:
    """A FIN follows what is queued (3.10.4)."""
    c = w.c
    if c.write_shut:
        return
    w.fire(Rule.SHUTDOWN_WRITE)
    c.write_shut = True
    c.pushed = len(c.unsent)
    w.tell(Happening.WRITABLE)
    if c.state is State.SYN_RECEIVED:
        _fin_in_syn_received(w)
        return
    # 3.10.4: "in any case, enter FIN-WAIT-1", even while data, or the window, keeps the FIN back
    w.move(Event.SND_FIN)
    flush(w)


def _fin_in_syn_received(w: Work) -> None:
    """CLOSE in SYN-RECEIVED sends the FIN at once unless data waits (3.10.4)."""
    c = w.c
    if c.unsent:
        return
    w.move(Event.SND_FIN)
    send_fin(w)


def close(w: Work, _: Close) -> None:
    """CLOSE of both directions by the user, who will not come back (3.10.4, RFC 1122 4.2.2.13)."""
    c = w.c
    unread, c.received, c.held = bool(c.received), b"", ()
    c.orphan = True
    c.fin_unread = False
    c.read_shut = True
    if c.state is State.CLOSED:
        return
    if c.state in {State.LISTEN, State.SYN_SENT}:
        w.fire(Rule.CLOSE_UNOPENED)
        w.die(Event.CLOSE, None)
        return
    if c.state is State.TIME_WAIT or c.mini:
        return
    if unread and c.profile.reset_unread:
        w.fire(Rule.CLOSE_UNREAD)
        _reset(w)
        return
    if c.settings.linger == 0:
        w.fire(Rule.LINGER_ZERO)
        abort(w, Abort())
        return
    _shut_write(w)
    if w.c.state is State.FIN_WAIT_2:
        orphan_in_fin_wait_2(w, None)


def _reset(w: Work) -> None:
    """Reset and forget."""
    send_reset(w)
    w.c.reset = True
    w.die(Event.SND_RST, None)


def abort(w: Work, _: Abort) -> None:
    """ABORT (3.10.5)."""
    c = w.c
    if c.state is State.CLOSED:
        return
    w.fire(Rule.ABORT)
    if c.state in OWES_RESET and not c.mini:
        _reset(w)
        return
    if c.state in {State.CLOSING, State.LAST_ACK} and c.unsent:
        _reset(w)
        return
    if c.state is State.FIN_WAIT_2:
        w.move(Event.FIN_WAIT_2_TIMEOUT)
        return
    w.die(Event.ABORT, None)


def set_option(w: Work, call: SetOption) -> None:
    """A socket option changes."""
    w.result = apply(w, call.option, call.value)
