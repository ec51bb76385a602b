"""Every closing on the real kernel: expected, from the wire, from the kernel: the same."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from finwait.cli.lab import leg_name
from finwait.errors import FinwaitError
from finwait.lab import report
from finwait.lab.experiment import Expected
from finwait.lab.experiments import ALL, SUBJECTS
from finwait.lab.judge import judge
from finwait.lab.kernel_words import NOTHING
from finwait.lab.play import Result, explained
from finwait.lab.reasons import REASONS
from finwait.lab.run import run
from finwait.lab.table import table
from finwait.picture.ladder import Arrow, Moment
from finwait.picture.ladder_svg import draw as draw_svg
from finwait.picture.ladder_text import Style, draw
from finwait.picture.width import width
from finwait.verdict import entries
from finwait.verdict.catalogue import entry
from finwait.verdict.language import LANGS, Lang

DOCS = Path(__file__).parents[2] / "docs"

Endings = dict[str, Result | FinwaitError | OSError]


@pytest.mark.parametrize("name", [each.name for each in ALL.values() if not each.long])
def test_the_three_say_the_same(name: str, endings: Endings) -> None:
    ending = endings[name]
    assert isinstance(ending, Result), ending
    assert not [each.en for leg in ending.legs for each in leg.row.differences]
    assert ending.same
    assert ending.steps


def test_only_where_a_third_one_speaks_do_wire_and_kernel_differ(endings: Endings) -> None:
    """Where the packets leave a last state open, finwait says so, and the kernel's is one of those."""
    rows = {
        name: [leg.row for leg in ending.legs]
        for name, ending in endings.items()
        if isinstance(ending, Result)
    }
    if not rows["four-way"][0].tells.reasons:
        pytest.skip("this kernel tells no reasons of RSTs")
    apart = {name for name, legs in rows.items() if any(row.agreement != "same" for row in legs)}
    assert apart == {"injected-reset", "port-rejected"}
    ends = {
        (name, who, *row.kernel.last[who])
        for name, legs in rows.items()
        for row in legs
        for who in ("client", "server")
        if row.kernel.last[who] != row.wire.last[who][:1]
    }
    assert ends == {
        ("injected-reset", "server", "ESTABLISHED"),
        ("fin-unanswered", "client", "CLOSED"),
        ("last-ack-unanswered", "client", "TIME-WAIT"),
        ("last-ack-unanswered", "server", "CLOSED"),
        ("fin-wait-2-orphan", "client", "CLOSED"),
        ("unanswered", "client", "CLOSED"),
        ("accept-queue-full", "client", "CLOSED"),
        ("accept-queue-overflow", "server", "SYN-RECEIVED"),
        ("time-wait-survives", "server", "TIME-WAIT"),
        ("user-timeout", "client", "CLOSED"),
        ("keepalive-death", "server", "ESTABLISHED"),
    }


def test_a_last_state_for_which_the_packets_leave_no_room_differs(endings: Endings) -> None:
    ending = endings["four-way"]
    assert isinstance(ending, Result)
    (leg,) = ending.legs
    expected = ALL["four-way"].expected
    last = {"client": "TIME-WAIT", "server": "ESTABLISHED"}
    for meant, agreement in (
        (expected, "differs"),
        (replace(expected, kernel_server="-"), "as-meant"),
    ):
        told = explained(leg.capture, 0)
        row = judge("four-way", meant, told, leg.events, NOTHING, last=last)
        assert row.agreement == agreement
    row = judge("four-way", expected, told, leg.events, NOTHING, last=last)
    assert [each.en for each in row.differences] == [
        "from the kernel, at last, server: ESTABLISHED, expected CLOSED"
    ]
    assert [each.zh for each in row.differences] == [
        "由内核，最后状态，server：ESTABLISHED，预期 CLOSED"
    ]


def test_what_explain_says_of_the_host_names_the_kernels_reason(endings: Endings) -> None:
    for name, ending in endings.items():
        assert isinstance(ending, Result)
        for leg in ending.legs:
            by = leg.row.wire.reset.partition(" ")[0]
            sent = {event.reason for event in leg.events if event.who == by and event.reason}
            kernel = entry("cause", leg.row.wire.cause).kernel
            if sent and kernel is not None:
                assert not [each for each in sent if each not in kernel.en], name
                assert not [each for each in sent if each not in kernel.zh], name


