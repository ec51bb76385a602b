"""The summary says the worst first, and what repeats in plain words."""

import pytest

from finwait.capture.connections import Finding
from finwait.cli.summary import finding, summary
from finwait.verdict import Lang

from .stub import connections, row


def test_the_gravest_group_comes_first_and_then_the_most_frequent() -> None:
    rows = [row(n) for n in range(5)]
    rows += [row(5 + n, close="reset", closed_by="server", cause="abort") for n in range(2)]
    rows += [row(7, close="refused", closed_by="server", cause="port-closed")]
    rows += [row(8 + n, close="open", closed_by="none", cause="capture-ended") for n in range(3)]
    lines = list(summary(connections(rows), "en"))
    table = [line.split() for line in lines if line.startswith("  ")]
    assert [words[0] for words in table] == ["connections", "2", "1", "3", "5"]


def test_read_is_used_plus_skipped_with_reasons() -> None:
    lines = list(summary(connections([row()]), "en"))
    assert lines[0] == "12 frames read = 10 used + 2 skipped (2 not TCP)"
    assert lines[1] == "1 connection, 2025-11-22 15:54:48 UTC to 2025-11-22 15:54:53 UTC"


def test_who_stands_beside_a_reset_is_who_reset() -> None:
    reset = row(close="reset", closed_by="client", reset_by="server", cause="abort-in-close-wait")
    (line,) = [each for each in summary(connections([reset]), "en") if "CLOSE-WAIT" in each]
    assert "reset after the other's FIN  server" in line


def test_no_connection_is_said() -> None:
    assert list(summary(connections([]), "en"))[-1] == "no TCP connection"


IDLE = {
    "kind": "idle-close",
    "server_ip": "10.0.0.7",
    "server_port": 443,
    "matched": 312,
    "total": 340,
    "gap_s": 5.0,
    "reused": 41,
    "reuse_delay_s": 0.004,
}


@pytest.mark.parametrize(
    ("changes", "lang", "said"),
    [
        (
            {},
            "en",
            "10.0.0.7:443 closes after 5.0 s idle: 312 of 340;"
            " the client reused 41 of them within 4.0 ms",
        ),
        ({"reused": 0}, "en", "10.0.0.7:443 closes after 5.0 s idle: 312 of 340"),
        (
            {"server_ip": "2001:db8::7", "reused": None},
            "en",
            "[2001:db8::7]:443 closes after 5.0 s idle: 312 of 340",
        ),
        ({"reused": 0}, "zh", "10.0.0.7:443 空闲 5.0 秒 后关闭连接：340 个中有 312 个"),
        (
            {"kind": "refused"},
            "en",
            "10.0.0.7:443 refused 312 of 340 connections",
        ),
        (
            {"kind": "reset-habit"},
            "en",
            "10.0.0.7:443 ends connections by RST as a habit: 312 of 340",
        ),
        (
            {"kind": "reset-habit", "by": "client"},
            "en",
            "the clients of 10.0.0.7:443 end connections by RST as a habit: 312 of 340",
        ),
        (
            {"kind": "reset-burst", "at_ns": 1_763_826_888_123_456_789},
            "en",
            "10.0.0.7:443: 312 of 340 connections were reset at the same moment,"
            " 2025-11-22 15:54:48 UTC",
        ),
        ({"kind": "of a newer core"}, "en", ""),
    ],
)
def test_findings_in_words(changes: dict[str, object], lang: Lang, said: str) -> None:
    assert finding(Finding.of(IDLE | changes), lang) == said


def test_findings_follow_the_outcomes() -> None:
    lines = list(summary(connections([row()], [IDLE]), "en"))
    assert lines[-1].startswith("10.0.0.7:443 closes after 5.0 s idle")


def test_a_condition_that_nothing_meets_has_no_table() -> None:
    lines = list(summary(connections([row(0)]), "en", []))
    assert lines[-1] == "0 of 1 meet the condition"
