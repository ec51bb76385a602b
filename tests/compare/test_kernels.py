"""Two kernels on a wire that is captured at both ends: what the wire did is proved, and nothing else."""

import os
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import finwait
from finwait.lab.packet import Flags, Segment
from finwait.lab.taps import AHEAD, Taps
from finwait.lab.wire import Packet

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)
Play = Callable[[Taps, socket.socket, socket.socket], None]
TTL_OF_A_DEVICE = 113


def compared(play: Play, folder: Path, *, six: bool = False, **capture: Any) -> tuple[finwait.Comparison, Taps]:  # fmt: skip
    """Play something on a connection after a request and its reply."""
    with Taps(six=six) as wire:
        client, server = wire.open(80, 40001)
        wire.exchange(client, server, b"x" * 100, b"y" * 3000)
        play(wire, client, server)
        client.close()
        server.close()
        wire.settle()
        paths = wire.captures(folder, **capture)
    return finwait.compare(*paths), wire


def kinds(comparison: finwait.Comparison) -> dict[str, int]:
    return dict(Counter(d.kind for one in comparison.connections for d in one.differences))


def proved(comparison: finwait.Comparison) -> list[tuple[str, str, str, str]]:
    return [(p.kind, p.rule, p.sender, p.confidence) for p in comparison.proofs]


