"""Orderly connections, captured in ways that mislead."""

from __future__ import annotations

from finwait.lab.cable import Cable
from finwait.lab.packet import Segment, parse
from finwait.lab.wire import Wire
from lab.notebook import Notebook
from lab.truth import Why

from .common import ANY, BIG, ORDERLY, REPLY, REQUEST, orderly, told


def _cable_life(cable: Cable, from_port: int, reply: bytes = REPLY) -> None:
    """One request, one reply, the client closes first and the server at once."""
    with cable.server.listen(80) as listener:
        caller = cable.client.dial(from_port, (cable.server_address, 80))
        client = cable.connected(caller)
        server = cable.accept(listener)
    cable.exchange(client, server, REQUEST, reply)
    client.close()
    cable.hear_end(server)
    server.close()
    cable.until(lambda: (80, from_port) not in cable.server.states(), "the last ACK came")
    cable.stop()


def _life(net: Wire, from_port: int) -> None:
    """The same on a wire, with 4000 bytes of request."""
    client, server = net.open(80, from_port)
    net.exchange(client, server, BIG, REPLY)
    client.close()
    net.hear_end(server)
    server.close()
    net.settle()


def on_any(notebook: Notebook) -> None:
    """`tcpdump -i any` on a bridge host: every packet is captured twice (cooked v1 and v2)."""
    for from_port, kind in ((41001, "LINUX_SLL"), (41002, "LINUX_SLL2")):
        with Cable(f"-i any -y {kind}", bridge=True) as cable:
            _cable_life(cable, from_port)
            row = orderly(cable, (from_port, 80), "three-way", "client")
            row.client_bytes, row.server_bytes = len(REQUEST), len(REPLY)
            row.client_fins = row.server_fins = 1
            row.notes = ["capture-duplicate"]
            row.notes_absent = ["retransmission", "spurious-retransmission", "fin-retransmitted",
                                "syn-retransmitted"]  # fmt: skip
            made = f"tcpdump -i any -y {kind} where the cable ends in a bridge."
            remark = "FINs are counted once a packet, not once a copy."
            file = f"any-{kind.removeprefix('LINUX_').lower()}.pcap"
            notebook.keep(cable, file, made, row, remark=remark)


def offloaded(notebook: Notebook) -> None:
    """Captured before the "card" fills in checksums and cuts: big segments, sums half done."""
    with Cable(offload=True, options="-i cable -s 200") as cable:
        _cable_life(cable, 41003, BIG * 5)
        row = orderly(cable, (41003, 80), "three-way", "client")
        row.server_bytes, row.notes = len(BIG) * 5, ["offloaded-checksum"]
        row.notes_absent = ["bad-checksum", "capture-gap", "retransmission"]
        made = "veth with its offloads on; 20000 bytes of reply; snap length 200."
        notebook.keep(cable, "offloaded.pcap", made, row)


def two_vlans(notebook: Notebook) -> None:
    """The same two ends and ports on VLAN 10 and on VLAN 20: two connections."""
    with Wire(ethernet=True, vlan=10) as ten, Wire(ethernet=True, vlan=20) as twenty:
        first = ten.open(80, 41004)
        second = twenty.open(80, 41004)
        ten.exchange(*first, REQUEST, REPLY)
        twenty.exchange(*second, REQUEST, REPLY)
        first[0].close()
        ten.hear_end(first[1])
        first[1].close()
        ten.settle()
        second[1].close()
        twenty.hear_end(second[0])
        second[0].close()
        twenty.settle()
        frames = sorted(ten.recorder.frames + twenty.recorder.frames, key=lambda frame: frame.ts)
        ten.recorder.frames = frames
        rows = [orderly(ten, (41004, 80), "three-way", who) for who in ("client", "server")]
        for row in rows:
            row.notes_absent = ["tuple-reused", "syn-in-connection", "retransmission"]
        notebook.keep(ten, "two-vlans.pcap", "802.1Q tags 10 and 20, else the same ends.", *rows)
        for row in rows:
            row.kernel = []  # it cannot tell the two apart either


def vlan_each_way(notebook: Notebook) -> None:
    """Requests come in on VLAN 10 and replies leave on VLAN 20, as at a router: one connection."""
    with Wire(ethernet=True, vlan=(10, 20)) as wire:
        _life(wire, 41015)
        row = orderly(wire, (41015, 80), "three-way", "client")
        row.client_bytes, row.server_bytes = len(BIG), len(REPLY)
        row.notes, row.notes_absent = ["scopes-differ"], ["one-direction", "midstream"]
        made = "802.1Q tag 10 on the way there, 20 on the way back."
        notebook.keep(wire, "vlan-each-way.pcap", made, row)


