"""A step in the making: the copy of the connection that changes, and what goes out of it."""

from copy import copy

from finwait.endpoint.calls import Errno, Happening, Result
from finwait.endpoint.connection import Connection, Step
from finwait.endpoint.rules import Rule
from finwait.tcp import Event, Guard, Outcome, Segment, State, next_state

_TIMERS = (
    *("retransmit_at", "probe_at", "persist_at", "ack_at", "keep_at", "fin_wait_2_at"),
    *("time_wait_at", "handshake_at", "user_timeout_at", "reorder_at"),
)


class Work:
    """What every module of a step shares. `c` is the connection, `now` microseconds."""

    __slots__ = ("c", "edges", "events", "now", "out", "result", "rules")

    def __init__(self, connection: Connection, now: int) -> None:
        self.c = copy(connection)
        self.now = now
        self.out: list[Segment] = []
        self.events: list[Happening] = []
        self.rules: list[Rule] = []
        self.edges: list[int] = []
        self.result = Result()

    def fire(self, rule: Rule) -> None:
        """Note a rule that was followed."""
        self.rules.append(rule)

    def tell(self, happening: Happening) -> None:
        """Note something for the user, once a step."""
        if happening not in self.events:
            self.events.append(happening)

    def move(self, event: Event, *holds: Guard) -> None:
        """Go where the table says. The only place that assigns a state.

        Raises AssertionError if the table has no such edge: a bug of the endpoint.
        """
        step = next_state(self.c.state, event, holds)
        if step.edge is None:
            raise AssertionError(f"transitions.toml has no edge for {event} in {self.c.state}")
        self.edges.append(step.edge.number)
        if step.outcome is Outcome.MOVES:
            self.c.state = step.state
            if step.state is State.CLOSED:
                self._stop()
                self.tell(Happening.CLOSED)

    def give_way(self, fresh: Connection) -> None:
        """Begin with another control block in the place, and the state, of this one."""
        before, self.c = self.c, copy(fresh)
        self.c.state = before.state

    def die(self, event: Event, error: Errno | None) -> None:
        """Leave for CLOSED: what was queued is lost, and the user learns `error`."""
        c = self.c
        if error is not None and c.error is None:
            c.error = error
            self.tell(Happening.ERROR)
        c.queue, c.unsent, c.pieces = (), b"", ()
        c.write_shut = c.read_shut = True
        self.move(event)
        self.tell(Happening.READABLE)
        self.tell(Happening.WRITABLE)

    def _stop(self) -> None:
        """No timer outlives a connection."""
        for name in _TIMERS:
            setattr(self.c, name, None)

    def step(self) -> Step:
        """Give the result."""
        return Step(
            self.c,
            tuple(self.out),
            tuple(self.events),
            tuple(self.rules),
            tuple(self.edges),
            self.result,
        )


def deadline(c: Connection) -> int | None:
    """When the next timer of a connection goes off; None: no timer runs."""
    due = None
    for name in _TIMERS:
        at = getattr(c, name)
        if at is not None and (due is None or at < due):
            due = at
    return due
