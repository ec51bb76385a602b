"""The evidence of a verdict beside its story: what the story contradicts or makes pointless is left out."""

from collections.abc import Iterator, Sequence

from finwait.explain.conversation import ACK, Conversation
from finwait.explain.words import messages, write
from finwait.verdict.language import Lang
from finwait.verdict.verdict import said

WORTH = 500_000_000
"""Nanoseconds without payload, or without anything, that are worth saying."""
WAITS = ("idle-gap-ns", "silence-ns", "capture-ends-ns")
AFTER_FIN = ("sent-after-fin-acked-ns", "sent-before-fin-arrived")


def evidence(
    c: Conversation, slugs: Sequence[str], lang: Lang, *, against: bool = False
) -> Iterator[str]:
    """Put the evidence of a row for its cause, or `against` it, into words, a sentence each."""
    late = any(each.startswith(AFTER_FIN) for each in slugs)
    for each in slugs:
        slug, _, text = each.partition("=")
        number = int(text) if text.isdigit() else 0
        if slug in WAITS and number < WORTH:
            if against and slug == "capture-ends-ns":  # the sooner it ends, the more it weighs
                yield said(slug, lang)
            continue
        if slug == "idle-gap-ns" and late:  # payload came in that time, as the story tells
            continue
        if slug == "destroyed-bytes" and number == 1 and _sent_fin(c):  # it is the FIN's number
            continue
        if slug == "ttl-differs" and (told := _ttl(c, lang)):
            yield told
            continue
        yield _bare(c, number, lang) if slug == "reply-form" else said(each, lang)


def _sent_fin(c: Conversation) -> bool:
    return c.fins.get(c.row.reset_by) is not None


def _ttl(c: Conversation, lang: Lang) -> str:
    """Tell the RST's TTL and those of its sender's other segments; nothing if the segments here do not show them."""
    resets, others = c.resets.get(c.row.reset_by), c.ttls(c.row.reset_by)
    if not resets or not others or resets[0].step.ttl in others:
        return ""
    shown = write("others", others, lang)
    return messages(lang, "words")["ttl-differs"].format(ttl=resets[0].step.ttl, others=shown)


def _bare(c: Conversation, frame: int, lang: Lang) -> str:
    """Tell the REPLY form. What drew it, a SYN, may have no ack to borrow."""
    drew = next((s for s in c.segments if s.number == frame), None)
    if drew is not None and not drew.flags & ACK:
        return messages(lang, "words")["reply-form-bare"].format(frame=frame)
    return said(f"reply-form={frame}", lang)
