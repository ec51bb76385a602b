"""The catalogue: every word the core can say, with what it means to a person.

One TOML file a kind in `data/`, read when the first entry of that kind is asked for.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, NoReturn

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
    said: Text | None = None
    """evidence: the sentence when it carries a number, with {n}."""
    unit: str | None = None
    """evidence: what that number counts, one of `UNITS`."""
    kernel: Text | None = None
    """cause: what the Linux kernel would say on the host that acted."""
    advice: Text | None = None
    """cause: what to do about it."""


class CatalogueError(Exception):
    """The catalogue itself is wrong: a fault of finwait, not of a capture or of its user."""


@cache
def entries(kind: str) -> Mapping[str, Entry]:
    """All entries of one kind by slug, in the order of the file."""
    if kind not in KINDS:
        raise CatalogueError(f"no kind {kind!r} in the catalogue")
    path = DATA / f"{kind}.toml"
    with path.open("rb") as file:
        raw = tomllib.load(file)
    return MappingProxyType({slug: _entry(kind, slug, fields) for slug, fields in raw.items()})


def entry(kind: str, slug: str) -> Entry:
    """The entry of one word. A word that the catalogue lacks speaks for itself, so that a newer core
    still reads; a test keeps this from happening."""
    found = entries(kind).get(slug)
    if found is None:
        return Entry(kind, slug, Text(slug, slug), Text(slug, slug), "")
    return found


def _entry(kind: str, slug: str, fields: object) -> Entry:
    def wrong(what: str) -> NoReturn:
        raise CatalogueError(f"verdict/data/{kind}.toml: [{slug}]: {what}")

    if not isinstance(fields, dict):
        wrong("not a table")
    unknown = set(fields) - set(Entry._fields)
    if unknown:
        wrong(f"unknown key {min(unknown)!r}")

    def string(name: str) -> str:
        value = fields.get(name, "")
        return value if isinstance(value, str) else wrong(f"{name} is not a string")

    def text(name: str) -> Text | None:
        value = fields.get(name)
        if value is None:
            return None
        match value:
            case {"en": str(en), "zh": str(zh)} if en and zh and len(value) == 2:
                return Text(en, zh)
        wrong(f"{name} needs en and zh")

    def need(name: str) -> Text:
        return text(name) or wrong(f"{name} is missing")

    unit = string("unit") or None
    if unit is not None and unit not in UNITS:
        wrong(f"unknown unit {unit!r}")
    said = text("said")
    if (said is None) != (unit is None):
        wrong("said and unit belong together")
    return Entry(
        kind,
        slug,
        need("title"),
        need("sentence"),
        string("source") or wrong("source is missing"),
        string("example"),
        text("line"),
        said,
        unit,
        text("kernel"),
        text("advice"),
    )
