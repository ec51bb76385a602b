"""What a capture lacks, and what it shows all the same: edges, each a few segments."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

import finwait
from finwait import _core
from finwait.verdict.language import Lang

from .judge.captures import tcp, write
from .segments import (
    ACK,
    ASKED,
    FIN,
    OPEN,
    PSH,
    RST,
    SYN,
    against,
    c,
    how,
    notes,
    s,
    sure,
    told,
    words,
)


@pytest.mark.parametrize(("waited", "confidence"), [(0.0004, "possible"), (2.0, "likely")])
def test_fin_wait_2_lasts_a_second_at_least(tmp_path: Path, waited: float, confidence: str) -> None:
    """tcp_fin_timeout and TCP_LINGER2 are whole seconds: before, an abort or late payload was not captured."""
    row = told(tmp_path, [
        *ASKED, s(FIN | ACK, 21, 11), c(ACK, 11, 22), c(FIN | ACK, 11, 22), s(RST, 22),
    ], [*(i / 1e5 for i in range(8)), waited, waited + 1e-5])  # fmt: skip
    assert sure(row) == ("fin-wait-2-expired", confidence)
    assert ("end-unseen" in against(row)) is (confidence == "possible")


def test_the_answer_to_what_was_not_captured_is_no_sign_of_injection(tmp_path: Path) -> None:
    """Both ends abort at once; what drew the client's second RST is missing."""
    sent = [
        *ASKED, c(ACK | PSH, 11, 21, 10), c(ACK | PSH, 21, 21, 10), c(RST | ACK, 31, 21), c(RST, 21),
        s(RST | ACK, 21, 11),
    ]  # fmt: skip
    assert sure(told(tmp_path, sent)) == ("abort", "likely")
    sent[-2] = c(RST, 41)
    assert told(tmp_path, sent)["cause"] == "injected-reset", "nobody can have acked as much"


def test_a_reset_that_acks_a_fin_came_after_it(tmp_path: Path) -> None:
    """Of the FIN only the repeat was captured, behind the RST of the end that had received it."""
    row = told(tmp_path, [*ASKED, s(RST | ACK, 21, 12), c(FIN | ACK, 11, 21), s(RST, 21)])
    assert words(row, "close", "closed_by", "reset_by") == ("reset", "client", "server")
    assert row["cause"] == "abort-in-close-wait"


def test_a_server_that_has_spoken_had_its_handshake(tmp_path: Path) -> None:
    """The client's RST answers a FIN, not the SYN-ACK: what came between was not captured."""
    called = [c(SYN, 0), s(SYN | ACK, 0, 1)]
    row = told(tmp_path, [*called, c(RST, 1)])
    assert words(row, "close", *("cause", "confidence")) == (
        "handshake-reset", "handshake-abandoned", "certain",
    )  # fmt: skip
    row = told(tmp_path, [*called, s(FIN | ACK, 1, 1), c(RST, 1)])
    assert sure(row) == ("handshake-abandoned", "possible")
    assert "end-unseen" in against(row)


REFUSED = [*ASKED, s(RST | ACK, 22, 11)]
"""The server aborts, and one octet before its RST is missing: the client asks (RFC 5961 section 3.2)."""


def test_a_reset_that_was_refused_tells_what_its_sender_had_sent(tmp_path: Path) -> None:
    asked = [*REFUSED, c(ACK, 11, 21), s(RST, 21)]
    row = told(tmp_path, asked)
    assert row["server_gap_bytes"] == 1
    assert row["confidence"] == "possible"
    row = told(tmp_path, [*asked, s(FIN | ACK, 21, 11)])
    assert row["server_gap_bytes"] == 0, "it was its FIN, and comes late"
    assert sure(row) == ("fin-wait-2-aborted", "likely")


def test_a_refused_reset_tells_of_a_fin_that_may_have_come_first(tmp_path: Path) -> None:
    """The server's FIN 21 may have been lost long before the client's FIN, or have crossed it."""
    closed = [c(FIN | ACK, 11, 21), s(RST | ACK, 22, 11), c(ACK, 12, 21), s(RST, 21)]
    row = told(tmp_path, [*ASKED, *closed])
    assert (row["close"], row["closed_by"]) == ("reset", "none")
    assert "closer-unseen" in notes(row)
    row = told(tmp_path, [*ASKED, closed[0], s(ACK, 21, 12), *closed[1:]])
    assert (row["close"], row["closed_by"]) == ("reset", "client"), (
        "the server had not closed when it acked"
    )
    closed[1:] = [s(RST | ACK, 121, 12), c(ACK, 12, 21), s(RST, 21)]
    row = told(tmp_path, [*ASKED, *closed])
    assert (row["close"], row["closed_by"]) == ("reset", "client"), "it was payload that was lost"


