#!/usr/bin/env python3
"""Makes the captures of this folder: six ways in which a TCP connection closes, on a real kernel.

Each function is one experiment and writes one capture. The server always has 3000 bytes to write,
so that the numbers can be followed by eye: with S for the server's initial sequence number, the
data take S+1 … S+3000 and its FIN takes S+3001. Who acks S+3001 has all the data but not the FIN;
who acks S+3002 has the FIN too.

Run as root: `sudo python3 examples/make.py`. It works in network namespaces of its own that vanish
with it. Initial sequence numbers of kernels and all timestamps differ from run to run.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / folder) for folder in ("tools", "src")]

from finwait.lab.cable import Cable  # noqa: E402
from finwait.lab.net import state, unread  # noqa: E402
from finwait.lab.packet import Flags  # noqa: E402
from finwait.lab.stub import Peer, Stub  # noqa: E402
from lab.notebook import Notebook, main  # noqa: E402
from lab.truth import Connection, Why  # noqa: E402

PORT = 8080
REQUEST = b"3000 bytes, please\n"
DATA = bytes(65 + place % 26 for place in range(3000))  # ABC…Z, 3000 bytes of it
PEER_ISN = 1_000_000  # of the hand-made peer: round, so that its numbers can be read

ACK, FIN, PSH = Flags.ACK, Flags.FIN, Flags.PSH


def row(cable: Cable | Stub, from_port: int, close: str, closed_by: str, *cause: Why) -> Connection:
    """What all six have in common."""
    client, server = f"{cable.client_address}:{from_port}", f"{cable.server_address}:{PORT}"
    return Connection(client, server, close, closed_by, True, list(cause), server_bytes=len(DATA))


def four_way(notebook: Notebook) -> None:
    """The client closes; the server takes its time, so its kernel acks first and closes later."""
    with Cable() as cable:
        listener = cable.server.listen(PORT)
        client = cable.connected(cable.client.dial(40001, (cable.server_address, PORT)))
        server = cable.accept(listener)
        cable.exchange(client, server, REQUEST, DATA)
        client.close()  # FIN
        cable.hear_end(server)
        # FIN-WAIT-2: the server's kernel has acked the FIN; its process has not closed yet.
        cable.until(
            lambda: cable.client.states().get((40001, PORT)) == "FIN-WAIT-2", "the FIN was acked"
        )
        server.close()  # FIN
        cable.until(lambda: (PORT, 40001) not in cable.server.states(), "the last ACK came")
        listener.close()
        cable.stop()
        truth = row(cable, 40001, "four-way", "client", Why("orderly"))
        truth.client_state, truth.server_state = "TIME-WAIT", "CLOSED"
        truth.client_fins = truth.server_fins = 1
        truth.notes_absent = ["fin-retransmitted", "half-close-used", "retransmission"]
        notebook.keep(
            cable, "four-way.pcap", "The server closes 40 ms or more after it got the FIN.", truth
        )


def three_way(notebook: Notebook) -> None:
    """The client closes; the server closes at once, so its FIN carries the ACK."""
    with Cable() as cable:
        listener = cable.server.listen(PORT)
        client = cable.connected(cable.client.dial(40002, (cable.server_address, PORT)))
        server = cable.accept(listener)
        cable.exchange(client, server, REQUEST, DATA)
        client.close()  # FIN
        cable.hear_end(server)
        server.close()  # FIN, within the time that the kernel delays an ACK
        cable.until(lambda: (PORT, 40002) not in cable.server.states(), "the last ACK came")
        listener.close()
        cable.stop()
        truth = row(cable, 40002, "three-way", "client", Why("orderly"))
        truth.client_state, truth.server_state = "TIME-WAIT", "CLOSED"
        truth.client_fins = truth.server_fins = 1
        truth.notes_absent = ["fin-retransmitted", "half-close-used", "retransmission"]
        notebook.keep(
            cable, "three-way.pcap", "The server closes at once when it gets the FIN.", truth
        )


def simultaneous(notebook: Notebook) -> None:
    """Both FINs cross: the peer sends its own while the server's is on its way (acks S+3001)."""
    with Stub() as stub:
        peer = _served(stub, 40003)
        peer.send(FIN | ACK, ack=peer.kernel_isn + 3001)  # all data, not the FIN: they cross
        stub.until(
            lambda: stub.host.states().get((PORT, 40003)) == "CLOSING", "the kernel was in CLOSING"
        )
        peer.take(lambda s: s.ack == PEER_ISN + len(REQUEST) + 2, "our FIN was acked")
        peer.send(ACK, ack=peer.kernel_isn + 3002)  # its FIN too
        stub.until(
            lambda: stub.host.states().get((PORT, 40003)) == "TIME-WAIT",
            "the kernel was in TIME-WAIT",
        )
        truth = row(stub, 40003, "simultaneous", "both", Why("orderly"))
        truth.client_state = truth.server_state = "TIME-WAIT"
        truth.client_fins = truth.server_fins = 1
        truth.notes_absent = ["fin-retransmitted"]
        made = (
            "A peer of our own sends its FIN, acking S+3001, when the server's FIN is on its way."
        )
        notebook.keep(stub, "simultaneous.pcap", made, truth)


