"""Which rows, and in which order: `--where`, `--sort`, `--limit`."""

from collections.abc import Sequence
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from finwait import _core
from finwait.errors import Misuse

ROW = "row number within this query"
"""A column that no user can name by accident."""


class Key(NamedTuple):
    """One column to sort by."""

    column: str
    descending: bool


def keys(text: str) -> list[Key]:
    """Read `--sort`: columns with commas between, a `-` before one that falls. Raises Misuse."""
    found = [
        Key(word.strip().removeprefix("-"), word.strip().startswith("-"))
        for word in text.split(",")
        if word.strip()
    ]
    check_columns([key.column for key in found], "--sort")
    if not found:
        raise Misuse("--sort needs a column, such as --sort -duration")
    return found


def check_columns(names: Sequence[str], option: str) -> None:
    """Raise Misuse, with the list of columns, if one of the names is none."""
    for name in names:
        if name not in _core.COLUMNS:
            raise Misuse(f"{option}: no column {name!r}\n{known_columns()}")


def known_columns() -> str:
    """All columns, for a message."""
    return f"columns: {', '.join(_core.COLUMNS)}"


class Where:
    """A condition over the columns, in DuckDB's SQL.

    It is an expression and nothing else: DuckDB refuses statements and modifiers in it, and this
    connection can neither open files nor see variables of this process.
    """

    def __init__(self, condition: str) -> None:
        self._condition = condition
        self._database = duckdb.connect()
        for setting in (
            "SET TimeZone = 'UTC'",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            self._database.execute(setting)

    def rows(self, table: pa.Table) -> list[int]:
        """Numbers of the rows that meet the condition, in order. Raises Misuse if it is none."""
        numbered = table.append_column(ROW, pa.array(range(len(table)), pa.int64()))
        try:
            relation = self._database.from_arrow(numbered)
            expression = duckdb.SQLExpression(self._condition)
            kind = str(relation.select(expression).types[0])
            if kind != "BOOLEAN":
                raise Misuse(f"--where is a condition; {self._condition!r} gives {kind}")
            found = relation.filter(expression).project(f'"{ROW}"').fetchall()
        except duckdb.Error as error:
            reason = str(error).partition("\n\n")[0]
            message = f"--where {self._condition!r}: {reason}\n{known_columns()}"
            raise Misuse(message) from None
        return sorted(int(row[0]) for row in found)


def select(
    table: pa.Table, where: Where | None, sort: Sequence[Key], limit: int | None
) -> list[int]:
    """Numbers of the rows of `table` to tell, in the order to tell them. Raises Misuse."""
    rows = where.rows(table) if where else list(range(len(table)))
    if sort:
        rows = _sorted(table, rows, sort)
    return rows if limit is None else rows[:limit]


def _sorted(table: pa.Table, rows: list[int], sort: Sequence[Key]) -> list[int]:
    """`rows` by the keys; what is absent comes last, and equals keep their order."""
    chosen = table.select(list(dict.fromkeys(key.column for key in sort))).take(
        pa.array(rows, pa.int64())
    )
    for key in sort:
        if pa.types.is_list(chosen.schema.field(key.column).type):
            raise Misuse(f"--sort: {key.column} is a list and has no order")
    numbered = chosen.append_column(ROW, pa.array(range(len(rows)), pa.int64()))
    order = [(key.column, "descending" if key.descending else "ascending") for key in sort]
    indices = pc.sort_indices(numbered, sort_keys=[*order, (ROW, "ascending")])
    return [rows[index] for index in indices.to_pylist()]
