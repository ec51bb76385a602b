"""Why did this TCP connection end the way it did: who closed it, how, and why?

`analyze` judges every connection of a capture, `explain` tells one of them, `reproduce` writes a script
that makes its close happen again, `compare` joins two captures of the same connections. docs/python.md has
examples that run.
"""

from finwait.compare import compare
from finwait.explain import explain
from finwait.peer import peer
from finwait.reproduce import reproduce
from finwait.version import VERSION

TYPE_CHECKING = False  # as type checkers know it; to import typing takes longer than all of this
if TYPE_CHECKING:
    from finwait.capture.connection import Connection
    from finwait.capture.connections import Connections, Finding, Outcome, analyze
    from finwait.compare.comparison import Comparison
    from finwait.errors import (
        BadCapture,
        BadScript,
        CannotOpen,
        FinwaitError,
        MissingPrivilege,
        Misuse,
    )
    from finwait.explain.explanation import Explanation
    from finwait.reproduce.reproduction import Reproduction

__all__ = [
    "BadCapture",
    "BadScript",
    "CannotOpen",
    "Comparison",
    "Connection",
    "Connections",
    "Explanation",
    "Finding",
    "FinwaitError",
    "MissingPrivilege",
    "Misuse",
    "Outcome",
    "Reproduction",
    "analyze",
    "compare",
    "explain",
    "peer",
    "reproduce",
]

__version__ = VERSION

_HOMES = {
    "Comparison": "finwait.compare.comparison",
    "Connection": "finwait.capture.connection",
    "Connections": "finwait.capture.connections",
    "Explanation": "finwait.explain.explanation",
    "Finding": "finwait.capture.connections",
    "Outcome": "finwait.capture.connections",
    "Reproduction": "finwait.reproduce.reproduction",
    "analyze": "finwait.capture.connections",
}


if not TYPE_CHECKING:  # a type checker knows the names above, and no others

    def __getattr__(name: str) -> object:
        """Load what is asked for, when it is: `import finwait` stays fast."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        return getattr(importlib.import_module(_HOMES.get(name, "finwait.errors")), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
