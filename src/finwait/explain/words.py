"""The texts of the telling, two TOML files a language, and how facts are written into them.

A fact's name says how it is written: `..._s` is a time span in seconds, `..._bytes` a number of bytes,
`..._times` is counted, `frames` is a list of frame numbers ("frames 3 and 4"), `gaps` a list of spans; `who` and `peer` name an end (`Who` and `Peer` at the start of a sentence), `what` a label. Everything else is written as it is.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from finwait.verdict.catalogue import entry
from finwait.verdict.language import Lang, count, duration, size

FOLDER = Path(__file__).parent / "text"
HEADER_SECTIONS = ("fields", "header")
"""Sections that stand in a file of their own, because only `--segment` reads them."""
FRAMES_SHOWN = 8
"""Longer lists of frames are cut, with their number."""

_ENDS = ("who", "peer")

Fact = str | int | float | tuple[int, ...] | tuple[float, ...]


@cache
def messages(lang: Lang, section: str) -> Mapping[str, str]:
    """Give the texts of one section in one language."""
    found = _file(f"{lang}.header.toml" if section in HEADER_SECTIONS else f"{lang}.toml")
    texts = found.get(section, {})
    return texts if isinstance(texts, dict) else {}


@cache
def _file(name: str) -> Mapping[str, object]:
    with (FOLDER / name).open("rb") as file:
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
        known = messages(lang, "words").get(value)
        return known or entry("label", value).title.say(lang)
    return messages(lang, "words").get(value, value) if name in _ENDS else value


def _number(name: str, value: int, lang: Lang) -> str:
    if name.endswith("_bytes"):
        return size(value, lang)
    if name.endswith("times"):
        words = messages(lang, "words")
        return words.get(f"times_{value}") or words["times"].format(n=count(value))
    return str(value)


def _list(name: str, values: tuple[int, ...] | tuple[float, ...], lang: Lang) -> str:
    words = messages(lang, "words")
    if name.endswith("gaps"):
        texts = [duration(float(v), lang) for v in values]
    else:
        texts = [str(v) for v in values]
    if len(texts) > FRAMES_SHOWN:
        left = len(texts) - FRAMES_SHOWN
        texts = [*texts[:FRAMES_SHOWN], words["and_more"].format(n=count(left))]
    written = words["comma"].join(texts[:-1]) + words["last_comma"] if len(texts) > 1 else ""
    written += texts[-1] if texts else ""
    if name == "frames":
        return words["frames_1" if len(texts) == 1 else "frames"].format(list=written)
    return written
