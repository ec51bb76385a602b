"""The one table: complete, without contradiction, and what RFC 9293 draws and says."""

from collections.abc import Callable
from importlib import resources

import pytest

from finwait.tcp import Event, Guard, Outcome, State, next_state, transitions
from finwait.tcp.transitions import TableError, parse

CLOSINGS: dict[str, tuple[list[Event], list[Event]]] = {
    # What the closer and the other end live through, from ESTABLISHED on.
    "four-way": (
        [Event.SND_FIN, Event.RCV_ACK_OF_FIN, Event.RCV_FIN, Event.TIME_WAIT_TIMEOUT],
        [Event.RCV_FIN, Event.SND_FIN, Event.RCV_ACK_OF_FIN],
    ),
    "simultaneous": (
        [Event.SND_FIN, Event.RCV_FIN, Event.RCV_ACK_OF_FIN, Event.TIME_WAIT_TIMEOUT],
        [Event.SND_FIN, Event.RCV_FIN, Event.RCV_ACK_OF_FIN, Event.TIME_WAIT_TIMEOUT],
    ),
}


def walk(start: State, events: list[Event]) -> list[State]:
    """The states that an end passes."""
    states = []
    for event in events:
        step = next_state(start, event)
        assert step.outcome is Outcome.MOVES, (start, event)
        start = step.state
        states.append(start)
    return states


def test_figures_12_and_13() -> None:
    """RFC 9293 section 3.6: the states as the figures write them on both sides."""
    closer, other = CLOSINGS["four-way"]
    assert walk(State.ESTABLISHED, closer) == ["FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED"]
    assert walk(State.ESTABLISHED, other) == ["CLOSE-WAIT", "LAST-ACK", "CLOSED"]
    closer, other = CLOSINGS["simultaneous"]
    assert walk(State.ESTABLISHED, closer) == ["FIN-WAIT-1", "CLOSING", "TIME-WAIT", "CLOSED"]
    assert closer == other


def test_figures_6_and_7() -> None:
    """RFC 9293 section 3.5: the handshake, and both ends opening at once."""
    opener = [Event.SND_SYN, Event.RCV_SYN_ACK]
    assert walk(State.CLOSED, opener) == ["SYN-SENT", "ESTABLISHED"]
    listener = [Event.OPEN_PASSIVE, Event.RCV_SYN, Event.RCV_ACK_OF_SYN]
    assert walk(State.CLOSED, listener) == ["LISTEN", "SYN-RECEIVED", "ESTABLISHED"]
    both = [Event.SND_SYN, Event.RCV_SYN, Event.RCV_ACK_OF_SYN]
    assert walk(State.CLOSED, both) == ["SYN-SENT", "SYN-RECEIVED", "ESTABLISHED"]


def test_figure_5_has_twenty_edges() -> None:
    """Counted on the drawing; CLOSED is drawn twice there, and is one state."""
    assert sum(edge.figure for edge in transitions().edges) == 20


def test_a_pair_without_a_row_is_an_outcome_and_no_error() -> None:
    step = next_state(State.LISTEN, Event.TIME_WAIT_TIMEOUT)
    assert (step.state, step.outcome, step.edge) == (State.LISTEN, Outcome.NO_EDGE, None)


def test_every_pair_has_an_outcome() -> None:
    for state in State:
        for event in Event:
            step = next_state(state, event)
            assert (step.edge is None) == (step.outcome is Outcome.NO_EDGE)
            assert (step.state is not state) == (step.outcome is Outcome.MOVES)


def test_a_guard_that_holds_goes_first_and_others_change_nothing() -> None:
    passive = next_state(State.SYN_RECEIVED, Event.RCV_RST, {Guard.PASSIVE_OPEN})
    assert passive.state is State.LISTEN
    assert next_state(State.SYN_RECEIVED, Event.RCV_RST).state is State.CLOSED
    reused = next_state(State.TIME_WAIT, Event.RCV_SYN, [Guard.REUSE_ALLOWED, Guard.PASSIVE_OPEN])
    assert reused.state is State.SYN_RECEIVED
    assert next_state(State.ESTABLISHED, Event.RCV_RST, set(Guard)).state is State.CLOSED


def test_a_composed_row_is_never_stepped_and_its_steps_lead_where_it_says() -> None:
    composed = [edge for edge in transitions().edges if edge.composed]
    assert [(edge.from_state, edge.to_state) for edge in composed] == [
        (State.FIN_WAIT_1, State.TIME_WAIT)
    ]
    step = next_state(State.FIN_WAIT_1, Event.RCV_FIN, set(Guard))
    assert step.state is State.CLOSING
    assert walk(State.FIN_WAIT_1, [Event.RCV_ACK_OF_FIN, Event.RCV_FIN])[-1] is State.TIME_WAIT


