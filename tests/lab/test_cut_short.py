"""Ctrl-C, SIGTERM, and disks that are full: what was played is told all the same."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

LAB = [sys.executable, "-m", "finwait.cli", "lab"]
TWO = """
import os
from dataclasses import replace
from pathlib import Path

from finwait.lab.experiments import ALL

def forever(world):
    world.connect()
    Path({marker!r}).write_text("here")
    world.wait(50)

def quick(world):
    Path({marker!r} + ".quick").write_text(str(os.getpid()))
    ALL["four-way"].story(world)

EXPERIMENTS = (
    replace(ALL["four-way"], name="quick", story=quick),
    replace(ALL["four-way"], name="forever", story=forever),
)
if {backwards}:
    EXPERIMENTS = EXPERIMENTS[::-1]
"""


def until(done: Callable[[], bool], what: str, limit: float = 30.0) -> None:
    end = time.monotonic() + limit
    while not done():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.01)


def interrupted(
    folder: Path,
    *options: str,
    backwards: bool = False,
    how: signal.Signals = signal.SIGINT,
    whom: str = "group",
) -> tuple[int, str, str]:
    """Press Ctrl-C once `quick` is played and `forever` waits; gives exit code, standard output, standard error."""
    marker, own = folder / "marker", folder / "own.py"
    own.write_text(TWO.format(marker=str(marker), backwards=backwards))
    running = subprocess.Popen(
        [*LAB, str(own), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    quick = Path(f"{marker}.quick")
    until(lambda: marker.exists() and quick.exists(), "both had begun")
    until(lambda: not Path("/proc", quick.read_text() or "self").exists(), "quick had ended")
    (os.kill if whom == "runner" else os.killpg)(running.pid, how)
    out, err = running.communicate(timeout=20)
    return running.returncode, out, err


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", "finwait: stopped: 1 of 2 experiments were played\n"),
        ("zh", "finwait: 已停止：2 个实验中运行了 1 个\n"),
    ],
)
@pytest.mark.parametrize(
    ("how", "whom", "code"),
    [
        (signal.SIGINT, "group", 130),  # as a terminal sends it
        (signal.SIGTERM, "runner", 143),
        (signal.SIGTERM, "group", 143),  # as timeout(1) sends it
    ],
)
def test_an_interruption_tells_what_was_played(
    lab: None, how: signal.Signals, whom: str, code: int, lang: str, words: str, tmp_path: Path
) -> None:
    del lab
    ended, out, err = interrupted(tmp_path, "--lang", lang, how=how, whom=whom)
    assert (ended, err) == (code, words)
    lines = out.splitlines()
    (row,) = [line for line in lines if line.startswith("quick  ")]
    assert lines.index(row) > len(lines) - 3, "the table is last"
    assert not any(line.startswith("forever  ") for line in lines)


def test_ctrl_c_tells_also_what_had_ended_out_of_turn(lab: None, tmp_path: Path) -> None:
    del lab
    code, out, _ = interrupted(tmp_path, "-j", "2", "--format", "json", backwards=True)
    assert code == 130
    (data,) = json.loads(out)
    assert (data["name"], data["same"]) == ("quick", True)


def test_help_lists_its_exit_code() -> None:
    done = subprocess.run([*LAB, "--help"], capture_output=True, text=True)
    assert "  130  interrupted" in done.stdout


@pytest.mark.parametrize("option", ["--keep", "--svg"])
@pytest.mark.parametrize(("lang", "words"), [("en", "No space left"), ("zh", "磁盘已满")])
def test_a_full_disk_is_told_with_the_file_after_the_table(
    lab: None, option: str, lang: str, words: str, tmp_path: Path
) -> None:
    """A file system of one page holds a capture and no picture; what is there is whole."""
    del lab
    small = f"mount -t tmpfs -o size=4k none {tmp_path} && cd {tmp_path}"
    shell = f'{small} && "$@"; code=$?; echo; echo LEFT; ls -A; exit $code'
    names = ["four-way", "three-way", "kill-9"]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", shell, "sh", *LAB, *names, option, ".", "--lang", lang],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert words in done.stderr
    assert "kill-9." in done.stderr, "the file is named"
    assert ("3 agreed" if lang == "en" else "3 个一致") in done.stdout
    left = done.stdout.partition("\nLEFT\n")[2].split()
    assert left == (["four-way.pcapng"] if option == "--keep" else [])


def test_a_file_that_takes_nothing_stops_nothing(lab: None, folder: Path) -> None:
    del lab
    folder.mkdir()
    (folder / "four-way.pcapng").symlink_to("/dev/full")
    done = subprocess.run(
        [*LAB, "four-way", "three-way", "--keep", str(folder), "--lang", "en"],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 3
    assert f"{folder}/four-way.pcapng cannot be written: No space left" in done.stderr
    assert "2 agreed" in done.stdout
    assert (folder / "three-way.pcapng").stat().st_size > 1000
