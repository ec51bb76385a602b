"""A ladder: two life lines and the segments between them. Every text in it is ready to be shown."""

from typing import NamedTuple


class Lane(NamedTuple):
    """One end of the ladder."""

    role: str
    """Such as "client"."""
    address: str
    """Such as "192.0.2.1:40001"."""
    state: str
    """Where it stands before the first arrow; empty if that is not known."""
    kernel: str = ""
    """Where its kernel says that it stands then; empty if it was not asked, or has no socket."""


class Arrow(NamedTuple):
    """One segment."""

    frame: int
    """Frame number; 0 if it has none."""
    at: float
    """Seconds since the first segment."""
    rightward: bool
    """From the left lane to the right one."""
    flags: str
    """Such as "FIN ACK"."""
    numbers: tuple[str, ...]
    """Such as ("seq 3001", "ack 20", "len 0", "win 65536"), the weightiest first."""
    kind: str
    """syn, fin, rst, data, ack or probe: what it is drawn as."""
    left: str
    """State of the left end after it; empty if that is not known."""
    right: str
    """State of the right end after it."""
    left_via: str = ""
    """State that the left end passes on its way there, if the segment shows two changes at once."""
    right_via: str = ""
    labels: tuple[str, ...] = ()
    """What stands beside it."""
    crosses: bool = False
    """It was sent before the arrow above it had arrived: the two cross."""
    faint: bool = False
    """A copy, or a segment that its receiver drops."""
    left_kernel: tuple[str, ...] = ()
    """States that the left end's kernel itself reported with this segment."""
    right_kernel: tuple[str, ...] = ()


class Moment(NamedTuple):
    """What an end's kernel told of itself while nothing was on its way: a timer ran out, a call sent nothing."""

    at: float
    """Seconds since the first segment."""
    left_kernel: tuple[str, ...]
    right_kernel: tuple[str, ...]
    labels: tuple[str, ...]
    """What stands between the life lines."""


class Fold(NamedTuple):
    """Arrows that are left out."""

    text: str


class Pause(NamedTuple):
    """A long time between two arrows."""

    text: str


Row = Arrow | Moment | Fold | Pause


class Ladder(NamedTuple):
    """The whole picture, from top to bottom."""

    title: str
    left: Lane
    right: Lane
    rows: tuple[Row, ...]
    footer: str = ""
    columns: tuple[str, str] = ("", "")
    """What the outer and the inner column of states are called, if kernels were heard too."""
