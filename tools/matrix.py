"""The full matrix: every state × kind of segment × place in the window, for every profile, as one table.

    python tools/matrix.py > tests/endpoint/matrix.md

writes it anew. Each state is reached by real calls and real segments on a `Host`. The segment
acknowledges all that was sent (SEG.ACK = SND.NXT); the window is the one that the profile judges by.
The cells are to be read: `tests/endpoint/test_matrix.py` only says when one changes.
"""

from collections.abc import Callable, Iterator
from ipaddress import ip_address

from finwait.endpoint import PROFILES, Connection, Host, Profile
from finwait.endpoint.window import judged_window
from finwait.tcp import Flags, Seq, State
from finwait.wire import Packet, Tcp, TcpOption

LOCAL, REMOTE = ip_address("192.0.2.1"), ip_address("192.0.2.2")
PORT, PEER_PORT = 8080, 40000
ISS, IRS = 1000, 5000
"""Initial numbers, ours and the peer's; the table counts from them."""
MSS_ONLY = (TcpOption(2, (1460).to_bytes(2, "big")),)
TEN = bytes(10)

KINDS: dict[str, tuple[Flags, bytes]] = {
    "SYN": (Flags.SYN, b""),
    "SYN,ACK": (Flags.SYN | Flags.ACK, b""),
    "ACK": (Flags.ACK, b""),
    "FIN": (Flags.FIN, b""),
    "FIN,ACK": (Flags.FIN | Flags.ACK, b""),
    "RST": (Flags.RST, b""),
    "RST,ACK": (Flags.RST | Flags.ACK, b""),
    "data": (Flags.PSH | Flags.ACK, TEN),
    "none": (Flags(0), b""),
}
PLACES: dict[str, Callable[[int], int]] = {
    "left of": lambda window: -20,
    "left edge": lambda window: 0,
    "inside": lambda window: 100,
    "right edge": lambda window: window - 1,
    "right of": lambda window: window,
}
"""SEG.SEQ - RCV.NXT; the right edge is the last number of the window."""


class Bench:
    """One host with one connection, and the peer's pen."""

    def __init__(self, profile: Profile) -> None:
        self.host = Host(profile, [LOCAL], isn=lambda _ends, _now: ISS)
        self.now = 0
        self.socket = 0
        self.child = 0
        self.last: Connection | None = None

    def give(
        self,
        flags: Flags,
        seq: int,
        ack: int = 0,
        data: bytes = b"",
        options: tuple[TcpOption, ...] = (),
    ) -> list[Packet]:
        """Hand a segment to the host; gives its answers. Numbers count from the initial ones."""
        self.now += 10_000
        self.host.tick(self.now)
        self.host.transmit()
        acknowledges = (ISS + ack) % 2**32 if flags & Flags.ACK else 0
        tcp = Tcp(
            PEER_PORT, PORT, (IRS + seq) % 2**32, acknowledges, flags, 32767, 0, options, data
        )
        self.host.arrive(self.now, Packet(REMOTE, LOCAL, tcp))
        return self.host.transmit()

    def connection(self) -> Connection | None:
        """The connection under test, if there is one in the demultiplexer."""
        found = self.host.connections()
        return found[0][1] if found else None


def _listen(bench: Bench) -> None:
    bench.socket = bench.host.open()
    bench.host.bind(bench.socket, None, PORT)
    bench.host.listen(bench.now, bench.socket, 5)


def _syn_received(bench: Bench) -> None:
    _listen(bench)
    bench.give(Flags.SYN, 0, options=MSS_ONLY)


def _syn_sent(bench: Bench) -> None:
    bench.socket = bench.host.open()
    bench.host.bind(bench.socket, None, PORT)
    bench.host.connect(bench.now, bench.socket, REMOTE, PEER_PORT)


def _established(bench: Bench) -> None:
    _syn_sent(bench)
    bench.give(Flags.SYN | Flags.ACK, 0, 1, options=MSS_ONLY)


def _close_wait(bench: Bench) -> None:
    _established(bench)
    bench.give(Flags.FIN | Flags.ACK, 1, 1)
    bench.now += 300_000  # its ACK may wait
    bench.host.tick(bench.now)


def _last_ack(bench: Bench) -> None:
    _close_wait(bench)
    bench.host.shutdown(bench.now, bench.socket, read=False, write=True)


def _fin_wait_1(bench: Bench) -> None:
    _established(bench)
    bench.host.shutdown(bench.now, bench.socket, read=False, write=True)


def _fin_wait_2(bench: Bench) -> None:
    _fin_wait_1(bench)
    bench.give(Flags.ACK, 1, 2)


def _closing(bench: Bench) -> None:
    _fin_wait_1(bench)
    bench.give(Flags.FIN | Flags.ACK, 1, 1)


def _time_wait(bench: Bench) -> None:
    _fin_wait_2(bench)
    bench.give(Flags.FIN | Flags.ACK, 1, 2)


WAYS: dict[State, Callable[[Bench], None]] = {
    State.CLOSED: lambda _bench: None,
    State.LISTEN: _listen,
    State.SYN_SENT: _syn_sent,
    State.SYN_RECEIVED: _syn_received,
    State.ESTABLISHED: _established,
    State.FIN_WAIT_1: _fin_wait_1,
    State.FIN_WAIT_2: _fin_wait_2,
    State.CLOSE_WAIT: _close_wait,
    State.CLOSING: _closing,
    State.LAST_ACK: _last_ack,
    State.TIME_WAIT: _time_wait,
}