def simultaneous_fin_never_acked(notebook: Notebook) -> None:
    """As before, but the peer never acks S+3002: one short, and the server's FIN comes again."""
    with Stub() as stub:
        peer = _served(stub, 40004)
        peer.send(FIN | ACK, ack=peer.kernel_isn + 3001)
        for time in range(1, 5):
            peer.take(lambda s: s.fin, f"the FIN came again, {time}")
        truth = row(stub, 40004, "simultaneous", "both", Why("fin-never-acked"))
        truth.finished = False
        # Its FIN is acked; whether it took the other's, it alone knows.
        truth.client_state, truth.server_state = "FIN-WAIT-2 or TIME-WAIT", "CLOSING"
        truth.client_fins = 1
        truth.notes = ["fin-retransmitted"]
        made = "The peer's FIN crosses the server's and acks S+3001; it never acks S+3002."
        notebook.keep(stub, "simultaneous-fin-never-acked.pcap", made, truth)


def _served(stub: Stub, from_port: int) -> Peer:
    """A request, 3000 bytes and the server's FIN, all data acked, the FIN not."""
    peer = Peer(stub, from_port, PORT, PEER_ISN)
    listener = stub.host.listen(PORT)
    server = peer.connect(listener)
    listener.close()
    peer.send(PSH | ACK, REQUEST)
    stub.hear(server, len(REQUEST))
    server.send(DATA)
    peer.take(lambda s: s.end == peer.kernel_isn + 3001, "3000 bytes came")
    peer.send(ACK)
    server.close()
    peer.take(lambda s: s.fin, "the server's FIN came")
    return peer


def rst_without_fin(notebook: Notebook) -> None:
    """The client's process leaves with the answer unread: its kernel sends RST, never FIN."""
    with Cable() as cable:
        listener = cable.server.listen(PORT)
        client = cable.connected(cable.client.dial(40005, (cable.server_address, PORT)))
        server = cable.accept(listener)
        client.send(REQUEST)
        cable.hear(server, len(REQUEST))
        server.send(DATA)
        cable.until(lambda: unread(client) == len(DATA), "the answer lay in the client's kernel")
        client.close()  # 3000 bytes unread (RFC 2525 2.17): RST
        cable.hear_reset(server)
        server.close()
        listener.close()
        cable.stop()
        truth = row(
            cable, 40005, "reset", "client", Why("unread-data", most="likely"), Why("abort")
        )
        truth.reset_by, truth.reset_form = "client", "owner"
        truth.client_state = truth.server_state = "CLOSED"
        truth.client_fins = truth.server_fins = 0
        truth.notes = ["rst-owner"]
        notebook.keep(cable, "rst-without-fin.pcap", "close() with 3000 bytes unread.", truth)


def rst_after_fin(notebook: Notebook) -> None:
    """The server's FIN is acked and never followed: the client's process does not close. What that
    process sends at last finds nobody: RST."""
    with Cable() as cable:
        cable.server.sysctl(
            tcp_fin_timeout=1
        )  # s in FIN-WAIT-2 without a process; 60 is the default
        listener = cable.server.listen(PORT)
        client = cable.connected(cable.client.dial(40006, (cable.server_address, PORT)))
        server = cable.accept(listener)
        listener.close()
        cable.exchange(client, server, REQUEST, DATA)
        server.close()  # FIN, acked by the client's kernel: FIN-WAIT-2 here, CLOSE-WAIT there
        cable.until(lambda: (PORT, 40006) not in cable.server.states(), "FIN-WAIT-2 had expired")
        assert state(client) == "CLOSE-WAIT"
        client.send(b"one more thing")
        cable.hear_reset(client)
        client.close()
        cable.stop()
        why = Why("fin-wait-2-expired"), Why("keepalive-race-stale"), Why("data-after-close")
        truth = row(cable, 40006, "reset", "server", *why)
        truth.reset_by, truth.reset_form = "server", "reply"
        truth.client_state = truth.server_state = "CLOSED"
        truth.client_fins, truth.server_fins, truth.server_rsts = 0, 1, 1
        truth.notes = ["rst-reply"]
        made = "The server closed; its FIN-WAIT-2 expired (tcp_fin_timeout = 1); the client sent."
        notebook.keep(cable, "rst-after-fin.pcap", made, truth)


EXPERIMENTS = [
    four_way, three_way, simultaneous, simultaneous_fin_never_acked, rst_without_fin, rst_after_fin,
]  # fmt: skip

if __name__ == "__main__":
    sys.exit(main(HERE, EXPERIMENTS))
