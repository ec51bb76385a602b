"""One connection in words: state by state, number by number."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finwait.explain.explanation import Explanation

__all__ = ["Explanation"]


def __getattr__(name: str) -> object:
    """Load the telling when it is first asked for: `import finwait` stays fast."""
    if name == "Explanation":
        from finwait.explain.explanation import Explanation  # noqa: PLC0415

        return Explanation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
