"""The texts of the telling, one TOML file a language, and how facts are written into them.

A fact's name says how it is written: `..._s` is a time span in seconds, `..._bytes` a number of bytes,
`..._segments` and `..._times` are counted, `frames` is a list of frame numbers, `gaps` a list of
spans; `who` and `peer` name an end (`Who` and `Peer` at the start of a sentence), `what` a label. Everything else is written as it is.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from finwait.verdict.catalogue import entry
from finwait.verdict.language import Lang, count, duration, size

FOLDER = Path(__file__).parent / "text"
FRAMES_SHOWN = 8
"""Longer lists of frames are cut, with their number."""

_ENDS = ("who", "peer")

Fact = str | int | float | tuple[int, ...] | tuple[float, ...]


@cache
def messages(lang: Lang, section: str) -> Mapping[str, str]:
    """Give the texts of one section in one language."""
    found = _file(lang).get(section, {})
    return found if isinstance(found, dict) else {}


@cache
def _file(lang: Lang) -> Mapping[str, object]:
    with (FOLDER / f"{lang}.toml").open("rb") as file:
        return tomllib.load(file)


def say(section: str, key: str, facts: Mapping[str, Fact], lang: Lang) -> str:
    """Write a text with its facts."""
    written = {name: write(name, value, lang) for name, value in facts.items()}
    written |= {name.capitalize(): capital(written[name]) for name in _ENDS if name in written}
    return capital(messages(lang, section)[key].format_map(written))


def capital(text: str) -> str:
    """Begin with a capital letter."""
    return text[:1].upper() + text[1:]


def write(name: str, value: Fact, lang: Lang) -> str:
    """Write one fact as its name asks for."""
    if isinstance(value, tuple):
        return _list(name, value, lang)
    if isinstance(value, str):
        return _word(name, value, lang)
    if name.endswith("_s"):
        return duration(value, lang)
    return _number(name, int(value), lang)


def _word(name: str, value: str, lang: Lang) -> str:
    if name == "what":
        return entry("label", value).title.say(lang)
    return messages(lang, "words").get(value, value) if name in _ENDS else value


def _number(name: str, value: int, lang: Lang) -> str:
    if name.endswith("_bytes"):
        return size(value, lang)
    words = messages(lang, "words")
    for ending in ("segments", "times"):
        if name.endswith(ending):
            return words.get(f"{ending}_{value}") or words[ending].format(n=count(value))
    return str(value)


def _list(name: str, values: tuple[int, ...] | tuple[float, ...], lang: Lang) -> str:
    words = messages(lang, "words")
    if name.endswith("gaps"):
        texts = [duration(float(v), lang) for v in values]
    else:
        texts = [str(v) for v in values]
    if len(texts) > FRAMES_SHOWN:
        left = len(texts) - FRAMES_SHOWN
        head = words["comma"].join(texts[:FRAMES_SHOWN])
        return words["and_more"].format(list=head, n=count(left))
    if len(texts) < 2:
        return "".join(texts)
    return words["last_comma"].join((words["comma"].join(texts[:-1]), texts[-1]))
