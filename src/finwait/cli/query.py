"""Which rows, and in which order: `--where`, `--sort`, `--limit`."""

import re
from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from finwait.capture.connections import Outcome
from finwait.cli.names import COLUMNS_LISTED, no_column
from finwait.cli.table import STANDS_FOR
from finwait.cli.vocabulary import Stranger, strangers
from finwait.cli.wish import Key
from finwait.errors import Misuse
from finwait.verdict.language import Text

_BY = re.compile(r'(?<!")\bby\b', re.IGNORECASE)
_SQL_WORD = Text("by is a word of SQL: write closed_by\n", "by 是 SQL 的保留字：请写 closed_by\n")
"""The one column of the table that DuckDB does not take without quotes."""
_ABSENT = re.compile(r'column "?([^"]+?)"? not found', re.IGNORECASE)
"""DuckDB's words for a name that is none; its own guesses hold names that only this module knows."""
_END = (
    "CASE WHEN contains({0}_ip, ':') THEN '[' || {0}_ip || ']' ELSE {0}_ip END || ':' || {0}_port"
)
_MADE = {
    name: columns[0] if len(columns) == 1 else _END.format(name)
    for name, columns in STANDS_FOR.items()
}
_NAMES = ", ".join(["*", *(f'{made} AS "{name}"' for name, made in _MADE.items())])
"""The columns, and those that a person sees in the table; DuckDB makes only what is used."""
ROW = "row number within this query"
"""A column that no user can name by accident."""


class Where:
    """A condition over the columns, in DuckDB's SQL.

    It is an expression and nothing else: DuckDB refuses statements and modifiers in it, and this
    connection can neither open files nor see variables of this process.
    """

    def __init__(self, condition: str) -> None:
        self._condition = condition
        self._database = duckdb.connect()
        # Nothing but the columns can be read from here; lock_configuration keeps it so.
        for setting in (
            "SET TimeZone = 'UTC'",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            self._database.execute(setting)

    def rows(self, table: pa.Table) -> list[int]:
        """Numbers of the rows that meet the condition, in order. Raises Misuse if it is none."""
        numbered = _comparable(table).append_column(ROW, _count(len(table)))
        try:
            relation = self._database.from_arrow(numbered).project(_NAMES)
            expression = duckdb.SQLExpression(self._condition)
            kind = str(relation.select(expression).types[0])
            if kind != "BOOLEAN":
                raise Misuse(
                    f"--where is a condition; {self._condition!r} gives {kind}",
                    f"--where 是条件表达式；{self._condition!r} 给出 {kind}",
                )
            found = relation.filter(expression).project(f'"{ROW}"').fetchall()
        except duckdb.Error as error:
            raise self._refused(error) from None
        return sorted(int(row[0]) for row in found)

    def strangers(self) -> list[Stranger]:
        """Find the words in it that their column never has. Only for a condition that `rows` took."""
        return strangers(self._database, self._condition)

    def _refused(self, error: duckdb.Error) -> Misuse:
        absent = _ABSENT.search(str(error))
        if absent is not None:
            return no_column("--where", absent[1])
        reason = str(error).partition("\n\n")[0]
        by = isinstance(error, duckdb.ParserException) and _BY.search(self._condition)
        hint = Text(_SQL_WORD.en * bool(by), _SQL_WORD.zh * bool(by))
        return Misuse(
            f"--where {self._condition!r}: {reason}\n{hint.en}{COLUMNS_LISTED.en}",
            f"--where {self._condition!r}：DuckDB 报告：{reason}\n{hint.zh}{COLUMNS_LISTED.zh}",
        )


def select(table: pa.Table, where: Where | None, sort: Sequence[Key]) -> list[int]:
    """Numbers of the rows of `table` to tell, in the order to tell them. Raises Misuse."""
    rows = where.rows(table) if where else list(range(len(table)))
    return _sorted(table, rows, sort) if sort else rows


def outcomes(table: pa.Table, rows: Sequence[int]) -> list[Outcome]:
    """How these rows ended, counted; the most frequent first."""
    names = list(Outcome._fields[:-1])
    chosen = table.select(names).take(pa.array(rows, pa.int64()))
    counted = chosen.group_by(names).aggregate([([], "count_all")])
    columns = [counted.column(name).to_pylist() for name in (*names, "count_all")]
    found = [Outcome(*values) for values in zip(*columns, strict=True)]
    return sorted(found, key=lambda outcome: -outcome.connections)


def _sorted(table: pa.Table, rows: list[int], sort: Sequence[Key]) -> list[int]:
    """`rows` by the keys; what is absent comes last, and equals keep their order."""
    chosen = table.select(list(dict.fromkeys(key.column for key in sort))).take(
        pa.array(rows, pa.int64())
    )
    for key in sort:
        if pa.types.is_list(chosen.schema.field(key.column).type):
            raise Misuse(
                f"--sort: {key.column} is a list and has no order",
                f"--sort：{key.column} 是列表，没有顺序",
            )
    for number, field in enumerate(chosen.schema):
        if pa.types.is_dictionary(field.type):
            text = chosen.column(number).cast(field.type.value_type)
            chosen = chosen.set_column(number, field.name, text)
    numbered = chosen.append_column(ROW, _count(len(rows)))
    order = [(key.column, "descending" if key.descending else "ascending") for key in sort]
    indices = pc.sort_indices(numbered, sort_keys=[*order, (ROW, "ascending")])
    return [rows[index] for index in indices.to_pylist()]


def _count(number: int) -> pa.Array:
    return pa.array(range(number), pa.int64())


def _comparable(table: pa.Table) -> pa.Table:
    """Cut times to the microsecond: DuckDB does not compare finer ones with its own `now()`."""
    for number, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            cut = table.column(number).cast(pa.timestamp("us", "UTC"), safe=False)
            table = table.set_column(number, field.name, cut)
    return table
