"""Edges of the verdicts, each a few segments: RFC 9293, RFC 5961 and what Linux does, by the numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

import finwait
from finwait import _core

from .judge.captures import tcp, write
from .segments import (
    ACK,
    ASKED,
    ENDS,
    FIN,
    OPEN,
    PSH,
    RST,
    SYN,
    c,
    how,
    notes,
    s,
    told,
    words,
)


def test_crossing_fins_are_simultaneous_though_their_repeats_ack_each_other(tmp_path: Path) -> None:
    row = told(tmp_path, [
        *ASKED, c(FIN | ACK, 11, 21), s(FIN | ACK, 21, 11),
        c(FIN | ACK, 11, 22), s(FIN | ACK, 21, 12), c(ACK, 12, 22),
    ])  # fmt: skip
    assert how(row) == ("simultaneous", "both", True)
    assert words(row, "client_fins", "server_fins") == (2, 2)


def test_a_fin_sent_again_in_other_pieces_is_one_fin(tmp_path: Path) -> None:
    row = told(tmp_path, [
        *ASKED, c(ACK, 11, 21, 10), c(FIN | ACK, 21, 21), c(FIN | PSH | ACK, 11, 21, 10),
        s(ACK, 21, 22), s(FIN | ACK, 21, 22), c(ACK, 22, 22),
    ])  # fmt: skip
    assert how(row) == ("four-way", "client", True)
    assert words(row, "client_fins", "client_bytes") == (2, 20)
    assert "fin-retransmitted" in notes(row)


def test_a_fin_with_payload_that_grows_when_repeated(tmp_path: Path) -> None:
    """The receiver of the first FIN knows its number; a repeat with other bounds changes nothing."""
    row = told(tmp_path, [
        *ASKED, c(FIN | ACK, 11, 21, 10), c(FIN | ACK, 16, 21, 5), s(FIN | ACK, 21, 22), c(ACK, 22, 22),
    ])  # fmt: skip
    assert how(row) == ("three-way", "client", True)
    assert words(row, "client_bytes", "client_fins") == (20, 2)


def test_part_of_a_fin_segment_acked_is_no_ack_of_the_fin(tmp_path: Path) -> None:
    row = told(tmp_path, [*ASKED, c(FIN | ACK, 11, 21, 10), s(ACK, 21, 21)])
    assert how(row) == ("fin-unanswered", "client", False)


def test_the_numbers_may_wrap_at_the_fin(tmp_path: Path) -> None:
    top = (1 << 32) - 12

    def shift(seq: int) -> int:
        return (top + seq) % (1 << 32)

    def up(flags: int, seq: int, ack: int, size: int = 0) -> bytes:
        return tcp(ENDS, flags, shift(seq), 5000 + ack if flags & ACK else 0, size)

    def down(flags: int, seq: int, ack: int, size: int = 0) -> bytes:
        return tcp(ENDS, flags, 5000 + seq, shift(ack), size, reply=True)

    row = told(tmp_path, [
        up(SYN, 0, 0), down(SYN | ACK, 0, 1), up(ACK, 1, 1), up(ACK, 1, 1, 10), down(ACK, 1, 11),
        up(FIN | ACK, 11, 1), down(ACK, 1, 12), down(FIN | ACK, 1, 12), up(ACK, 12, 2),
    ])  # fmt: skip
    assert how(row) == ("four-way", "client", True)
    assert row["client_bytes"] == 10


def test_capture_order_does_not_tell_who_was_first(tmp_path: Path) -> None:
    """The server's FIN is captured first, but it acks the client's: the client closed first."""
    row = told(tmp_path, [*ASKED, s(FIN | ACK, 21, 12), c(FIN | ACK, 11, 21), c(ACK, 12, 22)])
    assert how(row) == ("three-way", "client", True)


def test_half_closed_keeps_talking(tmp_path: Path) -> None:
    row = told(
        tmp_path, [*ASKED, c(FIN | ACK, 11, 21), s(ACK, 21, 12), s(ACK, 21, 12, 30), c(ACK, 12, 51)]
    )
    assert how(row) == ("half-closed", "client", False)
    assert "half-close-used" in notes(row)
    assert words(row, "client_state", "server_state") == ("FIN-WAIT-2", "CLOSE-WAIT")


def test_data_that_crossed_the_fin_is_no_use_of_a_half_close(tmp_path: Path) -> None:
    row = told(
        tmp_path, [*ASKED, c(FIN | ACK, 11, 21), s(ACK, 21, 11, 30), c(ACK, 12, 51), s(ACK, 51, 12)]
    )
    assert how(row) == ("half-closed", "client", False)
    assert "half-close-used" not in notes(row)


@pytest.mark.parametrize(
    "seq",
    [11, 12, 2000, 10, 70_000],
)
def test_a_reset_after_which_both_go_on_ended_nothing(tmp_path: Path, seq: int) -> None:
    """RFC 5961 section 3.2: not exact, it draws a challenge ACK; and an exact one may be lost or
    dropped behind the capture."""
    row = told(tmp_path, [
        *ASKED, c(RST, seq), s(ACK, 21, 11), c(ACK, 11, 21, 10), s(ACK, 21, 21),
        c(FIN | ACK, 21, 21), s(ACK, 21, 22), s(FIN | ACK, 21, 22), c(ACK, 22, 22),
    ])  # fmt: skip
    assert how(row) == ("four-way", "client", True)
    assert row["client_rsts"] == 1
    assert notes(row) & {"rst-ignored", "rst-challenged"}


def test_a_reset_one_below_after_a_fin_counts(tmp_path: Path) -> None:
    """Linux takes RCV.NXT - 1 after a FIN (tcp_reset_check), and only then."""
    fin_then_rst = [*ASKED, c(FIN | ACK, 11, 21), s(ACK, 21, 12), c(RST, 11)]
    row = told(tmp_path, fin_then_rst)
    assert how(row) == ("reset", "client", True)
    row = told(tmp_path, [*ASKED, c(RST, 10)])
    assert how(row) == ("open", "none", False)


def test_a_reset_with_the_number_of_an_unacked_fin(tmp_path: Path) -> None:
    row = told(tmp_path, [*ASKED, c(FIN | ACK, 11, 21), c(RST, 11)])
    assert how(row) == ("reset", "client", True)


def test_a_reset_after_both_fins_are_acked_ends_nothing(tmp_path: Path) -> None:
    row = told(tmp_path, [
        *ASKED, c(FIN | ACK, 11, 21), s(FIN | ACK, 21, 12), c(ACK, 12, 22), c(RST, 12),
    ])  # fmt: skip
    assert how(row) == ("three-way", "client", True)
    assert "rst-after-close" in notes(row)


def test_a_reply_names_its_trigger(tmp_path: Path) -> None:
    row = told(
        tmp_path, [*ASKED, c(FIN | ACK, 11, 21), s(ACK, 21, 12), s(ACK, 21, 12, 30), c(RST, 12)]
    )
    assert how(row) == ("reset", "client", True)
    assert words(row, "reset_form", "reset_trigger") == ("reply", 9)


def test_a_reply_with_no_trigger_in_the_capture_is_said_so(tmp_path: Path) -> None:
    row = told(tmp_path, [*ASKED, s(RST, 21)], [*(i / 1000 for i in range(6)), 9.0])
    assert words(row, "reset_form", "reset_by", "close") == ("reply", "server", "reset")
    assert row["confidence"] != "certain"


def test_an_owner_reset_is_never_certain(tmp_path: Path) -> None:
    """Unread data, SO_LINGER 0 or a kill: the wire cannot tell."""
    row = told(tmp_path, [*ASKED, s(RST | ACK, 21, 11)])
    assert how(row) == ("reset", "server", True)
    assert row["confidence"] != "certain"


def test_one_direction_is_never_certain(tmp_path: Path) -> None:
    row = told(
        tmp_path,
        [p for i, p in enumerate(ASKED) if i in {0, 2, 3, 5}]
        + [c(FIN | ACK, 11, 21), c(ACK, 12, 22)],
    )
    assert row["confidence"] != "certain"
    assert "one-direction" in notes(row)


def test_a_lost_stretch_is_never_certain(tmp_path: Path) -> None:
    row = told(tmp_path, [
        *ASKED, c(ACK, 11, 121), c(FIN | ACK, 11, 121), s(FIN | ACK, 121, 12), c(ACK, 12, 122),
    ])  # fmt: skip
    assert how(row) == ("three-way", "client", True)
    assert words(row, "server_bytes", "server_gap_bytes") == (20, 100)
    assert row["confidence"] == "possible", "an ACK of the client's FIN may be missing as well"


def test_bytes_are_counted_once_however_they_are_cut(tmp_path: Path) -> None:
    row = told(tmp_path, [
        *OPEN, c(ACK, 1, 1, 100), c(ACK, 51, 1, 100), c(ACK, 1, 1, 150), c(ACK, 201, 1, 10),
        c(ACK, 151, 1, 50), s(ACK, 1, 211),
    ])  # fmt: skip
    assert words(row, "client_bytes", "client_gap_bytes") == (210, 0)


def test_midstream_still_tells_who_closed(tmp_path: Path) -> None:
    row = told(
        tmp_path,
        [
            s(ACK, 500, 900, 20),
            c(ACK, 900, 520),
            s(FIN | ACK, 520, 900),
            c(FIN | ACK, 900, 521),
            s(ACK, 521, 901),
        ],
    )
    assert how(row) == ("three-way", "server", True)
    assert words(row, "handshake", "client_by", "confidence") == ("missing", "port", "likely")


def test_a_keep_alive_race_crossed(tmp_path: Path) -> None:
    packets = [
        *ASKED,
        s(FIN | ACK, 21, 11),
        c(ACK, 11, 21, 10),
        s(RST, 21),
        c(ACK, 21, 22),
        s(RST, 22),
    ]
    times = [*(i / 1000 for i in range(6)), 5.0, 5.001, 5.002, 5.003, 5.004]
    row = told(tmp_path, packets, times)
    assert words(row, "close", "closed_by", "cause", "reset_by") == (
        "reset", "server", "keepalive-race-crossed", "server",
    )  # fmt: skip


def test_a_keep_alive_race_stale(tmp_path: Path) -> None:
    packets = [*ASKED, s(FIN | ACK, 21, 11), c(ACK, 11, 22), c(ACK, 11, 22, 10), s(RST, 22)]
    times = [*(i / 1000 for i in range(6)), 5.0, 5.001, 8.0, 8.001]
    row = told(tmp_path, packets, times)
    assert words(row, "close", "closed_by", "cause") == ("reset", "server", "keepalive-race-stale")


def test_a_refusal_must_ack_the_syn(tmp_path: Path) -> None:
    """RFC 9293 3.10.7.3: in SYN-SENT a RST without an acceptable ACK is dropped."""
    assert how(told(tmp_path, [c(SYN, 0), s(RST | ACK, -5000, 1)])) == ("refused", "server", True)
    assert how(told(tmp_path, [c(SYN, 0), s(RST | ACK, -5000, 9)])) == ("unanswered", "none", False)


def test_vanished_needs_growing_gaps(tmp_path: Path) -> None:
    sent = [*ASKED, c(ACK, 11, 21, 10), *[c(ACK, 11, 21, 10)] * 4]
    times = [*(i / 1000 for i in range(6)), 1.0, 1.2, 1.6, 2.4, 4.0]
    assert how(told(tmp_path, sent, times)) == ("vanished", "none", False)


def test_a_reset_by_the_receiver_of_the_fin(tmp_path: Path) -> None:
    row = told(tmp_path, [*ASKED, c(FIN | ACK, 11, 21), s(RST | ACK, 21, 12)])
    assert words(row, "close", "closed_by", "reset_by", "cause") == (
        "reset", "client", "server", "abort-in-close-wait",
    )  # fmt: skip


def test_a_reset_that_crossed_the_fin(tmp_path: Path) -> None:
    """The RST does not ack the FIN: its sender had not received it, so the RST was an abort."""
    row = told(tmp_path, [*ASKED, c(FIN | ACK, 11, 21), s(RST | ACK, 21, 11)])
    assert words(row, "close", "closed_by", "reset_by") == ("reset", "server", "server")
    assert row["cause"] != "abort-in-close-wait"


def test_a_copy_is_no_repeat(tmp_path: Path) -> None:
    packets = [tcp(ENDS, SYN, 1000), tcp(ENDS, SYN | ACK, 5000, 1001, reply=True)]
    row = told(
        tmp_path,
        [p for packet in packets for p in (packet, packet)],
        [0.0, 0.00001, 0.001, 0.00101],
    )
    assert "syn-retransmitted" not in notes(row)
    assert row["client_packets"] == 1


def test_a_fin_out_of_window_is_none(tmp_path: Path) -> None:
    """RFC 9293 3.10.7.4: it is dropped, whoever sent it; the connection goes on and closes."""
    row = told(tmp_path, [
        *ASKED, c(FIN | ACK, 3_000_000, 21), c(ACK, 11, 21, 5), s(ACK, 21, 16),
        c(FIN | ACK, 16, 21), s(FIN | ACK, 21, 17), c(ACK, 17, 22),
    ])  # fmt: skip
    assert how(row) == ("three-way", "client", True)
    assert words(row, "client_bytes", "client_gap_bytes", "confidence") == (15, 0, "certain")


def test_a_stray_number_above_the_fin_leaves_no_hole(tmp_path: Path) -> None:
    row = told(tmp_path, [
        *ASKED, c(FIN | ACK, 11, 21), c(FIN | ACK, 100, 21), s(ACK, 21, 12), s(FIN | ACK, 21, 12),
        c(ACK, 12, 22),
    ])  # fmt: skip
    assert how(row) == ("four-way", "client", True)
    assert words(row, "client_gap_bytes", "confidence") == (0, "certain")


def test_a_fin_alone_in_flight_is_no_destroyed_data(tmp_path: Path) -> None:
    row = told(tmp_path, [*ASKED, c(FIN | ACK, 11, 21), s(RST, 21)])
    assert words(row, "close", "closed_by", "reset_trigger") == ("reset", "client", 7)
    assert not notes(row) & {"data-destroyed", "peer-still-sending"}
    row = told(tmp_path, [*ASKED, c(FIN | ACK, 11, 21, 5), s(RST, 21)])
    assert "data-destroyed" in notes(row)


def test_a_small_request_acked_and_never_answered_may_be_unread(tmp_path: Path) -> None:
    """Linux does not shrink its window for so little, so a full window is no evidence."""
    row = told(tmp_path, [*OPEN, c(ACK | PSH, 1, 1, 100), s(ACK, 1, 101), s(RST | ACK, 1, 101)])
    assert words(row, "cause", "confidence") == ("unread-data", "possible")


@pytest.mark.parametrize(
    ("begins", "causes"),
    [
        ((0.0, 0.05), ["unread-data", "unread-data"]),  # the second after the first was reset
        ((0.0, 0.008), ["listener-gone", "listener-gone"]),
    ],
)
def test_a_listener_that_takes_the_next_connection_is_not_gone(
    begins: tuple[float, float], causes: list[str], tmp_path: Path
) -> None:
    packets: list[tuple[float, bytes]] = []
    for port, begin in zip((40000, 40001), begins, strict=True):
        ends = (port, 80)
        packets += [
            (begin + n / 500, packet)
            for n, packet in enumerate([
                tcp(ends, SYN, 1000), tcp(ends, SYN | ACK, 5000, 1001, reply=True), tcp(ends, ACK, 1001, 5001),
                tcp(ends, ACK | PSH, 1001, 5001, 100), tcp(ends, ACK, 5001, 1101, reply=True),
                tcp(ends, RST | ACK, 5001, 1101, reply=True),
            ])
        ]  # fmt: skip
    packets.sort()
    path = tmp_path / "two.pcap"
    write(path, [packet for _, packet in packets], times=[at for at, _ in packets])
    assert [row["cause"] for row in _core.analyze([str(path)]).records()] == causes


def test_who_has_shut_down_cannot_answer(tmp_path: Path) -> None:
    row = told(tmp_path, [
        *OPEN, s(FIN | ACK, 1, 1), c(ACK, 1, 2), c(ACK | PSH, 1, 2, 100), s(ACK, 2, 101),
        c(FIN | ACK, 101, 2), s(ACK, 2, 102),
    ])  # fmt: skip
    assert how(row) == ("four-way", "server", True)
    assert "unanswered-request" not in notes(row)


REJECTED = [
    ([s(RST, 1)], "the ACK of the handshake draws it (tcp_abort_on_overflow)"),
    ([c(ACK | PSH, 1, 1, 10), s(RST, 1)], "the request came right behind the ACK"),
    ([c(ACK | PSH, 1, 1, 10), s(RST, 1), s(RST, 1)], "each of the two segments draws one"),
]


@pytest.mark.parametrize(("rest", "why"), REJECTED, ids=[why for _, why in REJECTED])
def test_a_rst_for_the_ack_of_the_handshake_rejects_it(
    tmp_path: Path, rest: list[bytes], why: str
) -> None:
    row = told(tmp_path, [*OPEN, *rest])
    said = words(row, "cause", "confidence", "reset_form")
    assert said == ("handshake-rejected", "likely", "reply"), why
    assert words(row, "close", "closed_by") == ("reset", "server")


FORGOTTEN = [
    (
        [s(ACK, 1, 1), c(ACK | PSH, 1, 1, 10), s(RST, 1)],
        "the server had spoken after the handshake",
    ),
    (
        [c(ACK | PSH, 1, 1, 10), s(ACK, 1, 11), c(ACK | PSH, 11, 1, 5), s(RST, 1)],
        "it took a request",
    ),
]


@pytest.mark.parametrize(("rest", "why"), FORGOTTEN, ids=[why for _, why in FORGOTTEN])
def test_who_took_the_connection_and_answers_by_rst_has_forgotten(
    tmp_path: Path, rest: list[bytes], why: str
) -> None:
    row = told(tmp_path, [*OPEN, *rest])
    assert row["cause"] == "peer-lost-state", why


def test_a_rst_long_after_the_handshake_is_no_answer_to_it(tmp_path: Path) -> None:
    packets = [*OPEN, c(ACK | PSH, 1, 1, 10), s(RST, 1)]
    assert told(tmp_path, packets, [0, 0.01, 0.02, 0.9, 0.95])["cause"] == "handshake-rejected"
    assert told(tmp_path, packets, [0, 0.01, 0.02, 9.0, 9.01])["cause"] == "peer-lost-state"


def test_the_client_does_not_reject_its_own_call(tmp_path: Path) -> None:
    row = told(tmp_path, [*OPEN, s(ACK | PSH, 1, 1, 10), c(RST, 1)])
    assert row["cause"] == "peer-lost-state"


def test_a_rst_that_the_other_end_went_on_after_is_told_as_one_that_ended_nothing(
    tmp_path: Path,
) -> None:
    """Forged in the server's name, or lost behind the capture: the client acks what came later."""
    packets = [
        *ASKED, s(RST | ACK, 21, 11), s(ACK | PSH, 21, 11, 20), c(ACK, 11, 41),
        c(FIN | ACK, 11, 41), s(FIN | ACK, 41, 12), c(ACK, 12, 42),
    ]  # fmt: skip
    assert how(told(tmp_path, packets)) == ("three-way", "client", True)
    explained = finwait.explain(tmp_path / "edge.pcap", 0)
    states = {(each.client_state, each.server_state) for each in explained.segments[3:9]}
    assert states == {("ESTABLISHED", "ESTABLISHED")}
    text = " ".join(explained.text().split())
    assert "Yet the client acks what came after it: the RST did not reach the client" in text
    assert "the end │" not in text
    assert "after the end" not in text


