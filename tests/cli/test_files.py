"""Files that a command line names: none is both read and written, and what cannot be written is said before anything is done."""

import importlib
import os
import stat
import subprocess
from pathlib import Path

import click
import pytest

from finwait.cli.files import Folder, Read, Written
from finwait.cli.verbs import VERBS

from .command import COMMAND, EXAMPLES, FOUR_WAY, environment, finwait

CAPTURE = Path(FOUR_WAY).read_bytes()
SCRIPT = (EXAMPLES / "closing.pkt").read_bytes()
WRITING = {
    "analyze -o": ["analyze", "--format", "csv", "IN", "-o", "OUT"],
    "analyze --stats": ["analyze", "IN", "--stats", "OUT"],
    "explain --svg": ["explain", "IN", "0", "--svg", "OUT"],
    "reproduce -o": ["reproduce", "IN", "0", "-o", "OUT"],
    "run --pcap": ["run", "IN", "--until", "1", "--pcap", "OUT"],
    "run --junit": ["run", "IN", "--until", "1", "--junit", "OUT"],
    "peer --pcap": [
        "peer",
        "--on",
        "198.51.100.77:80",
        "--for",
        "0",
        "--reply",
        "IN",
        "--pcap",
        "OUT",
    ],
}
"""Every option that writes a file."""
every_output = pytest.mark.parametrize("words", WRITING.values(), ids=WRITING)


def given(words: list[str], read: Path | str, out: Path | str) -> list[str]:
    return [{"IN": str(read), "OUT": str(out)}.get(word, word) for word in words]


def put(words: list[str], path: Path) -> bytes:
    """Make what the verb reads."""
    path.write_bytes(SCRIPT if words[0] == "run" else CAPTURE)
    return path.read_bytes()


def test_every_file_of_a_verb_is_looked_at() -> None:
    """A parameter for a file that is not said to be read or written would not be compared with the others."""
    found: set[str] = set()
    for verb in VERBS:
        command: object = importlib.import_module(f"finwait.cli.{verb}").command
        assert isinstance(command, click.Command)
        for parameter in command.params:
            if isinstance(parameter.type, Written):
                found.update(f"{verb} {name}" for name in parameter.opts if name != "--output")
            shown = parameter.make_metavar(click.Context(command)).strip("[].")
            if shown in {"FILE", "SCRIPT", "A", "B", "DIR"}:
                assert isinstance(parameter.type, Read | Written | Folder), (verb, parameter.name)
    assert found == set(WRITING)


@every_output
@pytest.mark.parametrize("how", ["name", "symbolic", "hard", "folder"])
def test_an_output_is_none_of_the_inputs(words: list[str], how: str, tmp_path: Path) -> None:
    one = tmp_path / "one.pkt"
    before = put(words, one)
    out = {"name": one, "folder": one}.get(how, tmp_path / "other")
    read = tmp_path if how == "folder" and words[0] != "peer" else one
    if how == "symbolic":
        out.symlink_to(one)
    elif how == "hard":
        out.hardlink_to(one)
    done = finwait(*given(words, read, out))
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"finwait: {out} would be written over {read}, which is read: give another name\n"
    )
    assert one.read_bytes() == before
    assert out.stat().st_ino == one.stat().st_ino, "nothing took its place"


@pytest.mark.parametrize("verb", ["analyze -o", "explain --svg", "reproduce -o"])
def test_nor_is_it_standard_input(verb: str, tmp_path: Path) -> None:
    one = tmp_path / "one.pcap"
    before = put(WRITING[verb], one)
    with one.open("rb") as stream:
        done = subprocess.run(
            [*COMMAND, *given(WRITING[verb], "-", one)],
            stdin=stream,
            capture_output=True,
            text=True,
            env=environment({}),
        )
    assert done.returncode == 1
    assert f"{one} would be written over standard input" in done.stderr
    assert one.read_bytes() == before


def test_standard_output_is_not_appended_to_what_is_read(tmp_path: Path) -> None:
    one = tmp_path / "one.pcap"
    one.write_bytes(CAPTURE)
    for verb in (
        ["analyze", str(one)],
        ["explain", str(one), "0"],
        ["compare", FOUR_WAY, str(one)],
    ):
        with one.open("ab") as stream:
            done = subprocess.run(
                [*COMMAND, *verb], stdout=stream, stderr=subprocess.PIPE, env=environment({})
            )
        assert done.returncode == 1
        assert b"standard output is a file that is read" in done.stderr
    assert one.read_bytes() == CAPTURE