def _both_open(bench: Bench) -> None:
    _syn_sent(bench)
    bench.give(Flags.SYN, 0, options=MSS_ONLY)


def _fin_wait_1_orphan(bench: Bench) -> None:
    _established(bench)
    bench.host.close(bench.now, bench.socket)


def _fin_wait_2_orphan(bench: Bench) -> None:
    _fin_wait_1_orphan(bench)
    bench.give(Flags.ACK, 1, 2)


def _closing_orphan(bench: Bench) -> None:
    _fin_wait_1_orphan(bench)
    bench.give(Flags.FIN | Flags.ACK, 1, 1)


def _last_ack_orphan(bench: Bench) -> None:
    _close_wait(bench)
    bench.host.close(bench.now, bench.socket)


def _time_wait_listening(bench: Bench) -> None:
    _syn_received(bench)
    bench.give(Flags.ACK, 1, 1)
    bench.child = bench.host.accept(bench.now, bench.socket).value
    bench.host.shutdown(bench.now, bench.child, read=False, write=True)
    bench.give(Flags.FIN | Flags.ACK, 1, 2)


FURTHER: dict[str, Callable[[Bench], None]] = {
    "SYN-RECEIVED, both opened": _both_open,
    "FIN-WAIT-1, closed": _fin_wait_1_orphan,
    "FIN-WAIT-2, closed": _fin_wait_2_orphan,
    "CLOSING, closed": _closing_orphan,
    "LAST-ACK, closed": _last_ack_orphan,
    "TIME-WAIT, listening": _time_wait_listening,
}
"""The same states by other ways: a simultaneous open, close() instead of shutdown(), a listener behind TIME-WAIT."""


def reach(profile: Profile, state: str) -> Bench:
    """Bring a host into a state by calls and segments. Raises AssertionError if it does not get there."""
    bench = Bench(profile)
    way = FURTHER[state] if state in FURTHER else WAYS[State(state)]
    way(bench)
    bench.host.transmit()
    assert standing(bench) == state.split(",", maxsplit=1)[0], (
        profile.name,
        state,
        standing(bench),
    )
    return bench


def standing(bench: Bench) -> State:
    """Where the host stands: the state of its connection, else LISTEN or CLOSED."""
    c = bench.connection()
    if c is not None:
        return c.state
    listens = any(socket.listener for socket in bench.host.sockets.values())
    return State.LISTEN if listens else State.CLOSED


def numbers(bench: Bench) -> tuple[int, int, int]:
    """RCV.NXT and SND.NXT, counted from the initial numbers, and the window to judge by."""
    c = bench.connection()
    if c is None:
        return 1, 1, 65535
    if not c.state.synchronized and c.state is not State.SYN_RECEIVED:
        return 1, c.snd_nxt - Seq(ISS), 65535
    window = c.rcv_wnd if c.mini or c.state is State.SYN_RECEIVED else judged_window(c)
    return c.rcv_nxt - Seq(IRS), c.snd_nxt - Seq(ISS), window


def cell(profile: Profile, state: str, kind: str, place: str) -> str:
    """What a host answers, and where it then stands: `. 2:2 ack 2 → TIME-WAIT`."""
    bench = reach(profile, state)
    next_seq, next_ack, window = numbers(bench)
    flags, data = KINDS[kind]
    answers = bench.give(flags, next_seq + PLACES[place](window), next_ack, data)
    said = "; ".join(shown(answer) for answer in answers) or "-"
    c = bench.connection()
    if c is not None and c.ack_at is not None:
        said = "(later) ." if said == "-" else f"{said}, (later) ."
    after = standing(bench)
    return said if after == state.split(",", maxsplit=1)[0] else f"{said} → {after}"


def shown(packet: Packet) -> str:
    """Write an answer as packetdrill does, numbers counted from the initial ones."""
    tcp = packet.body
    assert isinstance(tcp, Tcp)
    letters = "".join(
        letter
        for flag, letter in ((Flags.FIN, "F"), (Flags.SYN, "S"), (Flags.RST, "R"), (Flags.ACK, "."))
        if tcp.flags & flag
    )
    seq = "0" if tcp.flags & Flags.RST and not tcp.seq else str(Seq(tcp.seq) - Seq(ISS))
    ack = f" ack {Seq(tcp.ack) - Seq(IRS)}" if tcp.flags & Flags.ACK else ""
    return f"{letters} {seq}{ack}"


def rows() -> Iterator[tuple[str, ...]]:
    """Every row of the table: state, kind, place, and a cell a profile."""
    for state in (*State, *FURTHER):
        for kind in KINDS:
            for place in PLACES:
                cells = (cell(profile, state, kind, place) for profile in PROFILES.values())
                yield (str(state), kind, place, *cells)


def table() -> str:
    """The whole table."""
    lines = [
        "# What answers what: state × segment × place in the window",
        "",
        "Written by `python tools/matrix.py`, which says how each state is reached. `flags seq ack`, counted from the initial",
        "numbers; `-`: no answer; `(later)`: the ACK is delayed; `→`: the state changes. SEG.ACK is SND.NXT. First the eleven",
        "states, their sockets still open (FIN by shutdown), nobody listening behind TIME-WAIT; then some by other ways.",
        "",
        "| state | segment | place | " + " | ".join(PROFILES) + " |",
        "|---" * (3 + len(PROFILES)) + "|",
    ]
    lines += ["| " + " | ".join(row) + " |" for row in rows()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
