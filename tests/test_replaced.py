"""A TIME-WAIT that a new connection took the place of, as the same capture shows."""

from pathlib import Path

import pytest

import finwait

from .judge.captures import write
from .segments import ACK, ASKED, FIN, SYN
from .segments import c as up
from .segments import s as down

CLOSED = [
    *ASKED,
    down(FIN | ACK, 21, 11),
    up(ACK, 11, 22),
    up(FIN | ACK, 11, 22),
    down(ACK, 22, 12),
]
"""The server closes first, and holds TIME-WAIT."""
AGAIN = up(SYN, 500_000)
TAKEN = down(SYN | ACK, 700_000, 500_001)


def test_a_time_wait_that_gave_way_is_told_so(tmp_path: Path) -> None:
    path, n = tmp_path / "reuse.pcap", len(CLOSED)
    times = [*(0.01 * i for i in range(n)), 5.0, 5.001]
    write(path, [*CLOSED, AGAIN, TAKEN], times=times)
    told = finwait.explain(path, 0)
    assert f"held by the server until frame {n + 1}, 4.91 s later" in told.verdict().sentence
    assert told.ladder().title == told.verdict().sentence
    assert told.time_wait.replaced == (n + 1, told.row.first_ts + 5_000_000_000)
    assert told.time_wait.until(60) == told.row.first_ts + 5_000_000_000
    (said,) = told.time_wait.text("en")
    assert said.startswith("The server held TIME-WAIT from ")
    assert f"until frame {n + 1}, 4.91 s later" in said
    assert f"第 {n + 1} 帧" in told.verdict("zh").sentence
    assert f"第 {n + 1} 帧" in told.time_wait.text("zh")[0]


@pytest.mark.parametrize(
    ("more", "at"), [([AGAIN], 5.0), ([AGAIN, TAKEN], 70.0)], ids=["no answer", "it was over"]
)
def test_a_time_wait_that_no_connection_took_is_held(
    more: list[bytes], at: float, tmp_path: Path
) -> None:
    times = [*(0.01 * i for i in range(len(CLOSED))), *(at + 0.001 * i for i in range(len(more)))]
    write(tmp_path / "a.pcap", [*CLOSED, *more], times=times)
    told = finwait.explain(tmp_path / "a.pcap", 0)
    assert "TIME-WAIT is held by the server until" in told.verdict().sentence
    assert told.time_wait.replaced is None


def test_the_same_ends_in_another_capture_replace_nothing(tmp_path: Path) -> None:
    """Two captures are two worlds; what one holds says nothing of the other."""
    for name, packets in (("a.pcap", CLOSED), ("b.pcap", [AGAIN, TAKEN])):
        write(tmp_path / name, packets)
    told = finwait.explain([tmp_path / "a.pcap", tmp_path / "b.pcap"], 0)
    assert told.time_wait.replaced is None
