"""Packets as bytes: tshark reads what we write, we read what we write, and no octets bring us down."""

import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finwait.tcp import Flags
from finwait.wire import BadPacket, Packet, Tcp, decode, encode
from finwait.wire.pcapng import write

from .packets import packets, segments


@given(packets())
def test_there_and_back(packet: Packet) -> None:
    assert decode(encode(packet)) == packet


@given(packets(), st.integers(0, 200))
def test_cut_anywhere(packet: Packet, end: int) -> None:
    octets = encode(packet)
    if end < len(octets):
        with pytest.raises(BadPacket):
            decode(octets[:end])


@given(st.binary(max_size=120))
def test_any_octets(octets: bytes) -> None:
    with suppress(BadPacket):
        decode(octets)


@given(packets(), segments)
def test_tcp_in_udp(packet: Packet, tcp: Tcp) -> None:
    tunnelled = replace(packet, body=tcp, udp_ports=(9899, 1234))
    assert decode(encode(tunnelled), udp_port=9899) == tunnelled


FIELDS = (
    "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.window_size_value", "tcp.len",
    "tcp.flags", "tcp.checksum.status", "ip.checksum.status", "ip.ttl", "ipv6.hlim",
)  # fmt: skip
GOOD = "1"
"""tshark's word for a right checksum."""


@settings(
    max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(packets(), min_size=100, max_size=100))
def test_tshark_reads_the_same(tmp_path: Path, made: list[Packet]) -> None:
    sent = [
        (number, packet)
        for number, packet in enumerate(made)
        if isinstance(packet.body, Tcp) and packet.body.src_port and packet.body.dst_port
    ]
    path = tmp_path / "made.pcapng"
    path.write_bytes(b"".join(write(sent)))
    said = subprocess.run(
        ["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=|", "-o", "ip.check_checksum:TRUE",
         "-o", "tcp.check_checksum:TRUE", *(word for field in FIELDS for word in ("-e", field))],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert len(said) == len(sent)
    for line, (_, packet) in zip(said, sent, strict=True):
        tcp = packet.body
        assert isinstance(tcp, Tcp)
        found = dict(zip(FIELDS, line.split("|"), strict=True))
        assert [int(found[name]) for name in FIELDS[:6]] == [
            tcp.src_port, tcp.dst_port, tcp.seq, tcp.ack, tcp.window, len(tcp.payload)
        ]  # fmt: skip
        assert Flags(int(found["tcp.flags"], 16) & 0x1FF) == tcp.flags
        assert found["tcp.checksum.status"] == GOOD
        assert (found["ip.ttl"] or found["ipv6.hlim"]) == str(packet.ttl)
        assert packet.src.version == 6 or found["ip.checksum.status"] == GOOD