def test_nothing_owes_an_answer_to_a_rst() -> None:
    """RFC 9293 section 3.5.2: a RST never draws a RST."""
    for edge in transitions().edges:
        if edge.event in {Event.RCV_RST, Event.RCV_INEXACT_RST}:
            assert edge.sends in {None, "ACK"}, edge


def test_what_an_event_sends_is_what_the_row_sends() -> None:
    sent = {Event.SND_SYN: "SYN", Event.SND_FIN: "FIN", Event.SND_RST: "RST"}
    for edge in transitions().edges:
        if transitions().events[edge.event].kind == "send":
            assert edge.sends == sent[edge.event], edge
        if transitions().events[edge.event].kind == "call":
            assert edge.sends is None, edge


def test_every_state_is_reached_and_left_and_every_event_moves_something() -> None:
    moving = [edge for edge in transitions().edges if edge.from_state is not edge.to_state]
    assert {edge.to_state for edge in moving} == set(State)
    assert {edge.from_state for edge in moving} == set(State)
    assert {edge.event for edge in transitions().edges} == set(Event)
    assert {edge.guard for edge in transitions().edges} == {None, *Guard}


def test_only_a_fin_of_both_leads_to_time_wait() -> None:
    """Whoever reaches TIME-WAIT has sent a FIN and seen the other's, on every path from ESTABLISHED."""
    frontier = {(State.ESTABLISHED, False, False)}
    seen = set(frontier)
    while frontier:
        state, sent, received = frontier.pop()
        if state is State.TIME_WAIT:
            assert sent, "without an own FIN"
            assert received, "without the other end's FIN"
        for event in Event:
            step = next_state(state, event)
            if step.outcome is Outcome.MOVES and step.state is not State.CLOSED:
                place = (
                    step.state,
                    sent or event is Event.SND_FIN,
                    received or event is Event.RCV_FIN,
                )
                if place not in seen:
                    seen.add(place)
                    frontier.add(place)
    assert State.TIME_WAIT in {state for state, _, _ in seen}


GOOD = """
    { from = "CLOSED", event = "open-passive", to = "LISTEN", figure = true, section = "3.10.1" },
"""


def table_with(rows: str) -> str:
    """The table's own states, events and guards with other rows."""
    text = resources.files("finwait.tcp").joinpath("transitions.toml").read_text(encoding="utf-8")
    return text.split("[edges]", maxsplit=1)[0] + f"[edges]\nrows = [{rows}]\n"


def test_a_good_row_is_read() -> None:
    assert len(parse(table_with(GOOD)).edges) == 1


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda row: row + row, "edge 2: says the same as edge 1"),
        (lambda row: row.replace('"LISTEN"', '"LISTENING"'), "edge 1: 'LISTENING'"),
        (lambda row: row.replace("open-passive", "open"), "edge 1: 'open'"),
        (lambda row: row.replace("figure = true", 'figure = true, guard = "x"'), "edge 1: 'x'"),
        (lambda row: row.replace("figure = true", 'figure = true, sends = "PSH"'), "edge 1: sends"),
        (lambda row: row.replace("figure", "drawn"), "edge 1: unknown key 'drawn'"),
        (lambda row: row.replace("figure = true,", ""), "edge 1: 'figure'"),
        (lambda row: row.replace("3.10.1", "somewhere"), "edge 1: 'somewhere' is no section"),
        (
            lambda row: row.replace("figure = true", 'figure = true, guard = "passive-open"'),
            "edge 1: the pair needs a row without a guard",
        ),
        (lambda row: row + "}", "not TOML"),
    ],
)
def test_a_bad_row_is_named(damage: Callable[[str], str], complaint: str) -> None:
    with pytest.raises(TableError) as caught:
        parse(table_with(damage(GOOD)))
    assert complaint in str(caught.value)


def test_a_state_that_is_missing_or_too_many_is_named() -> None:
    text = table_with(GOOD)
    with pytest.raises(TableError, match=r"\[\[state\]\]"):
        parse(text.replace('name = "CLOSED"', 'name = "SHUT"', 1))
    with pytest.raises(TableError, match="synchronized"):
        parse(text.replace("synchronized = false", "synchronized = true", 1))