def test_a_reset_that_repeats_a_refused_one_answers_something(tmp_path: Path) -> None:
    """The client had acked 31 in a segment that is missing."""
    row = told(tmp_path, [*ASKED, s(ACK | PSH, 21, 11, 10), s(RST | ACK, 32, 11), s(RST, 31)])
    assert row["confidence"] == "possible"
    assert "end-unseen" in against(row)


@pytest.mark.parametrize(
    ("after", "confidence"), [(0.0, "possible"), (0.5, "likely"), (9.0, "certain")]
)
def test_a_repeat_is_in_vain_only_when_it_has_waited(
    tmp_path: Path, after: float, confidence: str
) -> None:
    """Another connection's segment tells how long the capture goes on."""
    path = tmp_path / "edge.pcap"
    packets = [*ASKED, *[c(FIN | ACK, 11, 21)] * 3, tcp((50000, 80), ACK, 1, 1)]
    write(path, packets, times=[0, 0.01, 0.02, 0.03, 0.04, 0.05, 1, 1.2, 1.6, 1.6 + after])
    row = dict(next(iter(_core.analyze([str(path)]).records())))
    assert sure(row) == ("fin-never-acked", confidence)


def test_a_three_way_close_is_one_reading_where_what_came_before_a_fin_is_missing(
    tmp_path: Path,
) -> None:
    row = told(tmp_path, [*ASKED, s(FIN | ACK, 21, 11), c(FIN | ACK, 21, 22), s(ACK, 22, 22)])
    assert how(row) == ("three-way", "server", True)
    assert row["client_gap_bytes"] == 10
    assert sure(row) == ("orderly", "possible")


def test_a_checksum_that_could_not_be_verified_is_not_right(tmp_path: Path) -> None:
    """A card that fills in all checksums in a way of its own; of the FIN's payload the snap length left half."""
    packets = [
        packet[:36] + b"\x12\x34" + packet[38:]
        for packet in [c(ACK, 11, 21), s(ACK, 21, 11), c(FIN | ACK, 11, 21, 300), s(ACK, 21, 312), c(RST | ACK, 312, 21)]
    ]  # fmt: skip
    path = tmp_path / "edge.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 150, 101))
        for i, packet in enumerate(packets):
            file.write(struct.pack("<IIII", 1_700_000_000, i, len(packet[:150]), len(packet)))
            file.write(packet[:150])
    (row,) = _core.analyze([str(path)]).records()
    assert words(dict(row), "close", "reset_by") == ("reset", "client")
    assert "offloaded-checksum" in notes(dict(row))


def test_the_ack_of_a_fin_draws_a_reset_where_nobody_waits(tmp_path: Path) -> None:
    """TCP_LINGER2 below 0; payload that came after the RST did not draw it (kernel: tcp_rcv_state_process)."""
    row = told(tmp_path, [
        *ASKED, s(FIN | ACK, 21, 11), c(ACK, 11, 22), s(RST, 22), c(ACK | PSH, 11, 22, 10), s(RST, 22),
    ])  # fmt: skip
    assert how(row) == ("reset", "server", True)
    assert sure(row) == ("fin-wait-2-aborted", "possible")


def test_the_reset_that_ends_time_wait_is_named(tmp_path: Path) -> None:
    """Not the last one."""
    told(tmp_path, [
        *ASKED, c(FIN | ACK, 11, 21), s(FIN | ACK, 21, 12), c(ACK, 12, 22), s(RST, 22), s(RST, 21),
    ])  # fmt: skip
    text = " ".join(finwait.explain(tmp_path / "edge.pcap", 0).text().split())
    assert "the RST of frame 10 ended that of the client" in text


def test_a_fin_that_comes_behind_its_senders_reset_crossed_the_other(tmp_path: Path) -> None:
    """The server's FIN 21 does not ack the client's, and its ACK 22 was sent after it: it was in CLOSING."""
    told(tmp_path, [
        *ASKED, c(FIN | ACK, 11, 21), s(ACK, 22, 12), s(ACK | PSH, 1, 11, 20), c(ACK, 12, 21), s(RST, 21),
        s(FIN | ACK, 21, 11), c(RST, 11),
    ])  # fmt: skip
    segments = finwait.explain(tmp_path / "edge.pcap", 0).segments
    stood = [new for step in segments for who, _, new in step.moves if who == "server"]
    assert stood[-3:] == ["FIN-WAIT-1", "CLOSING", "CLOSED"]


