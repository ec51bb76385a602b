"""The table fits the terminal, whatever the rows hold."""

from hypothesis import given
from hypothesis import strategies as st

from finwait.cli.table import SPARED, USUAL, Table
from finwait.errors import BadCapture, CannotOpen
from finwait.picture.width import width as cells_wide
from finwait.verdict.language import language

from .stub import row


def drawn(width: int | None, *rows: dict[str, object], names: list[str] | None = None) -> list[str]:
    return list(Table(names, width, several=False, colour=False).lines(rows))


def test_all_usual_columns_when_there_is_room() -> None:
    head, line = drawn(None, row())
    assert head.split("  ")[0] == "conn"
    assert "10.0.0.2:40001" in line
    assert "four-way" in line
    assert "15:54:48.123" in line


@given(width=st.integers(60, 250), notes=st.lists(st.text("abc-", min_size=1), max_size=30))
def test_no_line_is_wider_than_the_terminal(width: int, notes: list[str]) -> None:
    rows = [row(), row(1, notes=notes, close="simultaneous", cause="keepalive-race-crossed")]
    assert all(cells_wide(line) <= width for line in drawn(width, *rows))


def test_what_matters_stays_on_a_narrow_terminal() -> None:
    head, _ = drawn(60, row())
    assert {"conn", "client", "server", "close"} <= set(head.split())
    assert not {"conn", "client", "server", "close"} & set(SPARED)
    assert set(SPARED) <= set(USUAL)


def test_columns_that_were_asked_for_are_never_dropped() -> None:
    head, line = drawn(20, row(notes=["fin-with-data"]), names=["notes", "server", "zeek_history"])
    assert head.split() == ["notes", "server", "zeek_history"]
    assert line.split() == ["fin-with-data", "10.0.0.7:443", "ShADadFf"]


def test_rows_stream_after_the_head() -> None:
    table = Table(["conn", "close"], None, several=False, colour=False)
    assert list(table.lines([])) == []
    assert list(table.lines([row(7)])) == ["conn  close", "   7  four-way"]
    assert list(table.lines([row(8, close="reset")])) == ["   8  reset"]


def test_colour_goes_by_gravity_and_keeps_the_text() -> None:
    table = Table(["conn", "close", "cause"], None, several=False, colour=True)
    _, fine, bad = table.lines([row(), row(1, close="reset", cause="abort")])
    assert "\x1b[32mfour-way\x1b[0m" in fine
    assert "\x1b[31mreset" in bad


def test_a_name_stays_on_its_line() -> None:
    """Files are named by anybody: a line end or an escape code in a name must not reach the terminal."""
    _, line = drawn(None, row(source="new\nline\x1b[31m 中文.pcap"), names=["source", "close"])
    assert line.split("  ")[0] == r"new\nline\x1b[31m 中文.pcap"
    assert "\\n" in str(BadCapture("a\nb", 1, "broken"))
    assert "\n" not in CannotOpen("a\nb", "no").say("zh")


def test_who_reset_after_the_others_fin_is_told_in_the_readers_language() -> None:
    cut = row(close="reset", closed_by="client", reset_by="server")
    for lang, said in (("en", "client FIN, server RST"), ("zh", "客户端 FIN，服务器 RST")):
        table = Table(["by", "close"], None, several=False, colour=False, lang=language(lang))
        head, line, whole = table.lines([cut, row(1)])
        assert head.split() == ["by", "close"]
        assert line == f"{said}  reset"
        assert whole.split() == ["client", "four-way"], "a word of the analysis stays one"


def test_an_absent_value_is_an_empty_cell() -> None:
    _, line = drawn(None, row(handshake_rtt=None), names=["conn", "handshake_rtt", "close"])
    assert line.split() == ["0", "four-way"]
