"""`finwait catalogue`: what the words of an analysis mean."""

import shutil
from collections.abc import Callable, Iterator

import click

from finwait.cli.options import epilog, helps, lang_option
from finwait.cli.table import STANDS_FOR
from finwait.errors import Misuse
from finwait.picture.width import hang, left, width, wrap
from finwait.verdict.catalogue import COMPARED, KINDS, Entry, entries
from finwait.verdict.columns import described
from finwait.verdict.language import Lang, Text
from finwait.verdict.spelling import meant, near

_PARTS: tuple[tuple[Text, Callable[[Entry], Text | None]], ...] = (
    (Text("What to do", "怎么办"), lambda entry: entry.advice),
    (Text("On the host (Linux)", "在主机上（Linux）"), lambda entry: entry.kernel),
    (Text("Stands on", "依据"), lambda entry: Text(entry.source, entry.source)),
    (Text("Example", "示例"), lambda entry: Text(entry.example, entry.example)),
)
_TABLE_ONLY = Text(
    "In the table; --where and --sort know them, too; made of",
    "表格中的列，--where 与 --sort 也认识；取自",
)
_EVERY = (*KINDS, *COMPARED)
_LISTED = Text(": `finwait catalogue` lists all", "：`finwait catalogue` 会列出所有的词")
COLUMNS = "columns"
"""The word that lists the columns of an analysis, which are no words of the core."""
WIDEST = 100
"""Columns of a text that is to be read comfortably."""


@click.command(
    "catalogue",
    epilog=epilog(
        [
            "finwait catalogue",
            "finwait catalogue cause",
            "finwait catalogue keepalive-race-stale",
            "finwait catalogue columns",
        ],
        {0: helps("done", "完成"), 1: helps("misuse: no such word", "用法错误：没有这个词")},
    ),
    help=helps(
        "Say what the words of an analysis or a comparison mean, where they come from, and what to do about them.\n\n"
        "WORD is one of them, such as data-after-close, or a kind: "
        + ", ".join(_EVERY)
        + "; columns lists the columns of finwait analyze.",
        "说明分析和对照结果中每个词的含义、出处以及应对办法。\n\n"
        "WORD 可以是其中一个词，例如 data-after-close，也可以是一个类别："
        + "、".join(_EVERY)
        + "；columns 列出 finwait analyze 的各列。",
    ),
)
@click.argument("word", required=False)
@lang_option
def command(word: str | None, lang: Lang) -> None:
    """Run the verb; its help is above."""
    columns = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
    if word == COLUMNS:
        lines = columns_listed(lang, columns)
    elif word is None or word in _EVERY:
        lines = listed(_EVERY if word is None else (word,), lang, columns)
    else:
        lines = told(word, lang, columns)
    for line in lines:
        print(line)


def listed(kinds: tuple[str, ...], lang: Lang, columns: int) -> Iterator[str]:
    """List the words of these kinds, each with its sentence."""
    for number, kind in enumerate(kinds):
        if number:
            yield ""
        yield kind
        found = entries(kind)
        room = max(map(width, found)) + 4
        for slug, entry in found.items():
            yield from hang(left(f"  {slug}", room), entry.sentence.say(lang), columns)


def columns_listed(lang: Lang, columns: int) -> Iterator[str]:
    """List the columns of an analysis, then those that only the table has."""
    for one in described():
        yield f"{', '.join(one.names)} ({one.type})"
        yield from _indented(one.meaning.say(lang), columns)
    yield ""
    yield _TABLE_ONLY.say(lang)
    room = max(map(len, STANDS_FOR)) + 4
    for name, made_of in STANDS_FOR.items():
        yield left(f"  {name}", room) + ", ".join(made_of)


def told(word: str, lang: Lang, columns: int) -> Iterator[str]:
    """Tell all about a word. Several kinds may have it. Raises Misuse if none does."""
    found = [
        entry
        for kind in _EVERY
        for slug, entry in entries(kind).items()
        if slug.casefold() == word.casefold()
    ]
    if not found:
        known = sorted({*_EVERY, COLUMNS, *(slug for kind in _EVERY for slug in entries(kind))})
        hint = meant(near(word, known, alike=0.8), _LISTED)
        raise Misuse(f"no word {word!r}{hint.en}", f"没有 {word!r} 这个词{hint.zh}")
    for number, entry in enumerate(found):
        if number:
            yield ""
        yield from _entry(entry, lang, columns)


def _entry(entry: Entry, lang: Lang, columns: int) -> Iterator[str]:
    yield f"{entry.slug} ({entry.kind}): {entry.title.say(lang)}"
    yield from _indented(entry.sentence.say(lang), columns)
    for head, part in _PARTS:
        text = part(entry)
        if text is not None and text.say(lang):
            yield head.say(lang)
            yield from _indented(text.say(lang), columns)


def _indented(text: str, columns: int) -> Iterator[str]:
    return (f"  {line}" for line in wrap(text, columns - 2))