def test_who_acks_a_fin_has_the_ack_that_it_carried(tmp_path: Path) -> None:
    """The server's FIN is sent again, so the client's ACK seems lost; but the client's FIN carried it, too."""
    told(tmp_path, [
        *ASKED, s(FIN | ACK, 21, 11), c(ACK, 11, 22), c(FIN | ACK, 11, 22), c(RST | ACK, 12, 22),
        s(FIN | ACK, 21, 11), c(RST, 11), s(ACK, 22, 12), c(RST, 12),
    ])  # fmt: skip
    segments = finwait.explain(tmp_path / "edge.pcap", 0).segments
    stood = [new for step in segments for who, _, new in step.moves if who == "server"]
    assert stood[2:] == ["FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"]


ONE_WAY = [each for each in ASKED if each[12:16] == ASKED[0][12:16]]
"""The client's half of it: its SYN, ACK, payload, and the ACK of the server's 20 octets."""
CLOSED_ONE_WAY = [*ONE_WAY, c(FIN | ACK, 11, 21), c(ACK, 12, 22)]


def explained(path: Path, packets: list[bytes], lang: Lang) -> str:
    told(path, packets)
    return "".join(finwait.explain(path / "edge.pcap", 0).text(lang).split())


def test_one_direction_does_not_show_that_a_connection_is_open(tmp_path: Path) -> None:
    """The server's RST may be in the other one."""
    row = told(tmp_path, ONE_WAY)
    assert words(row, "close", "client_packets", "server_packets") == ("open", 4, 0)
    assert sure(row) == ("capture-ended", "possible")
    assert "unanswered-request" not in notes(told(tmp_path, CLOSED_ONE_WAY))
    assert sure(told(tmp_path, ASKED)) == ("capture-ended", "certain")


@pytest.mark.parametrize("packets", [ASKED[1:], [c(ACK, 11, 21)], [*ASKED, s(RST, 121)]])
def test_what_may_be_over_is_not_surely_open(tmp_path: Path, packets: list[bytes]) -> None:
    """A SYN that is missing, a tail, a RST that was refused: the capture lacks something, or an end was gone."""
    row = told(tmp_path, packets)
    assert row["close"] == "open"
    assert row["confidence"] != "certain"


@pytest.mark.parametrize(
    ("lang", "packets", "said", "not_said"),
    [
        (
            "en",
            ONE_WAY,
            ("whether the connection ended does not show", "it sends 20 bytes at least"),
            ("still alive", "Nothing is wrong", "sends 0 bytes", "neither end", "Nobody holds"),
        ),
        (
            "zh",
            ONE_WAY,
            ("连接是否已经结束不得而知", "它至少发送了 20 字节"),
            ("仍然存活", "没有问题", "发送 0 字节", "双方都没有", "没有任何一端持有"),
        ),
        (
            "en",
            CLOSED_ONE_WAY,
            ("so not whether it was acked", "21 bytes at least (or one less and its FIN)"),
            ("nobody acked", "still alive", "had no answer", "still waits", "Nothing is wrong"),
        ),
        (
            "zh",
            CLOSED_ONE_WAY,
            ("是否得到确认不得而知", "至少发送了 21 字节（或少一个字节，另加它的 FIN）"),
            ("无人确认", "仍然存活", "没有得到应答", "仍在等待", "没有问题"),
        ),
    ],
)
def test_one_direction_is_not_told_as_both(
    tmp_path: Path,
    lang: Lang,
    packets: list[bytes],
    said: tuple[str, ...],
    not_said: tuple[str, ...],
) -> None:
    text = explained(tmp_path, packets, lang)
    assert not [each for each in said if "".join(each.split()) not in text]
    assert not [each for each in not_said if "".join(each.split()) in text]


def test_a_reset_of_one_direction_that_follows_nothing_is_not_told_by_the_other(
    tmp_path: Path,
) -> None:
    text = explained(tmp_path, [*ONE_WAY, c(RST, 121)], "en")
    assert "whetherittookthisRST,doesnotshow" in text
    assert "ackswhatcameafterit" not in text


def test_only_the_sender_of_a_fin_is_named_where_no_more_shows(tmp_path: Path) -> None:
    row = told(tmp_path, [*ONE_WAY, c(FIN | ACK, 11, 21)])
    assert words(row, "close", "closed_by") == ("fin-unanswered", "none")
    headline = finwait.explain(tmp_path / "edge.pcap", 0).verdict().sentence
    assert "(client) sent a FIN; whether it was acked, and who closed first," in headline
    assert "unanswered" not in headline


