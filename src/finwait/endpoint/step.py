"""One connection, one input, one step: (connection, now, input) → (connection, segments, events, rules)."""

from finwait.endpoint import icmp, timers, user
from finwait.endpoint.calls import (
    Abort,
    Arrival,
    Close,
    Connect,
    IcmpError,
    Input,
    Receive,
    Send,
    SetOption,
    Shutdown,
    Tick,
)
from finwait.endpoint.connection import Connection, Step
from finwait.endpoint.opening import in_closed, in_listen, in_syn_sent
from finwait.endpoint.profile import Checks
from finwait.endpoint.rules import Rule
from finwait.endpoint.syn_received import checked
from finwait.endpoint.synchronized import in_synchronized
from finwait.endpoint.time_wait import in_mini_fin_wait_2, in_time_wait
from finwait.endpoint.timers import watch_window
from finwait.endpoint.work import Work
from finwait.tcp import Event, Flags, Segment, State


def step(connection: Connection, now: int, given: Input) -> Step:
    """Give the next connection and what goes out; `connection` stays as it was.

    `now` is microseconds on any clock that does not go back.
    """
    w = Work(connection, now)
    if isinstance(given, Arrival):
        _arrive(w, given)
    elif isinstance(given, Tick):
        timers.run(w)
    elif isinstance(given, IcmpError):
        icmp.take(w, given)
    else:
        _call(w, given)
    if w.c.state.synchronized:
        watch_window(w)
    return w.step()


def listen(connection: Connection) -> Step:
    """Passive OPEN (3.10.1): CLOSED to LISTEN. What it listens for becomes a child by `step` with a SYN."""
    w = Work(connection, 0)
    w.move(Event.OPEN_PASSIVE)
    return w.step()


def _call(w: Work, given: Connect | Send | Receive | Shutdown | Close | Abort | SetOption) -> None:
    if isinstance(given, Connect):
        user.connect(w, given)
    elif isinstance(given, Send):
        user.send(w, given)
    elif isinstance(given, Receive):
        user.receive(w, given)
    elif isinstance(given, Shutdown):
        user.shutdown(w, given)
    elif isinstance(given, Close):
        user.close(w, given)
    elif isinstance(given, Abort):
        user.abort(w, given)
    else:
        user.set_option(w, given)


def _arrive(w: Work, arrival: Arrival) -> None:
    """Send a segment to the section of 3.10.7 that its state asks for."""
    c, segment = w.c, arrival.segment
    c.segments_in += 1
    _congestion_marks(w, arrival)
    if c.profile.drop_syn_fin and segment.has(Flags.SYN | Flags.FIN):
        w.fire(Rule.SYN_FIN_DROPPED)
    elif c.state is State.CLOSED:
        in_closed(w, segment)
    elif c.state is State.LISTEN:
        in_listen(w, segment)
    elif c.state is State.SYN_SENT:
        in_syn_sent(w, segment)
    elif c.state is State.TIME_WAIT:
        in_time_wait(w, segment, arrival.fresh)
    elif c.mini:
        in_mini_fin_wait_2(w, segment)
    else:
        small = c.state is State.SYN_RECEIVED and c.passive
        if not small or c.profile.syn_received_checks is Checks.RFC9293 or checked(w, segment):
            in_synchronized(w, segment)


def _congestion_marks(w: Work, arrival: Arrival) -> None:
    """ECN at the receiver (RFC 3168 section 6.1.3): CE is echoed until CWR comes."""
    c, segment = w.c, arrival.segment
    if not c.ecn or not isinstance(segment, Segment):
        return
    if segment.has(Flags.CWR) and not segment.has(Flags.SYN):
        c.ecn_echo = False
    if arrival.ecn == 3:
        c.ecn_echo = True
