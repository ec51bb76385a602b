"""From a captured connection to a script of packetdrill that makes its close happen again."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from finwait.capture.connections import Progress
    from finwait.reproduce.acting import Played
    from finwait.reproduce.reproduction import Reproduction

__all__ = ["Reproduction", "reproduce"]


def reproduce(
    source: str | os.PathLike[str],
    conn: int | str,
    *,
    side: str | None = None,
    dialect: str = "google",
    speed: float = 1.0,
    whole: bool = False,
    progress: "Progress | None" = None,
    played: "Played | None" = None,
) -> "Reproduction":
    """Write a script that plays one side of a connection against the other side's stack.

    conn: as `finwait.explain` takes it. side: "client" or "server", whose stack is under test; None is the side whose
    behaviour decides the close. dialect: "google" or "nplab". speed: pauses above half a second are divided by it.
    whole: the script has all of the connection, not only the part that matters for the close.

    progress: told while the capture is read, as that of `finwait.explain`; played: told how many segments of the
    connection were rehearsed, and of how many.

    If no script gives the same close, by and cause, the best one is given, and `same` is false; `instead` says which
    other options give it.

    A capture that breaks in the middle is reproduced as far as it goes; see `Reproduction.faults`.

    Raises Misuse if there is no such connection or one script cannot reproduce it (and says why), CannotOpen or BadCapture
    if nothing could be read.
    """
    from finwait.reproduce.reproduction import make

    return make(
        source,
        conn,
        side=side,
        dialect=dialect,
        speed=speed,
        whole=whole,
        progress=progress,
        played=played,
    )


def __getattr__(name: str) -> object:
    """Load the result's class when it is first asked for: `import finwait` stays fast."""
    if name == "Reproduction":
        from finwait.reproduce.reproduction import Reproduction

        return Reproduction
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
