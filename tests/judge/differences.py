"""Where finwait and a judge do not say the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from finwait import _core

from . import tshark


def completeness(capture: Path, *, announced: bool = True) -> Iterator[str]:
    """Where tshark tells another completeness, or begins its streams elsewhere."""
    streams: dict[object, tshark.Stream] = {
        (s.first_frame, s.ports): s for s in tshark.streams(capture, announced=announced)
    }
    for row in _core.analyze([str(capture)]).records():
        ports = frozenset((row["client_port"], row["server_port"]))
        stream = streams.pop((row["first_frame"], ports), None)
        where = f"{capture.name}: frame {row['first_frame']}: completeness"
        if stream is None:
            yield f"{where} {row['completeness']}, and tshark begins no stream"
        elif stream.completeness != row["completeness"]:
            yield f"{where} {row['completeness']}, tshark's {stream.completeness}"
    for stream in streams.values():
        yield f"{capture.name}: frame {stream.first_frame}: only tshark begins a stream"
