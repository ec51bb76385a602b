"""The pieces of a story: what is said, with its numbers, before it is put into a language."""

from collections.abc import Mapping
from typing import NamedTuple

from finwait.explain.words import Fact, messages, say
from finwait.verdict.language import Lang

Facts = dict[str, Fact]
"""Facts while they are gathered."""
Move = tuple[str, str, str]
"""(end, state before, state after)."""


class Part(NamedTuple):
    """One sentence: the key of its text in section `story`, and its facts."""

    key: str
    facts: Mapping[str, Fact]


class Item(NamedTuple):
    """One numbered point of the story."""

    frames: tuple[int, ...]
    parts: tuple[Part, ...]
    moves: tuple[Move, ...] = ()

    def text(self, lang: Lang) -> str:
        """Put it into words."""
        words = messages(lang, "words")
        text = words["sentence_space"].join(
            say("story", part.key, part.facts, lang) for part in self.parts
        )
        if not self.moves:
            return text
        ways: dict[str, list[str]] = {}
        for who, old, new in self.moves:
            ways.setdefault(who, [old]).append(new)
        moves = (
            words["move"].format(who=_bare(who, lang), way=" → ".join(way))
            for who, way in ways.items()
        )
        return text + words["moves"].format(list=words["move_comma"].join(moves))


def part(key: str, /, **facts: Fact) -> Part:
    """Make a part."""
    return Part(key, facts)


def _bare(who: str, lang: Lang) -> str:
    """Name an end without an article."""
    return messages(lang, "words")[who].removeprefix("the ")
