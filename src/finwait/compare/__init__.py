"""Two captures of the same connections, one at each end: what was lost, changed or injected between."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from finwait.capture.connections import Progress
    from finwait.compare.comparison import Comparison, Near

__all__ = ["Comparison", "compare"]


def compare(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    *,
    client: "Near | None" = None,
    progress: "Progress | None" = None,
) -> "Comparison":
    """Join two captures by sequence numbers and payload lengths; clocks may differ, and NAT may lie between.

    client: "A" or "B", the capture nearer to the client of the first connection, where the times do not tell.

    progress is called as that of `analyze`, and begins anew with each reading; it cannot stop one, because half a
    reading would look like loss. One of the captures may be standard input, "-".

    Raises CannotOpen or BadCapture if nothing could be read, Misuse if both are standard input or `client` is another word; a capture that breaks
    in the middle is compared as far as it goes (`Comparison.faults`).
    """
    from finwait.compare.comparison import make

    return make(a, b, client, progress)


def __getattr__(name: str) -> object:
    """Load the result's class when it is first asked for: `import finwait` stays fast."""
    if name == "Comparison":
        from finwait.compare.comparison import Comparison

        return Comparison
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
