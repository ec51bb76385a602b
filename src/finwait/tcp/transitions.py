"""The edges of the state machine, read from `transitions.toml`: the only place where one is written."""

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

from finwait.tcp.event import Event, Guard
from finwait.tcp.state import State

FILE: Final = "transitions.toml"
SENDS: Final = frozenset({"SYN", "SYN,ACK", "ACK", "FIN", "RST", "again"})
_SECTION: Final = re.compile(
    r"\d+(\.\d+)+|RFC \d+ \d+(\.\d+)*|RFC \d+ erratum \d+|Linux \w+|FreeBSD [\w.]+"
)
_EDGE_KEYS: Final = frozenset(
    {"from", "event", "to", "sends", "calls", "guard", "composed", "figure"}
    | {"section", "see", "note"}
)


class TableError(ValueError):
    """`transitions.toml` contradicts itself. A fault of finwait, never of a capture or a user."""


class Outcome(StrEnum):
    """What an event does to a state."""

    MOVES = "moves"
    """There is a row, and it leads to another state."""
    STAYS = "stays"
    """There is a row, and it leads back: the event is answered, the state stays."""
    NO_EDGE = "no-edge"
    """There is no row: RFC 9293 section 3.10 reports an error to the user, or drops the segment."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One row of the table."""

    number: int
    """Its place in the table, from 1."""
    from_state: State
    event: Event
    to_state: State
    sends: str | None
    """The segment that goes out: one of SENDS; `again` is the oldest segment not yet acknowledged."""
    calls: tuple[str, ...]
    """User calls (RFC 9293 section 3.9.1) that cause the event at an endpoint."""
    guard: Guard | None
    composed: bool
    """Sums up two steps: listed and drawn, never stepped."""
    figure: bool
    """Drawn in RFC 9293 Figure 5."""
    section: str
    """A section of RFC 9293, or another RFC with its section, or a kernel symbol."""
    see: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Step:
    """Where an event took an end."""

    state: State
    """The state after it."""
    outcome: Outcome
    edge: Edge | None
    """The row that says so; None if there is none."""


@dataclass(frozen=True, slots=True)
class StateText:
    """What a state means."""

    meaning: str
    meaning_zh: str


@dataclass(frozen=True, slots=True)
class EventText:
    """What an event means."""

    kind: str
    """call, send, receive or timeout."""
    means: str
    """When an endpoint has it."""
    wire: str
    """What proves it to a watcher who sees only the wire."""


@dataclass(frozen=True)
class Transitions:
    """The whole table."""

    edges: tuple[Edge, ...]
    states: Mapping[State, StateText]
    events: Mapping[Event, EventText]
    guards: Mapping[Guard, str]
    plain: Mapping[tuple[State, Event], Edge]
    """Rows without a guard: exactly one a pair that has any row."""
    guarded: Mapping[tuple[State, Event, Guard], Edge]
    """Rows with a guard that are stepped; composed rows are not here."""

    def step(self, state: State, event: Event, holds: Collection[Guard] = ()) -> Step:
        """Take an end that stands in `state` through `event`, while the conditions `holds` are met."""
        edge = self.plain.get((state, event))
        for guard in holds:
            edge = self.guarded.get((state, event, guard), edge)
        if edge is None:
            return Step(state, Outcome.NO_EDGE, None)
        moved = edge.to_state is not state
        return Step(edge.to_state, Outcome.MOVES if moved else Outcome.STAYS, edge)


def next_state(state: State, event: Event, holds: Collection[Guard] = ()) -> Step:
    """Ask the table of finwait; see `Transitions.step`."""
    return transitions().step(state, event, holds)


@cache
def transitions() -> Transitions:
    """Give the table of finwait, read once."""
    return parse(resources.files("finwait.tcp").joinpath(FILE).read_text(encoding="utf-8"))


