"""Identical packets that come close together: two sendings, or one that was captured twice. Both captures are counted before they are folded."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import Path
from typing import Literal

import pytest

import finwait
from finwait.network import Fault, closings, packets, play
from finwait.tcp import Flags
from finwait.wire import Packet, Tcp, pcapng

CLOSINGS = {closing.name: closing for closing in closings()}
AHEAD = 123_456_789
Make = Callable[[int, Packet, bool], Iterable[tuple[int, Packet]]]
"""What a capture has of a packet, by its time, itself, and whether its sender is at that end; microseconds."""


def flags(packet: Packet) -> Flags:
    assert isinstance(packet.body, Tcp)
    return packet.body.flags


KINDS: dict[str, tuple[str, Callable[[Packet], bool]]] = {
    "SYN": ("four-way", lambda p: flags(p) == Flags.SYN),
    "SYN+ACK": ("four-way", lambda p: flags(p) == Flags.SYN | Flags.ACK),
    "payload": ("four-way", lambda p: isinstance(p.body, Tcp) and bool(p.body.payload)),
    "ACK": ("four-way", lambda p: isinstance(p.body, Tcp) and flags(p) == Flags.ACK and not p.body.payload),
    "FIN": ("four-way", lambda p: Flags.FIN in flags(p)),
    "RST": ("server-aborts", lambda p: Flags.RST in flags(p)),
}  # fmt: skip


def six(packet: Packet) -> Packet:
    src, dst = (IPv6Address(f"2001:db8::{int(a) & 0xFFFF:x}") for a in (packet.src, packet.dst))
    return replace(packet, src=src, dst=dst)


def compared(
    folder: Path,
    name: str,
    family: Literal[4, 6],
    make: Make,
    faults: dict[int, Fault] | None = None,
) -> finwait.Comparison:
    """Play a closing, and write what both ends' captures have of it."""
    network = play(CLOSINGS[name], faults=faults, until=60_000_000).network
    paths = []
    for end, shift in (("client", 0), ("server", AHEAD)):
        node = network.nodes[end]
        made = [
            (at + shift, six(one) if family == 6 else one)
            for record_at, packet in packets(node.seen)
            for at, one in make(record_at, packet, packet.src == node.address)
        ]
        made.sort(key=lambda one: one[0])
        path = folder / f"{end}.pcapng"
        path.write_bytes(b"".join(pcapng.write(made)))
        paths.append(path)
    there, back = finwait.compare(*paths), finwait.compare(*paths[::-1])
    assert kinds(there) == kinds(back)
    return there


def kinds(result: finwait.Comparison) -> list[str]:
    return sorted(d.kind for one in result.connections for d in one.differences)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gaps", [(120, 80), (80, 120), (80, 80), (120, 120), (500, 50), (50, 500)])
def test_a_repeat_that_arrived_is_not_lost(gaps: tuple[int, int], kind: str, family: Literal[4, 6], tmp_path: Path) -> None:  # fmt: skip
    """Sent twice and arrived twice, IP ID 0 or none; folded at the end where they are less than 0.1 ms apart."""
    name, chosen = KINDS[kind]

    def twice(at: int, packet: Packet, sent: bool) -> list[tuple[int, Packet]]:
        return [(at, packet), *([(at + gaps[not sent], packet)] if chosen(packet) else [])]

    result = compared(tmp_path, name, family, twice)
    assert kinds(result) == [], result.text()
    (one,) = result.connections
    told = [proof.kind for proof in result.proofs]
    assert told == (["rst-genuine"] if name == "server-aborts" else [])
    assert one.copies["A"] == one.copies["B"]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("apart", [1, 90, 3000])
@pytest.mark.parametrize("name", ["four-way", "server-aborts", "half-close-with-reply"])
@pytest.mark.parametrize("end", [0, 1])
def test_a_place_that_every_packet_passes_twice(end: int, name: str, apart: int, family: Literal[4, 6], tmp_path: Path) -> None:  # fmt: skip
    """Also ACKs and RSTs without IP identification, which a sender may repeat at once, are one packet there."""
    seen: list[Packet] = []

    def mirror(at: int, packet: Packet, sent: bool) -> list[tuple[int, Packet]]:
        here = "client" if (packet.src.packed[-1] == 1) == sent else "server"
        if here != ("client", "server")[end]:
            return [(at, packet)]
        seen.append(packet)
        return [(at, packet), (at + apart, packet)]

    result = compared(tmp_path, name, family, mirror)
    assert kinds(result) == [], result.text()
    (one,) = result.connections
    assert one.copies["AB"[end]] == len(seen)
    assert one.copies["AB"[not end]] == 0


@pytest.mark.parametrize("family", [4, 6])
def test_a_repeat_among_copies_is_not_called_lost(family: Literal[4, 6], tmp_path: Path) -> None:
    """The client's capture has everything of the server twice, and one of two SYN+ACKs never came: which of the two is open."""

    def made(at: int, packet: Packet, sent: bool) -> list[tuple[int, Packet]]:
        server = packet.src.packed[-1] != 1
        if server and not sent:
            return [(at, packet), (at + 30, packet)]
        again = sent and KINDS["SYN+ACK"][1](packet)
        return [(at, packet), *([(at + 200, packet)] if again else [])]

    result = compared(tmp_path, "four-way", family, made)
    assert kinds(result) == ["unclear"], result.text()


def test_what_is_lost_among_copies_is_said(tmp_path: Path) -> None:
    """The FIN is sent again 200 ms later: no copy in between stands for it."""

    def mirror(at: int, packet: Packet, sent: bool) -> list[tuple[int, Packet]]:
        return [(at, packet)] if sent else [(at, packet), (at + 5, packet)]

    result = compared(tmp_path, "three-way", 6, mirror, {6: Fault.LOSE})
    assert kinds(result) == ["lost"], result.text()


def test_other_octets_under_the_same_header_are_no_copy(tmp_path: Path) -> None:
    """A device that is faster than the sender puts its own payload in: the numbers, lengths and flags are the same."""

    def forged(at: int, packet: Packet, sent: bool) -> list[tuple[int, Packet]]:
        tcp = packet.body
        assert isinstance(tcp, Tcp)
        if sent or not tcp.payload:
            return [(at, packet)]
        other = replace(packet, body=replace(tcp, payload=bytes(len(tcp.payload))))
        return [(at - 40, other), (at, packet)]

    result = compared(tmp_path, "four-way", 4, forged)
    assert set(kinds(result)) == {"injected"}, result.text()
