"""Which language a person reads, and how numbers are said in it."""

import os
from collections.abc import Mapping
from typing import Literal, NamedTuple

Lang = Literal["en", "zh"]
"""A language finwait speaks."""

LANGS: tuple[Lang, ...] = ("en", "zh")


class Text(NamedTuple):
    """One text in every language."""

    en: str
    zh: str

    def say(self, lang: Lang) -> str:
        """Give the text in `lang`."""
        return self.zh if lang == "zh" else self.en


def language(asked: str | None = None, environ: Mapping[str, str] | None = None) -> Lang:
    """Choose the language to speak: the one asked for, else what the environment says, else English.

    Of LC_ALL, LC_MESSAGES and LANG, the first that is set counts, as POSIX has it.

    Raises ValueError if `asked` is a language that finwait does not speak.
    """
    if asked is not None:
        for lang in LANGS:
            if asked == lang:
                return lang
        raise ValueError(f"no language {asked!r}: choose one of {', '.join(LANGS)}")
    environ = os.environ if environ is None else environ
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = environ.get(name, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def duration(seconds: float, lang: Lang) -> str:
    """Write a time span with three significant figures at most: "0.21 s", "31.0 µs", "4 min"."""
    return _UNITS[lang].duration(seconds)


class _Units(NamedTuple):
    micro: str
    milli: str
    second: str
    minute: str
    hour: str

    def duration(self, seconds: float) -> str:
        sign = "-" if seconds < 0 else ""
        value = abs(seconds)
        if value < 0.0009995:
            return f"{sign}{_short(value * 1e6)} {self.micro}"
        if value < 0.0995:
            return f"{sign}{_short(value * 1e3)} {self.milli}"
        if value < 119.5:
            return f"{sign}{_short(value)} {self.second}"
        if value < 7199.5:
            minutes, rest = divmod(round(value), 60)
            tail = f" {rest} {self.second}" if rest else ""
            return f"{sign}{minutes} {self.minute}{tail}"
        hours, minutes = divmod(round(value / 60), 60)
        tail = f" {minutes} {self.minute}" if minutes else ""
        return f"{sign}{hours} {self.hour}{tail}"


_UNITS: dict[Lang, _Units] = {
    "en": _Units("µs", "ms", "s", "min", "h"),
    "zh": _Units("微秒", "毫秒", "秒", "分", "小时"),
}


def _short(value: float) -> str:
    """At least one and at most two digits after the point below 10, one below 100, else none."""
    if value < 9.995:
        text = f"{value:.2f}"
        return text.removesuffix("0")
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def count(value: int) -> str:
    """Write a number with thousands apart: 1234567 as "1,234,567"."""
    return f"{value:,}"


def size(value: int, lang: Lang) -> str:
    """Write a number of bytes: "1 byte", "1,400 bytes"."""
    if lang == "zh":
        return f"{value:,} 字节"
    return "1 byte" if value == 1 else f"{value:,} bytes"
