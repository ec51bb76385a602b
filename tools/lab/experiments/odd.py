"""Segments that a decent kernel does not send, and how one takes them."""

from __future__ import annotations

import os
import socket

from finwait.lab.packet import Flags, Segment, build
from finwait.lab.stub import Peer, Stub
from finwait.lab.wire import Wire
from lab.notebook import Notebook
from lab.truth import Connection

from .common import ACK, BIG, FIN, PSH, REPLY, REQUEST, RST, orderly


def _talk(stub: Stub, from_port: int) -> tuple[Peer, socket.socket]:
    """An open connection with our peer as the client, one request and its reply behind it."""
    with stub.host.listen(80) as listener:
        peer = Peer(stub, from_port, 80, 7_000_000)
        server = peer.connect(listener)
    peer.send(PSH | ACK, REQUEST)
    stub.hear(server, len(REQUEST))
    server.send(REPLY)
    peer.take(lambda s: s.payload == REPLY, "the reply came")
    peer.send(ACK)
    return peer, server


def _close(stub: Stub, peer: Peer, server: socket.socket) -> Connection:
    """Our peer closes first; the kernel's FIN carries the ACK."""
    peer.send(FIN | ACK)
    stub.hear_end(server)
    server.close()
    peer.take(lambda s: s.fin, "the kernel's FIN came")
    peer.send(ACK)
    stub.settle()
    return orderly(stub, (peer.port, 80), "three-way", "client")


def data_after_fin(notebook: Notebook) -> None:
    """Payload beyond one's own FIN; the kernel takes none of it (RFC 9293 3.10.7.4, eighth)."""
    with Stub() as stub:
        peer, server = _talk(stub, 40901)
        peer.send(FIN | ACK)
        stub.hear_end(server)
        stub.settle()
        fin_end = peer.nxt
        peer.send(PSH | ACK, b"and another thing", seq=fin_end)
        stub.settle()
        server.close()
        peer.take(lambda s: s.fin, "the kernel's FIN came")
        peer.send(ACK, seq=fin_end)
        stub.settle()
        row = orderly(stub, (40901, 80), "four-way", "client")
        row.notes, row.client_fins = ["data-after-fin"], 1
        notebook.keep(stub, "data-after-fin.pcap", "17 bytes 60 ms after our peer's own FIN.", row)


def _next(peer: Peer, flags: Flags, payload: bytes = b"") -> Segment:
    """What our peer would send next, without sending it."""
    ends = peer.stub.peer_address, peer.stub.host.address, peer.port, peer.kernel_port
    return Segment(*ends, peer.nxt, peer.rcv, flags, payload=payload)


def _put_spoilt(stub: Stub, segment: Segment) -> None:
    """Hands the kernel a segment whose TCP checksum is wrong."""
    data = bytearray(build(segment))
    data[36] ^= 0x55  # the checksum's first byte, behind 20 bytes of IP
    stub.recorder.add(bytes(data))
    os.write(stub.descriptor, data)


def bad_checksum_reset(notebook: Notebook) -> None:
    """An exact RST whose checksum is wrong ends nothing; both go on and close."""
    with Stub() as stub:
        peer, server = _talk(stub, 40909)
        _put_spoilt(stub, _next(peer, RST | ACK))
        stub.settle()
        peer.send(PSH | ACK, REQUEST)
        stub.hear(server, len(REQUEST))
        server.send(REPLY)
        peer.take(lambda s: s.payload == REPLY, "the reply came")
        row = _close(stub, peer, server)
        row.notes, row.client_rsts = ["bad-checksum"], None
        row.client_bytes, row.server_bytes = 2 * len(REQUEST), 2 * len(REPLY)
        made = "RST+ACK with the right numbers and a wrong checksum; then more data."
        notebook.keep(stub, "bad-checksum-rst.pcap", made, row)


def bad_checksum(notebook: Notebook) -> None:
    """A request whose checksum is wrong: the kernel drops it, the repeat is taken."""
    with Stub() as stub:
        peer, server = _talk(stub, 40902)
        _put_spoilt(stub, _next(peer, PSH | ACK, REQUEST))
        stub.settle()
        peer.send(PSH | ACK, REQUEST)
        stub.hear(server, len(REQUEST))
        server.send(REPLY)
        peer.take(lambda s: s.payload == REPLY, "the reply came")
        row = _close(stub, peer, server)
        row.notes = ["bad-checksum"]
        row.client_bytes, row.server_bytes = 2 * len(REQUEST), 2 * len(REPLY)
        notebook.keep(stub, "bad-checksum.pcap", "One byte of a checksum is wrong.", row)


