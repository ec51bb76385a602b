"""Who sent a RST: what its alleged sender does afterwards, how far away it was, and when it had given up."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import finwait
from finwait import _core

from .judge.captures import write
from .segments import ACK, ASKED, FIN, PSH, RST, SYN, Row, against, c, s, sure, told

NEAR = 0.001
LATER = 0.4
DURATIONS = (
    "duration", "handshake_rtt", "idle_before_close", "close_duration", "peer_reaction", "reuse_delay",
)  # fmt: skip


def hops(packet: bytes, ttl: int) -> bytes:
    return packet[:8] + bytes([ttl]) + packet[9:]


def evidence(row: Row, column: str = "evidence_for") -> dict[str, int]:
    found = row[column]
    assert isinstance(found, list)
    parts = [str(each).partition("=") for each in found]
    return {slug: int(number or 0) for slug, _, number in parts}


GOES_ON = [c(FIN | ACK, 11, 21), s(FIN | ACK, 21, 12), c(RST, 12)]
"""After a RST in the server's name: the server has received the client's FIN, and closes in its turn."""


def test_an_end_that_acks_what_came_after_its_reset_did_not_send_it(tmp_path: Path) -> None:
    row = told(tmp_path, [*ASKED, hops(s(RST, 21), 255), *GOES_ON])
    assert sure(row) == ("injected-reset", "likely")
    assert evidence(row) == {"ttl-differs": 191, "acked-after-reset": 9}
    text = finwait.explain(tmp_path / "edge.pcap", 0).text()
    assert "LAST-ACK" not in text, "no FIN had come, and none had gone"
    row = told(tmp_path, [*ASKED, s(RST, 21), *GOES_ON])
    assert sure(row) == ("injected-reset", "possible"), "one sign is less than two"


def test_no_fin_wait_2_without_a_fin_before_the_reset(tmp_path: Path) -> None:
    """The client's FIN behind its own RST acks nothing new: the two were turned round on their way, or one is forged."""
    row = told(tmp_path, [*ASKED, s(ACK, 21, 11), c(RST, 11), c(FIN | ACK, 11, 21)])
    assert sure(row) == ("peer-lost-state", "possible")
    assert "peer-open-ns" not in evidence(row)


REJECTED = [*ASKED, c(ACK | PSH, 11, 21, 10), s(RST, 21)]
"""The client goes on, and a RST comes in the server's name."""
AT = [i * NEAR for i in range(len(REJECTED))]


@pytest.mark.parametrize(
    "more",
    [s(ACK | PSH, 21, 11, 50), s(ACK | PSH, 1, 11, 20), s(FIN | ACK, 21, 11)],
    ids=["new payload", "a repeat", "a FIN"],
)
def test_an_end_that_speaks_long_after_its_reset_did_not_send_it(
    tmp_path: Path, more: bytes
) -> None:
    """New payload, a repeat, a FIN: a firewall reset in its name, and its socket lives."""
    row = told(tmp_path, [*REJECTED, more], [*AT, AT[-1] + LATER])
    assert row["cause"] == "injected-reset"
    assert evidence(row)["spoke-after-reset-ns"] == 400_000_000
    row = told(tmp_path, [*REJECTED, more], [*AT, AT[-1] + NEAR])
    assert row["cause"] != "injected-reset", "it was on its way when the RST was sent"


def test_a_firewall_that_resets_for_a_living_server(tmp_path: Path) -> None:
    """nft reject with tcp reset, in the server's own host: the TTL is the server's."""
    more = [s(ACK | PSH, 21, 11, 50)] * 3
    row = told(tmp_path, [*REJECTED, *more], [*AT, 0.4, 0.6, 1.0])
    assert sure(row) == ("injected-reset", "likely")


