"""The summary for machines: one JSON object."""

import json

from finwait.capture.connection import rfc3339
from finwait.capture.connections import Connections


def stats(found: Connections) -> str:
    """Give what the summary says as JSON: frames read, used and skipped, outcomes, groups, faults."""
    told = {
        "frames": found.frames,
        "used": found.used,
        "skipped": {slug: number for slug, number in found.skipped.items() if number},
        "connections": sum(outcome.connections for outcome in found.summary),
        "evicted": found.evicted,
        "interrupted": found.interrupted,
        "first_ts": _time(found.first_ts),
        "last_ts": _time(found.last_ts),
        "outcomes": [outcome._asdict() for outcome in found.summary],
        "groups": [group._asdict() for group in found.groups],
        "faults": [str(fault) for fault in found.faults],
    }
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def _time(ts: int | None) -> str | None:
    return None if ts is None else rfc3339(ts)
