"""Every way in which a connection can end, played between two of our endpoints, with the truth about each.

The truth comes from what the endpoints did (their states, who aborted), never from the packets: so it
can judge what an analysis makes of the packets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import IPv4Address
from typing import Final

from finwait.endpoint import LINUX, Handle, Happening, Host, Notice, Profile
from finwait.network.application import Leave, Manner, Process
from finwait.network.link import Fault, Link
from finwait.network.network import Network, Node
from finwait.tcp import State

CLIENT: Final = IPv4Address("192.0.2.1")  # RFC 5737: for documentation
SERVER: Final = IPv4Address("198.51.100.80")
PORT: Final = 8080
IDLE: Final = 20_000_000
"""Microseconds: when the two ends let go, long after their talk, even if a SYN was lost and came again."""
VANISHES: Final = 35_000
"""In the middle of a long answer."""
SLOW: Final = 150_000
"""A process that thinks longer than any delayed ACK (RFC 9293 section 3.8.6.3: below 0.5 s; systems: 40 to 100 ms)."""


SILENT: Final = Manner()
NEAR: Final = Link()


@dataclass(frozen=True, slots=True)
class Closing:
    """A play for two."""

    name: str
    close: str
    """What it is called when nothing goes wrong, in the words of the design."""
    closed_by: str
    client: Manner = SILENT
    server: Manner = SILENT
    link: Link = NEAR
    listens: bool = True


ASKS: Final = Manner(says=19, hears=0)
ANSWERS: Final = Manner(hears=19, says=3000)


def closings() -> tuple[Closing, ...]:
    """Give all plays."""
    asks, answers = ASKS, ANSWERS
    heard = replace(asks, leaves=Leave.CLOSE, leaves_at=IDLE)
    told = replace(answers, leaves=Leave.CLOSE, leaves_at=IDLE)
    return (
        Closing("four-way", "four-way", "client", heard, replace(answers, hesitates=SLOW)),
        Closing("three-way", "three-way", "client", heard, answers),
        Closing("server-first", "four-way", "server", replace(asks, hesitates=SLOW), told),
        Closing("server-first-three-way", "three-way", "server", asks, told),
        Closing("simultaneous", "simultaneous", "both", heard, told),
        Closing(
            "half-close-with-reply", "four-way", "client",
            replace(asks, leaves=Leave.SHUTDOWN), Manner(hears=19, hesitates=SLOW, says_late=3000),
        ),
        Closing("client-aborts", "reset", "client", replace(heard, leaves=Leave.ABORT), answers),
        Closing("server-aborts", "reset", "server", asks, replace(told, leaves=Leave.ABORT)),
        Closing(
            "unread-data", "reset", "server", replace(asks, says=5000),
            Manner(reads=False, leaves=Leave.CLOSE, leaves_at=IDLE),
        ),
        Closing(
            "data-after-close", "reset", "client", heard,
            replace(answers, hesitates=SLOW, says_late=100),
        ),
        Closing("refused", "refused", "server", listens=False),
        Closing("unanswered", "unanswered", "none", link=Link(cut_at=0)),
        Closing(
            "vanished", "vanished", "none", Manner(says=19, hears=0),
            Manner(hears=19, says=20_000), link=Link(cut_at=VANISHES),
        ),
        Closing("fin-unanswered", "fin-unanswered", "client", heard, answers, link=Link(cut_at=IDLE - 1)),
        Closing("left-open", "open", "none", asks, answers),
    )  # fmt: skip


@dataclass(slots=True)
class Truth:
    """What really happened."""

    close: str
    closed_by: str
    client_path: tuple[State, ...]
    server_path: tuple[State, ...]
    """The states that each end passed, without repeats in a row."""
    finished: bool


@dataclass(slots=True)
class Played:
    """A closing that was played to its end."""

    closing: Closing
    network: Network
    client: Process
    server: Process | None
    paths: dict[str, list[State]] = field(default_factory=dict)

    @property
    def truth(self) -> Truth:
        """Tell what happened from what the ends did."""
        client, server = self.paths["client"], self.paths["server"]
        close, closed_by = _judge(self, client, server)
        finished = close in {"four-way", "three-way", "simultaneous"} and _both_done(client, server)
        return Truth(
            close,
            closed_by,
            tuple(client),
            tuple(server),
            finished or close in {"reset", "refused"},
        )


def _both_done(client: list[State], server: list[State]) -> bool:
    return client[-1] is State.CLOSED and server[-1] in {State.CLOSED, State.LISTEN}


def _judge(played: Played, client: list[State], server: list[State]) -> tuple[str, str]:
    """Name the close by the states that were passed (RFC 9293 section 3.6)."""
    aborted = [
        name
        for name, process in (("client", played.client), ("server", played.server))
        if process is not None and process.left is Leave.ABORT
    ]
    if aborted:
        return "reset", aborted[0]
    first = [
        name for name, path in (("client", client), ("server", server)) if State.FIN_WAIT_1 in path
    ]
    if len(first) == 2:  # both closed before they heard of the other's close
        return "simultaneous", "both"
    if first:
        closer = client if first == ["client"] else server
        if State.TIME_WAIT in closer:
            return ("four-way" if State.FIN_WAIT_2 in closer else "three-way"), first[0]
    if not any(state.synchronized for state in client) and played.closing.close != "refused":
        answered = State.SYN_RECEIVED in server
        return "vanished" if answered else "unanswered", "none"
    return played.closing.close, played.closing.closed_by


def host(address: IPv4Address, profile: Profile, isn: int) -> Host:
    """Make a host whose first number is known, so that a ladder can be read."""
    return Host(profile, [address], isn=lambda _ends, _now: isn)


def play(
    closing: Closing,
    *,
    profiles: tuple[Profile, Profile] = (LINUX, LINUX),
    faults: Mapping[int, Fault] | None = None,
    seed: int = 0,
    link: Link | None = None,
    until: int | None = None,
) -> Played:
    """Play a closing: the client's profile and the server's; `until` microseconds, or until all is quiet."""
    ends = {
        "client": Node("client", host(CLIENT, profiles[0], 1_000_000), CLIENT),
        "server": Node("server", host(SERVER, profiles[1], 5_000_000), SERVER),
    }
    network = Network(ends, link or closing.link, seed, faults)
    client_host, server_host = ends["client"].host, ends["server"].host
    served: list[Process] = []
    if closing.listens:
        listener = server_host.open()
        server_host.bind(listener, SERVER, PORT)
        server_host.listen(0, listener, 8)
        ends["server"].react = _Server(network, listener, closing.server, served).react
    caller = client_host.open()
    client = Process(closing.client, client_host, caller, partial(_later, network), 0)
    ends["client"].react = partial(_call, client)
    result = Played(closing, network, client, None)
    network.watch = partial(_watch, result)
    client_host.connect(0, caller, SERVER, PORT)
    network.run(until)
    if served:
        result.server = served[0]
    return result


def _later(network: Network, at: int, what: Callable[[int], None]) -> None:
    network.at(at, lambda: what(network.now))


def _call(client: Process, now: int, notice: Notice) -> None:
    if notice.happening is Happening.ERROR and client.error is None and not client.closed:
        client.react(now, notice)
    elif notice.happening is Happening.CONNECTED:
        client.go_on(now)
    else:
        client.react(now, notice)


@dataclass(slots=True)
class _Server:
    """Accepts, and gives each connection a process."""

    network: Network
    listener: Handle
    manner: Manner
    served: list[Process]

    def react(self, now: int, notice: Notice) -> None:
        host = self.network.nodes["server"].host
        if notice.socket == self.listener:
            while (result := host.accept(now, self.listener)).error is None:
                later = partial(_later, self.network)
                process = Process(self.manner, host, result.value, later, 50)
                self.served.append(process)
                process.react(now, Notice(result.value, Happening.READABLE))
        for process in self.served:
            process.react(now, notice)


def _watch(played: Played) -> None:
    """Write down where both ends stand."""
    for name, node in played.network.nodes.items():
        path = played.paths.setdefault(name, [])
        states = [connection.state for _, connection in node.host.connections()]
        state = states[0] if states else State.CLOSED
        if not path or path[-1] is not state:
            path.append(state)
