"""Words in `--where` that their column never has: such a condition is legal SQL and selects nothing.

DuckDB's own tree of the condition is looked at, and only comparisons of a column with a literal are
judged: what is computed (`lower(close)`) or matched by a pattern may be anything.
"""

import json
from collections.abc import Iterator
from typing import Final, NamedTuple

import duckdb

from finwait import _core
from finwait.cli.table import STANDS_FOR
from finwait.picture.width import wrap
from finwait.verdict.language import Text
from finwait.verdict.spelling import meant, near

_STATES: Final = tuple(_core.SLUGS["state"])
_ZEEK: Final = "S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH"
"""Zeek's `conn_state` (base/protocols/conn/main.zeek)."""
WORDS: Final[dict[str, tuple[str, ...]]] = {
    **{
        kind: tuple(_core.SLUGS[kind])
        for kind in (
            *("close", "closed_by", "handshake", "confidence", "reset_form", "client_by"),
            "cause",
        )
    },
    "notes": tuple(_core.SLUGS["note"]),
    "client_state": _STATES,
    "server_state": _STATES,
    "reset_by": ("client", "server", "none"),
    "zeek_state": tuple(_ZEEK.split()),
}
"""Every word that a column can have. Columns that are not here take words of any kind."""
_KINDS: Final = {"notes": "note"}
"""Columns whose words the catalogue lists under another name."""
WIDEST: Final = 100
"""Columns of a line of a message."""
FEW: Final = 13
"""A list of so many words is shown whole."""
_COMPARED: Final = frozenset(
    {
        *("COMPARE_EQUAL", "COMPARE_NOTEQUAL", "COMPARE_IN", "COMPARE_NOT_IN"),
        *("COMPARE_DISTINCT_FROM", "COMPARE_NOT_DISTINCT_FROM"),
    }
)
_LIST_FUNCTIONS: Final = frozenset(
    f"{kind}_{verb}"
    for kind in ("list", "array")
    for verb in ("contains", "has", "position", "indexof", "has_any", "has_all")
)
_LITERALS: Final = frozenset({"list_value", "row"})
"""Functions that a list of literals is written with."""
Node = dict[str, object]


class Stranger(NamedTuple):
    """A word that its column never has."""

    column: str
    word: str

    def told(self) -> Text:
        """Say so, with the words that the column has."""
        known = WORDS[self.column]
        other = next((column for column, words in WORDS.items() if self.word in words), None)
        hint = meant(near(self.word, known))
        if other is not None:
            hint = Text(f": that is a word of {other}", f"：这是 {other} 的词")
        kind = _KINDS.get(self.column, self.column)
        listed = Text(
            f"`finwait catalogue {kind}` lists its words",
            f"`finwait catalogue {kind}` 会列出它的词",
        )
        if len(known) <= FEW:
            listed = Text(f"it is one of {', '.join(known)}", f"它是以下之一：{'、'.join(known)}")
        lines = Text(*("\n".join(wrap(text, WIDEST)) for text in listed))
        return Text(
            f"--where: {self.column} never has the word {self.word!r}{hint.en}\n{lines.en}",
            f"--where：{self.column} 中从不会有 {self.word!r}{hint.zh}\n{lines.zh}",
        )


def strangers(database: duckdb.DuckDBPyConnection, condition: str) -> list[Stranger]:
    """Find the words of a valid condition that can meet nothing, each once, in their order."""
    # only parsed, never run; the line end closes a comment
    query = "SELECT 1 FROM t WHERE (" + condition + "\n)"  # noqa: S608
    try:
        found = database.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
    except duckdb.Error:
        return []  # a DuckDB without its JSON extension: what it cannot show is not judged
    return list(dict.fromkeys(word for (tree,) in found for word in _in(json.loads(tree))))


def _in(tree: object) -> Iterator[Stranger]:
    if isinstance(tree, dict):
        if _compares(tree):
            yield from _compared(list(_operands(tree)))
        tree = list(tree.values())
    if isinstance(tree, list):
        for each in tree:
            yield from _in(each)


def _compares(node: Node) -> bool:
    if node.get("class") == "FUNCTION":
        return node.get("function_name") in _LIST_FUNCTIONS
    return node.get("class") in {"COMPARISON", "OPERATOR"} and node.get("type") in _COMPARED


def _compared(operands: list[Node]) -> Iterator[Stranger]:
    columns = [name for node in operands if (name := _column(node)) in WORDS]
    for column in columns[:1]:
        for word in filter(None, map(_literal, operands)):
            if word not in WORDS[column]:
                yield Stranger(column, word)


def _operands(node: object) -> Iterator[Node]:
    """What a node is applied to, whatever this version of DuckDB calls the fields; lists of literals taken apart."""
    for value in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        if isinstance(value, dict) and "class" in value:
            listed = value.get("function_name") in _LITERALS
            yield from _operands(value) if listed else (value,)
        else:
            yield from _operands(value)


def _column(node: Node) -> str:
    match node:
        case {"class": "COLUMN_REF", "column_names": [*_, str(name)]}:
            seen = STANDS_FOR.get(name.casefold(), (name.casefold(),))
            return seen[0] if len(seen) == 1 else ""
    return ""


def _literal(node: Node) -> str:
    match node:
        case {"class": "CONSTANT", "literal": {"kind": "STRING", "text": str(word)}}:
            return word  # DuckDB 2
        case {"class": "CONSTANT", "value": {"type": {"id": "VARCHAR"}, "value": str(word)}}:
            return word  # DuckDB 1
    return ""
