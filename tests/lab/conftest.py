"""Whether this machine permits the lab, and one run of it for all tests."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from finwait.errors import CannotOpen, FinwaitError, MissingPrivilege
from finwait.lab.experiments import ALL
from finwait.lab.play import Result
from finwait.lab.run import check, run

JOBS = 2


@pytest.fixture(scope="session")
def lab() -> None:
    """Skips where namespaces or TUN devices are refused."""
    if os.geteuid() != 0:
        pytest.skip("the lab's tests need root")
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed")
    try:
        check()
    except (MissingPrivilege, CannotOpen, OSError) as error:
        pytest.skip(f"no namespaces or TUN devices here: {error}")


@pytest.fixture(scope="session")
def endings(lab: None) -> dict[str, Result | FinwaitError | OSError]:
    """Every experiment that is not long, run once."""
    del lab
    wanted = [each for each in ALL.values() if not each.long]
    return {each.name: ending for each, ending in run(wanted, "en", JOBS)}


@pytest.fixture(scope="session")
def instances(lab: None) -> Callable[[], set[str]]:
    """Names of the tracing instances of labs, whoever made them."""
    del lab
    script = "mount -t tracefs none /sys/kernel/tracing && ls /sys/kernel/tracing/instances"

    def look() -> set[str]:
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
        if done.returncode:
            return set()
        return {name for name in done.stdout.split() if name.startswith("finwait-lab-")}

    return look


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where captures go."""
    return tmp_path / "kept"