def test_of_a_request_the_table_of_sockets_tells(endings: Endings) -> None:
    """No tracepoint does, until the handshake is done."""
    abandoned = endings["handshake-abandoned"]
    assert isinstance(abandoned, Result)
    said = [
        (event.old, event.new, event.by)
        for event in abandoned.legs[0].events
        if event.who == "server"
    ]
    assert said == [
        ("CLOSED", "SYN-RECEIVED", "sock_diag"),
        ("SYN-RECEIVED", "CLOSED", "sock_diag"),
    ]


def test_tracepoints_told_of_it(endings: Endings) -> None:
    """With tracefs every step of a state machine is the kernel's own word."""
    ending = endings["simultaneous"]
    assert isinstance(ending, Result)
    (leg,) = ending.legs
    if not leg.row.tells.states:
        pytest.skip("tracefs is not permitted here")
    said = {(event.who, event.old, event.new) for event in leg.events}
    for who in ("client", "server"):
        assert (who, "FIN-WAIT-1", "CLOSING") in said
        assert (who, "CLOSING", "TIME-WAIT") in said


def test_every_word_beside_a_packet_is_the_packets_own(endings: Endings) -> None:
    """Where an end moves by a call, its kernel says so with the segment that goes out."""
    ending = endings["four-way"]
    assert isinstance(ending, Result)
    (leg,) = ending.legs
    if not leg.row.tells.states:
        pytest.skip("tracefs is not permitted here")
    rows = [row for row in leg.ladder.rows if isinstance(row, Arrow)]
    fin, *_ = [row for row in rows if "FIN-WAIT-1" in row.left_kernel]
    assert fin.flags == "FIN ACK"
    assert fin.left == "FIN-WAIT-1"
    assert "CLOSE-WAIT" in fin.right_kernel


def test_a_half_close_breaks_at_the_proxy_and_travels_to_the_server(endings: Endings) -> None:
    """The client's FIN becomes a FIN in both directions; the server's reply meets a RST."""
    broken, kept = endings["half-close-broken"], endings["half-close-kept"]
    assert isinstance(broken, Result)
    assert isinstance(kept, Result)
    near, far = broken.legs
    assert near.row.wire.cause == "half-close-broken"
    assert (
        far.row.wire.reset == "client reply"
    )  # the proxy is the client of its connection with the server
    right, left = True, False
    assert way(broken) == (
        [(right, "fin"), (left, "fin")],  # the request with its FIN, and no reply
        [(right, "data"), (right, "fin"), (left, "data"), (right, "rst")],
    )
    assert (broken.hops[0].leg, broken.hops[-1].leg) == (0, 1), "it begins here and ends there"
    assert way(kept) == (
        [(right, "fin"), (left, "data"), (left, "fin")],
        [(right, "data"), (right, "fin"), (left, "data"), (left, "fin")],
    )


def way(result: Result) -> tuple[list[tuple[bool, str]], ...]:
    """Give what went over each leg since the first FIN, pure ACKs apart."""
    return tuple(
        [(hop.rightward, hop.kind) for hop in result.hops if hop.leg == leg and hop.kind != "ack"]
        for leg in (0, 1)
    )


def test_over_ipv6(lab: None) -> None:
    del lab
    six = replace(ALL["simultaneous"], name="six", six=True)
    ((_, ending),) = run([six], "en")
    assert isinstance(ending, Result), ending
    assert ending.same
    assert ending.legs[0].row.kernel.client == "FIN-WAIT-1 CLOSING TIME-WAIT"


@pytest.mark.parametrize("columns", [80, 120])
def test_pages_fit_the_terminal(columns: int, endings: Endings) -> None:
    """Every page with its table, in each way a terminal may show it; colours take no columns."""
    played = [ending for ending in endings.values() if isinstance(ending, Result)]
    in_chinese = [ending for _, ending in run(SUBJECTS["closing"], "zh", 2)]
    told: list[tuple[Lang, list[Result]]] = [
        ("en", played),
        ("zh", [ending for ending in in_chinese if isinstance(ending, Result)]),
    ]
    for lang, results in told:
        plain, colours, letters = (
            page(results, Style(columns, colour, unicode), lang)
            for colour, unicode in ((False, True), (True, True), (False, False))
        )
        for line in (*plain, *letters):
            assert width(line) <= columns, line
        assert [re.sub(r"\x1b\[[\d;]*m", "", line) for line in colours] == plain
        assert any("\x1b[" in line for line in colours)


