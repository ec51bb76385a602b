"""What a reader needs for a moment has no name, so nothing is left in the folder for temporary files, also after kill -9."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from finwait.capture.nameless import OPEN_FILES, nameless

ROOT = Path(__file__).parents[2]
FINWAIT = [sys.executable, "-m", "finwait.cli"]

pytestmark = pytest.mark.skipif(not OPEN_FILES.exists(), reason="no /proc here")


def until(done: Callable[[], bool], what: str, limit: float = 20.0) -> None:
    end = time.monotonic() + limit
    while not done():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.01)


def unnamed(pid: int, folder: Path) -> bool:
    """Whether this process has a file in the folder that has no name."""
    names = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
    return any(name.startswith(str(folder)) and name.endswith(" (deleted)") for name in names)


def test_it_can_be_opened_again_and_again_and_has_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with nameless(b"one") as (file, path):
        file.write(b" two")
        file.flush()
        assert [Path(path).read_bytes() for _ in range(2)] == [b"one two"] * 2
        assert not list(tmp_path.iterdir())


def test_standard_input_is_kept_without_a_name(tmp_path: Path) -> None:
    reading = subprocess.Popen(
        [*FINWAIT, "explain", "-", "0"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    with reading:
        assert reading.stdin is not None
        reading.stdin.write(bytes(1 << 20))
        until(lambda: unnamed(reading.pid, tmp_path), "standard input is kept")
        assert not list(tmp_path.iterdir())
        os.kill(reading.pid, signal.SIGKILL)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "examples/closing.pkt", "--until", "3", "--explain"),
        ("reproduce", "examples/four-way.pcap", "0"),
        ("lab", "three-way"),
    ],
)
def test_no_verb_makes_anything_there(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """A folder where nothing can get a name: what is named is refused, what is not is fine."""
    watched = tmp_path / "watched"
    watched.mkdir()
    script = f"import sys, tempfile; tempfile.mkdtemp = tempfile.NamedTemporaryFile = None; {MAIN}"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "TMPDIR": str(watched)}, timeout=100,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert not list(watched.iterdir())


MAIN = "from finwait.cli import main; sys.exit(main())"
