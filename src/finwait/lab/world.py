"""The world of one experiment: two hosts, two programs, the wire between, and everybody's words."""

import os
from collections.abc import Callable
from typing import Final

from finwait.errors import Misuse
from finwait.lab.clock import now
from finwait.lab.experiment import Experiment
from finwait.lab.net import DELAYED_ACK, Host
from finwait.lab.packet import Segment
from finwait.lab.programs import Program
from finwait.lab.sockets import SocketTable
from finwait.lab.wire import Side, Wire
from finwait.verdict.language import Lang, Text

PORT: Final = 8080
REQUEST, REPLY = b"may I have it?\n", b"here it is, and nothing more.\n"
BIG: Final = bytes(97 + place % 26 for place in range(4000))
"""Three segments of abc…z."""

Step = tuple[int, str, str]
"""When (nanoseconds of CLOCK_REALTIME), who (client, server, wire), and what."""
Sample = tuple[int, str, str, bool]
"""When, which end, its state ("" if it has no socket), and whether no process owns it."""


def own_addresses(six: bool) -> tuple[tuple[str, str], int]:
    """Give addresses and a client port that no other experiment of this machine has now, by the process id.

    Tracepoints tell of every namespace at once; by their ends the kernel's words are known for ours.
    """
    row, host = divmod(os.getpid(), 253)
    port = 40000 + 8 * (row % 2500)
    if six:
        return (f"2001:db8:1::{host + 1:x}", f"2001:db8:2::{host + 1:x}"), port
    return (f"192.0.2.{host + 1}", f"198.51.100.{host + 1}"), port  # RFC 5737


class World:
    """What a story is told in.

    `client` and `server` are the programs, `wire` can lose, hold, reorder and invent packets. `say(who, words)` is
    called for each step as it happens.
    """

    def __init__(
        self, experiment: Experiment, lang: Lang, heard: Callable[[Step], None] = lambda step: None
    ) -> None:
        addresses, self.from_port = own_addresses(experiment.six)
        tap: Side = "server" if experiment.tap == "server" else "client"
        self.wire = Wire(six=experiment.six, tap=tap, addresses=addresses)
        self.port = PORT
        self.steps: list[Step] = []
        self.samples: list[Sample] = []
        self.turns: list[int] = []
        """When each further connection between the same ends began."""
        self._lang, self._heard = lang, heard
        self._tables = {who: SocketTable(host.namespace, host.family) for who, host in self.hosts()}
        self._known: dict[str, tuple[str, bool]] = {}
        for _, host in self.hosts():
            for name, value in experiment.sysctl.items():
                host.sysctl(**{name: value})
        self.client = Program("client", self.wire.client, self.wire, self._note)
        self.server = Program("server", self.wire.server, self.wire, self._note)
        self.wire.moved = self.sample

    def hosts(self) -> list[tuple[str, Host]]:
        """Both hosts by name."""
        return [("client", self.wire.client), ("server", self.wire.server)]

    # --- what happens ---

    @property
    def to(self) -> tuple[str, int]:
        """Where the server listens."""
        return self.wire.server_address, self.port

    def connect(self, *, exchange: bool = True, receive_buffer: int = 0) -> None:
        """The usual beginning: listen, connect, accept; then a request and its reply, read by both."""
        self.server.listen(self.port, receive_buffer=receive_buffer)
        self.dial()
        if exchange:
            self.exchange()

    def dial(self) -> None:
        """Connect to the listener, and accept."""
        self.client.connect(self.to, self.from_port)
        self.server.accept()

    def exchange(self) -> None:
        """One request and its reply, read by both."""
        self.client.send(REQUEST)
        self.server.receive(len(REQUEST))
        self.server.send(REPLY)
        self.client.receive(len(REPLY))

    def again(self) -> None:
        """What follows is another connection between the same ends."""
        self.turns.append(now())

    def destroy(self, who: Side) -> None:
        """Have the kernel abort the connection, as an administrator does with `ss -K` (SOCK_DESTROY)."""
        host, ports = self.wire.client, (self.from_port, self.port)
        if who == "server":
            host, ports = self.wire.server, ports[::-1]
        host.destroy(*ports)
        self._note(who, "ss -K: SOCK_DESTROY")

    def wire_does(self, en: str, zh: str) -> None:
        """Say what the wire is about to do."""
        self._note("wire", Text(en, zh).say(self._lang))

    def lose(self, side: Side, match: Callable[[Segment], bool], en: str, zh: str) -> None:
        """Lose the next segment of this side that matches."""
        self.wire.lose(lambda who, segment: who == side and match(segment))
        self.wire_does(en, zh)

    # --- waiting ---

    def until(self, who: Side, *states: str, limit: float = 30.0) -> None:
        """Wait until the kernel of this end has the connection in one of these states; "" is no socket at all."""

        def there() -> bool:
            self.sample()
            return self._known.get(who, ("", False))[0] in states

        what = " or ".join(state or "gone" for state in states)
        self.wire.until(there, f"the {who} was {what}", limit)

    def until_sent(
        self, who: Side, match: Callable[[Segment], bool], what: str, limit: float = 30.0
    ) -> None:
        """Wait until the last segment that this end sent matches."""
        self.wire.until(
            lambda: (last := self.wire.last.get(who)) is not None and match(last), what, limit
        )

    def until_held(self, count: int, what: str) -> None:
        """Wait until the wire holds so many packets back."""
        self.wire.until(lambda: len(self.wire.held) >= count, what)

    def settle(self, quiet: float = DELAYED_ACK) -> None:
        """Wait until nothing has moved for so long: longer than an ACK is delayed."""
        self.wire.settle(quiet)

    def wait(self, seconds: float) -> None:
        """Let time pass, where time itself is the subject."""
        self.wire.wait(seconds)

    # --- what is noted ---

    def _note(self, who: str, words: str) -> None:
        step = (now(), who, words)
        self.steps.append(step)
        self._heard(step)
        self.sample()

    def sample(self) -> None:
        """Ask both kernels where the connection stands, and note what changed."""
        client = (self.wire.client_address, self.from_port)
        server = (self.wire.server_address, self.port)
        for who, table in self._tables.items():
            held = table.find(client, server) if who == "client" else table.find(server, client)
            found = (held.state, held.orphan) if held else ("", True)
            if found != self._known.get(who, ("", True)):
                self._known[who] = found
                self.samples.append((now(), who, *found))

    def end(self, who: Side) -> str:
        """Name an end as captures do: "address:port"."""
        if who not in {"client", "server"}:
            raise Misuse(f"no end {who!r}")
        address = self.wire.client_address if who == "client" else self.wire.server_address
        port = self.from_port if who == "client" else self.port
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

    def close(self) -> None:
        """End everything: first the wire, so that the end of the programs is not heard."""
        self.wire.moved = lambda: None
        self.wire.close()
        for table in self._tables.values():
            table.close()
        self.client.stop()
        self.server.stop()