def parse(text: str) -> Transitions:
    """Read a table. Raises TableError, with the number of the row, if it contradicts itself."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TableError(f"{FILE}: not TOML: {error}") from error
    states = {
        State(name): StateText(_text(row, "meaning"), _text(row, "meaning_zh"))
        for name, row in _named(table, "state", State).items()
    }
    for name, row in _named(table, "state", State).items():
        if row.get("synchronized") is not State(name).synchronized:
            raise TableError(f"{FILE}: [[state]] {name}: `synchronized` is not what state.py says")
    events = {
        Event(name): EventText(_text(row, "kind"), _text(row, "means"), _text(row, "wire"))
        for name, row in _named(table, "event", Event).items()
    }
    guards = {
        Guard(name): _text(row, "means") for name, row in _named(table, "guard", Guard).items()
    }
    rows = table.get("edges", {}).get("rows", [])
    edges = tuple(_edge(number, row) for number, row in enumerate(rows, start=1))
    plain, guarded = _index(edges)
    return Transitions(edges, states, events, guards, plain, guarded)


def _index(
    edges: Collection[Edge],
) -> tuple[dict[tuple[State, Event], Edge], dict[tuple[State, Event, Guard], Edge]]:
    """Sort rows by what they answer, each pair once."""
    plain: dict[tuple[State, Event], Edge] = {}
    guarded: dict[tuple[State, Event, Guard], Edge] = {}
    for edge in edges:
        pair = (edge.from_state, edge.event)
        if edge.guard is None:
            twin = plain.setdefault(pair, edge)
        else:
            twin = guarded.setdefault((*pair, edge.guard), edge)
        if twin is not edge:
            raise _bad(edge.number, f"says the same as edge {twin.number}")
    for edge in guarded.values():
        if (edge.from_state, edge.event) not in plain:
            raise _bad(edge.number, "the pair needs a row without a guard too")
    stepped = {key: edge for key, edge in guarded.items() if not edge.composed}
    return plain, stepped


def _edge(number: int, row: Mapping[str, object]) -> Edge:
    """Check one row."""
    unknown = row.keys() - _EDGE_KEYS
    if unknown:
        raise _bad(number, f"unknown key {min(unknown)!r}")
    try:
        guard = Guard(_text(row, "guard")) if "guard" in row else None
        edge = Edge(
            number=number,
            from_state=State(_text(row, "from")),
            event=Event(_text(row, "event")),
            to_state=State(_text(row, "to")),
            sends=_text(row, "sends") if "sends" in row else None,
            calls=_texts(row, "calls"),
            guard=guard,
            composed=row.get("composed", False) is True,
            figure=row["figure"] is True,
            section=_text(row, "section"),
            see=_texts(row, "see"),
            note=_text(row, "note") if "note" in row else "",
        )
    except (KeyError, ValueError) as error:
        raise _bad(number, str(error)) from error
    if edge.sends is not None and edge.sends not in SENDS:
        raise _bad(number, f"sends {edge.sends!r}, which is none of {sorted(SENDS)}")
    if edge.composed and guard is None:
        raise _bad(number, "a composed row needs a guard")
    for section in (edge.section, *edge.see):
        if not _SECTION.fullmatch(section):
            raise _bad(number, f"{section!r} is no section, RFC or kernel symbol")
    return edge


def _bad(number: int, why: str) -> TableError:
    return TableError(f"{FILE}: edge {number}: {why}")


def _named(
    table: Mapping[str, object], kind: str, expected: type[StrEnum]
) -> dict[str, Mapping[str, object]]:
    """Give the tables `[[kind]]` by name; they have to be the members of `expected`, in order."""
    rows = table.get(kind, [])
    found = {_text(row, "name"): row for row in rows} if isinstance(rows, list) else {}
    wanted = [member.value for member in expected]
    if list(found) != wanted or not isinstance(rows, list) or len(rows) != len(wanted):
        raise TableError(f"{FILE}: [[{kind}]] are {list(found)}, not {wanted}")
    return found


def _text(row: Mapping[str, object], key: str) -> str:
    """Give a text that is there and not empty."""
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise TableError(f"{FILE}: `{key}` is {value!r}, not a text")
    return value


def _texts(row: Mapping[str, object], key: str) -> tuple[str, ...]:
    """Give a list of texts, empty if absent."""
    value = row.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TableError(f"{FILE}: `{key}` is {value!r}, not a list of texts")
    return tuple(value)