def test_a_fin_that_was_overtaken_by_a_later_ack_disproves_nothing(tmp_path: Path) -> None:
    """Sent again before the ACK that came first, it tells what its sender lacked then, not what it lacks now."""
    packets = [
        *ASKED, c(FIN | ACK, 11, 21), s(FIN | ACK, 21, 12), s(FIN | ACK, 21, 12), c(ACK, 12, 22),
        c(FIN | ACK, 11, 21), s(RST, 21),
    ]  # fmt: skip
    row = told(tmp_path, packets)
    assert how(row) == ("three-way", "client", True)
    assert words(row, "client_state", "server_state") == ("TIME-WAIT", "CLOSED")
    explained = finwait.explain(tmp_path / "edge.pcap", 0)
    stood = list(dict.fromkeys(each.client_state for each in explained.segments[6:]))
    assert stood == ["FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"]


def test_payload_that_was_overtaken_by_a_later_ack_disproves_nothing(tmp_path: Path) -> None:
    told(tmp_path, [
        *ASKED, c(ACK | PSH, 11, 21, 10), c(FIN | ACK, 21, 21), s(FIN | ACK, 21, 21), c(ACK, 22, 22),
        c(ACK | PSH, 11, 21, 10),
    ])  # fmt: skip
    explained = finwait.explain(tmp_path / "edge.pcap", 0)
    assert [each.server_state for each in explained.segments[-2:]] == ["TIME-WAIT", "TIME-WAIT"]