def overlapping(notebook: Notebook) -> None:
    """Payload sent again cut at other places: 100 bytes, then the last 60 of them with 40 more."""
    with Stub() as stub:
        peer, server = _talk(stub, 40903)
        start = peer.nxt
        peer.send(PSH | ACK, BIG[:100])
        peer.send(PSH | ACK, BIG[40:140], seq=(start + 40) % (1 << 32))
        stub.hear(server, 140)
        peer.nxt = start + 140
        row = _close(stub, peer, server)
        row.notes, row.client_bytes = ["overlap"], len(REQUEST) + 140
        notebook.keep(stub, "overlap.pcap", "Bytes 0 to 99, then 40 to 139.", row)


def sent_again_for_nothing(notebook: Notebook) -> None:
    """Payload that was acked is sent once more."""
    with Stub() as stub:
        peer, server = _talk(stub, 40904)
        start = peer.nxt
        peer.send(PSH | ACK, REQUEST)
        stub.hear(server, len(REQUEST))
        peer.take(lambda s: s.ack == peer.nxt, "the request was acked")
        peer.send(PSH | ACK, REQUEST, seq=start)
        stub.settle()
        row = _close(stub, peer, server)
        row.notes, row.client_bytes = ["spurious-retransmission"], 2 * len(REQUEST)
        notebook.keep(stub, "sent-again.pcap", "A request, acked, sent again.", row)


def urgent(notebook: Notebook) -> None:
    """Urgent data."""
    with Wire() as wire:
        client, server = wire.open(80, 40905)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        wire.exchange(client, server, REQUEST, REPLY)
        client.send(b"!", socket.MSG_OOB)
        wire.hear(server, 1)
        client.close()
        wire.hear_end(server)
        server.close()
        wire.settle()
        row = orderly(wire, (40905, 80), "three-way", "client")
        row.notes, row.client_bytes = ["urgent"], len(REQUEST) + 1
        notebook.keep(wire, "urgent.pcap", "send(MSG_OOB).", row)


def reordered(notebook: Notebook) -> None:
    """Two of three data segments arrive in the wrong order; none is lost."""
    with Wire(tap="server") as wire:
        client, server = wire.open(80, 40907)
        wire.exchange(client, server, REQUEST, REPLY)
        wire.settle()
        wire.hold("client")
        client.send(BIG)
        wire.until(lambda: len(wire.held) == 3, "three segments were on their way")
        wire.release(lambda held: [held[1], held[0], held[2]])
        wire.hear(server, len(BIG))
        client.close()
        wire.hear_end(server)
        server.close()
        wire.settle()
        row = orderly(wire, (40907, 80), "three-way", "client")
        row.client_bytes, row.notes = len(REQUEST) + len(BIG), ["reordering"]
        row.notes_absent = ["capture-gap", "fin-out-of-order"]
        notebook.keep(wire, "reordered.pcap", "The second segment of three comes first.", row)


def http(notebook: Notebook) -> None:
    """An HTTP/1.1 request and its reply."""
    ask = b"GET /why HTTP/1.1\r\nHost: server.example\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nbecause\n"
    with Wire() as wire:
        client, server = wire.open(80, 40908)
        wire.exchange(client, server, ask, answer)
        server.close()
        wire.hear_end(client)
        client.close()
        wire.settle()
        row = orderly(wire, (40908, 80), "three-way", "server")
        row.client_bytes, row.server_bytes = len(ask), len(answer)
        row.notes, row.notes_absent = ["http"], ["tls", "unanswered-request"]
        notebook.keep(wire, "http.pcap", "One request, one reply, Connection: close.", row)


def sequence_wraps(notebook: Notebook) -> None:
    """Our peer's numbers pass 2^32 in the middle of its data, and its FIN lies beyond."""
    with Stub() as stub:
        with stub.host.listen(80) as listener:
            peer = Peer(stub, 40906, 80, (1 << 32) - 21)
            server = peer.connect(listener)
        peer.send(PSH | ACK, REQUEST)
        stub.hear(server, len(REQUEST))
        peer.take(lambda s: s.ack == peer.nxt, "the request was acked")
        peer.send(PSH | ACK, BIG[:40])
        stub.hear(server, 40)
        server.send(REPLY)
        peer.take(lambda s: s.payload == REPLY, "the reply came")
        row = _close(stub, peer, server)
        row.client_bytes, row.client_fins = len(REQUEST) + 40, 1
        row.notes_absent = ["retransmission", "capture-gap", "overlap", "reordering"]
        notebook.keep(stub, "sequence-wraps.pcap", "ISN 2^32 - 21.", row)


EXPERIMENTS = [
    data_after_fin,
    bad_checksum,
    bad_checksum_reset,
    overlapping,
    sent_again_for_nothing,
    urgent,
    sequence_wraps,
    reordered,
    http,
]
