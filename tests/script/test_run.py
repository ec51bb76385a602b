"""Scripts played on the model: what passes, and what a report says of what does not."""

import pytest

from finwait.script import report
from finwait.script.config import configure
from finwait.script.outcome import Outcome, Status
from finwait.script.parser import parse
from finwait.script.runner import play
from finwait.script.syntax import Dialect
from finwait.stage.model import open_model
from finwait.verdict.language import Lang

OPEN = """\
0   socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0  bind(3, ..., ...) = 0
+0  listen(3, 1) = 0
+0  < S 1000:1000(0) win 32792 <mss 1460,sackOK,nop,nop>
+0  > S. 500:500(0) ack 1001 <...>
+.1 < . 1:1(0) ack 1 win 32792
+0  accept(3, ..., ...) = 4
"""


def run(
    text: str, until: int | None = None, dialect: Dialect = Dialect.FINWAIT, **options: str | None
) -> Outcome:
    script = parse(text, "test.pkt", dialect=dialect)
    config = configure(script, options, dialect, until=until)
    return play(script, config, lambda setup: open_model(setup, "linux"))


@pytest.mark.parametrize("family", ["ipv4", "ipv6", "ipv4-mapped-ipv6"])
def test_numbers_are_absolute_in_a_syn_and_relative_elsewhere(family: str) -> None:
    outcome = run(
        OPEN + "+0 write(4, ..., 3000) = 3000\n+0 > P. 1:3001(3000) ack 1\n", ip_version=family
    )
    assert outcome.status is Status.PASSED, report.text(outcome, "en")


def test_segments_are_taken_as_one_unless_strict() -> None:
    text = OPEN + "+0 write(4, ..., 2000) = 2000\n+0 > P. 1:2001(2000) ack 1\n"
    assert run(text).status is Status.PASSED
    failed = run(text, strict_segments=None)
    assert failed.failure is not None
    assert failed.failure.difference is not None
    assert failed.failure.difference.field == "payload length"


def test_a_mismatch_names_field_line_reason_and_marks_the_place() -> None:
    outcome = run(OPEN + "+0 close(4) = 0\n+0 > . 1:1(0) ack 1\n")
    failure = outcome.failure
    assert failure is not None
    assert failure.difference is not None
    assert (failure.at.line, failure.difference.field) == (9, "flag FIN")
    told = report.text(outcome, "en")
    lines = told.splitlines()
    expected = next(line for line in lines if line.lstrip().startswith("expected"))
    actual = next(line for line in lines if line.lstrip().startswith("actual"))
    marks = lines[lines.index(actual) + 1]
    assert marks.index("^") == actual.index("F.") == expected.index(". ", expected.index(">"))
    assert "the application had closed" in told
    assert "FIN-WAIT-1" in told


def refused_options(wanted: str) -> tuple[str, list[str]]:
    """The report's lines about a SYN,ACK that was to have these options: what is marked, and what is listed."""
    script = OPEN.replace("ack 1001 <...>", f"ack 1001 {wanted}")
    lines = report.text(run(script), "en").splitlines()
    place = next(n for n, line in enumerate(lines) if line.lstrip().startswith("actual"))
    actual, marks = lines[place : place + 2]
    listed = [line.strip() for line in lines[place + 2 :] if line.startswith("      ")]
    return actual[marks.index("^") : len(marks)], listed


def test_options_are_marked_and_listed_one_by_one() -> None:
    """The model answers <mss 1460,nop,nop,sackOK>."""
    assert refused_options("<mss 1400,nop,nop,sackOK>") == ("mss 1460", [])  # the message names it
    assert refused_options("<mss 1460,sackOK,nop,nop>") == (
        "nop",
        [
            "option sackOK: expected sackOK, was none",
            "option sackOK: expected none, was sackOK",
        ],
    )
    assert refused_options("<mss 1400,nop,nop,sackOK,nop,wscale 7>") == (
        "mss 1460",
        [
            "option mss: expected mss 1400, was mss 1460",
            "option nop: expected nop, was none",
            "option wscale: expected wscale 7, was none",
        ],
    )
    assert refused_options("<mss 1460,nop,nop,sackOK,nop,wscale 7>")[0] == ">"
    assert refused_options("") == ("mss 1460", [])


def test_everything_that_differs_is_listed() -> None:
    outcome = run(OPEN + "+0 close(4) = 0\n+0 > P. 1:1(0) ack 1 win 7\n")
    assert outcome.failure is not None
    assert [one.field for one in outcome.failure.differences] == ["flag FIN", "flag PSH", "win"]
    assert "      flag PSH: expected PSH, was none\n" in report.text(outcome, "en")
    assert "      flag PSH：应为 PSH，实际为 无\n" in report.text(outcome, "zh")


def test_nothing_came_tells_why() -> None:
    outcome = run(OPEN + "+0 > . 1:1(0) ack 1\n")
    assert outcome.failure is not None
    assert outcome.failure.actual is None
    assert any("ESTABLISHED" in reason.en for reason in outcome.failure.reasons)


