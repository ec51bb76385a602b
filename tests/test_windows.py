"""What the window of a RST shows, by the numbers: rounded windows, and unread octets."""

from ipaddress import ip_address
from pathlib import Path

import pytest

import finwait
from finwait.tcp import Flags
from finwait.wire import Packet, Tcp, pcapng
from finwait.wire.packet import TcpOption

CLIENT, SERVER = ip_address("192.0.2.1"), ip_address("198.51.100.7")
SCALE = 10
UNIT = 1 << SCALE
OFFER = (TcpOption(3, bytes([SCALE])), TcpOption(0))
"""Window scale (RFC 7323 section 2.2) and the end of the options."""


def aborted(asked: int, window: int, offered: int = 64240) -> list[Packet]:
    """A request that is acked and answered, and then a RST with this window (unscaled field)."""

    def client(
        flags: Flags, seq: int, ack: int, octets: int = 0, options: tuple[TcpOption, ...] = ()
    ) -> Packet:
        body = Tcp(40000, 80, seq, ack, flags, 63, payload=bytes(octets), options=options)
        return Packet(CLIENT, SERVER, body)

    def server(flags: Flags, seq: int, ack: int, field: int, octets: int = 0, options: tuple[TcpOption, ...] = ()) -> Packet:  # fmt: skip
        body = Tcp(80, 40000, seq, ack, flags, field, payload=bytes(octets), options=options)
        return Packet(SERVER, CLIENT, body)

    full = offered >> SCALE
    return [
        client(Flags.SYN, 0, 0, options=OFFER),
        server(Flags.SYN | Flags.ACK, 0, 1, offered, options=OFFER),
        client(Flags.ACK, 1, 1),
        client(Flags.ACK | Flags.PSH, 1, 1, asked),
        server(Flags.ACK, 1, 1 + asked, full),
        server(Flags.ACK | Flags.PSH, 1, 1 + asked, full, 200),
        client(Flags.ACK, 1 + asked, 201),
        server(Flags.RST | Flags.ACK, 201, 1 + asked, window),
    ]


@pytest.mark.parametrize(
    ("asked", "lower", "cause"),
    [
        (600, 0, "abort"),
        (1400, 0, "abort"),
        (1400, 1, "unread-data"),
        (5000, 5, "unread-data"),
        (5000, 0, "abort"),
    ],
)
def test_only_whole_units_of_the_scale_are_evidence(
    asked: int, lower: int, cause: str, tmp_path: Path
) -> None:
    """64,240 of a SYN-ACK and 62 units of 1,024 later are one window: nothing lies unread.

    A smaller one is no proof either: Linux 6.18 sends the same after all was read.
    """
    packets = aborted(asked, 64240 // UNIT - lower)
    path = tmp_path / "rst.pcapng"
    path.write_bytes(b"".join(pcapng.write(enumerate(packets))))
    (found,) = finwait.analyze(path)
    assert (found.close, found.closed_by, found.cause) == ("reset", "server", cause)
    assert found.confidence == ("possible" if cause == "unread-data" else "likely")
