"""The conformance pack of closings: as its table says, and every script passes on both stages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import conformance

PACK = Path(__file__).parents[2] / "examples" / "conformance"
READY = os.geteuid() == 0 and Path("/dev/net/tun").exists()


def played(*options: str) -> list[str]:
    """The lines of those that did not pass, the count last."""
    done = subprocess.run(
        [sys.executable, "-m", "finwait.cli", "run", "--lang", "en", str(PACK), *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    return [
        line for line in lines if line.startswith(str(PACK)) and ": passed," not in line
    ] + lines[-1:]


def test_the_files_are_those_of_the_table() -> None:
    kept = {str(path.relative_to(PACK)): path.read_text() for path in PACK.rglob("*.pkt")}
    assert kept == conformance.pack(), "run tools/conformance.py"


def test_every_script_passes_on_our_endpoint() -> None:
    count = 2 * len(conformance.pack())
    wanted = [f"{count} plays: {count} passed, 0 not"]
    assert played("--variants", "ipv4,ipv6", "-j", "2") == wanted


@pytest.mark.skipif(not READY, reason="needs root and /dev/net/tun")
@pytest.mark.timeout(400)
def test_every_script_passes_on_the_kernel() -> None:
    count = 2 * len(conformance.pack())
    wanted = [f"{count} plays: {count} passed, 0 not"]
    assert played("--variants", "ipv4,ipv6", "-j", "8", "--stage", "kernel") == wanted