def one_direction(notebook: Notebook) -> None:
    """Only one side's segments were captured: first the client's, then the server's."""
    for from_port, side in ((41005, "client"), (41006, "server")):
        with Wire() as wire:
            _life(wire, from_port)
            address = wire.client_address if side == "client" else wire.server_address
            wire.recorder.keep(lambda place, data, a=address: _segment(data).src == a)  # type: ignore[misc]
            row = told(wire, (from_port, 80), ANY, ANY, finished=True, cause=[])
            row.finished = ANY  # type: ignore[assignment]
            row.handshake, row.notes = "partial", ["one-direction"]
            row.notes_absent = ["retransmission", "capture-duplicate"]
            row.client_fins, row.server_fins = (1, 0) if side == "client" else (0, 1)
            row.client_bytes = len(BIG) if side == "client" else None
            made = f"Only what the {side} sent."
            notebook.keep(wire, f"one-direction-{side}.pcap", made, row)


def midstream(notebook: Notebook) -> None:
    """The capture begins after the handshake; then, of another connection, after the first FIN."""
    with Wire() as wire:
        _life(wire, 41007)
        wire.recorder.keep(lambda place, data: place >= 3)
        row = orderly(wire, (41007, 80), "three-way", "client")
        row.handshake, row.notes = "missing", ["midstream"]
        row.client_bytes, row.server_bytes = len(BIG), len(REPLY)
        notebook.keep(
            wire, "midstream.pcap", "The three segments of the handshake are missing.", row
        )
    with Wire() as wire:
        _life(wire, 41008)
        wire.recorder.keep(lambda place, data: place >= len(wire.recorder.frames) - 2)
        causes = [Why("stray-segments"), *ORDERLY, Why("capture-ended"), Why("unknown")]
        row = told(wire, (41008, 80), ANY, ANY, finished=True, cause=causes)
        row.finished = ANY  # type: ignore[assignment]
        row.handshake, row.notes, row.server_fins = "missing", ["midstream"], 1
        notebook.keep(wire, "tail.pcap", "Only the second FIN and its ACK.", row)


def stray_reset(notebook: Notebook) -> None:
    """A lone RST, all that was captured of a connection that the server aborted."""
    with Wire() as wire:
        client, server = wire.open(80, 41009)
        wire.exchange(client, server, REQUEST, REPLY)
        wire.settle()
        wire.server.destroy(80, 41009)
        wire.settle()
        wire.recorder.keep(lambda place, data: _segment(data).rst)
        row = told(wire, (41009, 80), ANY, ANY, finished=True, cause=[Why("stray-reset")])
        row.finished = ANY  # type: ignore[assignment]
        row.handshake, row.reset_by, row.server_rsts = "missing", ANY, 1
        notebook.keep(wire, "stray-reset.pcap", "One RST+ACK and nothing else.", row)
        client.close()
        server.close()


def gaps(notebook: Notebook) -> None:
    """The capture lost the second of three data segments, though the server got it."""
    with Wire() as wire:
        _life(wire, 41010)
        sizes = [len(_segment(frame.data).payload) for frame in wire.recorder.frames]
        second = sizes.index(max(sizes)) + 1
        wire.recorder.keep(lambda place, data: place != second)
        row = orderly(wire, (41010, 80), "three-way", "client")
        row.notes, row.notes_absent = ["capture-gap"], ["retransmission"]
        notebook.keep(wire, "gap.pcap", "One data segment is not in the capture.", row)


def short_snaplen(notebook: Notebook) -> None:
    """Captured with 96 bytes a frame."""
    with Wire(ethernet=True) as wire:
        _life(wire, 41011)
        wire.recorder.cut(96)
        row = orderly(wire, (41011, 80), "three-way", "client")
        row.client_bytes, row.notes_absent = len(BIG), ["capture-gap", "bad-checksum"]
        notebook.keep(wire, "snaplen-96.pcap", "Frames cut to 96 bytes.", row)


def backwards(notebook: Notebook) -> None:
    """Two data segments lie in the file in the wrong order, with their right times."""
    with Wire() as wire:
        _life(wire, 41012)
        frames = wire.recorder.frames
        first = next(at for at, frame in enumerate(frames) if _segment(frame.data).payload)
        frames[first], frames[first + 1] = frames[first + 1], frames[first]
        row = orderly(wire, (41012, 80), "three-way", "client")
        row.client_bytes, row.notes = len(BIG), ["time-backwards"]
        notebook.keep(wire, "backwards.pcap", "Frames 4 and 5 change places.", row)


def _segment(frame: bytes) -> Segment:
    segment = parse(frame)
    assert segment is not None
    return segment


EXPERIMENTS = [
    on_any, offloaded, two_vlans, vlan_each_way, one_direction, midstream, stray_reset, gaps, short_snaplen,
    backwards,
]  # fmt: skip
