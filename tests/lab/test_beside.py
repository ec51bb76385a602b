"""What a kernel says stands beside the segment that it goes with, or alone at its own time."""

import pytest

from finwait.lab.beside import Place, beside, comments, with_kernel
from finwait.lab.history import Event
from finwait.lab.kernel_words import NO_SOCKET
from finwait.lab.packet import Flags, Segment
from finwait.lab.reasons import REASONS
from finwait.lab.reset_words import reset_words
from finwait.lab.wire import Packet, Side
from finwait.picture.ladder import Arrow, Fold, Ladder, Lane, Moment, Pause, Row
from finwait.picture.ladder_svg import draw as draw_svg
from finwait.picture.ladder_text import Style, draw
from finwait.picture.width import width
from finwait.verdict.language import LANGS

PORT = 40000
MS, SECOND = 1_000_000, 1_000_000_000
BEGAN = 1_700_000_000 * SECOND
ACK, FIN, RST, SYN = Flags.ACK, Flags.FIN | Flags.ACK, Flags.RST, Flags.SYN


def packet(frame: int, sender: Side, flags: Flags, sent: int, *, took: int | None = 0) -> Packet:
    """Make a packet; times in nanoseconds after BEGAN. took: on its way; None: it was lost."""
    segment = Segment("192.0.2.1", "198.51.100.1", PORT, 8080, 1, 1, flags)
    at = BEGAN + sent
    arrived = 0 if took is None else at + took
    captured = arrived if sender == "server" else at
    return Packet(sender, b"", segment, at, arrived, frame=frame, captured=captured)


def event(at: int, who: str, old: str, new: str, since: int = 0) -> Event:
    by = "sock_diag" if since else "tracepoint"
    return Event(BEGAN + at, who, old, new, by=by, since=since and BEGAN + since)


def arrow(frame: int, at: float, *, rightward: bool = True, crosses: bool = False) -> Arrow:
    return Arrow(
        frame, at, rightward, "ACK", ("seq 1",), "ack", "FIN-WAIT-2", "CLOSE-WAIT", crosses=crosses
    )


def ladder(*rows: Row) -> Ladder:
    lanes = Lane("client", f"192.0.2.1:{PORT}", ""), Lane("server", "198.51.100.1:8080", "")
    return Ladder("a title", *lanes, rows)


def placed(one: Event, *packets: Packet) -> Place:
    (place,) = beside([one], packets, PORT)
    return place


QUIET = (packet(1, "client", FIN, 0), packet(2, "server", ACK, 10 * MS))
"""The client's FIN and its ACK; then nothing comes."""


@pytest.mark.parametrize(
    ("who", "old"),
    [
        ("client", "FIN-WAIT-2"),
        ("client", "TIME-WAIT"),
        ("server", "LAST-ACK"),
        ("client", "ESTABLISHED"),
        ("client", "SYN-SENT"),
    ],
)
def test_what_a_timer_ends_stands_alone_at_its_own_time(who: str, old: str) -> None:
    ended = event(1010 * MS, who, old, "CLOSED")
    place = placed(ended, *QUIET)
    assert (place.frame, place.alone, place.later) == (2, True, SECOND)
    assert comments([place]) == {2: f"kernel, 1.000000 s later, no packet: {who} {old} > CLOSED"}
    drawn = with_kernel(ladder(arrow(1, 0.0), arrow(2, 0.01)), [place], BEGAN, "en")
    *arrows, pause, moment = drawn.rows
    assert all(isinstance(row, Arrow) and not row.left_kernel for row in arrows)
    assert isinstance(pause, Pause)
    assert isinstance(moment, Moment)
    assert (moment.at, moment.labels) == (1.01, ("no packet",))
    told = {"client": moment.left_kernel, "server": moment.right_kernel}
    assert told == {"client": (), "server": ()} | {who: ("CLOSED",)}