def page(results: list[Result], style: Style, lang: Lang) -> list[str]:
    """All that is said of some experiments, the steps apart."""
    rows = [(ALL[result.name], result) for result in results]
    lines = [
        line
        for experiment, result in rows
        for line in (
            *report.heading(experiment, style, lang),
            *report.body(experiment, result, style, lang),
        )
    ]
    return [*lines, *table([*rows], style, lang)]


def test_every_experiment_is_told_in_the_documents() -> None:
    for name in ("lab.md", "lab.zh-CN.md"):
        page = (DOCS / name).read_text(encoding="utf-8")
        told = re.findall(r"\((pictures/lab/[^)]+)\)", page)
        suffix = ".zh.svg" if "zh" in name else ".svg"
        names = [
            leg_name(each.name, number)
            for each in ALL.values()
            for number in range(1 if each.through is None else 2)
        ]
        assert told == [f"pictures/lab/{each}{suffix}" for each in names]
        assert all((DOCS / picture).is_file() for picture in told)


def test_the_five_of_the_study_are_one_subject() -> None:
    names = [each.name for each in SUBJECTS["closing"]]
    assert names == ["four-way", "three-way", "simultaneous", "rst-without-fin", "rst-after-fin"]


@pytest.mark.parametrize("name", ALL)
def test_every_experiment_speaks_the_words_of_the_catalogue(name: str) -> None:
    experiment = ALL[name]
    for expected in experiment.expectations:
        speaks(expected)
    for lang in LANGS:
        assert experiment.title.say(lang)
        assert experiment.shows.say(lang)


def speaks(expected: Expected) -> None:
    """Every word is one of the catalogue; where the kernel says otherwise, it is said why."""
    assert expected.close in entries("close")
    assert expected.closed_by in entries("closed_by")
    assert expected.cause in entries("cause")
    assert not expected.reason or expected.reason in REASONS
    assert set(expected.client.split()) <= set(entries("state"))
    differs = expected.kernel_client or expected.kernel_server or expected.kernel_close
    assert bool(differs) <= (expected.limit is not None), "say why the kernel says otherwise"


def test_causes_that_a_reason_allows_are_in_the_catalogue() -> None:
    known = {*entries("cause"), *entries("note")}
    for slug, reason in REASONS.items():
        assert reason.causes <= known, slug


def test_a_state_that_no_segment_shows_stands_beside_none(endings: Endings) -> None:
    """The kernel is in FIN-WAIT-1 while a zero window holds the FIN back: its word stands alone, before the FIN."""
    ending = endings["zero-window"]
    assert isinstance(ending, Result)
    (leg,) = ending.legs
    if not leg.row.tells.states:
        pytest.skip("tracefs is not permitted here")
    rows = [row for row in leg.ladder.rows if isinstance(row, Arrow | Moment)]
    (said,) = [row for row in rows if "FIN-WAIT-1" in row.left_kernel]
    sent = [row for row in rows if isinstance(row, Arrow) and "FIN" in row.flags and row.rightward]
    assert isinstance(said, Moment)
    assert rows.index(said) < rows.index(sent[0])
    assert said.at < sent[0].at


def test_a_reset_that_answers_is_no_word_of_a_socket_that_was_gone(endings: Endings) -> None:
    """tcp_fin_timeout is over before the data come that draw the RST."""
    ending = endings["rst-after-fin"]
    assert isinstance(ending, Result)
    rows = [row for row in ending.legs[0].ladder.rows if isinstance(row, Arrow | Moment)]
    ack, over, data, rst = rows[-4:]
    assert isinstance(over, Moment)
    assert over.right_kernel == ("CLOSED",)
    assert ack.at + 0.9 < over.at < data.at
    assert not any("CLOSED" in row.right_kernel for row in (ack, data, rst))


TIMED = {
    "accept-queue-full": "client SYN-SENT",
    "fin-unanswered": "client FIN-WAIT-1",
    "fin-wait-2-orphan": "client FIN-WAIT-2",
    "last-ack-unanswered": "server LAST-ACK",
    "unanswered": "client SYN-SENT",
    "user-timeout": "client ESTABLISHED",
}
"""Experiments that end by a timer, which sends nothing: who, and from where to CLOSED."""


