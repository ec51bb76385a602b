"""What meets a TIME-WAIT, and tuples used twice (diagnosis D10)."""

from __future__ import annotations

from dataclasses import replace

from finwait.lab.net import forget
from finwait.lab.stub import MSS, Peer, Stub
from finwait.lab.wire import Wire
from lab.notebook import Notebook
from lab.truth import Connection, Why

from .common import ACK, ANY, FIN, ORDERLY, PSH, REPLY, REQUEST, RST, SYN, orderly, told

HIGH, LOW = 9_000_000, 1_000_000  # initial sequence numbers: the second is an old one to TIME-WAIT


def reuse_accepted(notebook: Notebook) -> None:
    """The server closes first; the client calls again from the same port: TIME-WAIT gives way."""
    with Wire() as wire:
        listener = wire.server.listen(80)
        rows = []
        for _ in range(2):
            client, server = wire.call(listener, 40601)
            wire.exchange(client, server, REQUEST, REPLY)
            server.close()
            wire.hear_end(client)
            client.close()
            wire.settle()
            row = orderly(wire, (40601, 80), "three-way", "server")
            row.client_bytes, row.server_bytes = len(REQUEST), len(REPLY)
            rows.append(row)
        rows[0].notes_absent = ["tuple-reused", "time-wait-reuse", "syn-in-connection"]
        rows[1].notes = ["tuple-reused", "time-wait-reuse"]
        made = "The same two ports twice within a second; the server holds TIME-WAIT."
        notebook.keep(wire, "time-wait-reused.pcap", made, *rows)
        listener.close()


def reuse_refused(notebook: Notebook) -> None:
    """A SYN with old numbers meets TIME-WAIT: an ACK of the old connection, RST, and again. With
    tcp_rfc1337 = 1 that RST does not help."""
    with Stub() as stub:
        stub.host.sysctl(tcp_rfc1337=1)
        first = _closed_by_the_kernel(stub, 40602)
        peer = Peer(stub, 40602, 80, LOW)
        for _ in range(2):
            _old_ack_and_reset(peer)
            stub.wait(1)
        second = told(stub, (40602, 80), ANY, ANY, finished=True, cause=[])
        second.cause = [Why("time-wait-reuse-refused")]
        second.finished, second.handshake, second.reset_by = ANY, "partial", ANY  # type: ignore[assignment]
        second.client_rsts, second.notes = 2, ["time-wait-refused"]
        second.kernel = ["server: TIME-WAIT at the end"]
        made = "A second SYN whose number lies below the old connection's; tcp_rfc1337 = 1."
        notebook.keep(stub, "time-wait-refused.pcap", made, first, second)


def refused_then_accepted(notebook: Notebook) -> None:
    """As before with tcp_rfc1337 = 0: the RST kills TIME-WAIT, and the next SYN is accepted."""
    with Stub() as stub:
        first = _closed_by_the_kernel(stub, 40603)
        with stub.host.listen(80) as listener:
            peer = Peer(stub, 40603, 80, LOW)
            _old_ack_and_reset(peer)
            peer.send(SYN, options=MSS, seq=LOW)
            answer = peer.take(lambda s: s.syn, "the SYN-ACK came")
            peer.kernel_isn = answer.seq
            peer.nxt = LOW + 1
            peer.send(ACK)
            server = stub.accept(listener)
        peer.send(PSH | ACK, REQUEST)
        stub.hear(server, len(REQUEST))
        server.send(REPLY)
        peer.take(lambda s: s.payload == REPLY, "the reply came")
        server.close()
        peer.take(lambda s: s.fin, "the FIN came")
        peer.send(FIN | ACK)
        peer.take(lambda s: s.ack == peer.nxt, "our FIN was acked")
        second = told(stub, (40603, 80), "three-way", "server", finished=True, cause=list(ORDERLY))
        second.client_state, second.server_state = "CLOSED", "TIME-WAIT"
        second.server_bytes, second.notes = len(REPLY), ["time-wait-refused"]
        made = "The RST that answers the old ACK kills TIME-WAIT (RFC 1337); the SYN comes again."
        notebook.keep(stub, "time-wait-killed.pcap", made, first, second)


def _closed_by_the_kernel(stub: Stub, from_port: int) -> Connection:
    """A connection that leaves TIME-WAIT in the kernel."""
    with stub.host.listen(80) as listener:
        peer = Peer(stub, from_port, 80, HIGH)
        server = peer.connect(listener)
    peer.send(PSH | ACK, REQUEST)
    stub.hear(server, len(REQUEST))
    server.send(REPLY)
    peer.take(lambda s: s.payload == REPLY, "the reply came")
    server.close()
    peer.take(lambda s: s.fin, "the FIN came")
    peer.send(FIN | ACK)
    peer.take(lambda s: s.ack == peer.nxt, "our FIN was acked")
    row = orderly(stub, (from_port, 80), "three-way", "server")
    row.client_bytes, row.server_bytes = len(REQUEST), len(REPLY)
    row.reset_by = "none"
    return row


