"""The catalogue of verdicts, and verdicts in words."""

from finwait.verdict.catalogue import KINDS, CatalogueError, Entry, entries, entry
from finwait.verdict.language import LANGS, Lang, Text, language
from finwait.verdict.verdict import said, sentence

__all__ = [
    "KINDS",
    "LANGS",
    "CatalogueError",
    "Entry",
    "Lang",
    "Text",
    "entries",
    "entry",
    "language",
    "said",
    "sentence",
]
