"""The catalogue: every word the core or a comparison can say, with what it means to a person.

One TOML file a kind in `data/`, read when the first entry of that kind is asked for.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from finwait.verdict.language import Text

DATA = Path(__file__).parent / "data"

KINDS: tuple[str, ...] = (
    "close",
    "closed_by",
    "handshake",
    "confidence",
    "reset_form",
    "client_by",
    "cause",
    "note",
    "evidence",
    "label",
    "skip",
    "state",
)
"""The kinds of words, named as the keys of `finwait._core.SLUGS`."""
COMPARED: tuple[str, ...] = ("difference", "proof", "rule")
"""The kinds of words that only two captures together give (`finwait compare`)."""

UNITS = frozenset({"ns", "s", "bytes", "count", "frame", "seq"})
"""What the number of an evidence counts."""


class Entry(NamedTuple):
    """What the catalogue knows of one word."""

    kind: str
    slug: str
    title: Text
    """A few words, to stand beside an arrow or in a table."""
    sentence: Text
    """What it means, in general."""
    source: str
    """The clause of the RFC, the kernel symbol or the page of finwait that it stands on."""
    example: str = ""
    """Name of a capture in `examples/` or `tests/captures/` where it occurs; empty if there is none."""
    line: Text | None = None
    """close: the one-line verdict, with {closer}, {other}, {client} and {server}."""
    line_after_fin: Text | None = None
    """close: that line where the other end's RST followed the closer's FIN; {other} reset."""
    line_unacked: Text | None = None
    """close: that line where the last FIN was never acked."""
    line_one_way: Text | None = None
    """close: that line where one direction alone was captured, if it says more than that shows."""
    line_unsure: Text | None = None
    """close: that line where the cause is not certain that the capture ended first."""
    title_after_fin: Text | None = None
    """close: the title then, to stand beside who reset."""
    said: Text | None = None
    """evidence: the sentence when it carries a number, with {n}."""
    said_one: Text | None = None
    """evidence: the sentence when that number is 1, if it is another."""
    unit: str | None = None
    """evidence: what that number counts, one of `UNITS`."""
    kernel: Text | None = None
    """cause: what the Linux kernel would say on the host that acted."""
    advice: Text | None = None
    """cause: what to do about it."""
    sentence_one_way: Text | None = None
    """cause: the sentence where one direction alone was captured, if the other says more than that shows."""
    advice_one_way: Text | None = None
    """cause: the advice then."""
    sentence_closing: Text | None = None
    """cause: the sentence where one end had closed, if it is another."""
    advice_closing: Text | None = None
    """cause: the advice then."""


class CatalogueError(Exception):
    """The catalogue itself is wrong: a fault of finwait, not of a capture or of its user."""


@cache
def entries(kind: str) -> Mapping[str, Entry]:
    """Give all entries of one kind by slug, in the order of the file."""
    if kind not in {*KINDS, *COMPARED}:
        raise CatalogueError(f"no kind {kind!r} in the catalogue")
    with (DATA / f"{kind}.toml").open("rb") as file:
        raw = tomllib.load(file)
    return MappingProxyType({slug: _entry(kind, slug, fields) for slug, fields in raw.items()})


def entry(kind: str, slug: str) -> Entry:
    """Give the entry of one word.

    A word that the catalogue lacks speaks for itself, so that a newer core still reads; a test keeps
    this from happening.
    """
    found = entries(kind).get(slug)
    return found or Entry(kind, slug, Text(slug, slug), Text(slug, slug), "")


class _Table(NamedTuple):
    """One table of a file, read key by key with errors that say where."""

    where: str
    fields: Mapping[str, object]

    def string(self, name: str) -> str:
        value = self.fields.get(name, "")
        if not isinstance(value, str):
            raise CatalogueError(f"{self.where}: {name} is not a string")
        return value

    def text(self, name: str) -> Text | None:
        match self.fields.get(name):
            case None:
                return None
            case {"en": str(en), "zh": str(zh), **rest} if en and zh and not rest:
                return Text(en, zh)
        raise CatalogueError(f"{self.where}: {name} needs en and zh")

    def need(self, name: str) -> Text:
        found = self.text(name)
        if found is None:
            raise CatalogueError(f"{self.where}: {name} is missing")
        return found


def _entry(kind: str, slug: str, fields: object) -> Entry:
    where = f"verdict/data/{kind}.toml: [{slug}]"
    if not isinstance(fields, dict) or not set(fields) <= set(Entry._fields):
        raise CatalogueError(f"{where}: not a table of {', '.join(Entry._fields[2:])}")
    table = _Table(where, fields)
    said, unit, source = table.text("said"), table.string("unit") or None, table.string("source")
    if (said is None) != (unit is None) or (unit is not None and unit not in UNITS):
        raise CatalogueError(f"{where}: said needs a unit, one of {', '.join(sorted(UNITS))}")
    if not source:
        raise CatalogueError(f"{where}: source is missing")
    return Entry(
        kind,
        slug,
        table.need("title"),
        table.need("sentence"),
        source,
        table.string("example"),
        table.text("line"),
        table.text("line_after_fin"),
        table.text("line_unacked"),
        table.text("line_one_way"),
        table.text("line_unsure"),
        table.text("title_after_fin"),
        said,
        table.text("said_one"),
        unit,
        table.text("kernel"),
        table.text("advice"),
        table.text("sentence_one_way"),
        table.text("advice_one_way"),
        table.text("sentence_closing"),
        table.text("advice_closing"),
    )
