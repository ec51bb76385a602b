"""Every number names its clause, and those of Linux are those of the running kernel."""

import re
import subprocess
from pathlib import Path

import pytest

from finwait.tcp import params
from finwait.tcp.params import Param

SOURCE = re.compile(
    r"RFC \d+ \d+(\.\d+)*|Linux (TCP|tcp)_\w+|FreeBSD (net\.inet\.tcp\.\w+|TCPTV_\w+)|macOS net\.inet\.tcp\.\w+"
)
NUMBERS = {name: value for name, value in vars(params).items() if isinstance(value, Param)}
SYSCTLS = {
    name: param.source.removeprefix("Linux ")
    for name, param in NUMBERS.items()
    if param.source.startswith("Linux tcp_") and name != "LINUX_ORPHAN_RETRIES"
}


def test_there_is_no_bare_number() -> None:
    public = {name for name in vars(params) if name.isupper()}
    assert public == NUMBERS.keys()
    assert len(public) > 30


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_names_its_clause(name: str) -> None:
    assert SOURCE.fullmatch(NUMBERS[name].source)
    assert NUMBERS[name].meaning


def test_time_wait_is_two_msl() -> None:
    assert params.TIME_WAIT.value == 2 * params.MSL.value


def test_defaults_of_this_kernel() -> None:
    """The judge is a network namespace nobody has tuned."""
    script = "".join(f"echo $(cat /proc/sys/net/ipv4/{key});" for key in SYSCTLS.values())
    if not Path("/proc/sys/net/ipv4").is_dir():
        pytest.skip("not Linux")
    run = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        pytest.skip(f"no network namespace of one's own here: {run.stderr.strip()}")
    assert run.stdout.split() == [f"{NUMBERS[name].value:g}" for name in SYSCTLS]