def test_a_packet_that_no_line_took_is_shown() -> None:
    text = OPEN + "+0 close(4) = 0\n+.01 < F. 1:1(0) ack 1 win 257\n+0 > . 2:2(0) ack 2\n"
    outcome = run(text)
    assert outcome.failure is not None
    assert any("later" in reason.en for reason in outcome.failure.reasons)


def test_time_is_checked_with_tolerance() -> None:
    text = OPEN + "+0 close(4) = 0\n+.05 > F. 1:1(0) ack 1\n"
    failed = run(text)
    assert failed.failure is not None
    assert failed.failure.kind == "time"
    assert run(text, tolerance_usecs="60000").status is Status.PASSED
    assert run(text.replace("+.05 >", "+0~+.1 >")).status is Status.PASSED
    assert run(text.replace("+.05 >", "* >")).status is Status.PASSED


def test_a_call_that_blocks_returns_when_data_comes() -> None:
    text = (
        OPEN + "+0...0.3 read(4, ..., 10) = 5\n+.3 < P. 1:6(5) ack 1 win 257\n+0 > . 1:1(0) ack 6\n"
    )
    assert run(text).status is Status.PASSED
    late = run(text.replace("+.3 <", "+.4 <"))
    assert late.failure is not None
    assert late.failure.kind == "time"


def test_results_and_errno() -> None:
    good = run(OPEN + "+0 close(4) = 0\n+0 read(3, ..., 1) = -1 ENOTCONN (Not connected)\n")
    assert good.status is Status.PASSED, report.text(good, "en")
    bad = run(OPEN + "+0 read(3, ..., 1) = -1 EPIPE (Broken)\n")
    assert bad.failure is not None
    assert "ENOTCONN" in bad.failure.message.en


def test_code_is_one_program_and_its_fault_names_the_line() -> None:
    text = (
        OPEN
        + "+0 %{ seen = tcpi_state }%\n+0 %{\nassert seen == TCP_ESTABLISHED\nassert tcpi_state == TCP_CLOSE\n}%\n"
    )
    outcome = run(text)
    assert outcome.failure is not None
    assert outcome.failure.kind == "code"
    assert text.splitlines()[outcome.failure.at.line - 1] == "assert tcpi_state == TCP_CLOSE"
    assert "tcpi_state = 1" in outcome.failure.message.en


def test_until_stops_and_says_why() -> None:
    text = OPEN + "+0 close(4) = 0\n+0 > F. 1:1(0) ack 1\n+9000 close(3) = 0\n"
    outcome = run(text, until=3_000_000)
    assert (outcome.status, outcome.lasted) == (Status.STOPPED, 3_000_000)
    assert outcome.endpoint is not None
    assert outcome.endpoint.state == "FIN-WAIT-1"
    told = " ".join(why.en for why in outcome.story)
    assert "no ACK of 2" in told
    assert "sent again at" in told


def test_an_unknown_name_is_the_scripts_fault() -> None:
    outcome = run("0 socket(..., SOCK_STREEM, IPPROTO_TCP) = 3\n")
    assert outcome.status is Status.BROKEN
    assert outcome.failure is not None
    assert "SOCK_STREEM" in outcome.failure.message.en


def test_an_echo_of_nothing_is_refused() -> None:
    text = OPEN + "+0 < . 1:1(0) ack 1 win 257 <nop,nop,TS val 1 ecr 7>\n"
    outcome = run(text)
    assert outcome.failure is not None
    assert "ecr 7" in outcome.failure.message.en


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_form_tells_the_same(lang: str) -> None:
    outcome = run(OPEN + "+0 > . 1:1(0) ack 1\n")
    assert outcome.failure is not None
    chosen: Lang = "zh" if lang == "zh" else "en"
    said = outcome.failure.message.say(chosen)
    assert said in report.text(outcome, chosen)
    assert said in report.tap([outcome], chosen)
    assert said in report.junit([outcome], chosen)
    assert "not ok 1" in report.tap([outcome], chosen)


def test_a_call_that_blocks_without_a_time_of_return_is_told() -> None:
    outcome = run(OPEN + "+0 read(4, ..., 100) = 100\n")
    assert outcome.status is Status.FAILED
    assert "read() still blocks" in report.text(outcome, "en")


def test_a_closed_descriptor_is_ebadf() -> None:
    text = OPEN + "+0 close(4) = 0\n+0 close(4) = -1 EBADF\n+0 write(4, ..., 5) = -1 EBADF\n"
    assert run(text).status is Status.PASSED


@pytest.mark.parametrize("line", ["nosuchcmd; exit 3", "sysctl -w net.ipv4.tcp_bogus=5"])
def test_a_command_that_the_model_cannot_honour_is_no_pass(line: str) -> None:
    outcome = run(OPEN + f"+0 `{line}`\n")
    assert outcome.status is Status.NOT_APPLICABLE
    assert "# SKIP not applicable: " in report.tap([outcome], "en")


def test_false_fails_on_the_model_too() -> None:
    assert run(OPEN + "+0 `false`\n").status is Status.FAILED