def abort(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def talk(wire: Taps, client: socket.socket, server: socket.socket) -> None:
    """Nothing happens but what they say."""
    wire.exchange(client, server)


def rst_is_lost(wire: Taps, client: socket.socket, server: socket.socket) -> None:
    wire.cut(lambda side, s: side == "server" and s.rst)
    abort(server)
    wire.settle()
    client.send(b"anybody?")
    wire.until(
        lambda: sum(bool(p.segment.payload) for p in wire.packets[-4:]) > 1, "it was sent again"
    )


def fin_is_swallowed(wire: Taps, client: socket.socket, server: socket.socket) -> None:
    wire.cut(lambda side, s: side == "client" and s.fin and s.dport == 80)
    client.shutdown(socket.SHUT_WR)
    wire.until(lambda: len(wire.lost()) > 1, "the FIN was sent again")
    server.send(b"more")
    wire.hear(client, 4)
    others_talk(wire)


def payload_is_swallowed(wire: Taps, client: socket.socket, server: socket.socket) -> None:
    del server
    wire.settle()
    wire.skip(350)
    wire.cut(lambda side, s: side == "client" and bool(s.payload))
    client.send(b"late")
    wire.until(lambda: len(wire.lost()) > 1, "it was sent again")
    wire.mend()
    others_talk(wire)


def forged(wire: Taps, to: str) -> None:
    sender = "server" if to == "client" else "client"
    last = wire.last[sender]  # type: ignore[index]
    wire.forge(
        last, to,  # type: ignore[arg-type]
        flags=Flags.RST, seq=last.end, ack=0, window=0, options=b"", payload=b"", ip_id=0, ttl=TTL_OF_A_DEVICE,
    )  # fmt: skip


def stranger_resets_the_client(wire: Taps, client: socket.socket, server: socket.socket) -> None:
    wire.settle()
    forged(wire, "client")
    wire.hear_reset(client)
    server.send(b"z" * 100)
    wire.settle()


def stranger_resets_both_after_a_while(
    wire: Taps, client: socket.socket, server: socket.socket
) -> None:
    wire.settle()
    wire.skip(350)
    forged(wire, "client")
    forged(wire, "server")
    wire.hear_reset(client)
    wire.hear_reset(server)
    others_talk(wire)


def others_talk(wire: Taps) -> None:
    """Both captures go on after the connection."""
    client, server = wire.open(81, 40002)
    wire.exchange(client, server)
    client.close()
    server.close()


def fin_is_lost_once(wire: Taps, client: socket.socket, server: socket.socket) -> None:
    wire.lose(lambda side, s: side == "client" and s.fin)
    client.close()
    wire.hear_end(server)


def server_aborts(wire: Taps, client: socket.socket, server: socket.socket) -> None:
    abort(server)
    wire.hear_reset(client)


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize(
    ("play", "proofs"),
    [
        (talk, []),
        (rst_is_lost, [("rst-lost", "", "server", "certain")]),
        (fin_is_swallowed, [("fin-lost", "D7", "client", "certain")]),
        (
            payload_is_swallowed,  # the FIN arrives, and the server leaves what is behind the hole unread
            [("payload-lost", "D5", "client", "certain"), ("rst-genuine", "", "server", "certain")],
        ),
        (stranger_resets_the_client, [("rst-injected", "D6", "server", "certain")]),
        (
            stranger_resets_both_after_a_while,
            [("rst-injected", "D5", "server", "certain"), ("rst-injected", "D5", "client", "certain")],
        ),
        (fin_is_lost_once, []),
        (server_aborts, [("rst-genuine", "", "server", "certain")]),
    ],
)  # fmt: skip
def test_proofs(play: Play, proofs: list[tuple[str, ...]], six: bool, tmp_path: Path) -> None:
    result, wire = compared(play, tmp_path, six=six)
    assert [
        p for p in proved(result) if p[0] != "payload-lost" or play is payload_is_swallowed
    ] == proofs, result.text()
    for proof in result.proofs:
        assert f"; {proof.confidence}" in proof.said()
        assert (
            "；确定：" if proof.confidence == "certain" else "；很可能但不确定："
        ) in proof.said("zh")
        assert (f"({proof.rule}: " in proof.said()) == bool(proof.rule)
    found = kinds(result)
    strange = sum(p.forged for p in wire.packets)
    assert found.get("injected", 0) + found.get("unclear", 0) == strange
    assert found.get("lost", 0) + found.get("outside", 0) == len(wire.lost())
    assert found.keys() <= {"lost", "injected", "outside"}


@pytest.mark.parametrize("ahead", [0, AHEAD, -AHEAD])
def test_clocks_that_differ(ahead: int, tmp_path: Path) -> None:
    result, _ = compared(talk, tmp_path, ahead=ahead)
    (one,) = result.connections
    assert result.clocks is not None
    assert one.clocks.offset == pytest.approx(ahead / 1e9, abs=0.0005)
    assert abs(result.clocks.offset - ahead / 1e9) <= result.clocks.error
    assert one.clocks.near_client == "A"
    assert kinds(result) == {}


def test_a_router_with_nat_and_a_clamped_mss(tmp_path: Path) -> None:
    def router(packet: Packet) -> list[Segment]:
        s = packet.segment
        options = (
            s.options.replace(b"\x02\x04\x05\xb4", b"\x02\x04\x05\x78") if s.syn else s.options
        )
        if packet.sender == "client":
            return [replace(s, src="203.0.113.9", sport=50001, ttl=s.ttl - 3, options=options)]
        return [replace(s, dst="203.0.113.9", dport=50001, options=options, ttl=s.ttl + 3)]

    result, wire = compared(talk, tmp_path, at_server=router)
    (one,) = result.connections
    assert one.translated == ("client",)
    assert (one.hops["client"].usual, one.hops["server"].usual) == (3, -3)
    clamped = [d for d in one.differences if d.kind == "changed"]
    assert len(clamped) == len(one.differences) == sum(p.segment.syn for p in wire.packets)
    assert all(d.fields == {"mss": ("1460", "1400")} for d in clamped)


def test_a_call_that_never_came(tmp_path: Path) -> None:
    """The SYN of a second connection is lost whenever it is sent: the server's capture has nothing of it, and ran."""

    def call(wire: Taps, client: socket.socket, server: socket.socket) -> None:
        wire.cut(lambda side, s: s.dport == 81)
        caller = wire.client.dial(40002, (wire.server_address, 81))
        wire.until(lambda: len(wire.lost()) > 1, "the SYN was sent again")
        caller.close()
        wire.exchange(client, server)

    result, _ = compared(call, tmp_path)
    (row,) = result.only_a
    assert (row.close, row.server_port) == ("unanswered", 81)
    assert result.when(row, "A") == "during"
    assert "nothing of it came by B, which ran then" in result.text()


@pytest.mark.parametrize("seed", range(6))
def test_random_losses(seed: int, tmp_path: Path) -> None:
    """A fifth of all packets is lost while two kernels talk and close: as many are told."""
    dice = random.Random(seed)

    def lossy(wire: Taps, client: socket.socket, server: socket.socket) -> None:
        wire.cut(lambda *_: dice.random() < 0.2)
        wire.exchange(client, server, b"a" * 500, b"b" * 4000)
        first, last = dice.sample([client, server], 2)
        first.close()
        wire.hear_end(last)
        last.close()
        wire.mend()
        others_talk(wire)

    result, wire = compared(lossy, tmp_path)
    found = kinds(result)
    assert found.keys() <= {"lost", "outside"}, result.text()
    assert sum(found.values()) == len(wire.lost()), result.text()
    assert not [p for p in result.proofs if p.confidence == "certain" and p.kind != "rst-genuine"]


def test_offloading_at_one_end(tmp_path: Path) -> None:
    """The server's card puts small segments together, or cuts large ones: all octets are there, and none is lost."""

    def cut(packet: Packet) -> list[Segment]:
        s = packet.segment
        if len(s.payload) < 1000:
            return [s]
        head, rest = s.payload[:700], s.payload[700:]
        return [
            replace(s, payload=head),
            replace(s, payload=rest, seq=s.seq + 700, ip_id=s.ip_id + 1),
        ]

    result, wire = compared(talk, tmp_path, at_server=cut)
    (one,) = result.connections
    large = sum(len(p.segment.payload) >= 1000 for p in wire.packets)
    assert one.resegmented == 3 * large > 0
    assert kinds(result) == {}


def test_octets_that_a_device_changes(tmp_path: Path) -> None:
    def device(packet: Packet) -> list[Segment]:
        return [replace(packet.segment, payload=packet.segment.payload.replace(b"xxx", b"XXX"))]

    result, _ = compared(talk, tmp_path, at_server=device)
    (change,) = result.connections[0].differences
    assert (change.kind, change.sender) == ("changed", "client")
    assert change.fields.keys() == {"payload"}


def test_both_captures_begin_in_the_middle(tmp_path: Path) -> None:
    """Without handshakes the ends and a common segment join them, whoever is taken for the client."""
    result, wire = compared(fin_is_lost_once, tmp_path, at_server=lambda p: [p.data])
    begin = next(n for n, p in enumerate(wire.packets) if p.segment.payload)
    del wire.packets[:begin]
    again = finwait.compare(*wire.captures(tmp_path))
    assert [one.both for one in again.connections] == [result.connections[0].both - begin]
    assert kinds(again) == kinds(result) == {"lost": 1}


def test_captured_twice_at_one_end(tmp_path: Path) -> None:
    result, wire = compared(talk, tmp_path, at_server=lambda packet: [packet.data, packet.data])
    (one,) = result.connections
    assert one.both == len(wire.packets)
    assert (one.copies["A"], one.copies["B"]) == (0, len(wire.packets))
    assert kinds(result) == {}


def test_a_capture_with_holes(tmp_path: Path) -> None:
    """What was acked is said to be missed, and no proof comes of what was not captured."""

    def holes(packet: Packet) -> list[bytes]:
        return (
            [] if packet.segment.payload and len(packet.segment.payload) < 1000 else [packet.data]
        )

    result, wire = compared(talk, tmp_path, at_server=holes)
    small = sum(0 < len(p.segment.payload) < 1000 for p in wire.packets)
    assert kinds(result) == {"missed": small}
    assert result.connections[0].holes == {"A": 0, "B": small}


def test_a_hole_where_the_server_reset(tmp_path: Path) -> None:
    """The server's capture missed its RST, and nothing else: it looks injected, and is not called certain."""
    result, _ = compared(
        server_aborts, tmp_path, at_server=lambda p: [] if p.segment.rst else [p.data]
    )
    found = [p for p in result.proofs if p.kind == "rst-injected"]
    assert [p.confidence for p in found] in ([], ["likely"])
    assert all(p.said().endswith("; likely, not certain: B may have missed it") for p in found)
