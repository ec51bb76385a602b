"""What a peer did to each of its connections, to stand beside what the packets alone say."""

from collections import defaultdict
from typing import Final

from finwait.capture.connection import Connection
from finwait.peer.steps import DEEDS, Step
from finwait.verdict.language import Lang, Text

_DID: Final = Text("the peer: {deeds}", "对端：{deeds}")
_BETWEEN: Final = Text("; ", "；")


class Deeds:
    """Takes the steps of a peer as they happen; tells them once for each connection, in the order of their beginnings."""

    def __init__(self) -> None:
        self._numbers: defaultdict[frozenset[str], list[int]] = defaultdict(list)
        """Both ends → connections between them, for a port may be used again."""
        self._steps: defaultdict[int, list[Step]] = defaultdict(list)

    def note(self, step: Step) -> None:
        """Remember what counts of a step."""
        if step.word == "connected":
            ends = frozenset({str(step.values["to"]), str(step.values["here"])})
            self._numbers[ends].append(step.number)
        elif step.word in DEEDS:
            self._steps[step.number].append(step)

    def told(self, connection: Connection, lang: Lang) -> str:
        """Say what was done to the next connection between these ends; nothing if nothing was."""
        numbers = self._numbers[frozenset({connection.client, connection.server})]
        steps = self._steps[numbers.pop(0)] if numbers else []
        deeds = dict.fromkeys(step.what(lang) for step in steps)
        return _DID.say(lang).format(deeds=_BETWEEN.say(lang).join(deeds)) if deeds else ""