def _old_ack_and_reset(peer: Peer) -> None:
    """What a kernel in SYN-SENT does with an ACK it cannot use: RST with the ACK's number."""
    peer.send(SYN, options=MSS, seq=LOW)
    old = peer.take(lambda s: s.flags == ACK, "the ACK of the old connection came")
    peer.send(RST, seq=old.ack, window=0)


def assassination(notebook: Notebook) -> None:
    """A RST with the right number kills TIME-WAIT (RFC 1337, tcp_rfc1337 = 0)."""
    with Wire(tap="server") as wire:
        client, server = wire.open(80, 40604)
        wire.exchange(client, server, REQUEST, REPLY)
        server.close()
        wire.hear_end(client)
        client.close()
        wire.settle()
        assert wire.server.states()[(80, 40604)] == "TIME-WAIT"
        last = wire.last["client"]
        wire.inject(
            replace(last, seq=last.end, ack=0, flags=RST, window=0, options=b""), to="server"
        )
        wire.settle()
        assert (80, 40604) not in wire.server.states()
        row = orderly(wire, (40604, 80), "three-way", "server")
        row.server_state = "CLOSED or TIME-WAIT"
        row.client_rsts, row.notes = 1, ["rst-after-close", "time-wait-assassinated"]
        row.kernel = ["server: TIME-WAIT before the RST, no socket after it"]
        made = "An exact RST to the TIME-WAIT of the server."
        notebook.keep(wire, "time-wait-assassinated.pcap", made, row)


def late_data(notebook: Notebook) -> None:
    """Payload of the closed connection comes once more: TIME-WAIT acks and stays."""
    with Stub() as stub:
        row = _closed_by_the_kernel(stub, 40605)
        peer = Peer(stub, 40605, 80, HIGH + 1)
        kernel_end = stub.recorder.frames[-1].data
        peer.rcv = int.from_bytes(kernel_end[24:28], "big")  # SEQ of the kernel's last ACK
        peer.send(PSH | ACK, REQUEST, seq=HIGH + 1)
        stub.settle()
        row.notes = ["late-segment"]
        row.kernel = [f"server: {stub.host.states().get((80, 40605))} at the end"]
        made = "The request once more, after both FINs were acked."
        notebook.keep(stub, "late-data.pcap", made, row)


def port_reused(notebook: Notebook) -> None:
    """Both ends lose the connection without a word; then the same ports open anew."""
    with Wire() as wire:
        listener = wire.server.listen(80)
        client, server = wire.call(listener, 40606)
        wire.exchange(client, server, REQUEST, REPLY)
        wire.settle()
        forget(client)
        forget(server)
        client, server = wire.call(listener, 40606)
        wire.exchange(client, server, REQUEST, REPLY)
        client.close()
        wire.hear_end(server)
        server.close()
        wire.settle()
        old = told(wire, (40606, 80), "open", "none", finished=False, cause=[Why("port-reused")])
        old.client_state = old.server_state = "ESTABLISHED"
        new = orderly(wire, (40606, 80), "three-way", "client")
        new.notes = ["tuple-reused"]
        for row in (old, new):
            row.client_bytes, row.server_bytes = len(REQUEST), len(REPLY)
        made = "Both sockets vanish without a word (TCP_REPAIR); the same ports open again."
        notebook.keep(wire, "port-reused.pcap", made, old, new)
        listener.close()


def half_open_call(notebook: Notebook) -> None:
    """Only the client loses the connection; its new SYN meets the old one: challenge ACK, RST, and
    the SYN once more after 1 s (diagnosis: SYN-CHALLENGE)."""
    with Wire() as wire:
        listener = wire.server.listen(80)
        client, server = wire.call(listener, 40607)
        wire.exchange(client, server, REQUEST, REPLY)
        wire.settle()
        forget(client)
        client, again = wire.call(listener, 40607)
        wire.exchange(client, again, REQUEST, REPLY)
        client.close()
        wire.hear_end(again)
        again.close()
        wire.settle()
        server.close()
        causes = [Why("port-reused"), Why("peer-lost-state")]
        old = told(wire, (40607, 80), "reset", "client", finished=True, cause=causes)
        old.reset_by, old.reset_form = "client", "reply"
        new = orderly(wire, (40607, 80), "three-way", "client")
        new.notes = ["tuple-reused"]
        remark = "Whether the first SYN, its answer and the RST count as old or new is open."
        made = "The client's socket vanishes (TCP_REPAIR); a new call from the same port."
        notebook.keep(wire, "half-open-call.pcap", made, old, new, remark=remark)
        listener.close()


EXPERIMENTS = [
    reuse_accepted, reuse_refused, refused_then_accepted, assassination, late_data, port_reused,
    half_open_call,
]  # fmt: skip
