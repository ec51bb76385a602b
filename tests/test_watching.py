"""A long analysis tells how far it has come, and can be stopped, on any number of threads."""

import struct

import pytest

from finwait import _core

# Several threads are only used for captures of several megabytes.
PACKETS = 150_000
# As often as one analysis has to read the capture to take much longer than a tenth of a second.
TIMES = 40


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One SYN, again and again."""
    ip = bytes.fromhex(
        "45000028000040004006000001010101020202020400005000000001000000005002fff000000000"
    )
    frame = bytes(12) + b"\x08\x00" + ip
    record = struct.pack("<4I", 1, 0, len(frame), len(frame)) + frame
    path = tmp_path_factory.mktemp("watched") / "syns.pcap"
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + record * PACKETS)
    return str(path)


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_is_told_and_can_stop_the_analysis(capture: str, threads: int) -> None:
    told: list[tuple[int, int | None, int, int]] = []

    def progress(read: int, total: int | None, frames: int, connections: int) -> bool:
        told.append((read, total, frames, connections))
        return len(told) < 2

    files = [capture] * TIMES
    analysis = _core.analyze(files, joined=True, threads=threads, progress=progress)
    assert analysis.interrupted
    assert len(told) == 2
    assert 0 < told[0][0] <= told[1][0]
    assert told[0][2] < PACKETS * TIMES
    assert analysis.frames < PACKETS * TIMES
