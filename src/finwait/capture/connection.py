"""One connection as the core judges it, typed (docs/columns.md)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Connection(NamedTuple):
    """A row of an analysis, every column of it, in the order of `finwait._core.COLUMNS`.

    Timestamps are nanoseconds since the Unix epoch, durations seconds. docs/columns.md says what
    each column means.
    """

    conn: int
    source: str
    first_ts: int
    last_ts: int
    client_ip: str
    client_port: int
    server_ip: str
    server_port: int
    client_by: str
    scope: str | None
    handshake: str
    close: str
    closed_by: str
    finished: bool
    cause: str
    confidence: str
    evidence_for: tuple[str, ...]
    evidence_against: tuple[str, ...]
    notes: tuple[str, ...]
    client_state: str
    server_state: str
    client_packets: int
    server_packets: int
    client_bytes: int
    server_bytes: int
    reset_by: str
    reset_form: str | None
    reset_trigger: int | None
    close_frame: int | None
    client_fins: int
    server_fins: int
    client_rsts: int
    server_rsts: int
    client_retransmissions: int
    server_retransmissions: int
    client_gap_bytes: int
    server_gap_bytes: int
    completeness: int
    zeek_state: str
    zeek_history: str
    duration: float
    handshake_rtt: float | None
    idle_before_close: float | None
    close_duration: float | None
    peer_reaction: float | None
    first_frame: int
    last_frame: int

    @property
    def client(self) -> str:
        """The client's end as people write it: "10.0.0.2:40001", "[2001:db8::1]:40001"."""
        return end(self.client_ip, self.client_port)

    @property
    def server(self) -> str:
        """The server's end as people write it."""
        return end(self.server_ip, self.server_port)

    @property
    def first_time(self) -> datetime:
        """`first_ts`, cut to the microsecond, in UTC."""
        return moment(self.first_ts)

    @property
    def last_time(self) -> datetime:
        """`last_ts`, cut to the microsecond, in UTC."""
        return moment(self.last_ts)

    @classmethod
    def of(cls, record: Mapping[str, object]) -> "Connection":
        """Take a record of the core. Raises TypeError or KeyError, naming the column, if it is none."""
        got: dict[str, object] = {}
        for name, kind in cls.__annotations__.items():
            value = record[name]
            if isinstance(value, list):
                value = tuple(value)
            if not isinstance(value, _CHECKS[kind]):
                raise TypeError(f"column {name}: {value!r} is not {kind}")
            got[name] = value
        return cls(**got)  # type: ignore[arg-type]  # checked one by one above


_CHECKS: dict[object, tuple[type, ...]] = {
    int: (int,),
    str: (str,),
    bool: (bool,),
    float: (float, int),
    str | None: (str, type(None)),
    int | None: (int, type(None)),
    float | None: (float, int, type(None)),
    tuple[str, ...]: (tuple,),
}
"""What `isinstance` is asked for each annotation: whole seconds are floats too."""


def end(ip: str, port: int) -> str:
    """Write an end as people do: "10.0.0.2:443", "[2001:db8::1]:443"."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def moment(ts: int) -> datetime:
    """A timestamp in nanoseconds as a time, cut to the microsecond."""
    return _EPOCH + timedelta(microseconds=ts // 1000)


def rfc3339(ts: int) -> str:
    """A timestamp in nanoseconds as RFC 3339 has it, in UTC: "2026-11-22T15:54:48.123456789Z"."""
    return f"{moment(ts):%Y-%m-%dT%H:%M:%S}.{ts % 1_000_000_000:09}Z"