@pytest.mark.parametrize("name", TIMED)
def test_what_a_timer_ends_has_a_line_and_a_time_of_its_own(name: str, endings: Endings) -> None:
    ending = endings[name]
    assert isinstance(ending, Result)
    (leg,) = ending.legs
    who, old = TIMED[name].split()
    (event,) = [each for each in leg.events if each.who == who and each.new == "CLOSED"]
    *before, last = [row for row in leg.ladder.rows if isinstance(row, Arrow | Moment)]
    assert isinstance(last, Moment)
    assert not any("CLOSED" in (*row.left_kernel, *row.right_kernel) for row in before)
    assert (last.left_kernel, last.right_kernel) == ((("CLOSED",), ()) if who == "client" else ((), ("CLOSED",)))  # fmt: skip
    assert event.old == old
    assert last.at == pytest.approx(before[-1].at + late(leg.capture, f"{who} {old} > CLOSED"), abs=0.001)  # fmt: skip
    assert last.at > before[-1].at + 0.1


def late(capture: bytes, words: str) -> float:
    """Give how much later than its packet a comment says that something was."""
    (said,) = re.findall(rf"kernel, ([\d.]+) s later[^\n:]*, no packet: {words}", capture.decode("latin-1"))  # fmt: skip
    return float(said)


def test_an_ends_states_stand_in_their_order_also_where_segments_cross(endings: Endings) -> None:
    """In lines; a picture draws when each segment came."""
    ending = endings["simultaneous"]
    assert isinstance(ending, Result)
    if not ending.legs[0].row.tells.states:
        pytest.skip("tracefs is not permitted here")
    lines = draw(ending.legs[0].ladder, Style(100))
    said = [line[85:].strip() for line in lines if "│" in line and line[85:].strip()]
    assert said[-3:] == ["FIN-WAIT-1", "CLOSING", "TIME-WAIT"]
    (beside,) = [line for line in lines if line[85:].strip() == "FIN-WAIT-1"]
    assert "◀" in beside, "not above the FIN that its call sends"


def test_what_a_kernel_says_is_told_whole(endings: Endings) -> None:
    """A reason is not cut where the arrow is short; what a kernel says often is said once; a silent one is said to be silent."""
    left, injected = endings["rst-without-fin"], endings["injected-reset"]
    assert isinstance(left, Result)
    assert isinstance(injected, Result)
    if not left.legs[0].row.tells.reasons:
        pytest.skip("this kernel tells no reasons of RSTs")
    ladder = "\n".join(page([left], Style(100, False, True), "en"))
    assert "…" not in ladder
    assert "  client  RST, TCP_ABORT_ON_CLOSE in CLOSED: close() with unread data" in ladder
    told = page([injected], Style(100, False, True), "en")
    assert "  server  nothing after ESTABLISHED" in told
    (said,) = [line for line in told if line.startswith("  client  RST, NO_SOCKET: ")]
    assert re.fullmatch(r"  client  RST, NO_SOCKET: no socket at all \(× \d\)", said)
    assert any(line.startswith("  - For: the RST's TTL is 113") for line in told)


def test_a_time_wait_is_seen_to_give_way(endings: Endings) -> None:
    ending = endings["time-wait-reuse"]
    assert isinstance(ending, Result)
    (leg,) = ending.legs
    assert leg.ladder.right.kernel == "TIME-WAIT", "the server's kernel holds it when the SYN comes"
    assert leg.ladder.left.kernel == ""
    assert "TIME-WAIT was held by the server until frame 12" in leg.before
    for said in (
        report.body(ALL["time-wait-reuse"], ending, Style(100), "en"),
        draw(leg.ladder, Style(70)),
    ):
        assert any("TIME-WAIT" in line and "SYN" not in line for line in said)
    assert ">kernel: TIME-WAIT<" in draw_svg(leg.ladder)


@pytest.mark.parametrize(
    ("name", "number"),
    [("accept-queue-full", 1), ("accept-queue-overflow-reset", 1), ("listener-closed", 4)],
)
def test_a_page_says_which_connection_of_the_capture_it_is_about(
    endings: Endings, name: str, number: int
) -> None:
    ending = endings[name]
    assert isinstance(ending, Result)
    told = "\n".join(report.body(ALL[name], ending, Style(100), "en"))
    assert f"It is connection {number} of the capture" in told
    assert explained(ending.legs[0].capture, number).row.close == ALL[name].expected.close


def test_every_column_names_who_reset(endings: Endings) -> None:
    ending = endings["abort-in-close-wait"]
    assert isinstance(ending, Result)
    (leg,) = ending.legs
    for told in (leg.row.expected, leg.row.wire, leg.row.kernel):
        assert told.short("en").startswith("reset by server after client's FIN, ")
