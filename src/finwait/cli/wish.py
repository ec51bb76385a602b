"""What the command line of `finwait analyze` asks for, checked before anything is read."""

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from finwait import _core
from finwait.cli.names import no_column
from finwait.cli.output import BINARY, Format, format_of
from finwait.cli.table import MADE, STANDS_FOR
from finwait.errors import Misuse
from finwait.verdict import Lang

STREAMED = frozenset({"table", "ndjson", "csv"})
"""Formats that can be told row by row."""


class Key(NamedTuple):
    """One column to sort by."""

    column: str
    descending: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """The options of `finwait analyze`, as they were given."""

    files: tuple[str, ...]
    joined: bool
    where: str | None
    sort: str | None
    limit: int | None
    columns: str | None
    form: Format | None
    output: str | None
    stats: str | None
    threads: int
    max_connections: int
    quiet: bool
    lang: Lang

    @property
    def summed(self) -> bool:
        """Whether the summary stands with the table."""
        return self.format == "table" and self.output is None and not self.quiet

    @property
    def format(self) -> Format:
        """The format: as given, else by the suffix of the output, else a table."""
        if self.form is not None:
            return self.form
        return format_of(self.output) if self.output is not None else "table"

    @property
    def names(self) -> list[str] | None:
        """The columns that were asked for; None for those that the format has by itself."""
        if self.columns is None:
            return None
        return [name.strip() for name in self.columns.split(",") if name.strip()]

    @property
    def keys(self) -> list[Key]:
        """The columns to sort by; none if nobody asked."""
        words = [word.strip() for word in (self.sort or "").split(",") if word.strip()]
        return [
            Key(column, word.startswith("-"))
            for word in words
            for column in STANDS_FOR.get(word.removeprefix("-"), (word.removeprefix("-"),))
        ]

    @property
    def several(self) -> bool:
        """Whether rows of more than one file may come."""
        return len(self.files) > 1 or Path(self.files[0]).is_dir()

    @property
    def live(self) -> bool:
        """Whether the capture may still be being written and can be told as its connections end."""
        return (
            len(self.files) == 1
            and self.sort is None
            and self.format in STREAMED
            and is_pipe(self.files[0])
        )

    def check(self) -> None:
        """Raise Misuse if this cannot be done, whatever the captures hold."""
        self._check_columns(self.names)
        for key in self.keys:
            if key.column not in _core.COLUMNS:
                raise no_column("--sort", key.column)
        if self.where is not None and not self.where.strip():
            raise Misuse(
                "--where is a condition, such as --where \"close = 'reset'\"",
                "--where 需要一个条件，例如 --where \"close = 'reset'\"",
            )
        if self.sort is not None and not self.keys:
            raise Misuse(
                "--sort needs a column, such as --sort -duration",
                "--sort 需要列名，例如 --sort -duration",
            )
        if self.format in BINARY and self.output is None and sys.stdout.isatty():
            raise Misuse(
                f"{self.format} is not for a terminal: give -o FILE or a pipe",
                f"{self.format} 不适合终端：请给出 -o FILE 或使用管道",
            )

    def _check_columns(self, names: list[str] | None) -> None:
        """Raise Misuse if the format has no such columns."""
        for name in names or ():
            if name in MADE and self.format != "table":
                made = " ".join(STANDS_FOR[name])
                raise Misuse(
                    f"--columns: only the table has {name}; {self.format} has {made}",
                    f"--columns：{name} 只有 table 格式才有；{self.format} 中是 {made}",
                )
            if name not in _core.COLUMNS and name not in MADE:
                raise no_column("--columns", name)
        if names is not None and (not names or len(set(names)) < len(names)):
            raise Misuse(
                "--columns needs columns, each once, such as --columns conn,close,cause",
                "--columns 需要列名，每个只出现一次，例如 --columns conn,close,cause",
            )


def is_pipe(path: str) -> bool:
    """Whether reading here may have to wait for a writer."""
    try:
        mode = os.fstat(0).st_mode if path == "-" else os.stat(path).st_mode  # noqa: PTH116  # as fstat
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)
