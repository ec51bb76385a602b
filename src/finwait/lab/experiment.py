"""What an experiment is: a story for two programs, and what has to come of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType
from typing import TYPE_CHECKING, Final

from finwait.errors import Misuse
from finwait.verdict.language import Text

if TYPE_CHECKING:
    from finwait.lab.proxy import Code
    from finwait.lab.world import World

LONGEST: Final = 86400.0
"""Seconds: a day."""
WHO: Final = {
    "client": Text("client", "客户端"),
    "server": Text("server", "服务器"),
    "proxy": Text("proxy", "代理"),
    "wire": Text("wire", "线路"),
    "both": Text("both", "双方"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What has to come of an experiment. Nothing here is taken from finwait's verdict."""

    close: str
    """How it ends, by whom and why, in the words of `finwait catalogue`."""
    closed_by: str
    cause: str
    client: str
    """The states that the end passes once it was ESTABLISHED (all of them if it never was), with spaces between."""
    server: str
    reset: str = ""
    """Who sends a RST and in which form: "client owner", "server reply"; empty for nobody."""
    reason: str = ""
    """What the kernel's reason means, a slug of `reasons`; empty for no RST of a kernel's."""
    kernel_client: str = ""
    """As the kernel says it, where a wire cannot show it ("-" for no states); `limit` says why."""
    kernel_server: str = ""
    kernel_close: str = ""
    kernel_closed_by: str = ""
    limit: Text | None = None
    connection: int = 0
    """Which connection of the capture is judged."""


@dataclass(frozen=True, slots=True)
class Through:
    """A proxy between client and server."""

    code: "Code"
    """What it does with its two sockets."""
    expected: Expected
    """What has to come of its connection with the server; the other is the experiment's."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """A closing, and how to make it."""

    name: str
    title: Text
    shows: Text
    """What there is to learn, in a sentence or three."""
    story: Callable[["World"], None]
    expected: Expected
    long: bool = False
    """Takes more than some seconds, whatever is shortened."""
    time_limit: float = 60.0
    """Seconds that it may take; then it is stopped, and the others go on. The longest here take four, but for the long ones."""
    sysctl: dict[str, int] = field(default_factory=dict)
    """net.ipv4.… of both hosts."""
    tap: str = "client"
    """Whose end the capture is made at."""
    six: bool = False
    need: str = ""
    """A program that has to be installed."""
    through: Through | None = None
    """A proxy: there are two connections then, and the captures are made at the proxy."""

    def __post_init__(self) -> None:
        if not 0 < self.time_limit <= LONGEST:
            raise Misuse(
                f"{self.name}: time_limit={self.time_limit!r}: write seconds, more than 0 and at most {LONGEST:g}",
                f"{self.name}：time_limit={self.time_limit!r}：请写秒数，大于 0，不超过 {LONGEST:g}",
            )

    @property
    def place(self) -> tuple[str, int] | None:
        """File and line where the story begins; of a partial, where its function does. None if it has none."""
        code = getattr(getattr(self.story, "func", self.story), "__code__", None)
        return (code.co_filename, code.co_firstlineno) if isinstance(code, CodeType) else None

    @property
    def expectations(self) -> tuple[Expected, ...]:
        """What has to come of each connection, the client's first."""
        return (self.expected, self.through.expected) if self.through else (self.expected,)
