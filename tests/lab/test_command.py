"""`finwait lab`: lists, runs, keeps, shows the code, takes a file of one's own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import finwait
from finwait.lab.experiments import ALL

LAB = [sys.executable, "-m", "finwait.cli", "lab"]


def lab_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LAB, *arguments], capture_output=True, text=True, timeout=100)


def test_without_a_name_it_lists() -> None:
    done = lab_run("--lang", "en")
    assert done.returncode == 0
    assert set(ALL) <= set(done.stdout.split())
    listed = json.loads(lab_run("--format", "json").stdout)
    assert [each["name"] for each in listed] == list(ALL)


def test_an_unknown_name_is_misuse() -> None:
    done = lab_run("for-way")
    assert done.returncode == 1
    assert "four-way" in done.stderr


def test_the_code_can_be_had_and_changed(lab: None, tmp_path: Path) -> None:
    del lab
    shown = lab_run("four-way", "--code").stdout
    assert "def four_way(world: World)" in shown
    own = tmp_path / "own.py"
    own.write_text(shown.replace('"four-way",', '"mine",', 1), encoding="utf-8")
    data = json.loads(lab_run(str(own), "--format", "json").stdout)
    assert data[0]["name"] == "mine"
    assert data[0]["same"]


def test_captures_are_kept_with_the_kernels_words(lab: None, folder: Path) -> None:
    del lab
    done = lab_run("simultaneous", "--keep", str(folder), "--svg", str(folder))
    assert done.returncode == 0, done.stdout
    (row,) = finwait.analyze(folder / "simultaneous.pcapng")
    assert row.close == "simultaneous"
    shown = subprocess.run(
        ["tshark", "-r", str(folder / "simultaneous.pcapng"), "-T", "fields", "-e", "frame.comment"],
        capture_output=True, text=True,
    )  # fmt: skip
    if shown.returncode == 0:
        assert "client FIN-WAIT-1 > CLOSING" in shown.stdout
    assert (folder / "simultaneous.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("name", ["three-way", "rst-after-fin", "time-wait-reuse"])
def test_without_tracefs_the_table_of_sockets_is_asked(lab: None, name: str) -> None:
    del lab
    done = lab_run(name, "--no-trace", "--lang", "en")
    assert done.returncode == 0, done.stdout
    assert "Tracepoints are not permitted here" in done.stdout


def test_it_speaks_chinese(lab: None) -> None:
    del lab
    done = lab_run("three-way", "--lang", "zh")
    assert done.returncode == 0, done.stdout
    assert "三次挥手" in done.stdout
    assert "一致" in done.stdout


def test_in_a_user_namespace(lab: None) -> None:
    """Whoever is root only of a user namespace has no tracefs, and the lab all the same."""
    del lab
    command = ["unshare", "--user", "--map-root-user", *LAB, "four-way", "--lang", "en"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    if "unshare failed" in done.stderr:
        pytest.skip(f"user namespaces are not permitted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tracepoints are not permitted here" in done.stdout
