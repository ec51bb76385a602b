"""Words that somebody may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from finwait.verdict.language import Text

_NOTHING: Final = Text("", "")
_MOST: Final = 3
"""Names that are worth reading before one looks into the list."""


def near(word: str, known: Iterable[str], *, alike: float = 0.6) -> list[str]:
    """Find the known words that are spelled like this one, or contain it; the likeliest first.

    Capitals, `_` and `-` make no difference: where only they differ, that word alone is meant.
    alike: from 0 to 1, how much so (`difflib`).
    """
    words = {_plain(one): one for one in known}
    asked = _plain(word)
    if asked in words:
        return [words[asked]]
    close = get_close_matches(asked, words, n=_MOST, cutoff=alike)
    inside = [one for one in words if len(asked) > 2 and asked in one]
    return [words[one] for one in dict.fromkeys([*close, *inside])][:_MOST]


def _plain(word: str) -> str:
    return word.casefold().replace("_", "-")


def meant(likely: list[str], otherwise: Text = _NOTHING) -> Text:
    """Ask whether one of these was meant; say what stands for it if there are none."""
    if not likely:
        return otherwise
    return Text(f": did you mean {' or '.join(likely)}?", f"：是不是 {' 或 '.join(likely)}？")
