"""Read a script: text to the tree of `syntax.py`.

>>> script = parse("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", "example.pkt")
>>> script.events[0].action.name
'socket'
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from finwait.errors import BadScript, CannotOpen
from finwait.script.automaton import Unexpected, run, tables, words
from finwait.script.build import Builder
from finwait.script.expected import in_words
from finwait.script.lexer import END, FULL_WIDTH, Lexer
from finwait.script.source import Fault, Source
from finwait.script.syntax import Dialect, Script

SYSTEMS: Final = {"linux": "Linux", "freebsd": "FreeBSD"}
"""Profile to the name that `#ifdef` takes for true: what the reference predefines on that system."""


def parse(
    text: str,
    path: str,
    defines: Mapping[str, str] | None = None,
    dialect: Dialect = Dialect.FINWAIT,
    systems: Iterable[str] = ("Linux",),
) -> Script:
    """Parse a script. `path` is for errors; `defines` are those of `-D`, which win over the script's own `--define`.

    `systems`: the names of operating systems that `#ifdef` takes for true. Raises BadScript, and nothing else.
    """
    if dialect is Dialect.FINWAIT:
        text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    source = Source(text, path, dialect)
    builder = Builder(source)
    builder.defines = dict(defines or {})
    lexer = Lexer(source, words(dialect), tables().literals, builder.defines, frozenset(systems))
    try:
        script: Script = run(lexer, builder, builder.took)
    except Fault as fault:
        raise source.error(fault) from None
    except Unexpected as unexpected:
        raise source.error(_explained(source, lexer, unexpected, builder.taken)) from None
    return script


def load(
    path: str | Path,
    defines: Mapping[str, str] | None = None,
    dialect: Dialect = Dialect.FINWAIT,
    systems: Iterable[str] = ("Linux",),
) -> Script:
    """Read and parse a file. Octets that are no UTF-8 pass through strings and comments unchanged. Raises CannotOpen, BadScript."""
    try:
        octets = Path(path).read_bytes()
    except OSError as problem:
        raise CannotOpen.of(str(path), problem) from None
    except ValueError as problem:  # no name at all: it has a NUL
        raise CannotOpen(str(path), str(problem)) from None
    return parse(decoded(octets), str(path), defines, dialect, systems)


def decoded(octets: bytes) -> str:
    """Give the text of a script; what is no UTF-8 comes out as it was where it is written again."""
    return octets.decode("utf-8", "surrogateescape")


def _explained(source: Source, lexer: Lexer, unexpected: Unexpected, taken: int) -> Fault:
    """Say what was found in place of what; `taken` is the end of the last word that was right."""
    text = source.text
    word = text[lexer.start : max(lexer.end, lexer.start + 1)]
    after, before = unexpected.after
    if after == "BACK_QUOTED" and unexpected.symbols == {END}:
        return Fault(before, "only the first and the last thing may be a command without a time")
    if after == "NOTE" and word == "=":  # taken for the error and the words of the call before
        name = re.search(r"\w*\s*$", text[:before])
        at = before if name is None else name.start()
        return Fault(at, "there is no time before this system call", "a time such as 0 or +.1")
    expected = in_words(unexpected.symbols, after)
    if unexpected.symbol == END:
        return Fault(taken, "the script ends here", *expected)
    first = word.split("\n")[0]
    found = f"found {first if len(first) <= 40 else first[:40] + '…'}"
    narrow = word.translate(FULL_WIDTH)
    if narrow != word:
        found += f", which is full-width: write {narrow}"
    elif word.startswith("--"):
        found += ": options stand before everything else"
    elif word == "sctp":
        found += ", a protocol that finwait does not speak"
    elif word == "#":
        found += ", which begins no comment: write //"
    elif word.startswith("`") and "BACK_QUOTED" not in unexpected.symbols:
        found += ": a command needs a time before it"
    return Fault(lexer.start, found, *expected, length=len(first))


__all__ = ["SYSTEMS", "BadScript", "load", "parse"]
