"""A capture or a script from standard input: it is called so in every sentence, and never by the name of the file that keeps it meanwhile."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .command import EXAMPLES, FOUR_WAY, finwait, python

CAPTURE = Path(FOUR_WAY).read_bytes()
OTHER = str(EXAMPLES / "three-way.pcap")
VERBS = {
    "analyze": ["analyze", "-"],
    "explain": ["explain", "-", "0"],
    "reproduce": ["reproduce", "-", "0"],
    "compare": ["compare", "-", OTHER],
    "compare, the second": ["compare", OTHER, "-"],
}
every_verb = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)


@every_verb
@pytest.mark.parametrize("broken", [b"", b"garbage", CAPTURE[:30]], ids=["empty", "garbage", "cut"])
def test_what_is_wrong_with_it(verb: list[str], broken: bytes) -> None:
    done = finwait(*verb, stdin=broken)
    assert done.code == 2
    assert done.err.startswith("finwait: standard input: offset ")
    done = finwait("--lang", "zh", *verb, stdin=broken)
    assert done.err.startswith("finwait: 标准输入：偏移 ")


@pytest.mark.parametrize("verb", [VERBS["explain"], VERBS["compare"]], ids=["explain", "compare"])
def test_what_breaks_later(verb: list[str]) -> None:
    done = finwait(*verb, stdin=CAPTURE[:-3])
    assert done.code == 2
    assert done.err.startswith("finwait: standard input: offset ")
    assert "standard input" in done.out


@every_verb
def test_what_is_told_of_it(verb: list[str]) -> None:
    done = finwait(*verb, stdin=CAPTURE)
    assert (done.code, done.err) == (0, "")
    assert ".stdin" not in done.out
    assert verb[0] == "analyze" or "standard input" in done.out


def test_data_have_it_as_it_was_given() -> None:
    done = finwait("compare", OTHER, "-", "--format", "json", stdin=CAPTURE)
    assert json.loads(done.out)["b"] == "-"


def test_a_connection_that_it_has_not() -> None:
    said = "finwait: no connection 9 in standard input: "
    for verb in ("explain", "reproduce"):
        assert finwait(verb, "-", "9", stdin=CAPTURE).err.startswith(said)


def test_no_room_to_keep_it(tmp_path: Path) -> None:
    """Not a word about standard output, and the folder is named."""
    code = (
        "import sys, tempfile\n"
        f"tempfile.tempdir = {str(tmp_path / 'none')!r}\n"
        "from finwait.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done = python(code, "explain", "-", "0", stdin=CAPTURE)
    assert done.code == 3
    assert done.err.startswith(f"finwait: {tmp_path / 'none'} cannot be written: No such file")


# --- a script ---

SCRIPT = b"""\
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535
+0 > S. 0:0(0) ack 1 <...>
"""


def test_a_script() -> None:
    done = finwait("run", "-", stdin=SCRIPT)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("standard input (ipv4, model:linux): passed")


def test_a_script_in_several_variants() -> None:
    """It is read once."""
    done = finwait("run", "--variants", "ipv4,ipv6", "-j", "2", "-", stdin=SCRIPT)
    assert done.code == 0
    assert done.out.count("passed, ") == 3


def test_a_script_from_a_pipe_with_a_name_in_several_variants(tmp_path: Path) -> None:
    pipe = tmp_path / "x.pkt"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(pipe.write_bytes, SCRIPT)
        done = finwait("run", "--variants", "ipv4,ipv6", str(pipe))
        writer.result()
    assert done.code == 0
    assert done.out.count("passed, ") == 3


def test_a_script_that_is_broken_or_fails() -> None:
    broken = SCRIPT.replace(b"listen(3", b"lissen(3")
    for words in (["run", "-"], ["run", "--dry-run", "-"]):
        done = finwait(*words, stdin=broken)
        assert done.code == 2
        assert "standard input:3:4: there is no system call lissen" in done.out + done.err
        assert "标准输入:3:4: " in "".join(finwait(*words, "--lang", "zh", stdin=broken)[1:])
    done = finwait("run", "-", stdin=SCRIPT.replace(b"ack 1", b"ack 2"))
    assert done.code == 4
    assert "standard input:5:1: ack differs" in done.out


def test_a_script_that_asks_for_what_there_is_not() -> None:
    done = finwait("run", "-", stdin=b"--wire_client\n" + SCRIPT)
    assert done.code == 2
    assert done.out.splitlines()[1] == "  standard input: finwait has no --wire_client"


def test_a_script_has_its_own_name_in_data() -> None:
    done = finwait("run", "--format", "json", "-", stdin=SCRIPT)
    assert json.loads(done.out)[0]["script"] == "-"
