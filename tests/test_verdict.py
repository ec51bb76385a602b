"""Verdicts in one line, and evidence with its units."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finwait.tcp import params
from finwait.verdict import LANGS, entries, language, said, sentence
from finwait.verdict.language import Lang, duration, size
from finwait.verdict.verdict import TIME_WAIT_LINUX, TIME_WAIT_MACOS, TIME_WAIT_RFC


def record(**columns: object) -> dict[str, object]:
    """A row of the core: a four-way close by the client, at 12:00:00 UTC."""
    row: dict[str, object] = {
        "conn": 3,
        "source": "day.pcap",
        "first_ts": 1_700_049_599_000_000_000,
        "last_ts": 1_700_049_600_000_000_000,
        "client_ip": "10.0.0.2",
        "client_port": 5000,
        "server_ip": "2001:db8::1",
        "server_port": 80,
        "client_by": "syn",
        "scope": None,
        "handshake": "complete",
        "close": "four-way",
        "closed_by": "client",
        "finished": True,
        "cause": "orderly",
        "confidence": "certain",
        "evidence_for": [],
        "evidence_against": [],
        "notes": [],
        "client_state": "TIME-WAIT",
        "server_state": "CLOSED",
        "reset_by": "none",
        "reset_form": None,
        "reset_trigger": None,
        "close_frame": 7,
        "completeness": 31,
        "zeek_state": "SF",
        "zeek_history": "ShAFf",
        "duration": 1.0,
        "handshake_rtt": None,
        "idle_before_close": None,
        "close_duration": None,
        "peer_reaction": None,
        "first_frame": 1,
        "last_frame": 9,
    }
    for who in ("client", "server"):
        for count in ("packets", "bytes", "fins", "rsts", "retransmissions", "gap_bytes"):
            row[f"{who}_{count}"] = 1
    return row | columns


@pytest.mark.parametrize("close", ["four-way", "half-closed", "reset"])
def test_a_closer_that_the_capture_does_not_tell(close: str) -> None:
    """That nobody is named does not mean that nobody closed."""
    row = record(close=close, closed_by="none")
    line = sentence(row)
    assert "who closed first the capture does not show" in line
    assert "(client)" not in line
    assert "抓包没有显示谁先关闭" in sentence(row, "zh")


def test_one_line() -> None:
    assert sentence(record()) == (
        "10.0.0.2:5000 (client) closed first; four segments;"
        " TIME-WAIT is held by the client until 12:01:00 UTC (60 s on Linux)"
    )
    assert sentence(record(), "zh") == (
        "10.0.0.2:5000（客户端）先关闭，四次挥手；"
        "TIME-WAIT 由客户端保持到 12:01:00 UTC（Linux 为 60 秒）"
    )


def test_where_the_last_ack_is_missing_no_segments_are_counted() -> None:
    assert sentence(record(finished=False, server_state="LAST-ACK", client_state="FIN-WAIT-2")) == (
        "10.0.0.2:5000 (client) closed first, [2001:db8::1]:80 (server) later;"
        " no ACK of the last FIN was captured"
    )
    assert "没有抓到对该 FIN 的 ACK" in sentence(record(close="three-way", finished=False), "zh")


def test_a_reset_names_its_cause_and_how_sure() -> None:
    columns = {"close": "reset", "closed_by": "server", "cause": "unread-data"}
    row = record(confidence="likely", client_state="CLOSED", **columns)
    line = "[2001:db8::1]:80 (server) reset the connection; closed with unread data (likely)"
    assert sentence(row) == line
    assert sentence(row, "zh") == (
        "[2001:db8::1]:80（服务器）用 RST 终止了连接；关闭时有未读数据（很可能）"
    )


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("cause", entries("cause"))
@pytest.mark.parametrize("close", entries("close"))
def test_every_close_and_cause_gives_a_line(close: str, cause: str, lang: Lang) -> None:
    for closed_by in entries("closed_by"):
        line = sentence(record(close=close, closed_by=closed_by, cause=cause), lang)
        assert line
        assert "\n" not in line
        assert "{" not in line


def test_a_record_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="column conn"):
        sentence(record(conn="x"))
    with pytest.raises(KeyError):
        sentence({})


@pytest.mark.parametrize(
    ("evidence", "en", "zh"),
    [
        (
            "idle-gap-ns=5000213000",
            "5.0 s without payload before the close",
            "关闭前 5.0 秒没有数据",
        ),
        (
            "reply-form=12",
            "the RST has REPLY form: its seq is the ack of frame 12, which drew it",
            "RST 为 REPLY 形式：其序列号等于第 12 帧的确认号，正是该帧引出了它",
        ),
        (
            "reply-form=0",
            "the RST has REPLY form: it answers a segment that was not captured",
            "RST 为 REPLY 形式：它回应的是一个没有被抓到的报文段",
        ),
        (
            "window-reduced=1",
            "the RST advertises a window smaller by 1 byte: received, and perhaps not read",
            "RST 通告的窗口小了 1 字节：已收到，但可能没有被读取",
        ),
        ("retransmissions=1", "sent again once", "重传了 1 次"),
        ("retransmissions=2", "sent again 2 times", "重传了 2 次"),
        ("destroyed-bytes=4000", "4,000 bytes were sent", "4,000 字节已发出"),
        ("known-gap-s=350", "5 min 50 s", "5 分 50 秒"),
        ("same-gap=312", "312 connections", "312 条连接"),
        ("no-request-outstanding", "every request had its answer", "所有请求都已得到应答"),
        ("retransmissions=x", "it was sent again", "发生了重传"),
        ("never-heard-of=3", "never-heard-of", "never-heard-of"),
    ],
)
def test_evidence(evidence: str, en: str, zh: str) -> None:
    assert en in said(evidence, "en")
    assert zh in said(evidence, "zh")


@given(st.sampled_from(list(entries("evidence"))), st.integers(-(2**63), 2**64))
def test_no_number_makes_evidence_fail(slug: str, number: int) -> None:
    for lang in LANGS:
        assert "{" not in said(f"{slug}={number}", lang)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 µs"),
        (0.000031, "31.0 µs"),
        (0.00105, "1.05 ms"),
        (0.21, "0.21 s"),
        (0.0999, "0.1 s"),
        (5.000213, "5.0 s"),
        (62.14, "62.1 s"),
        (119.4, "119 s"),
        (240, "4 min"),
        (350, "5 min 50 s"),
        (7200, "2 h"),
        (86399, "24 h"),
        (-0.5, "-0.5 s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds, "en") == text


@given(st.floats(0, 1e6))
def test_a_duration_is_near_what_it_says(seconds: float) -> None:
    units = {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
    words = duration(seconds, "en").split()
    told = sum(float(n) * units[unit] for n, unit in zip(words[::2], words[1::2], strict=True))
    assert told == pytest.approx(seconds, rel=0.02, abs=1e-8)


def test_sizes() -> None:
    assert [size(n, "en") for n in (0, 1, 1400)] == ["0 bytes", "1 byte", "1,400 bytes"]
    assert size(1400, "zh") == "1,400 字节"


@pytest.mark.parametrize(
    ("environ", "lang"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_MESSAGES": "zh_TW", "LANG": "de_DE"}, "zh"),
        ({"LC_ALL": "", "LANG": "zh"}, "zh"),
        ({"LANG": "fr_FR"}, "en"),
    ],
)
def test_the_language_of_the_environment(environ: dict[str, str], lang: str) -> None:
    assert language(environ=environ) == lang
    assert language("zh", environ) == "zh"


def test_a_language_that_finwait_does_not_speak() -> None:
    with pytest.raises(ValueError, match="no language 'fr'"):
        language("fr")


def test_time_wait_lasts_as_long_as_the_parameters_say() -> None:
    """Written a second time in verdict.py only because finwait.tcp takes 50 ms to import."""
    assert params.TIME_WAIT.value == TIME_WAIT_RFC
    assert params.LINUX_TIME_WAIT.value == TIME_WAIT_LINUX
    assert params.MACOS_TIME_WAIT.value == TIME_WAIT_MACOS


def test_who_reset_after_the_others_fin_is_named() -> None:
    said = sentence(record(close="reset", closed_by="client", reset_by="server", cause="abort"))
    assert said.startswith(
        "10.0.0.2:5000 (client) closed first, [2001:db8::1]:80 (server) then reset the connection"
    )
