"""Stories of real captures, held to judges we did not write: tshark's numbers, the kernel's states."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import finwait
import finwait.errors
from finwait import _core
from finwait.capture.connection import Connection
from finwait.errors import CannotOpen, Misuse
from finwait.explain import Explanation
from finwait.explain.conversation import Segment
from finwait.verdict.language import LANGS
from lab.truth import Connection as Truth
from lab.truth import from_toml

from .test_agree import FINS

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "examples", ROOT / "tests" / "captures"]
CAPTURES = sorted(path for folder in FOLDERS for path in folder.glob("*.pcap*"))
TRUTH = [
    (folder / capture.file, row)
    for folder in FOLDERS
    for capture in from_toml((folder / "truth.toml").read_text())
    for row in capture.connections
    if row.kernel and sum(other.client == row.client for other in capture.connections) == 1
]


CLOSES = FINS | {
    "refused": "refused",
    "no-answer": "unanswered",
}


@pytest.mark.parametrize("path", CAPTURES, ids=lambda p: p.stem)
def test_every_connection_of_every_capture_is_told(path: Path) -> None:
    for row in _core.analyze([str(path)]).records():
        number = row["conn"]
        assert isinstance(number, int)
        told = finwait.explain(path, number)
        assert told.row.conn == number
        assert told.row == Connection.of(row), "an analysis says the same"
        keys = {p.key for item in told.story for p in item.parts}
        for key, close in CLOSES.items():
            assert key not in keys or row["close"] == close, "the story and the verdict agree"
        assert told.segments[0].number == told.row.first_frame
        counted = [s for s in told.segments if "duplicate" not in s.labels and not waits(s)]
        assert len(counted) == told.row.client_packets + told.row.server_packets
        for lang in LANGS:
            text = told.text(lang, columns=80, full=True)
            assert told.verdict(lang).sentence[:40] in text
            assert "{" not in re.sub(r"'[^']*'", "", text)
            assert told.svg(lang, full=True).endswith("</svg>\n")
            json.dumps(told.data(lang))
        for s in told.segments:
            assert str(s.step.seq) in told.segment_text(s.number)


def waits(s: Segment) -> bool:
    """Whether it is a call inside a living connection, which belongs to no row until it is answered."""
    opening = {"CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED"}
    return s.flags & 0x12 == 2 and not {s.client_state, s.server_state} & opening


def test_by_its_ends_in_either_order() -> None:
    path = ROOT / "tests/captures/four-way-six.pcapng"
    row = finwait.explain(path, 0).row
    assert ":" in row.client_ip
    for ends in (f"{row.client}-{row.server}", f"{row.server}-{row.client}"):
        assert finwait.explain(path, ends).row == row


def test_absolute_numbers_are_those_of_the_header() -> None:
    path = ROOT / "examples/four-way.pcap"
    told = finwait.explain(path, 0, absolute=True)
    text = told.text(columns=200)
    for s in told.segments:
        assert f"seq {s.step.seq}" in text
    assert "distance" not in text


def test_no_such_connection() -> None:
    path = ROOT / "examples/four-way.pcap"
    for conn in (1, 10**12, "10.0.0.1:1-10.0.0.2:2", "", -1):
        with pytest.raises(Misuse):
            finwait.explain(path, conn)
    with pytest.raises(Misuse):
        finwait.explain([], 0)
    with pytest.raises(CannotOpen):
        finwait.explain(path.with_suffix(".absent"), 0)


def test_a_broken_capture_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = (ROOT / "examples/four-way.pcap").read_bytes()
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(whole[:-10])
    told = finwait.explain(cut, 0)
    assert [type(fault).__name__ for fault in told.faults] == ["BadCapture"]
    assert len(told.segments) == 14
    cut.write_bytes(whole[:10])
    with pytest.raises(finwait.errors.BadCapture):
        finwait.explain(cut, 0)


def test_a_call_that_waited_for_an_old_connection_is_told_whole() -> None:
    told = finwait.explain(ROOT / "tests/captures/port-reused.pcap", 1)
    assert [s.number for s in told.segments] == list(range(8, 18))
    assert told.segments[0].client_state == "SYN-SENT"
    keys = [p.key for item in told.story for p in item.parts]
    assert keys[:1] == ["syn"]
    assert "fin-three-way" in keys


def test_the_middle_of_a_long_connection_is_left_out() -> None:
    told = finwait.explain(ROOT / "examples/four-way.pcap", 0, max_segments=10)
    assert len(told.segments) == 10
    assert told.truncated == 5
    assert "5 segments in the middle" in told.text(columns=200)


# -- tshark ---------------------------------------------------------------------------------------

NUMBERED = [
    *("examples/four-way", "examples/three-way", "examples/simultaneous", "examples/rst-after-fin"),
    *("examples/rst-without-fin", "tests/captures/sequence-wraps", "tests/captures/zero-window"),
    *("tests/captures/simultaneous-with-data", "tests/captures/overlap", "tests/captures/urgent"),
    *("tests/captures/injected-reset", "tests/captures/keep-alive", "tests/captures/gap"),
]


@pytest.mark.parametrize("name", NUMBERED)
def test_relative_numbers_are_those_of_tshark(name: str) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    path = ROOT / f"{name}.pcap"
    fields = ["frame.number", "tcp.seq", "tcp.ack", "tcp.len", "tcp.window_size", "tcp.nxtseq"]
    command = ["tshark", "-r", str(path), "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    told = {s.number: s for s in finwait.explain(path, 0).segments}
    assert told
    for line in shown.splitlines():
        number, seq, ack, length, window, *_ = (int(value or 0) for value in line.split("\t"))
        s = told[number]
        assert (s.seq, s.payload, s.window) == (seq, length, window), f"frame {number}"
        if s.flags & 0x10:
            assert s.ack == ack, f"frame {number}"


# -- the kernel -----------------------------------------------------------------------------------

UNSEEN = {
    "handshake-rejected": "the kernel took the SYN-ACK, and then the RST; the wire shows both at once",
    "zero-window-for-ever": "the FIN never reached the wire",
    "final-ack-missing": "the last ack is not in the capture",
    "simultaneous-fin-lost": "which of two FINs arrived is not known",
    "gave-up": "the RST was lost behind the capture",
    "keepalive-timeout": "the RST was lost behind the capture",
    "keepalive-race-crossed-at-server": "the client received the FIN before the RST, and sent nothing",
    "keepalive-race-crossed-at-client": "the client received the FIN before the RST, and sent nothing",
    "data-after-close-crossed": "the server received the FIN before the RST, and sent nothing",
    "injected-reset": "the RST was not the kernel's",
    "middlebox-answers": "the RST was not the kernel's",
    "middlebox-resets-both": "the RST was not the kernel's",
    "fin-then-rst": "our own peer stands at this end",
    "rst-with-data": "our own peer stands at this end",
    "linger-habit": "the kernel's trace was cut short",
    "one-direction-client": "one direction",
    "one-direction-server": "one direction",
    "midstream": "begun in the middle",
    "tail": "begun in the middle",
    "stray-reset": "begun in the middle",
    "syn-in-connection": "the core starts a new connection there",
    "half-open-call": "the core starts a new connection there",
    "simultaneous-fin-never-acked": "our own peer stands at one end",
}
"""Captures whose wire does not show every state of the kernel, and why."""


def kernel_path(row: Truth, who: str) -> list[str]:
    """The states that the kernel of one end passed (sock:inet_sock_set_state)."""
    path: list[str] = []
    for line in row.kernel:
        move = re.fullmatch(rf"{who}: (\S+) > (\S+)", line)
        if move:
            path += [move[1], move[2]] if not path else [move[2]]
    return collapsed(path)


def told_path(told: Explanation, who: str) -> list[str]:
    """The same as the story has it. The kernel calls TIME-WAIT CLOSED: a mini socket takes over."""
    path: list[str] = []
    for s in told.segments:
        for end, old, new in s.moves:
            if end == who:
                path += [old, new] if not path else [new]
    return collapsed(["CLOSED" if state == "TIME-WAIT" else state for state in path])


def collapsed(path: list[str]) -> list[str]:
    return [state for i, state in enumerate(path) if i == 0 or path[i - 1] != state]


def test_the_kernel_was_heard() -> None:
    heard = {who for _, row in TRUTH for who in ("client", "server") if kernel_path(row, who)}
    assert heard == {"client", "server"}
    judged = [path for path, _ in TRUTH if path.stem not in UNSEEN]
    assert len(judged) >= 100
    assert set(UNSEEN) <= {path.stem for path in CAPTURES}


@pytest.mark.parametrize(
    ("path", "row"),
    [pytest.param(p, r, id=f"{p.stem}-{r.client}") for p, r in TRUTH if p.stem not in UNSEEN],
)
def test_states_are_those_of_the_kernel(path: Path, row: Truth) -> None:
    told = finwait.explain(path, f"{row.client}-{row.server}")
    for who in ("client", "server"):
        kernel = kernel_path(row, who)
        if not kernel:
            continue
        shown = told_path(told, who)
        silent = [*shown, "CLOSED"]  # it gave up without a word
        assert shown == kernel or (silent == kernel and not told.row.finished), who
