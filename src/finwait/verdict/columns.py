"""What each column of an analysis means; columns.toml has it, a row for columns told together."""

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from finwait.verdict.language import Text


class Described(NamedTuple):
    """Some columns that are described together."""

    names: tuple[str, ...]
    type: str
    """In the words of Arrow; "null" after it: may be absent."""
    meaning: Text


@cache
def described() -> tuple[Described, ...]:
    """Give all columns, in the order of the analysis."""
    with Path(__file__).with_suffix(".toml").open("rb") as file:
        found = tomllib.load(file)["column"]
    return tuple(
        Described(tuple(one["names"]), one["type"], Text(one["en"], one["zh"])) for one in found
    )
