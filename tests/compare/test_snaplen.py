"""Snap lengths, also of one capture only: what was not captured is not compared."""

from dataclasses import replace
from ipaddress import IPv6Address
from pathlib import Path

import pytest

import finwait
from finwait.lab.record import RAW, Recorder
from finwait.network import Fault, closings, packets, play
from finwait.wire import Packet, Tcp, TcpOption, encode

CLOSINGS = {closing.name: closing for closing in closings()}
TCP = {4: 40, 6: 60}
"""Octets of an IP and a TCP header without options."""


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("lose", [None, 6])
@pytest.mark.parametrize("ends", [("client",), ("server",), ("client", "server")])
@pytest.mark.parametrize("kept", [0, 4, 11, 20, 33, 60])
def test_what_was_cut_off_is_not_changed(kept: int, ends: tuple[str, ...], lose: int | None, family: int, tmp_path: Path) -> None:  # fmt: skip
    """`kept` octets behind the TCP header: parts of options or of payload."""
    faults = {} if lose is None else {lose: Fault.LOSE}
    network = play(CLOSINGS["half-close-with-reply"], faults=faults, until=60_000_000).network
    paths = []
    for end in ("client", "server"):
        recorder = Recorder(RAW)
        for at, packet in packets(network.nodes[end].seen):
            octets = encode(_six(packet) if family == 6 else packet)
            cut = octets[: TCP[family] + kept] if end in ends else octets
            recorder.add(cut, at * 1000, len(octets))
        paths.append(tmp_path / f"{end}.pcapng")
        recorder.save(paths[-1])
    result = finwait.compare(*paths)
    (one,) = result.connections
    assert [d.kind for d in one.differences] == ([] if lose is None else ["lost"]), result.text()
    assert result.proofs == ()


def test_options_that_were_changed_before_the_cut_are_found(tmp_path: Path) -> None:
    """The client's capture ends behind the first option, the MSS, which a device has clamped."""
    network = play(CLOSINGS["four-way"]).network
    paths = []
    for end in ("client", "server"):
        recorder = Recorder(RAW)
        for at, packet in packets(network.nodes[end].seen):
            octets = encode(_clamped(packet) if end == "server" else packet)
            cut = octets[: TCP[4] + 4] if end == "client" else octets
            recorder.add(cut, at * 1000, len(octets))
        paths.append(tmp_path / f"{end}.pcapng")
        recorder.save(paths[-1])
    (one,) = finwait.compare(*paths).connections
    assert [d.fields for d in one.differences] == [{"mss": ("1460", "1000")}] * 2


def _six(packet: Packet) -> Packet:
    src, dst = (IPv6Address(f"2001:db8::{int(a) & 0xFFFF:x}") for a in (packet.src, packet.dst))
    return replace(packet, src=src, dst=dst)


def _clamped(packet: Packet) -> Packet:
    tcp = packet.body
    assert isinstance(tcp, Tcp)
    options = tuple(
        TcpOption(2, (1000).to_bytes(2, "big")) if o.kind == 2 else o for o in tcp.options
    )
    return replace(packet, body=replace(tcp, options=options))
