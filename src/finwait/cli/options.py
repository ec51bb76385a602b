"""What several verbs share: the language, texts of the help in it, and options that mean the same everywhere."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import isnan
from typing import TypeVar

import click

from finwait.explain.ends import below_zero
from finwait.verdict.language import LANGS, Lang, Text, language

_BELOW_ZERO = re.compile(r"-\d+")
Command = TypeVar("Command", bound=Callable[..., object])
YEAR = 31_536_000
"""Seconds: longer than anybody waits for a connection, and no timer of the kernel overflows."""

_help_lang: Lang = "en"


def choose(arguments: Sequence[str], environ: Mapping[str, str]) -> Lang:
    """`--lang` where it is given and known, else the environment's.

    Looked for before the command line is parsed, because the help is in that language too.
    """
    for argument, after in pairwise([*arguments, ""]):
        if argument == "--":
            break
        name, equals, value = argument.partition("=")
        if name == "--lang":
            for lang in LANGS:
                if lang == (value if equals else after):
                    return lang
    return language(environ=environ)


def speak(lang: Lang) -> None:
    """Set the language of every help text that is made from now on."""
    global _help_lang  # noqa: PLW0603  # one process, one reader; set once before any verb is imported
    _help_lang = lang


def helps(en: str, zh: str) -> str:
    """A help text in the reader's language."""
    return Text(en, zh).say(_help_lang)


class OfConnection(click.Command):
    """A verb with the argument CONN. A number below zero is taken for one, not for an option that does not exist."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does."""
        given = args.copy()
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            number = next((arg for arg in given if _BELOW_ZERO.fullmatch(arg)), None)
            if number is None or not number.startswith(error.option_name):
                raise
            raise below_zero(number) from None


class Amount(click.FloatRange):
    """A number from `min` to `max`; click itself takes NaN for a number in any range."""

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it as click does. Raises BadParameter."""
        number = float(super().convert(value, param, ctx))  # type: ignore[arg-type]
        if isnan(number):
            self.fail(helps(f"{value} is no number.", f"{value} 不是数。"), param, ctx)
        return number


def duration(least: float = 0) -> Amount:
    """Give the type of an option that takes a time."""
    return Amount(min=least, max=YEAR)


def lang_option(command: Command) -> Command:
    """Give a verb the option `--lang`; it gets the argument `lang`, never None."""
    return click.option(
        "--lang",
        type=click.Choice(LANGS),
        callback=_resolve,
        help=helps(
            "Language; else LC_ALL, LC_MESSAGES or LANG decides.",
            "语言；不给出时由 LC_ALL、LC_MESSAGES 或 LANG 决定。",
        ),
    )(command)


def epilog(
    examples: Sequence[str], codes: Mapping[int, str] | Mapping[str, str], *notes: str
) -> str:
    """The end of a help page: examples, notes, and what each exit code means."""
    lines = ["\b", helps("Examples:", "示例："), *(f"  {one}" for one in examples), ""]
    for note in notes:
        lines += [note, ""]
    lines += ["\b", helps("Exit codes:", "退出码：")]
    return "\n".join([*lines, *(f"  {code:<4} {meaning}" for code, meaning in codes.items())])


def format_option(command: Command) -> Command:
    """Give a verb the option `--format`, text or json; it gets the argument `form`."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help=helps("How to write it.", "输出格式。"),
    )(command)


def explain_option(command: Command) -> Command:
    """Give a verb the option `--explain`; it gets the argument `explained`."""
    return click.option(
        "--explain",
        "explained",
        is_flag=True,
        help=helps(
            "Draw each connection's ladder, with the states of both ends, and tell why.",
            "画出每个连接带两端状态的时序图，并说明原因。",
        ),
    )(command)


def _resolve(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Lang:
    del parameter
    given = value or ctx.find_root().params.get("lang")
    return language(str(given) if given else None)
