"""Names of columns that somebody may have meant, and where all of them are listed."""

from typing import Final

from finwait import _core
from finwait.cli.table import MADE
from finwait.errors import Misuse
from finwait.verdict.language import Text
from finwait.verdict.spelling import meant, near

COLUMNS_LISTED: Final = Text(
    "`finwait catalogue columns` lists the columns", "`finwait catalogue columns` 会列出所有的列"
)
_SUMMARY: Final = {"how": "close", "why": "cause"}
"""Heads of the summary that are no columns, and the columns that they tell."""


def no_column(option: str, name: str) -> Misuse:
    """Say that no column has this name, which ones are spelled like it, and what lists them all."""
    told = _SUMMARY.get(name.casefold())
    hint = meant([told] if told else near(name, [*_core.COLUMNS, *MADE]))
    return Misuse(
        f"{option}: no column {name!r}{hint.en}\n{COLUMNS_LISTED.en}",
        f"{option}：没有 {name!r} 这一列{hint.zh}\n{COLUMNS_LISTED.zh}",
    )