CROSSED = [s(ACK, 22, 12), s(FIN | ACK, 21, 12), c(ACK, 12, 22)]
"""A FIN that was lost comes behind an ACK that was sent after it."""


def test_an_ack_beyond_a_lost_fin_tells_that_the_fins_crossed(tmp_path: Path) -> None:
    row = told(tmp_path, [*ASKED, c(FIN | ACK, 11, 21), *CROSSED])
    assert how(row) == ("simultaneous", "both", True)
    row = told(tmp_path, [*ASKED, c(FIN | ACK, 11, 21), CROSSED[0], c(FIN | ACK, 11, 21), *CROSSED])
    assert how(row) == ("simultaneous", "both", True), "what is sent again later tells nothing"


def test_the_ack_of_a_fin_that_was_sent_before_may_be_the_second(tmp_path: Path) -> None:
    """The server may have acked the first sending by its own FIN, and that was lost."""
    row = told(tmp_path, [*ASKED, c(FIN | ACK, 11, 21), c(FIN | ACK, 11, 21), *CROSSED])
    assert how(row) == ("four-way", "client", True)
    row = told(tmp_path, [c(FIN | ACK, 11, 21), *CROSSED])
    assert how(row) == ("simultaneous", "none", True), "or it was sent before the capture, too"
    assert words(row, "handshake", "confidence") == ("missing", "possible")
    assert "closer-unseen" in notes(row)
