"""The judge of the column `linux`: this machine's kernel, asked the same questions over a TUN device."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from finwait.endpoint import LINUX
from finwait.lab.packet import Flags as WireFlags
from finwait.lab.packet import Segment
from finwait.lab.stub import MSS, Stub
from finwait.tcp import Flags, State
from matrix import FURTHER, IRS, ISS, KINDS, PLACES, cell, numbers, reach

SYN, ACK, FIN = WireFlags.SYN, WireFlags.ACK, WireFlags.FIN
SILENT = 9
"""A port that nobody listens on: its RST says that the kernel has answered all that came before."""
STATES = {
    "01": "ESTABLISHED",
    "02": "SYN-SENT",
    "03": "SYN-RECEIVED",
    "04": "FIN-WAIT-1",
    "05": "FIN-WAIT-2",
    "06": "TIME-WAIT",
    "07": "CLOSED",
    "08": "CLOSE-WAIT",
    "09": "LAST-ACK",
    "0B": "CLOSING",
}
"""Linux include/net/tcp_states.h, as /proc/net/tcp writes them."""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)


class Kernel:
    """One namespace; each question gets ports of its own."""

    def __init__(self) -> None:
        self.stub = Stub()
        self.port, self.peer_port = 8000, 20000
        self.open: list[socket.socket] = []
        self.isn = 0

    def put(
        self,
        flags: int,
        seq: int,
        ack: int = 0,
        data: bytes = b"",
        options: bytes = b"",
        port: int | None = None,
    ) -> None:
        acknowledges = (self.isn + ack) % 2**32 if flags & ACK else 0
        self.stub.put(
            Segment(
                self.stub.peer_address,
                self.stub.host.address,
                self.peer_port,
                port or self.port,
                (IRS + seq) % 2**32,
                acknowledges,
                WireFlags(flags),
                32767,
                options,
                data,
            )
        )

    def answers(self) -> list[Segment]:
        """All that the kernel has said by now."""
        self.put(SYN, 0, port=SILENT)
        found: list[Segment] = []

        def asked() -> bool:
            while self.stub.inbox:
                segment = self.stub.inbox.pop(0)
                if segment.sport == SILENT:
                    return True
                if segment.sport == self.port:
                    found.append(segment)
            return False

        self.stub.until(asked, "the kernel refused a connection")
        return found

    def one(self, what: str) -> Segment:
        """Wait for one answer, which may be delayed."""
        found: list[Segment] = []

        def came() -> bool:
            found.extend(self.answers())
            return bool(found)

        self.stub.until(came, what)
        return found[0]

    def state(self) -> str | None:
        """Where the kernel stands, None if it holds nothing for these ports."""
        with self.stub.host.namespace.entered():
            lines = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
        for line in lines:
            _, local, remote, code, *_ = line.split()
            if local.endswith(f":{self.port:04X}") and remote.endswith(f":{self.peer_port:04X}"):
                return STATES[code]
        return None

    def connect(self) -> socket.socket:
        self.port, self.peer_port = self.port + 1, self.peer_port + 1
        made = self.stub.host.endpoint()
        self.open.append(made)
        made.bind((self.stub.host.address, self.port))
        made.connect_ex((self.stub.peer_address, self.peer_port))
        self.isn = self.one("a SYN came").seq
        return made

    def establish(self) -> socket.socket:
        made = self.connect()
        self.put(SYN | ACK, 0, 1, options=MSS)
        self.one("the handshake was over")
        return made

    def listen(self) -> None:
        self.port, self.peer_port = self.port + 1, self.peer_port + 1
        made = self.stub.host.endpoint()
        self.open.append(made)
        made.bind((self.stub.host.address, self.port))
        made.listen(5)

    def reach(self, state: str) -> None:
        """The ways of tools/matrix.py."""
        if state in FURTHER:
            self._beyond(state)
        elif state is State.CLOSED:
            self.port, self.peer_port = self.port + 1, self.peer_port + 1
        elif state is State.LISTEN:
            self.listen()
        elif state is State.SYN_SENT:
            self.connect()
        elif state is State.SYN_RECEIVED:
            self.listen()
            self.put(SYN, 0, options=MSS)
            self.isn = self.one("a SYN,ACK came").seq
        else:
            self._further(State(state), self.establish())

    def _further(self, state: State, made: socket.socket) -> None:
        if state in {State.CLOSE_WAIT, State.LAST_ACK}:
            self.put(FIN | ACK, 1, 1)
            self.one("our FIN was acknowledged")
        if state not in {State.ESTABLISHED, State.CLOSE_WAIT}:
            made.shutdown(socket.SHUT_WR)
            self.one("a FIN came")
        if state in {State.FIN_WAIT_2, State.TIME_WAIT}:
            self.put(ACK, 1, 2)
        if state is State.CLOSING:
            self.put(FIN | ACK, 1, 1)
            self.one("our FIN was acknowledged")
        if state is State.TIME_WAIT:
            self.put(FIN | ACK, 1, 2)
            self.one("our FIN was acknowledged")

    def _beyond(self, situation: str) -> None:
        """The situations of FURTHER."""
        if situation == "SYN-RECEIVED, both opened":
            self.connect()
            self.put(SYN, 0, options=MSS)
            self.one("a SYN,ACK came")
            return
        if situation == "TIME-WAIT, listening":
            self._time_wait_with_listener()
            return
        made = self.establish()
        if situation.startswith("LAST-ACK"):
            self.put(FIN | ACK, 1, 1)
            self.one("our FIN was acknowledged")
        made.close()
        self.one("a FIN came")
        if situation.startswith("FIN-WAIT-2"):
            self.put(ACK, 1, 2)
        if situation.startswith("CLOSING"):
            self.put(FIN | ACK, 1, 1)
            self.one("our FIN was acknowledged")

    def _time_wait_with_listener(self) -> None:
        self.listen()
        listener = self.open[-1]
        self.put(SYN, 0, options=MSS)
        self.isn = self.one("a SYN,ACK came").seq
        self.put(ACK, 1, 1)
        self.answers()
        child, _ = listener.accept()
        self.open.append(child)
        child.shutdown(socket.SHUT_WR)
        self.one("a FIN came")
        self.put(FIN | ACK, 1, 2)
        self.one("our FIN was acknowledged")

    def close(self) -> None:
        for made in self.open:
            made.close()
        self.stub.close()


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    made = Kernel()
    yield made
    made.close()


def shown(kernel: Kernel, segment: Segment) -> str:
    """As tools/matrix.py writes an answer."""
    letters = "".join(
        letter
        for flag, letter in ((Flags.FIN, "F"), (Flags.SYN, "S"), (Flags.RST, "R"), (Flags.ACK, "."))
        if int(segment.flags) & int(flag)
    )
    rst = bool(segment.flags & WireFlags.RST)
    isn = kernel.isn or ISS
    seq = 0 if rst and not segment.seq else (segment.seq - isn + 2**31) % 2**32 - 2**31
    if segment.flags & SYN and isn == ISS:
        seq = 0  # a number that we could not know
    ack = f" ack {(segment.ack - IRS + 2**31) % 2**32 - 2**31}" if segment.flags & ACK else ""
    return f"{letters} {seq}{ack}"


def ask(kernel: Kernel, state: str, kind: str, place: str) -> str:
    """One cell, from the kernel."""
    kernel.isn = ISS
    kernel.reach(state)
    kernel.answers()
    next_seq, next_ack, window = numbers(reach(LINUX, state))
    flags, data = KINDS[kind]
    kernel.put(int(flags), next_seq + PLACES[place](window), next_ack, data)
    said = "; ".join(shown(kernel, answer) for answer in kernel.answers()) or "-"
    listens = state in {State.LISTEN, State.SYN_RECEIVED, "TIME-WAIT, listening"}
    after = kernel.state() or ("LISTEN" if listens else "CLOSED")
    return said if after == state.split(",", maxsplit=1)[0] else f"{said} → {after}"


@pytest.mark.parametrize("state", [*State, *FURTHER])
def test_the_kernel_answers_as_the_column_linux_says(kernel: Kernel, state: str) -> None:
    differences = []
    for kind in KINDS:
        for place in PLACES:
            expected = (
                cell(LINUX, state, kind, place).replace(", (later) .", "").replace("(later) .", "-")
            )
            found = ask(kernel, state, kind, place)
            if found != expected:
                differences.append(
                    f"{state} {kind}, {place}: kernel {found!r}, profile {expected!r}"
                )
    assert not differences, "\n".join(differences)
