"""What finwait makes of a played closing, read from a capture of it."""

from pathlib import Path

import finwait
from finwait.network import Played, Record, packets
from finwait.wire.pcapng import write


def capture(records: list[Record], path: Path) -> Path:
    """Writes what was seen at one place as a capture."""
    path.write_bytes(b"".join(write(packets(records))))
    return path


def verdict(played: Played, path: Path, place: str = "wire") -> finwait.Connection:
    """The one connection of a play; seen on the wire as it was sent, or at one end's door."""
    records = played.network.wire if place == "wire" else played.network.nodes[place].seen
    (connection,) = finwait.analyze(capture(records, path))
    return connection
