"""The table at the end, in terminals of any width."""

import pytest

from finwait.lab.experiments import ALL
from finwait.lab.remote import Astray
from finwait.lab.table import table
from finwait.picture.ladder_text import Style
from finwait.picture.width import width
from finwait.verdict.language import Lang

STOPPED = Astray("it went astray", "偏离了过程")


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_no_word_is_cut_and_no_line_is_too_long(columns: int, lang: Lang) -> None:
    rows = [(each, STOPPED) for each in ALL.values()]
    lines = table(rows, Style(columns=columns), lang)
    assert max(map(width, lines)) <= columns
    text = "\n".join(lines)
    for word in ("simultaneous", "unanswered", "fin-unanswered" if columns == 200 else "vanished"):
        assert word in text


def test_where_columns_find_no_room_the_cells_stand_below_each_other() -> None:
    rows = [(ALL[name], STOPPED) for name in ("simultaneous", "accept-queue-overflow-reset")]
    wide, narrow = (table(rows, Style(columns=columns), "en") for columns in (120, 60))
    assert wide[0].split() == [
        "experiment",
        "expected",
        *["from", "the", "wire", "from", "the", "kernel", "same"],
    ]
    assert narrow[:4] == [
        "simultaneous                 stopped",
        "    expected         simultaneous by both, orderly",
        "accept-queue-overflow-reset  stopped",
        "    expected         reset by server, handshake-rejected",
    ]


def test_who_reset_after_the_other_ones_fin_is_named() -> None:
    """Closed by the client, and reset by the server: "reset by client" would be the wrong end."""
    rows = [(ALL[name], STOPPED) for name in ("abort-in-close-wait", "linger-zero")]
    text = "\n".join(table(rows, Style(columns=120), "en"))
    assert "reset by server after client's FIN, abort-in-close-wait" in text
    assert "reset by client, abort" in text
    assert "reset（服务器，在客户端的 FIN 之后）" in "\n".join(
        table(rows, Style(columns=120), "zh")
    )
