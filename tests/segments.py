"""Connections of a few segments by hand, and words about what the core says of them."""

from __future__ import annotations

from pathlib import Path

from finwait import _core

from .judge.captures import tcp, write

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ENDS = (40000, 80)
Row = dict[str, object]


def c(flags: int, seq: int, ack: int = 0, payload: int = 0) -> bytes:
    """A segment of the client; numbers are relative to its SYN (0) and the server's (0)."""
    return tcp(ENDS, flags, 1000 + seq, 5000 + ack if flags & ACK else 0, payload)


def s(flags: int, seq: int, ack: int = 0, payload: int = 0) -> bytes:
    """A segment of the server."""
    return tcp(ENDS, flags, 5000 + seq, 1000 + ack if flags & ACK else 0, payload, reply=True)


OPEN = [c(SYN, 0), s(SYN | ACK, 0, 1), c(ACK, 1, 1)]
ASKED = [*OPEN, c(ACK | PSH, 1, 1, 10), s(ACK | PSH, 1, 11, 20), c(ACK, 11, 21)]


def told(path: Path, packets: list[bytes], times: list[float] | None = None) -> Row:
    write(path / "edge.pcap", packets, times=times)
    (row,) = _core.analyze([str(path / "edge.pcap")]).records()
    return dict(row)


def words(row: Row, *columns: str) -> tuple[object, ...]:
    return tuple(row[column] for column in columns)


def notes(row: Row) -> set[str]:
    found = row["notes"]
    assert isinstance(found, list)
    return set(found)


def how(row: Row) -> tuple[object, ...]:
    return words(row, "close", "closed_by", "finished")


def sure(row: Row) -> tuple[object, ...]:
    return words(row, "cause", "confidence")


def against(row: Row) -> set[str]:
    found = row["evidence_against"]
    assert isinstance(found, list)
    return {str(each).partition("=")[0] for each in found}
