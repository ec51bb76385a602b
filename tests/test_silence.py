"""Payload that is sent again without an answer: that the other end fell silent is certain only when the sender gave up."""

from ipaddress import ip_address
from pathlib import Path

import pytest

import finwait
from finwait.cli import main
from finwait.tcp import Flags
from finwait.wire import Packet, Tcp, pcapng

CLIENT, SERVER = ip_address("192.0.2.1"), ip_address("198.51.100.80")
FIRST = 200_000
"""Microseconds until the first repeat (Linux, TCP_RTO_MIN); each further one waits twice as long."""


def capture(folder: Path, repeats: int, silence: int) -> Path:
    """Write a connection whose request is sent again so often, and what goes on `silence` microseconds longer."""

    def up(flags: Flags, seq: int, ack: int, payload: bytes = b"", port: int = 40_001) -> Packet:
        return Packet(CLIENT, SERVER, Tcp(port, 80, seq, ack, flags, 500, payload=payload))

    down = Packet(SERVER, CLIENT, Tcp(80, 40_001, 9000, 1001, Flags.SYN | Flags.ACK, 500))
    request = up(Flags.PSH | Flags.ACK, 1001, 9001, b"GET / HTTP/1.1\r\n\r\n")
    seen = [(0, up(Flags.SYN, 1000, 0)), (500, down), (1000, up(Flags.ACK, 1001, 9001))]
    seen += [(2000 + (2**n - 1) * FIRST, request) for n in range(repeats + 1)]
    if silence:
        seen.append((seen[-1][0] + silence, up(Flags.SYN, 1, 0, port=40_002)))
    path = folder / "silent.pcapng"
    path.write_bytes(b"".join(pcapng.write(seen)))
    return path


@pytest.mark.parametrize(
    ("repeats", "silence", "sure"),
    [
        (4, 0, "likely"),  # its program's end took the network away
        (4, 600_000_000, "likely"),  # cut off: nobody gives up after three seconds by itself
        (9, 0, "likely"),  # 102 s, and the next repeat was not due yet
        (9, 300_000_000, "certain"),
        (15, 10**10, "certain"),  # Linux
    ],
)
def test_who_repeats_may_have_been_cut_off(repeats: int, silence: int, sure: str, tmp_path: Path) -> None:  # fmt: skip
    row = next(iter(finwait.analyze(capture(tmp_path, repeats, silence))))
    assert (row.close, row.cause, row.confidence) == ("vanished", "peer-silent", sure)


def test_the_end_of_the_capture_speaks_against_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    path = str(capture(tmp_path, 4, 0))
    assert main(["explain", path, "0"]) == 0
    out = capfd.readouterr().out
    assert "Against: the capture ends soon after" in out
    assert "gave up in silence" not in out
