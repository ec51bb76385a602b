"""What a kernel says of a RST, in words: every page has it from here."""

from typing import Final

from finwait.lab.history import Event
from finwait.lab.reasons import REASONS
from finwait.verdict.language import Lang, Text

NO_REASON: Final = Text("reason not told", "未说明原因")
IN_STATE: Final = Text("{reason} in {state}", "{reason}（{state}）")


def reset_words(event: Event, lang: Lang) -> tuple[str, str]:
    """Give the kernel's name of the reason, with the state of the socket if it names one, and what that means; empty if that is not known."""
    reason = event.reason or NO_REASON.say(lang)
    if event.socket:
        reason = IN_STATE.say(lang).format(reason=reason, state=event.socket)
    meaning = REASONS.get(event.means)
    return reason, meaning.text.say(lang) if meaning else ""
