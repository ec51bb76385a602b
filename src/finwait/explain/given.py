"""What the telling of a connection needs from the core, as protocols.

`finwait._core.Explained` and `finwait._core.Step` fit them; so do records made by hand.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Step(Protocol):
    """One segment, and where both ends stand after it (see `finwait._core.Step`)."""

    @property
    def number(self) -> int: ...  # noqa: D102  # documented in _core.pyi
    @property
    def ts(self) -> int: ...  # noqa: D102
    @property
    def from_client(self) -> bool: ...  # noqa: D102
    @property
    def seq(self) -> int: ...  # noqa: D102
    @property
    def ack(self) -> int: ...  # noqa: D102
    @property
    def flags(self) -> int: ...  # noqa: D102
    @property
    def window(self) -> int: ...  # noqa: D102
    @property
    def payload(self) -> int: ...  # noqa: D102
    @property
    def ttl(self) -> int: ...  # noqa: D102
    @property
    def ip_id(self) -> int: ...  # noqa: D102
    @property
    def header(self) -> bytes: ...  # noqa: D102
    @property
    def data(self) -> bytes: ...  # noqa: D102
    @property
    def captured(self) -> int: ...  # noqa: D102
    @property
    def digest(self) -> int: ...  # noqa: D102
    @property
    def client_state(self) -> str: ...  # noqa: D102
    @property
    def server_state(self) -> str: ...  # noqa: D102
    @property
    def client_passed(self) -> str | None: ...  # noqa: D102
    @property
    def server_passed(self) -> str | None: ...  # noqa: D102
    @property
    def labels(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def refers_to(self) -> int: ...  # noqa: D102


class Explained(Protocol):
    """One connection with all its segments (see `finwait._core.Explained`)."""

    @property
    def row(self) -> Mapping[str, object]: ...  # noqa: D102
    @property
    def steps(self) -> Sequence[Step]: ...  # noqa: D102
    @property
    def truncated(self) -> int: ...  # noqa: D102
    @property
    def client_isn(self) -> int | None: ...  # noqa: D102
    @property
    def server_isn(self) -> int | None: ...  # noqa: D102
    @property
    def client_wscale(self) -> int | None: ...  # noqa: D102
    @property
    def server_wscale(self) -> int | None: ...  # noqa: D102
    @property
    def replaced(self) -> tuple[int, int] | None: ...  # noqa: D102
