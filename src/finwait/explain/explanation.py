"""One connection explained: ladder, story, verdict, TIME-WAIT and advice."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from finwait.capture.connection import Connection
from finwait.errors import FinwaitError
from finwait.explain import story
from finwait.explain.conversation import OF_CONNECTION, OF_SENDER, Conversation, Segment
from finwait.explain.doubt import Doubt, doubts, final
from finwait.explain.evidence import evidence
from finwait.explain.given import Explained
from finwait.explain.item import Item
from finwait.explain.ladder import ladder
from finwait.explain.time_wait import TimeWait, time_wait
from finwait.picture.ladder import Ladder
from finwait.verdict.catalogue import Entry, entry
from finwait.verdict.language import Lang
from finwait.verdict.verdict import cause_of, sentence

if TYPE_CHECKING:
    from finwait.explain.as_data import Json
    from finwait.picture.ladder_svg import Theme


class Verdict(NamedTuple):
    """What the core judged, in one language."""

    sentence: str
    cause: Entry
    confidence: Entry
    evidence_for: tuple[str, ...]
    evidence_against: tuple[str, ...]
    notes: tuple[Entry, ...]


class Explanation:
    """One connection, explained. Made by `finwait.explain`; texts are in English or Chinese."""

    def __init__(
        self,
        explained: Explained,
        *,
        absolute: bool = False,
        faults: Sequence[FinwaitError] = (),
    ) -> None:
        self._conversation = Conversation(explained, absolute=absolute)
        self.faults = tuple(faults)
        """Where the capture broke: `BadCapture` each. What came before is told."""

    @property
    def row(self) -> Connection:
        """The connection as the core judges it."""
        return self._conversation.row

    @property
    def segments(self) -> list[Segment]:
        """Its segments, with relative numbers."""
        return self._conversation.segments

    @property
    def conversation(self) -> Conversation:
        """The connection with its numbers worked out: for whoever computes with them."""
        return self._conversation

    @property
    def truncated(self) -> int:
        """Segments that were left out of the middle."""
        return self._conversation.truncated

    @cached_property
    def story(self) -> list[Item]:
        """What happened, point by point."""
        return story.tell(self._conversation)

    @cached_property
    def time_wait(self) -> TimeWait:
        """Who holds TIME-WAIT, until when, or why nobody does."""
        return time_wait(self._conversation)

    @cached_property
    def doubts(self) -> tuple[Doubt, ...]:
        """Where an end may stand otherwise than drawn after the last segment, because no packet shows which."""
        return doubts(self._conversation)

    def last_states(self, who: str) -> tuple[str, ...]:
        """Give where an end stands after the last segment: as drawn, then what else it may be."""
        others = (doubt.other for doubt in self.doubts if doubt.who == who)
        return tuple(dict.fromkeys((final(self._conversation, who), *others)))

    def doubts_told(self, lang: Lang = "en") -> list[str]:
        """Say what no packet shows of the last states, a sentence each; what the text on TIME-WAIT says is not repeated."""
        return [doubt.text(lang) for doubt in self.doubts if doubt.key]

    def verdict(self, lang: Lang = "en") -> Verdict:
        """Give the verdict in words."""
        row = self.row
        c = self._conversation
        untrue = OF_SENDER if c.forged else OF_CONNECTION if c.old else ()
        return Verdict(
            sentence(row, lang, replaced=c.replaced),
            cause_of(row),
            entry("confidence", row.confidence),
            tuple(evidence(self._conversation, row.evidence_for, lang)),
            tuple(evidence(self._conversation, row.evidence_against, lang, against=True)),
            tuple(entry("note", slug) for slug in row.notes if slug not in untrue),
        )

    def ladder(self, lang: Lang = "en", *, full: bool = False) -> Ladder:
        """Give the picture; long connections are folded unless `full`."""
        return ladder(self._conversation, lang, full=full)

    def text(
        self,
        lang: Lang = "en",
        *,
        columns: int = 100,
        colour: bool = False,
        full: bool = False,
        unicode: bool = True,
    ) -> str:
        """Write everything for a terminal of so many columns."""
        from finwait.explain.page import page
        from finwait.picture.ladder_text import Style

        return page(self, lang, Style(columns, colour, unicode), full=full)

    def segment_text(
        self,
        frame: int,
        lang: Lang = "en",
        *,
        columns: int = 100,
        colour: bool = False,
    ) -> str:
        """Write one segment, every field of its header bit by bit.

        Raises Misuse if the frame is not one of this connection.
        """
        from finwait.explain.opened import find
        from finwait.explain.segment_page import page
        from finwait.picture.ladder_text import Style

        c = self._conversation
        return page(c, find(c, frame), self.story, lang, Style(columns, colour))

    def svg(self, lang: Lang = "en", *, theme: "Theme" = "auto", full: bool = False) -> str:
        """Draw the ladder; theme "auto" is light unless the reader's system asks for dark."""
        from finwait.picture.ladder_svg import draw

        return draw(self.ladder(lang, full=full), lang, theme)

    def data(self, lang: Lang = "en") -> "dict[str, Json]":
        """Give everything as plain data that `json.dumps` takes."""
        from finwait.explain.as_data import as_data

        return as_data(self, lang)

    def segment_data(self, frame: int, lang: Lang = "en") -> "dict[str, Json]":
        """Give one segment as plain data. Raises Misuse as `segment_text` does."""
        from finwait.explain.as_data import segment_opened

        return segment_opened(self._conversation, frame, lang)
