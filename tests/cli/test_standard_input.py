"""A capture from standard input: it is called so in every sentence, and never by the name of the file that keeps it meanwhile."""

import json
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
