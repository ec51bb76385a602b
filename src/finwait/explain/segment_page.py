"""One opened segment as terminal text."""

from finwait.explain.conversation import Conversation, Segment
from finwait.explain.item import Facts, Item
from finwait.explain.ladder import flags_of
from finwait.explain.opened import SHOWN, Opened, context, opened, payload
from finwait.explain.words import messages, say
from finwait.picture.ladder_text import Style
from finwait.picture.width import left, width, wrap
from finwait.verdict.language import Lang
from finwait.verdict.verdict import peer_of

TEXT_MAX = 110
"""Columns beyond which prose is hard to read."""


def page(c: Conversation, s: Segment, story: list[Item], lang: Lang, style: Style) -> str:
    """Write everything about one segment."""
    columns = min(style.columns, TEXT_MAX)
    words = messages(lang, "header")
    peer = peer_of(s.who)
    flags = flags_of(s.flags)
    head: Facts = {"frame": s.number, "flags": flags, "who": s.who, "peer": peer, "at_s": s.at}
    lines = [
        style.paint("heading", say("header", "title" if s.index else "title-first", head, lang)),
        "",
    ]
    lines += _table(opened(c, s, lang), columns, style)
    lines += _payload(s, lang, style)
    mine, theirs = s.client_state, s.server_state
    if s.who == "server":
        mine, theirs = theirs, mine
    about = context(c, s, lang)
    states = {"who": s.who, "peer": peer, "state": mine, "other_state": theirs}
    about.append(say("header", "states", states, lang))
    lines += _section(words["labels"], about, columns, style)
    here = [item.text(lang) for item in story if s.number in item.frames]
    if here:
        lines += _section(words["here"], here, columns, style)
    return "\n".join(lines) + "\n"


def _table(rows: list[Opened], columns: int, style: Style) -> list[str]:
    octets = max(width(row.octets) for row in rows)
    names = max(width(row.field) for row in rows)
    lines: list[str] = []
    for row in rows:
        head = f"{left(row.octets, octets)}  {left(row.field, names)}  "
        indent = " " * width(head)
        bits = wrap(row.bits, max(columns - width(head), 20)) or [""]
        value = style.paint("data", row.value)
        lines.append(f"{style.paint('heading', head)}{bits[0]}  {value}".rstrip())
        lines += [indent + more for more in bits[1:]]
        for text in wrap(row.meaning, columns - width(head)):
            lines.append(indent + style.paint("faint", text))
    return lines


def _payload(s: Segment, lang: Lang, style: Style) -> list[str]:
    if not s.payload:
        return []
    shown = min(len(s.step.data), SHOWN)
    facts = {"payload_bytes": s.payload, "shown_bytes": shown}
    key = "payload" if shown >= s.payload else "payload-shown"
    lines = [f"  {line}" for line in payload(s)]
    return ["", style.paint("heading", say("header", key, facts, lang)), *lines]


def _section(title: str, texts: list[str], columns: int, style: Style) -> list[str]:
    lines = ["", style.paint("heading", title)]
    for text in texts:
        lines += [f"  {line}" for line in wrap(text, columns - 2)]
    return lines
