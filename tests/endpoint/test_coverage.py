"""No rule and no edge without a test that fires it."""

from pathlib import Path

import pytest

from finwait.endpoint import Rule
from finwait.tcp import Event, State, transitions

OTHERS = {path.name for path in Path(__file__).parent.glob("test_*.py")} - {Path(__file__).name}

NEVER: dict[tuple[State, Event], str] = {
    (State.LISTEN, Event.SND_SYN): "sockets do not offer it (3.10.2)",
    (State.LISTEN, Event.USER_TIMEOUT): "a listener has no timeout",
    (
        State.FIN_WAIT_2,
        Event.USER_TIMEOUT,
    ): "nothing of ours waits for an ACK; see fin-wait-2-timeout",
    (State.TIME_WAIT, Event.USER_TIMEOUT): "see time-wait-timeout",
    (State.SYN_RECEIVED, Event.RCV_FIN): "the ACK check goes first: a FIN arrives in ESTABLISHED",
    # What a watcher calls a RST of its sender is, at the sender, an answer for a connection that is gone.
    (
        State.CLOSED,
        Event.SND_RST,
    ): "only a watcher sees it: here it is rcv-bad-ack or rcv-syn in CLOSED",
    (State.SYN_SENT, Event.SND_RST): "only a watcher sees it",
    (State.CLOSING, Event.SND_RST): "only a watcher sees it",
    (State.LAST_ACK, Event.SND_RST): "only a watcher sees it",
    (State.TIME_WAIT, Event.SND_RST): "only a watcher sees it",
}
"""Rows of the table that an endpoint with sockets cannot take, and why."""


@pytest.fixture
def whole(request: pytest.FixtureRequest) -> None:
    """The report makes sense only when all tests of the folder ran."""
    ran = {item.path.name for item in request.session.items}
    if not ran >= OTHERS:
        pytest.skip("only a part of tests/endpoint was asked for")


@pytest.mark.usefixtures("whole")
def test_every_rule_fires(fired: tuple[set[Rule], set[int]]) -> None:
    left = sorted(rule.name for rule in set(Rule) - fired[0])
    assert not left, f"no test fires {left}"


@pytest.mark.usefixtures("whole")
def test_every_edge_is_taken(fired: tuple[set[Rule], set[int]]) -> None:
    left = [
        f"{edge.number}: {edge.from_state} {edge.event}"
        for edge in transitions().edges
        if edge.number not in fired[1]
        and not edge.composed
        and (edge.from_state, edge.event) not in NEVER
    ]
    assert not left, f"no test takes {left}"


@pytest.mark.usefixtures("whole")
def test_what_is_never_taken_is_not(fired: tuple[set[Rule], set[int]]) -> None:
    for edge in transitions().edges:
        if (edge.from_state, edge.event) in NEVER:
            assert edge.number not in fired[1], f"strike {edge.from_state} {edge.event} from NEVER"