KILLED = [
    *ASKED, c(FIN | ACK, 11, 21), s(ACK | PSH, 21, 11, 10), c(ACK, 12, 31), s(RST, 31),
]  # fmt: skip
"""The client's FIN crosses payload. The server takes it and is killed; its abort is lost, and its stack answers."""


def test_a_fin_of_which_nothing_shows_that_it_arrived_may_have_come_first(tmp_path: Path) -> None:
    row = told(tmp_path, KILLED)
    assert words(row, "close", "closed_by", "reset_by") == ("reset", "none", "server")
    assert "closer-unseen" in notes(row)
    assert sure(row) == ("peer-lost-state", "possible")
    text = " ".join(finwait.explain(tmp_path / "edge.pcap", 0).text().split())
    assert "nobody had closed" not in text
    assert "before that FIN came or after" in text
    acks_less = [*KILLED[:-1], s(RST | ACK, 31, 11)]
    assert told(tmp_path, acks_less)["closed_by"] == "server", "it had not received the FIN"
    early = [*ASKED, c(ACK | PSH, 11, 21, 10), c(FIN | ACK, 21, 21), s(RST, 21)]
    assert told(tmp_path, early)["closed_by"] != "none", "the FIN itself may have drawn it"


def test_what_the_reset_acks_was_not_destroyed(tmp_path: Path) -> None:
    """The request came to a server that closed 5 ms later, after half a second without one."""
    raced = [*ASKED, c(ACK | PSH, 11, 21, 10), s(RST | ACK, 21, 21)]
    times = [i / 1e5 for i in range(len(ASKED))]
    row = told(tmp_path, raced, [*times, 0.5, 0.505])
    assert not {"data-destroyed", "peer-still-sending"} & notes(row)
    assert sure(row) == ("unread-data", "possible")
    assert "idle-before-request-ns" in against(row)
    assert "a keep-alive race" in finwait.explain(tmp_path / "edge.pcap", 0).text(columns=400)
    row = told(tmp_path, raced, [*times, 0.1, 0.105])
    assert "idle-before-request-ns" not in against(row), "no idle time"
    raced[-1] = s(RST | ACK, 21, 11)
    assert {"data-destroyed", "peer-still-sending"} <= notes(told(tmp_path, raced))


@pytest.mark.parametrize(
    ("lang", "title", "firewall"),
    [
        ("en", "portclosedorrejected(certain)", "firewall"),
        ("zh", "端口未监听或被拒绝（确定）", "防火墙"),
    ],
)
def test_one_reset_does_not_tell_a_closed_port_from_a_firewall(
    tmp_path: Path, lang: Lang, title: str, firewall: str
) -> None:
    text = explained(tmp_path, [c(SYN, 0), s(RST | ACK, -5000, 1)], lang)
    assert title in text
    assert text.count(firewall) >= 3, "in the cause, its advice and the note on the RST"
    opened = finwait.explain(tmp_path / "edge.pcap", 0)
    assert opened.conversation.begin == ("CLOSED", "")
    assert [step.server_state for step in opened.segments] == ["", "CLOSED"]


@pytest.mark.parametrize(
    ("lang", "said", "not_said"),
    [("en", "tcp_fin_timeout", "still alive"), ("zh", "tcp_fin_timeout", "仍然存活")],
)
def test_a_half_closed_connection_may_end_without_a_packet(
    tmp_path: Path, lang: Lang, said: str, not_said: str
) -> None:
    told(tmp_path, [*ASKED, c(FIN | ACK, 11, 21), s(ACK, 21, 12)])
    data = finwait.explain(tmp_path / "edge.pcap", 0).verdict(lang)
    assert data.cause.slug == "capture-ended"
    assert data.cause.advice is not None
    assert said in data.cause.advice.say(lang)
    assert not_said not in data.cause.sentence.say(lang)


def test_a_server_may_take_a_half_close_for_a_hang_up(tmp_path: Path) -> None:
    """Nothing need stand between (nginx closes so)."""
    half = [
        *OPEN,
        c(ACK | PSH, 1, 1, 10),
        s(ACK, 1, 11),
        c(FIN | ACK, 11, 1),
        s(FIN | ACK, 1, 12),
        c(ACK, 12, 2),
    ]
    row = told(tmp_path, half)
    assert sure(row) == ("half-close-broken", "possible")
    text = finwait.explain(tmp_path / "edge.pcap", 0).text(columns=400)
    assert "in between (possible)" not in text
    assert "the server, or a proxy in between" in text
