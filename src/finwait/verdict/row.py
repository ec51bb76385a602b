"""One connection as the core judges it, typed (docs/columns.md)."""

from collections.abc import Mapping
from typing import NamedTuple


class Row(NamedTuple):
    """The columns that the telling of one connection uses.

    Timestamps are nanoseconds since the Unix epoch, durations seconds.
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
    duration: float
    handshake_rtt: float | None
    idle_before_close: float | None
    close_duration: float | None
    peer_reaction: float | None
    first_frame: int
    last_frame: int

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Row":
        """Take a record of the core. Raises TypeError or KeyError, naming the column, if it is none."""
        got: dict[str, object] = {}
        for name, kind in cls.__annotations__.items():
            value = values[name]
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
