"""The verb `finwait explain`, from the shell."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import finwait
from finwait.capture.connection import Connection
from finwait.errors import Misuse
from finwait.verdict.language import LANGS

ROOT = Path(__file__).parents[2]
FOUR_WAY = str(ROOT / "examples/four-way.pcap")
BUDGET = 0.25
"""Seconds from the shell, the interpreter's start included (issue: figures to reach)."""


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "finwait.cli", "explain", *arguments]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "COLUMNS"))}
    env = clean | {"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"} | environ
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def test_text() -> None:
    done = run(FOUR_WAY, "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "four-way close" in done.stdout
    assert "TIME-WAIT is held by the client until 16:45:42 UTC" in " ".join(done.stdout.split())
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_the_language_of_the_environment_and_of_the_option() -> None:
    chinese = run(FOUR_WAY, "0", LANG="zh_CN.UTF-8").stdout
    assert "四次挥手" in chinese
    assert run(FOUR_WAY, "0", "--lang", "zh").stdout == chinese
    assert "four-way" in run(FOUR_WAY, "0", "--lang", "en", LANG="zh_CN.UTF-8").stdout


def test_a_segment() -> None:
    done = run(FOUR_WAY, "0", "--segment", "12")
    assert done.returncode == 0
    assert done.stdout.startswith("Frame 12: FIN ACK from the client to the server")
    assert ".... .... ...1  1" in done.stdout


@pytest.mark.parametrize("lang", LANGS)
def test_json(lang: str) -> None:
    done = run(FOUR_WAY, "0", "--format", "json", "--lang", lang)
    data = json.loads(done.stdout)
    assert data["cause"]["slug"] == "orderly"
    assert data["time_wait"]["holder"] == "client"
    assert data["connection"]["close"] == "four-way"
    assert set(Connection._fields) == set(data["connection"])
    assert [s["frame"] for s in data["segments"]] == list(range(1, 16))
    keys = [part["key"] for item in data["story"] for part in item["parts"]]
    assert "fin-four-way" in keys
    one = json.loads(run(FOUR_WAY, "0", "--segment", "12", "--format", "json").stdout)
    assert one["frame"] == 12
    assert [f["value"] for f in one["fields"] if f["field"] == "FIN"] == ["1"]


def test_svg(tmp_path: Path) -> None:
    picture = tmp_path / "ladder.svg"
    assert run(FOUR_WAY, "0", "--svg", str(picture)).returncode == 0
    assert ET.parse(picture).getroot().tag.endswith("svg")  # noqa: S314
    lost = run(FOUR_WAY, "0", "--svg", str(tmp_path / "absent" / "ladder.svg"))
    assert lost.returncode == 3
    assert "absent" in lost.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((FOUR_WAY, "1"), 1, "no connection 1"),
        ((FOUR_WAY, "x"), 1, "give its number"),
        ((FOUR_WAY, "-1"), 1, "no connection -1: connections are counted from 0"),
        ((FOUR_WAY, "--full", "--", "-17"), 1, "no connection -17: connections are counted from 0"),
        ((FOUR_WAY, "0", "-x"), 1, "No such option '-x'"),
        ((FOUR_WAY, "192.0.2.1:40002"), 1, "no connection 192.0.2.1:40002 in"),
        ((FOUR_WAY, "0", "--segment", "99"), 1, "frame 99 is not of connection 0"),
        ((FOUR_WAY, "0", "--segment", "0"), 1, "--segment"),
        ((FOUR_WAY,), 1, "CONN"),
        (("/nonexistent.pcap", "0"), 3, "/nonexistent.pcap"),
        ((str(ROOT / "README.md"), "0"), 2, "README.md"),
    ],
)
def test_exit_codes(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert done.stdout == ""


def test_one_end_is_enough_if_no_other_connection_has_it() -> None:
    both = run(FOUR_WAY, "192.0.2.1:40001-198.51.100.80:8080").stdout
    assert both
    assert run(FOUR_WAY, "192.0.2.1:40001").stdout == both
    assert run(FOUR_WAY, "198.51.100.80:8080").stdout == both


def test_of_several_with_that_end_some_are_listed() -> None:
    captures = str(ROOT / "tests/captures")
    done = run(captures, "198.51.100.80:80")
    assert (done.returncode, done.stdout) == (1, "")
    head, *listed, more = done.stderr.splitlines()
    found = re.fullmatch(
        r"finwait: (\d+) connections have the end 198\.51\.100\.80:80: name one by.*", head
    )
    assert found is not None
    assert len(listed) == 10
    number, ends, close = listed[0].split()
    assert f"connection {number}," in run(captures, ends).stdout
    assert close
    _, _, command = more.partition(": ")
    arguments = shlex.split(command)[1:]
    told = [sys.executable, "-m", "finwait.cli", *arguments, "-q", "--format", "ndjson"]
    rows = subprocess.run(told, capture_output=True, text=True, check=False).stdout.splitlines()
    assert len(rows) == int(found[1])
    assert "有" in run(captures, "198.51.100.80:80", "--lang", "zh").stderr
    with pytest.raises(Misuse, match="connections have the end"):
        finwait.reproduce(captures, "198.51.100.80:80")


def test_a_broken_capture_exits_with_2_after_telling(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(Path(FOUR_WAY).read_bytes()[:-10])
    done = run(str(cut), "0")
    assert done.returncode == 2
    assert "What happened" in done.stdout
    assert "offset" in done.stderr


def test_standard_input() -> None:
    command = [sys.executable, "-m", "finwait.cli", "explain", "-", "0", "--format", "json"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src"), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, input=Path(FOUR_WAY).read_bytes(), capture_output=True, env=env, check=True
    )
    data = json.loads(done.stdout)
    assert data["connection"]["source"] == "-"
    assert len(data["segments"]) == 15


def test_help_has_an_example() -> None:
    assert "finwait explain day.pcap 17" in run("--help").stdout
    assert "示例" in run("--help", "--lang", "zh").stdout


def test_nothing_heavy_is_imported() -> None:
    """What keeps it fast holds on every machine; the time itself depends on it."""
    script = (
        "import sys; from finwait.cli import main;"
        f"main(['explain', {FOUR_WAY!r}, '0']);"
        "print(sorted({'pyarrow', 'duckdb', 'rich', 'numpy', 'babel', 'asyncio', 'json'} & set(sys.modules)))"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=env, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_it_is_fast() -> None:
    """CPU time of the whole process, which other work on the machine does not stretch much."""
    run(FOUR_WAY, "0")  # compiles
    best = min(cpu_seconds() for _ in range(5))
    assert best <= BUDGET


def cpu_seconds() -> float:
    before = os.times()
    run(FOUR_WAY, "0")
    after = os.times()
    return (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )
