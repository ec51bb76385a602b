"""An explanation as plain data, for JSON: the facts with their words."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from finwait.capture.connection import rfc3339
from finwait.explain.conversation import Segment
from finwait.explain.ladder import flags_of
from finwait.explain.opened import context, find, opened
from finwait.verdict.language import Lang
from finwait.verdict.verdict import TIME_WAIT_LINUX, TIME_WAIT_MACOS, TIME_WAIT_RFC

if TYPE_CHECKING:
    from finwait.explain.conversation import Conversation
    from finwait.explain.explanation import Explanation

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]
"""What `json.dumps` takes."""


def as_data(told: "Explanation", lang: Lang) -> dict[str, Json]:
    """Give everything that `Explanation.text` tells."""
    verdict = told.verdict(lang)
    cause = verdict.cause
    return {
        "connection": _row(told),
        "sentence": verdict.sentence,
        "cause": {
            "slug": cause.slug,
            "title": cause.title.say(lang),
            "sentence": cause.sentence.say(lang),
            "confidence": verdict.confidence.slug,
            "for": verdict.evidence_for,
            "against": verdict.evidence_against,
            "source": cause.source,
            "kernel": cause.kernel.say(lang) if cause.kernel else None,
            "advice": cause.advice.say(lang) if cause.advice else None,
        },
        "notes": [{"slug": n.slug, "sentence": n.sentence.say(lang)} for n in verdict.notes],
        "story": [_item(told, n, lang) for n in range(len(told.story))],
        "time_wait": _time_wait(told, lang),
        "last_states": {who: list(told.last_states(who)) for who in ("client", "server")},
        "doubts": told.doubts_told(lang),
        "segments": [segment(s) for s in told.segments],
        "left_out": told.truncated,
        "faults": [str(fault) for fault in told.faults],
    }


def segment(s: Segment) -> dict[str, Json]:
    """Give one segment. Numbers are relative; `raw_seq` and `raw_ack` are those of the header."""
    return {
        "frame": s.number,
        "ts": rfc3339(s.step.ts),
        "at": s.at,
        "from": s.who,
        "flags": flags_of(s.flags).split(),
        "seq": s.seq,
        "ack": s.ack if "ACK" in flags_of(s.flags) else None,
        "raw_seq": s.step.seq,
        "raw_ack": s.step.ack,
        "payload": s.payload,
        "window": s.window,
        "client_state": s.client_state,
        "server_state": s.server_state,
        "labels": list(s.step.labels),
        "refers_to": s.refers_to or None,
    }


def segment_opened(c: "Conversation", frame: int, lang: Lang) -> dict[str, Json]:
    """Give one segment with every field of its header."""
    s = find(c, frame)
    return {
        **segment(s),
        "about": context(c, s, lang),
        "fields": [dict(row._asdict()) for row in opened(c, s, lang)],
        "data": s.step.data.hex(),
    }


def _row(told: "Explanation") -> dict[str, Json]:
    row: dict[str, Json] = {}
    for name, value in told.row._asdict().items():
        row[name] = list(value) if isinstance(value, tuple) else value
    row["first_ts"], row["last_ts"] = rfc3339(told.row.first_ts), rfc3339(told.row.last_ts)
    return row


def _item(told: "Explanation", number: int, lang: Lang) -> Json:
    item = told.story[number]
    parts: list[Json] = []
    for part in item.parts:
        facts: dict[str, Json] = {}
        for name, value in part.facts.items():
            facts[name] = list(value) if isinstance(value, tuple) else value
        parts.append({"key": part.key, "facts": facts})
    moves: list[Json] = [{"end": who, "from": old, "to": new} for who, old, new in item.moves]
    return {
        "text": item.text(lang),
        "frames": list(item.frames),
        "parts": parts,
        "moves": moves,
    }


def _time_wait(told: "Explanation", lang: Lang) -> Json:
    wait = told.time_wait
    ends: dict[str, Json] = {}
    for name, seconds in (
        ("linux", TIME_WAIT_LINUX),
        ("macos", TIME_WAIT_MACOS),
        ("rfc9293", TIME_WAIT_RFC),
    ):
        until = wait.until(seconds)
        ends[name] = None if until is None else rfc3339(until)
    since = None if wait.since is None else rfc3339(wait.since)
    return {
        "holder": wait.holder,
        "since": since,
        "until": ends,
        "replaced_by": wait.replaced[0] if wait.replaced else None,
        "text": wait.text(lang),
    }
