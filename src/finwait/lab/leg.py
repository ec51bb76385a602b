"""One way from end to end: a wire, and what the kernels of both ends show of the connection on it."""

from typing import Final, NamedTuple

from finwait.errors import Misuse
from finwait.lab.clock import now
from finwait.lab.net import Host
from finwait.lab.sockets import SocketTable
from finwait.lab.wire import Side, Wire


class Sample(NamedTuple):
    """What a look at the table of sockets showed of one end; one that shows what the look before did is not kept."""

    at: int
    """When, in nanoseconds of CLOCK_REALTIME."""
    who: str
    state: str
    """Empty: it has no socket."""
    orphan: bool
    """No process owns it."""
    since: int = 0
    """When the look before began: it changed after that. 0: not known."""


NO_SOCKET: Final = ("", True)


class Leg:
    """Of most experiments the only one; a proxy has one to the client and one to the server."""

    def __init__(self, wire: Wire, from_port: int, port: int) -> None:
        self.wire, self.from_port, self.port = wire, from_port, port
        self.samples: list[Sample] = []
        self._tables = {
            who: SocketTable(host.namespace, host.family) for who, host in self.hosts().items()
        }
        self._known: dict[str, tuple[str, bool]] = {}
        self._looked = now()
        wire.moved = self.sample

    def hosts(self) -> dict[str, Host]:
        """Both hosts by what they are on this leg."""
        return {"client": self.wire.client, "server": self.wire.server}

    def state(self, who: Side) -> str:
        """Give where the kernel of this end has the connection now; "" is no socket at all."""
        self.sample()
        return self._known.get(who, NO_SOCKET)[0]

    def stood(self, who: Side, at: int) -> str:
        """Give where the kernel of this end had the connection at a moment, of those that were sampled; no socket is CLOSED."""
        return self.held(who, at) or "CLOSED"

    def held(self, who: Side, at: int) -> str:
        """Give the same, "" for no socket."""
        states = [each.state for each in self.samples if each.who == who and each.at <= at]
        return states[-1] if states else ""

    def sample(self) -> None:
        """Ask both kernels where the connection stands, and note what changed."""
        client = (self.wire.client_address, self.from_port)
        server = (self.wire.server_address, self.port)
        since, self._looked = self._looked, now()
        for who, table in self._tables.items():
            held = table.find(client, server) if who == "client" else table.find(server, client)
            found = (held.state, held.orphan) if held else NO_SOCKET
            if found != self._known.get(who, NO_SOCKET):
                self._known[who] = found
                self.samples.append(Sample(now(), who, *found, since))

    def end(self, who: Side) -> str:
        """Name an end as captures do: "address:port"."""
        if who not in {"client", "server"}:
            raise Misuse(f"no end {who!r}")
        address = self.wire.client_address if who == "client" else self.wire.server_address
        port = self.from_port if who == "client" else self.port
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

    def close(self) -> None:
        """Look no more."""
        self.wire.moved = lambda: None
        for table in self._tables.values():
            table.close()
