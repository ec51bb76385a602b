"""An explanation as terminal text: ladder, story, verdict, TIME-WAIT, advice."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from finwait.errors import called
from finwait.explain.words import messages
from finwait.picture.ladder_text import Style, draw
from finwait.picture.width import wrap
from finwait.verdict.language import Lang

if TYPE_CHECKING:
    from finwait.explain.explanation import Explanation

TEXT_MAX = 110
"""Columns beyond which prose is hard to read."""


def page(told: "Explanation", lang: Lang, style: Style, *, full: bool) -> str:
    """Write everything."""
    words = messages(lang, "headings")
    columns = min(style.columns, TEXT_MAX)
    verdict = told.verdict(lang)
    colon = "：" if lang == "zh" else ": "
    lines = [style.paint("heading", line) for line in wrap(verdict.sentence, columns)]
    lines += [style.paint("faint", line) for line in wrap(_about(told, lang), columns)]
    lines += ["", *draw(told.ladder(lang, full=full), style)]
    points = [item.text(lang) for item in told.story]
    lines += _section(words["story"], _numbered(points, columns), style)
    cause = verdict.cause
    stop = "" if lang == "zh" else " "
    why = (
        f"{cause.title.say(lang)} ({verdict.confidence.title.say(lang)})."
        if lang == "en"
        else f"{cause.title.say(lang)}（{verdict.confidence.title.say(lang)}）。"
    )
    body = list(wrap(f"{why}{stop}{cause.sentence.say(lang)}", columns - 2))
    for word, sentences in (
        (words["for"], verdict.evidence_for),
        (words["against"], verdict.evidence_against),
    ):
        for text in sentences:
            body += _bullet(f"{word}{colon}{text}", columns - 2)
    for note in verdict.notes:
        body += _bullet(f"{words['notes']}{colon}{note.sentence.say(lang)}", columns - 2)
    lines += _section(words["verdict"], body, style)
    waits = [line for text in told.time_wait.text(lang) for line in wrap(text, columns - 2)]
    lines += _section(words["time_wait"], waits, style)
    if doubts := [line for text in told.doubts_told(lang) for line in wrap(text, columns - 2)]:
        lines += _section(words["doubts"], doubts, style)
    if cause.advice is not None:
        lines += _section(words["advice"], wrap(cause.advice.say(lang), columns - 2), style)
    if cause.kernel is not None:
        lines += _section(words["kernel"], wrap(cause.kernel.say(lang), columns - 2), style)
    if not cause.source.startswith("docs/"):
        lines += _section(words["source"], wrap(cause.source, columns - 2), style)
    return "\n".join(lines) + "\n"


def _about(told: "Explanation", lang: Lang) -> str:
    """Say which connection of which capture this is."""
    row, words = told.row, messages(lang, "headings")
    span = {"first": row.first_frame, "last": row.last_frame}
    key = "about_scope" if row.scope else "about"
    return words[key].format(
        source=called(row.source, lang), conn=row.conn, scope=row.scope, **span
    )


def _section(title: str, body: Iterable[str], style: Style) -> list[str]:
    return ["", style.paint("heading", title), *(f"  {line}" for line in body)]


def _bullet(text: str, columns: int) -> list[str]:
    first, *rest = wrap(text, columns - 2)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def _numbered(points: list[str], columns: int) -> list[str]:
    digits = len(str(len(points)))
    lines: list[str] = []
    for number, text in enumerate(points, 1):
        first, *rest = wrap(text, columns - digits - 4)
        lines.append(f"{number:>{digits}}. {first}")
        lines += [f"{'':{digits}}  {line}" for line in rest]
    return lines
