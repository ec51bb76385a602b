"""What is wrong with a script is said when it is read: place, sentence, line, caret, and what was probably meant."""

from pathlib import Path

import pytest

from finwait.errors import BadScript
from finwait.script.check import CALLS, check
from finwait.script.job import Job
from finwait.script.outcome import Status
from finwait.script.parser import SYSTEMS, load, parse
from finwait.stage.model.calls import CALLS as OF_MODEL

from .test_corpora import AT_HAND, scripts_of

START = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"


def said(text: str, **defines: str) -> str:
    with pytest.raises(BadScript) as caught:
        check(parse(START + text, "x.pkt", defines))
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("+0 close(4,5,6) = 0", "x.pkt:2:4: close takes 1 argument, 3 were given"),
        ("+.1  close() = 0", "x.pkt:2:6: close takes 1 argument, none were given"),
        ("+0 listen(4) = 0", "x.pkt:2:4: listen takes 2 arguments, 1 was given"),
        ("+0 socket(1) = 4", "x.pkt:2:4: socket takes 3 arguments, 1 was given"),
        ("+0 write(4, ...) = 1", "x.pkt:2:4: write takes 3 arguments, 2 were given"),
        ("+0 fcntl(4) = 1", "x.pkt:2:4: fcntl takes 2 or 3 arguments, 1 was given"),
        ("+0 read(4, 5) = 1", "x.pkt:2:4: read takes 3 arguments, 2 were given"),
        ("+0 sendto(4) = 1", "x.pkt:2:4: sendto takes 6 arguments, 1 was given"),
        ("+0 accept(3) = 4", "x.pkt:2:4: accept takes 3 arguments, 1 was given"),
        ('+0 shutdown(4, "x") = 0', "x.pkt:2:4: argument 2 of shutdown is not a number"),
        ("+0 close(...) = 0", "x.pkt:2:4: argument 1 of close is not a descriptor"),
        (
            '+0 setsockopt(3, IPPROTO_TCP, TCP_NODELAY, ["x"], 4) = 0',
            "x.pkt:2:4: argument 4 of setsockopt is not [N], {…} or a string",
        ),
        (
            "+0 writev(4, [{..., 5}], 99) = 5",
            "x.pkt:2:4: writev was given 1 buffers, and told that they are 99",
        ),
        (
            '+0 write(4, "abc", 99999999999) = 5',
            "x.pkt:2:4: argument 3 of write is 99999999999 octets; finwait gives a call at most 67108864",
        ),
        (
            "+0 writev(4, [{..., 99999999999}], 1) = 5",
            "x.pkt:2:4: the buffers of writev hold 99999999999 octets; finwait gives a call at most 67108864",
        ),
        (
            "+0 sendmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 99999999999}], msg_flags=0}, 0) = 5",
            "x.pkt:2:4: the buffers of sendmsg hold 99999999999 octets; finwait gives a call at most 67108864",
        ),
        ("+0 clsoe(4) = 0", "x.pkt:2:4: there is no system call clsoe; did you mean close?"),
        (
            "+0 close(4) = -1 EBADFF (Bad)",
            "x.pkt:2:18: there is no error EBADFF; did you mean EBADF?",
        ),
        (
            "+0 setsockopt(3, SOL_TCP, TCP_NODELY, [1], 4) = 0",
            "x.pkt:2:27: nothing is called TCP_NODELY; did you mean TCP_NODELAY?",
        ),
        ("+0 %{ asser x }%", "x.pkt:2:13: this is no Python: invalid syntax"),
        ("+0 %{\na = 1\nb = = 2\n}%", "x.pkt:4:5: this is no Python: invalid syntax"),
    ],
)
def test_the_place_and_what_is_wrong(text: str, message: str) -> None:
    head, line, caret = said(text).split("\n")
    assert head == message
    place, column = (int(number) for number in head.split(":")[1:3])
    assert line == (START + text).split("\n")[place - 1]
    assert caret.index("^") == column - 1


def test_names_of_a_define_are_honoured() -> None:
    check(
        parse(START + "+0 setsockopt(3, SOL_TCP, WHAT, [1], 4) = 0", "x", {"WHAT": "TCP_NODELAY"})
    )
    assert "x.pkt:2:27" in said(
        "+0 setsockopt(3, SOL_TCP, WHAT, [1], 4) = 0", WHAT="TCP_NODELY"
    )  # fmt: skip


def test_every_call_of_a_stage_is_in_the_table() -> None:
    assert CALLS.keys() >= OF_MODEL.keys()
    calls = pytest.importorskip("finwait.kernel.calls")
    names = {name.removeprefix("_call_") for name in dir(calls.Calls) if name.startswith("_call_")}
    assert CALLS.keys() >= names


def test_a_job_tells_it_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.pkt"
    path.write_text("\ufeff" + START.replace("\n", "\r\n") + "+0 close(3, 4) = 0", encoding="utf-8")
    outcome = Job(str(path)).run()
    assert outcome.status is Status.BROKEN
    assert outcome.failure is not None
    assert (outcome.failure.at.line, outcome.failure.at.column) == (2, 4)
    assert outcome.failure.detail.split("\n") == ["+0 close(3, 4) = 0", "   ^^^^^"]


if AT_HAND:

    @pytest.mark.parametrize("suite", AT_HAND, ids=lambda suite: suite[0])
    def test_a_suite_is_sound(suite: tuple[str, dict[str, str], str, int, list[str]]) -> None:
        variable, defines, profile, _, strange = suite
        for path in scripts_of(variable):
            if path.name not in strange:
                check(load(path, defines, systems=(SYSTEMS[profile],)))
