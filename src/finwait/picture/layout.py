"""Where the state diagram puts what: boxes of states and the ways of edges, on a canvas of its own.

The table says which edges there are; this says only where they run. An edge that is drawn in
Figure 5, or composed, has to have a way here: a test holds it.
"""

from dataclasses import dataclass
from typing import Final, Literal

from finwait.tcp import State

WIDTH: Final = 1280
HEIGHT: Final = 1452
BOX: Final = (156, 48)
LEFT, MIDDLE, RIGHT = 236, 640, 1044

CENTRES: Final[dict[State, tuple[int, int]]] = {
    State.CLOSED: (MIDDLE, 140),
    State.LISTEN: (MIDDLE, 272),
    State.SYN_RECEIVED: (LEFT, 420),
    State.SYN_SENT: (RIGHT, 420),
    State.ESTABLISHED: (MIDDLE, 560),
    State.FIN_WAIT_1: (LEFT, 754),
    State.CLOSE_WAIT: (RIGHT, 754),
    State.FIN_WAIT_2: (LEFT, 914),
    State.CLOSING: (MIDDLE, 914),
    State.LAST_ACK: (RIGHT, 914),
    State.TIME_WAIT: (MIDDLE, 1074),
}
END: Final = (RIGHT, 1074)
"""CLOSED is drawn a second time at the end, as in Figure 5."""

OPENING: Final = (28, 84, WIDTH - 56, 540)
"""x, y, width, height of the ground of the opening half."""
CLOSING: Final = (28, 648, WIDTH - 56, 540)

Line = Literal["open", "first", "second", "crossed", "together", "other"]
"""What an edge belongs to: the usual opening and the last step of all; the first closer of a
four-way close, the second closer, a simultaneous close, a FIN that also acks ours (three-way
close); or something else."""


@dataclass(frozen=True, slots=True)
class Way:
    """How an edge runs: through these points, with a label beside it."""

    line: Line
    points: tuple[tuple[int, int], ...]
    label: tuple[int, int]
    """Top of the label's first line, at its anchor."""
    anchor: Literal["start", "middle", "end"] = "middle"


WAYS: Final[dict[tuple[State, State], Way]] = {
    (State.CLOSED, State.LISTEN): Way("open", ((624, 164), (624, 248)), (612, 198), "end"),
    (State.LISTEN, State.CLOSED): Way("other", ((656, 248), (656, 164)), (668, 198), "start"),
    (State.CLOSED, State.SYN_SENT): Way(
        "open", ((718, 128), (1076, 128), (1076, 396)), (1088, 240), "start"
    ),
    (State.SYN_SENT, State.CLOSED): Way(
        "other", ((1036, 396), (1036, 152), (718, 152)), (1024, 214), "end"
    ),
    (State.LISTEN, State.SYN_SENT): Way(
        "other", ((718, 272), (996, 272), (996, 396)), (984, 296), "end"
    ),
    (State.LISTEN, State.SYN_RECEIVED): Way(
        "open", ((562, 260), (204, 260), (204, 396)), (192, 300), "end"
    ),
    (State.SYN_RECEIVED, State.LISTEN): Way(
        "other", ((252, 396), (252, 284), (562, 284)), (264, 306), "start"
    ),
    (State.SYN_SENT, State.SYN_RECEIVED): Way("open", ((966, 420), (314, 420)), (640, 378)),
    (State.SYN_RECEIVED, State.ESTABLISHED): Way(
        "open", ((268, 444), (268, 560), (562, 560)), (280, 518), "start"
    ),
    (State.SYN_SENT, State.ESTABLISHED): Way(
        "open", ((1044, 444), (1044, 560), (718, 560)), (1032, 510), "end"
    ),
    (State.SYN_RECEIVED, State.FIN_WAIT_1): Way(
        "first", ((204, 444), (204, 730)), (192, 560), "end"
    ),
    (State.ESTABLISHED, State.FIN_WAIT_1): Way(
        "first", ((616, 584), (616, 676), (260, 676), (260, 730)), (438, 682)
    ),
    (State.ESTABLISHED, State.CLOSE_WAIT): Way(
        "second", ((664, 584), (664, 676), (1044, 676), (1044, 730)), (854, 682)
    ),
    (State.FIN_WAIT_1, State.FIN_WAIT_2): Way("first", ((204, 778), (204, 890)), (192, 834), "end"),
    (State.FIN_WAIT_1, State.CLOSING): Way(
        "crossed", ((314, 744), (640, 744), (640, 890)), (652, 796), "start"
    ),
    (State.FIN_WAIT_1, State.TIME_WAIT): Way(
        "together", ((314, 764), (372, 764), (372, 1062), (562, 1062)), (384, 830), "start"
    ),
    (State.FIN_WAIT_2, State.TIME_WAIT): Way(
        "first", ((236, 938), (236, 1086), (562, 1086)), (224, 1000), "end"
    ),
    (State.CLOSING, State.TIME_WAIT): Way(
        "crossed", ((640, 938), (640, 1050)), (652, 990), "start"
    ),
    (State.CLOSE_WAIT, State.LAST_ACK): Way(
        "second", ((1044, 778), (1044, 890)), (1056, 824), "start"
    ),
    (State.LAST_ACK, State.CLOSED): Way(
        "second", ((1044, 938), (1044, 1050)), (1056, 990), "start"
    ),
    (State.TIME_WAIT, State.CLOSED): Way("open", ((718, 1074), (966, 1074)), (842, 1048)),
    (State.TIME_WAIT, State.SYN_RECEIVED): Way(
        "other",
        ((640, 1098), (640, 1164), (56, 1164), (56, 420), (158, 420)),
        (400, 1102),
    ),
}
