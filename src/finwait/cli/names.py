"""Names and words that somebody may have meant, and where all of them are listed."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from finwait import _core
from finwait.cli.table import MADE
from finwait.errors import Misuse
from finwait.verdict.language import Text

COLUMNS_LISTED: Final = Text(
    "`finwait catalogue columns` lists the columns", "`finwait catalogue columns` 会列出所有的列"
)
_SUMMARY: Final = {"how": "close", "why": "cause"}
"""Heads of the summary that are no columns, and the columns that they tell."""
_MOST: Final = 3
"""Names that are worth reading before one looks into the list."""


def near(word: str, known: Iterable[str]) -> list[str]:
    """Find the known words that are spelled like this one, or contain it; the likeliest first.

    Capitals, `_` and `-` make no difference: where only they differ, that word alone is meant.
    """
    words = {_plain(one): one for one in known}
    asked = _plain(word)
    if asked in words:
        return [words[asked]]
    alike = get_close_matches(asked, words, n=_MOST)
    inside = [one for one in words if len(asked) > 2 and asked in one]
    return [words[one] for one in dict.fromkeys([*alike, *inside])][:_MOST]


def _plain(word: str) -> str:
    return word.casefold().replace("_", "-")


def meant(likely: list[str]) -> Text:
    """Ask whether one of these was meant; nothing if there are none."""
    if not likely:
        return Text("", "")
    return Text(f": did you mean {' or '.join(likely)}?", f"：是不是 {' 或 '.join(likely)}？")


def no_column(option: str, name: str) -> Misuse:
    """Say that no column has this name, which ones are spelled like it, and what lists them all."""
    told = _SUMMARY.get(name.casefold())
    hint = meant([told] if told else near(name, [*_core.COLUMNS, *MADE]))
    return Misuse(
        f"{option}: no column {name!r}{hint.en}\n{COLUMNS_LISTED.en}",
        f"{option}：没有 {name!r} 这一列{hint.zh}\n{COLUMNS_LISTED.zh}",
    )