def test_what_only_a_look_told_says_since_when() -> None:
    place = placed(event(1010 * MS, "client", "TIME-WAIT", "CLOSED", since=960 * MS), *QUIET)
    assert comments([place])[2] == (
        "kernel, 1.000000 s later (not yet at 0.950000 s), no packet: client TIME-WAIT > CLOSED (sock_diag)"
    )
    told = {
        "en": "seen by sock_diag, not yet at 0.960000",
        "zh": "由 sock_diag 看到，0.960000 时尚未",
    }
    for lang in LANGS:
        *_, moment = with_kernel(ladder(arrow(2, 0.01)), [place], BEGAN, lang).rows
        assert isinstance(moment, Moment)
        assert moment.labels[1:] == (told[lang],)


def test_a_late_look_after_a_packet_is_no_timer() -> None:
    """A RST meets TIME-WAIT, and the table of sockets is looked at 60 ms later."""
    rst = packet(3, "server", RST, 20 * MS)
    late = event(80 * MS, "client", "TIME-WAIT", "CLOSED", since=15 * MS)
    assert placed(late, *QUIET, rst) == Place(3, late)
    assert placed(event(80 * MS, "client", "TIME-WAIT", "CLOSED"), *QUIET, rst).alone


def test_the_end_of_a_pause_is_drawn_between_its_packets() -> None:
    """And the pause before and after it is told by its own length."""
    further = packet(3, "client", ACK, 5 * SECOND)
    ended = event(2 * SECOND, "client", "FIN-WAIT-2", "CLOSED")
    place = placed(ended, *QUIET, further)
    before = ladder(arrow(1, 0.0), arrow(2, 0.01), Pause("4.99 s"), arrow(3, 5.0))
    rows = with_kernel(before, [place], BEGAN, "en").rows
    kinds = [row.text if isinstance(row, Pause) else type(row).__name__ for row in rows]
    assert kinds == ["Arrow", "Arrow", "1.99 s", "Moment", "3.0 s", "Arrow"]


def test_a_moment_before_or_after_a_fold_and_never_within_a_crossing() -> None:
    first, last = (
        Place(frame, event(SECOND, "client", "", "CLOSED"), alone=True) for frame in (1, 3)
    )
    rows = with_kernel(
        ladder(arrow(1, 0.0), Fold("2 segments"), arrow(4, 2.0)), [first, last], BEGAN, "en"
    ).rows
    assert [type(row).__name__ for row in rows if not isinstance(row, Pause)] == [
        "Arrow", "Moment", "Fold", "Moment", "Arrow",
    ]  # fmt: skip
    crossing = ladder(arrow(1, 0.0), arrow(2, 0.1, rightward=False, crosses=True))
    rows = with_kernel(crossing, [first], BEGAN, "en").rows
    assert [type(row).__name__ for row in rows if not isinstance(row, Pause)] == [
        "Arrow", "Arrow", "Moment",
    ]  # fmt: skip


def test_before_the_first_packet_there_is_time_too() -> None:
    place = placed(event(-5 * MS, "server", "LISTEN", "CLOSED"), *QUIET)
    assert comments([place]) == {1: "kernel, 0.005000 s before, no packet: server LISTEN > CLOSED"}
    first, _ = with_kernel(ladder(arrow(1, 0.0)), [place], BEGAN, "en").rows
    assert isinstance(first, Moment)
    assert first.at == pytest.approx(-0.005)


def test_a_call_goes_with_its_segment_if_nothing_came_between() -> None:
    closed = event(20 * MS, "client", "ESTABLISHED", "FIN-WAIT-1")
    fin = packet(4, "client", FIN, 30 * MS)
    assert placed(closed, QUIET[1], fin) == Place(4, closed)
    opens = packet(3, "server", ACK, 25 * MS)
    assert placed(closed, QUIET[1], opens, fin).alone, "a window let the FIN go"
    crossed = packet(3, "server", FIN, 15 * MS, took=20 * MS)
    assert placed(closed, QUIET[1], crossed, fin) == Place(4, closed)


