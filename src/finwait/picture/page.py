"""The page of the state machine: the picture, and every edge of the table with its section."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from finwait.picture import words
from finwait.tcp import Edge, Transitions, transitions
from finwait.verdict.language import Lang

RFC: Final = "https://www.rfc-editor.org/rfc/rfc"
_OTHER: Final = re.compile(r"RFC (\d+) (\d+(?:\.\d+)*)")


def section(name: str) -> str:
    """Name a section in full: those of the table without a prefix are of RFC 9293."""
    return f"RFC 9293 {name}" if name[0].isdigit() else name


def is_rfc(name: str) -> bool:
    """Say whether a section is one of a standard, and not a kernel symbol."""
    return section(name).startswith("RFC")


def linked(name: str) -> str:
    """Write a section as a link to the RFC Editor, a kernel symbol as code."""
    full = section(name)
    match = _OTHER.fullmatch(full)
    if match:
        return f"[{full}]({RFC}{match[1]}.html#section-{match[2]})"
    return full if is_rfc(full) else f"`{full}`"


def markdown(pictures: Mapping[Lang, str], command: str) -> str:
    """Write the page."""
    table = transitions()
    moving = [edge for edge in table.edges if edge.from_state is not edge.to_state]
    staying = [edge for edge in table.edges if edge.from_state is edge.to_state]
    lines = [
        "# The state machine",
        "",
        f"<!-- Made from src/finwait/tcp/transitions.toml by `{command}`. Do not edit. -->",
        "",
        "Every edge of RFC 9293's state machine, made from the one table that the tracker and the diagram read"
        f" (`src/finwait/tcp/transitions.toml`). [中文图]({pictures['zh']})",
        "",
        f"![The states of a TCP connection]({pictures['en']})",
        "",
        "Each end of a connection runs this machine on its own. Who sends the first FIN goes down the left side, and"
        " ends in TIME-WAIT; the other end goes down the right side. If both FINs are under way at once, both"
        " ends go through CLOSING. A RST ends everything at once.",
        "",
        *_vocabulary(table),
        f"## Edges that move ({len(moving)})",
        "",
        "● is drawn in Figure 5 of RFC 9293.",
        "",
        *rows(moving),
        "",
        f"## Edges that stay ({len(staying)})",
        "",
        "The event is answered, the state remains.",
        "",
        *rows(staying),
        "",
        "Any other pair of state and event does nothing to the state: RFC 9293 3.10 reports an error to the user, or drops"
        " the segment.",
        "",
    ]
    return "\n".join(lines)


def _vocabulary(table: Transitions) -> list[str]:
    """Write what the words of the edges mean: states, events, conditions."""
    return [
        "## States",
        "",
        "| state | meaning | 含义 |",
        "|---|---|---|",
        *(
            f"| {state} | {text.meaning} | {text.meaning_zh} |"
            for state, text in table.states.items()
        ),
        "",
        "## Events",
        "",
        "One event an edge. An endpoint acts on it; someone who sees only the wire needs a proof of it.",
        "",
        "| event | when an end has it | what proves it on the wire |",
        "|---|---|---|",
        *(f"| `{event}` | {text.means} | {text.wire} |" for event, text in table.events.items()),
        "",
        "## Conditions",
        "",
        "What state and event do not say. A row with a condition goes before the row without one; who cannot know, such"
        " as the tracker, takes the row without.",
        "",
        "| condition | meaning |",
        "|---|---|",
        *(f"| `{guard}` | {means} |" for guard, means in table.guards.items()),
        "",
    ]


def rows(edges: Iterable[Edge]) -> Iterator[str]:
    """Write edges as a table."""
    yield "| | from | event | to | sends | section | note |"
    yield "|---|---|---|---|---|---|---|"
    for edge in edges:
        call = f" ({' or '.join(edge.calls)})" if edge.calls else ""
        guard = f", if `{edge.guard}`" if edge.guard else ""
        sections = ", ".join(linked(name) for name in (edge.section, *edge.see))
        note = " ".join(filter(None, ["Two steps in one." if edge.composed else "", edge.note]))
        cells = [
            "●" if edge.figure else "",
            edge.from_state,
            f"`{edge.event}`{call}{guard}",
            edge.to_state,
            words.sent(edge, "en").removeprefix("snd "),
            sections,
            note,
        ]
        yield f"| {' | '.join(cells)} |"
