"""One connection in words: state by state, number by number."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from finwait.capture.connections import Progress
    from finwait.explain.explanation import Explanation

__all__ = ["Explanation", "explain"]

MOST_SEGMENTS = 20_000
"""Segments of one connection that are kept to be told; of a longer one, the middle is left out."""

Source = str | os.PathLike[str]


def explain(
    source: "Source | Sequence[Source]",
    conn: int | str,
    *,
    joined: bool = False,
    absolute: bool = False,
    max_segments: int = MOST_SEGMENTS,
    progress: "Progress | None" = None,
) -> "Explanation":
    """Explain one connection of a capture.

    source: a path, or several; "-" is standard input; a directory is one capture rotated into files.
    conn: its number as `analyze` counts (from 0), or its two ends in either order, such as
    "10.0.0.2:5000-10.0.0.1:80" or "[2001:db8::1]:5000-[2001:db8::2]:80"; of several connections
    with these ends, the first. Or one end, "10.0.0.2:5000", if only one connection has it. joined: the paths are one capture in pieces, in this order.
    absolute: tell sequence numbers as they are in the header, not relative to the initial ones.
    max_segments: of a longer connection, segments in the middle are left out of the telling.
    progress: called as `analyze` calls it; a capture is read twice, to judge and to tell.

    A capture that breaks in the middle is told as far as it goes; see `Explanation.faults`.
    Raises Misuse if there is no such connection, or several have the one end, CannotOpen or BadCapture if nothing could be read.
    """
    from finwait.explain.read import read

    return read(
        source, conn, joined=joined, absolute=absolute, max_segments=max_segments, progress=progress
    )


def __getattr__(name: str) -> object:
    """Load the telling when it is first asked for: `import finwait` stays fast."""
    if name == "Explanation":
        from finwait.explain.explanation import Explanation

        return Explanation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