def test_two_outputs_are_two_files(tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    twice = str(tmp_path / "." / "x.csv")
    done = finwait("analyze", "-o", str(out), "--stats", twice, FOUR_WAY)
    assert done.code == 1
    assert "would be written twice" in done.err
    assert not out.exists()
    done = finwait(
        *("analyze", "--format", "csv", "-o", "/dev/null", "--stats", "/dev/null", FOUR_WAY)
    )
    assert done.code == 0, "what is thrown away may be thrown away twice"


def test_a_report_in_the_folder_of_the_scripts_is_written_again(tmp_path: Path) -> None:
    """What is read of a folder are its scripts: the report of the last run is none."""
    put(["run"], tmp_path / "one.pkt")
    for _ in range(2):
        done = finwait("run", str(tmp_path), "--until", "1", "--junit", str(tmp_path / "junit.xml"))
        assert (done.code, done.err) == (0, "")


@every_output
def test_a_name_that_is_empty_or_a_folder(words: list[str], tmp_path: Path) -> None:
    one = tmp_path / "one.pkt"
    put(words, one)
    empty = finwait(*given(words, one, ""))
    assert (empty.code, empty.out) == (1, "")
    assert "the name is empty: give a file" in empty.err
    assert "文件名为空" in finwait("--lang", "zh", *given(words, one, "")).err
    folder = finwait(*given(words, one, tmp_path))
    assert (folder.code, folder.out) == (1, "")
    assert f"File '{tmp_path}' is a directory." in folder.err


@every_output
def test_a_folder_that_is_none(words: list[str], tmp_path: Path) -> None:
    one = tmp_path / "one.pkt"
    put(words, one)
    for folder, why in ((tmp_path / "none", "no folder {}"), (one, "{} is no folder")):
        done = finwait(*given(words, one, folder / "x"))
        assert (done.code, done.out) == (3, "")
        said = why.format(folder)
        assert done.err == f"finwait: {folder / 'x'} cannot be written: {said}\n"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
@every_output
def test_a_folder_that_takes_no_files(words: list[str], tmp_path: Path) -> None:
    """Nobody, root neither, makes files in /proc: that is said before anything is done."""
    one = tmp_path / "one.pkt"
    put(words, one)
    done = finwait(*given(words, one, "/proc/x"))
    assert (done.code, done.out) == (3, "")
    assert done.err == "finwait: /proc/x cannot be written: Operation not permitted\n"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc here")
@pytest.mark.parametrize("option", ["--keep", "--svg"])
def test_lab_plays_nothing_for_a_folder_that_takes_no_files(option: str) -> None:
    done = finwait("lab", option, "/proc", "four-way")
    assert (done.code, done.out) == (3, "")
    assert done.err == "finwait: /proc cannot be written: Operation not permitted\n"
    done = finwait("lab", option, "/proc", "four-way", "--lang", "zh")
    assert done.err == "finwait: 无法写入 /proc：不允许这样操作\n"


def test_lab_needs_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for option in ("--keep", "--svg"):
        assert "the name is empty" in finwait("lab", option, "", "four-way").err
        done = finwait("lab", option, str(tmp_path / "file"), "four-way")
        assert done.code == 1
        assert f"{tmp_path / 'file'} is no folder" in done.err


def test_a_capture_without_a_name() -> None:
    for words in (["analyze", ""], ["explain", "", "0"], ["compare", FOUR_WAY, ""], ["run", ""]):
        done = finwait(*words)
        assert done.code == 1
        assert "the name is empty: give a file" in done.err


# --- where it goes ---


def test_a_pipe_with_a_name(tmp_path: Path) -> None:
    """`-o /dev/stdout`, and `-o >(gzip > x.gz)`, which the shell makes /dev/fd/63."""
    words = ["analyze", "--columns", "conn", "--format", "ndjson", "-q", FOUR_WAY, "-o"]
    assert finwait(*words, "/dev/stdout").out == '{"conn":0}\n'
    to_file = tmp_path / "x"
    with to_file.open("wb") as stream:
        subprocess.run([*COMMAND, *words, "/dev/stdout"], stdout=stream, check=True)
    assert to_file.read_text() == '{"conn":0}\n'
    read, write = os.pipe()
    subprocess.run([*COMMAND, *words, f"/dev/fd/{write}"], pass_fds=[write], check=True)
    os.close(write)
    with os.fdopen(read) as piped:
        assert piped.read() == '{"conn":0}\n'


def test_a_file_keeps_its_mode_and_its_links(tmp_path: Path) -> None:
    out, link = tmp_path / "x.csv", tmp_path / "link.csv"
    out.touch(mode=0o600)
    link.symlink_to(out)
    assert finwait("analyze", "-o", str(link), FOUR_WAY).code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert link.is_symlink()
    assert out.stat().st_size


# --- a disk that is full ---


@every_output
def test_a_full_disk_keeps_what_was_there(words: list[str], tmp_path: Path, tiny: Path) -> None:
    if words[0] == "peer" and not os.access("/dev/net/tun", os.W_OK):
        pytest.skip("a peer needs /dev/net/tun")
    one, out = tmp_path / "one.pkt", tiny / "out"
    put(words, one)
    out.write_text("old")  # takes the only page
    done = finwait(*given(words, one, out))
    assert done.code == 3
    assert f"finwait: {out} cannot be written: No space left on device; free some space" in done.err
    assert out.read_text() == "old"
    assert list(tiny.iterdir()) == [out]
