"""Help pages in Chinese: click's own words, and lines that are broken where Chinese is."""

import gettext
import os
from collections.abc import Iterable
from pathlib import Path

import click

from finwait.cli.files import checked
from finwait.cli.options import helps
from finwait.picture.width import left, width, wrap
from finwait.verdict.language import Lang

DOMAIN = "click"
TEXTS = Path(__file__).parent / "text"
"""What tools/click_words.py writes."""
TERM_MAX = 30
"""Columns of the widest term that has its meaning beside it, as click has it."""
GAP = 2


def teach(lang: Lang) -> None:
    """Have click, which says everything by gettext, speak this language."""
    os.environ["LANGUAGE"] = lang  # the first that gettext looks at
    gettext.bindtextdomain(DOMAIN, str(TEXTS))
    gettext.textdomain(DOMAIN)
    if lang == "zh":
        click.Context.formatter_class = _Chinese


def adopt(command: click.Command) -> click.Command:
    """Give a verb what all verbs have."""
    command.options_metavar = helps("[OPTIONS]", "[选项]")
    checked(command)
    return command


class _Chinese(click.HelpFormatter):
    """Counts a Chinese sign as two columns, and breaks lines between any two of them."""

    def write_heading(self, heading: str) -> None:
        self.write(f"{'':>{self.current_indent}}{heading}：\n")

    def write_text(self, text: str) -> None:
        indent = " " * self.current_indent
        for number, paragraph in enumerate(text.split("\n\n")):
            if number:
                self.write("\n")
            marked, _, kept = paragraph.partition("\b\n")  # click: do not wrap this one
            lines = kept.splitlines() if kept else wrap(marked, self.width - self.current_indent)
            self.write("".join(f"{indent}{line}\n" for line in lines))

    def write_dl(
        self,
        rows: Iterable[tuple[str, str]],
        col_max: int = TERM_MAX,
        col_spacing: int = GAP,
    ) -> None:
        pairs = list(rows)
        indent = " " * self.current_indent
        column = min(col_max, max(width(term) for term, _ in pairs)) + col_spacing
        room = max(10, self.width - column - self.current_indent)
        for term, meaning in pairs:
            beside = width(term) <= column - col_spacing
            self.write(indent + (left(term, column) if beside else term + "\n"))
            for number, line in enumerate(wrap(meaning, room)):
                before = "" if beside and not number else indent + " " * column
                self.write(f"{before}{line}\n")
