"""The bar shows how far it is, on a terminal only, and leaves nothing behind."""

import io
import os
from pathlib import Path

import pytest

from finwait.cli import progress
from finwait.cli.play import play_all
from finwait.cli.progress import Bar
from finwait.picture.width import width
from finwait.script.job import Job
from finwait.script.outcome import Status
from finwait.verdict.language import LANGS, Lang

needs_kernel = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_no_terminal_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    stream = io.StringIO()
    Bar("en", stream).show(50, 100, 1, 1)
    assert stream.getvalue() == ""


def test_what_is_done_soon_needs_no_bar() -> None:
    stream = Terminal()
    bar = Bar("en", stream)
    bar.show(50, 100, 1, 1)
    bar.clear()
    assert stream.getvalue() == ""


def test_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("finwait.cli.progress.time.monotonic", lambda: now[0])
    stream = Terminal()
    bar = Bar("en", stream)
    now[0] += 2.0
    bar.show(500_000_000, 2_000_000_000, 3_000_000, 1234)
    shown = stream.getvalue()
    assert "25%" in shown
    assert "500 MB, 250 MB/s" in shown
    assert "6.0 s left" in shown
    assert "3,000,000 packets, 1,234 connections" in shown
    bar.clear()
    assert stream.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("columns", [20, 40, 80, 120])
def test_a_bar_stays_on_its_line(columns: int, lang: Lang, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(Bar, "_columns", lambda _: columns)
    stream = Terminal()
    Bar(lang, stream).show(622_000_000, 5_000_000_000, 12_345_678, 123_456)
    shown = stream.getvalue().removeprefix("\r\x1b[K")
    assert "12%" in shown or columns < 40
    assert 10 < width(shown) < columns


def test_a_pipe_has_no_end_to_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    stream = Terminal()
    Bar("zh", stream).show(1_000_000, None, 10, 2)
    assert "%" not in stream.getvalue()
    assert "10 个报文，2 个连接" in stream.getvalue()


def test_a_rehearsal_tells_its_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    stream = Terminal()
    bar = Bar("en", stream)
    bar.rehearsed(4800, 19_200)
    bar.rehearsed(4801, 19_200)
    assert " 25%, 4,800 of 19,200 segments rehearsed" in stream.getvalue()
    assert "4,801" not in stream.getvalue()
    bar.clear()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_plays_tell_their_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "AGAIN", 0.0)
    stream = Terminal()
    bar = Bar("en", stream)
    bar.plays("x.pkt", (3, 4), (0, 1), 0)
    assert " 75%, x.pkt: 3 of 4 events, " in stream.getvalue()
    bar.plays("y.pkt", (2, 4), (1, 3), 1)
    assert " 50%, 1 of 3 plays, 1 not passed, y.pkt: 2 of 4 events, " in stream.getvalue()
    bar.plays("z.pkt", (0, 0), (2, 3), 1)
    assert "z.pkt" not in stream.getvalue()


@pytest.mark.parametrize("stage", ["model", pytest.param("kernel", marks=needs_kernel)])
def test_where_a_play_is_can_be_watched(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finwait.cli.play.TICK", 0.02)
    path = tmp_path / "x.pkt"
    path.write_text("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+.3 close(3) = 0\n")
    watched: list[tuple[str, int, int]] = []
    jobs = [Job(str(path), stage=stage)]
    outcomes = list(play_all(jobs, 1, watch=lambda *where: watched.append(where)))
    assert [one.status for one in outcomes] == [Status.PASSED]
    assert (str(path), 1, 2) in watched
