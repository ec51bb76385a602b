"""Rows and totals made by hand, for tests of the telling alone."""

from collections import Counter
from typing import cast

from finwait import _core
from finwait.capture.connections import Connections

Row = dict[str, object]

BASE: Row = {
    "conn": 0,
    "source": "a.pcap",
    "first_ts": 1_763_826_888_123_456_789,  # 2025-11-22T15:54:48.123456789Z
    "last_ts": 1_763_826_893_623_456_789,
    "client_ip": "10.0.0.2",
    "client_port": 40001,
    "server_ip": "10.0.0.7",
    "server_port": 443,
    "client_by": "syn",
    "scope": None,
    "handshake": "complete",
    "close": "four-way",
    "closed_by": "client",
    "finished": True,
    "cause": "orderly",
    "confidence": "likely",
    "evidence_for": [],
    "evidence_against": [],
    "notes": [],
    "client_state": "TIME-WAIT",
    "server_state": "CLOSED",
    "client_packets": 6,
    "server_packets": 4,
    "client_bytes": 100,
    "server_bytes": 2000,
    "reset_by": "none",
    "reset_form": None,
    "reset_trigger": None,
    "close_frame": 7,
    "client_fins": 1,
    "server_fins": 1,
    "client_rsts": 0,
    "server_rsts": 0,
    "client_retransmissions": 0,
    "server_retransmissions": 0,
    "client_gap_bytes": 0,
    "server_gap_bytes": 0,
    "completeness": 31,
    "zeek_state": "SF",
    "zeek_history": "ShADadFf",
    "duration": 5.5,
    "handshake_rtt": 0.000125,
    "idle_before_close": 5.0,
    "close_duration": 0.0001,
    "peer_reaction": None,
    "first_frame": 1,
    "last_frame": 10,
}


def row(conn: int = 0, **changes: object) -> Row:
    """A row like a quiet four-way close, with changes."""
    return {**BASE, "conn": conn, **changes}


class Totals:
    """Stands in for `_core.Analysis` where only totals and records are read."""

    def __init__(self, rows: list[Row], groups: list[dict[str, object]] | None = None) -> None:
        self.rows = rows
        self._groups = groups or []
        self.frames = 12
        self.used = 10
        self.skipped = {"not-tcp": 2, "not-ip": 0}
        self.faults: list[_core.Fault] = []
        self.evicted = 0
        self.interrupted = False

    def __len__(self) -> int:
        return len(self.rows)

    def records(self, start: int = 0, count: int | None = None) -> list[Row]:
        return self.rows[start:] if count is None else self.rows[start : start + count]

    def chunks(self, size: int) -> list[list[Row]]:
        return [self.rows[start : start + size] for start in range(0, len(self.rows), size)]

    def summary(self) -> list[tuple[list[str], int]]:
        names = ("close", "closed_by", "reset_by", "cause", "confidence")
        seen = Counter(tuple(str(r[name]) for name in names) for r in self.rows)
        return [(list(key), n) for key, n in seen.most_common()]

    def groups(self) -> list[dict[str, object]]:
        return self._groups

    @property
    def first_ts(self) -> int | None:
        return min((cast(int, r["first_ts"]) for r in self.rows), default=None)

    @property
    def last_ts(self) -> int | None:
        return max((cast(int, r["last_ts"]) for r in self.rows), default=None)


def connections(rows: list[Row], groups: list[dict[str, object]] | None = None) -> Connections:
    return Connections(cast(_core.Analysis, Totals(rows, groups)))