def test_no_socket_here_so_soon_and_from_elsewhere(tmp_path: Path) -> None:
    """The client spoke a moment before, and the RST in its name has a TTL of its own."""
    sent = [*ASKED[:4], s(ACK, 1, 11), c(RST, 11)]
    row = told(tmp_path, sent)
    assert sure(row) == ("peer-lost-state", "possible")
    sent[-1] = hops(sent[-1], 255)
    row = told(tmp_path, sent)
    assert sure(row) == ("injected-reset", "possible")
    assert evidence(row)["ttl-differs"] == 191
    row = told(tmp_path, sent, [0, NEAR, 2 * NEAR, 3 * NEAR, 5, 5 + NEAR])
    assert row["cause"] == "peer-lost-state", "it may have restarted"
    assert "ttl-differs" in against(row)


@pytest.mark.parametrize("closes", [FIN | ACK, ACK | PSH])
@pytest.mark.parametrize(("at", "confidence"), [(5.0, "likely"), (1.7, "possible")])
def test_an_end_that_had_repeated_in_vain_gave_up(
    tmp_path: Path, closes: int, at: float, confidence: str
) -> None:
    """TCP_USER_TIMEOUT: its socket goes without a word, and its kernel answers what comes later."""
    again = c(ACK | PSH, 11, 21, 10)
    size = 0 if closes & FIN else 30
    row = told(
        tmp_path,
        [*ASKED, *[again] * 4, s(closes, 21, 11, size), c(RST, 11)],
        [*(i * NEAR for i in range(6)), 0.02, 0.22, 0.62, 1.42, at, at + NEAR],
    )
    assert sure(row) == ("gave-up", confidence)
    assert evidence(row)["retransmissions"] == 3


def test_repeats_that_were_acked_were_not_in_vain(tmp_path: Path) -> None:
    again = c(ACK | PSH, 11, 21, 10)
    sent = [*ASKED, *[again] * 4, s(ACK, 21, 21), c(ACK | PSH, 21, 21, 10), s(ACK | PSH, 21, 21, 9), c(RST, 21)]  # fmt: skip
    times = [*(i * NEAR for i in range(6)), 0.02, 0.22, 0.62, 1.42, 1.43, 1.44, 5, 5 + NEAR]
    assert told(tmp_path, sent, times)["cause"] == "peer-lost-state"


FLAGS = st.sampled_from([ACK, ACK | PSH, FIN | ACK, RST, RST | ACK, SYN | ACK, FIN | PSH | ACK])
NUMBERS = st.sampled_from([1, 10, 11, 12, 21, 22, 31, 32])
SEGMENTS = st.lists(
    st.tuples(
        st.booleans(), FLAGS, NUMBERS, NUMBERS, st.sampled_from([0, 0, 1, 10]),
        st.sampled_from([64, 64, 255]), st.sampled_from([-0.01, 0.0001, 0.001, 0.3, 2, 70]),
    ),
    max_size=12,
)  # fmt: skip


FIN_BEHIND_RESET = [
    (False, RST, 21, 0, 0, 64, NEAR),
    (True, FIN | ACK, 11, 21, 0, 64, NEAR),
    (False, FIN | ACK, 21, 12, 0, 64, NEAR),
]


@example(drawn=FIN_BEHIND_RESET, begun=0)
@given(drawn=SEGMENTS, begun=st.integers(0, len(ASKED)))
def test_no_time_is_negative(
    drawn: list[tuple[bool, int, int, int, int, int, float]], begun: int
) -> None:
    """Whatever comes in whatever order, and where the clock goes back."""
    packets, times = list(ASKED[begun:]), [1 + i * NEAR for i in range(len(ASKED) - begun)]
    for client, flags, seq, ack, size, ttl, wait in drawn:
        packets.append(hops((c if client else s)(flags, seq, ack, size), ttl))
        times.append(max(0.0, (times[-1] if times else 1) + wait))
    with TemporaryDirectory() as folder:
        write(path := Path(folder) / "random.pcap", packets, times=times)
        rows = [dict(row) for row in _core.analyze([str(path)]).records()]
    for row in rows:
        facts = [*evidence(row).items(), *evidence(row, "evidence_against").items()]
        spans = [*((name, row.get(name)) for name in DURATIONS), *facts]
        timed = [(name, n) for name, n in spans if name in DURATIONS or name.endswith("-ns")]
        assert not [(name, n) for name, n in timed if isinstance(n, (int, float)) and n < 0], row