def test_a_call_that_sends_nothing_stands_alone() -> None:
    """close() in SYN-SENT: the SYN-ACK was on its way, arrives later, and draws the RST."""
    syn, answer = packet(1, "client", SYN, 0), packet(2, "server", SYN | ACK, MS, took=9 * MS)
    rst = packet(3, "client", RST, 11 * MS)
    gone = placed(event(5 * MS, "client", "SYN-SENT", "CLOSED"), syn, answer, rst)
    assert (gone.frame, gone.alone) == (1, True)


def test_of_packets_that_overtook_the_last_to_arrive_is_the_cause() -> None:
    late = packet(3, "client", ACK, 0, took=30 * MS)
    fin = packet(2, "client", FIN, 5 * MS)
    moved = event(30 * MS, "server", "ESTABLISHED", "CLOSE-WAIT")
    assert placed(moved, late, fin) == Place(3, moved)


def test_a_reason_of_a_rst_that_is_not_captured_is_told_without_one() -> None:
    said = Event(BEGAN + SECOND, "server", "LISTEN", "", "TCP_FLAGS", "no-connection")
    place = placed(said, *QUIET)
    assert "RST not in the capture: server sends RST in LISTEN" in comments([place])[2]
    *_, moment = with_kernel(ladder(arrow(2, 0.01)), [place], BEGAN, "en").rows
    assert isinstance(moment, Moment)
    assert moment.labels[:2] == ("RST, not in the capture", "kernel: TCP_FLAGS in LISTEN")


@pytest.mark.parametrize(
    ("old", "reason", "means", "words"),
    [
        ("CLOSED", "TCP_STATE", "linger-zero", ("TCP_STATE in CLOSED", "TCP_STATE（CLOSED）")),
        (NO_SOCKET, "NO_SOCKET", "no-socket", ("NO_SOCKET", "NO_SOCKET")),
        ("LISTEN", "SOMETHING_NEW", "SOMETHING_NEW", ("SOMETHING_NEW in LISTEN", "SOMETHING_NEW（LISTEN）")),
        (NO_SOCKET, "", "", ("reason not told", "未说明原因")),
    ],
)  # fmt: skip
def test_a_reason_is_written_the_same_everywhere(
    old: str, reason: str, means: str, words: tuple[str, str]
) -> None:
    said = Event(BEGAN, "server", old, "", reason, means)
    known = REASONS.get(means)
    for lang, name in zip(LANGS, words, strict=True):
        assert reset_words(said, lang) == (name, known.text.say(lang) if known else "")


TWICE = ladder(
    arrow(1, 0.0)._replace(left="FIN-WAIT-1"),
    arrow(2, 0.01, rightward=False)._replace(
        left_kernel=("FIN-WAIT-2", "TIME-WAIT"), labels=("acks the FIN (#1)",), left="TIME-WAIT"
    ),
    Moment(61.5, ("CLOSED",), (), ("no packet", "seen by sock_diag, not yet at 61.400000")),
)._replace(columns=("kernel", "packets"))


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("columns", [80, 100, 160])
def test_two_states_of_one_segment_are_read_downwards_from_its_line(
    columns: int, unicode: bool
) -> None:
    lines = draw(TWICE, Style(columns, unicode=unicode))
    assert max(map(width, lines)) <= columns
    (first,) = [place for place, line in enumerate(lines) if line.lstrip().startswith("2 ")]
    assert "FIN-WAIT-2" in lines[first]
    assert "FIN-WAIT-2" not in lines[first - 1]
    words = [line for line in lines[first:] if "TIME-WAIT" in line]
    assert words, "the second state"
    assert "TIME-WAIT" in lines[first + 1]
    (alone,) = [line for line in lines if "no packet" in line]
    assert alone.split()[0] == "61.500000"
    assert "CLOSED" in alone
    coloured = draw(TWICE, Style(columns, colour=True, unicode=unicode))
    assert len(coloured) == len(lines)


def test_the_picture_has_the_time_of_a_moment() -> None:
    svg = draw_svg(TWICE)
    assert "61.500000" in svg
    assert "no packet" in svg
    assert "kernel: CLOSED" in svg
    where = [float(part.partition('"')[0]) for part in svg.split(' y="')[1:]]
    height = float(svg.partition('height="')[2].partition('"')[0])
    assert max(where) < height
