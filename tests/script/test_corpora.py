"""Every script of the public suites parses. They are no part of the repository; where they are, the environment says:

    FINWAIT_PACKETDRILL_SCRIPTS    a checkout of google/packetdrill
    FINWAIT_TCP_TESTSUITE          a checkout of freebsd-net/tcp-testsuite
    FINWAIT_NPLAB_SCRIPTS          a checkout of nplab/packetdrill

A suite that is not at hand is not collected.
"""

import os
import time
from pathlib import Path

import pytest

from finwait.errors import BadScript
from finwait.script.parser import SYSTEMS, load
from finwait.script.syntax import Dialect

from .test_write import again
from .trees import bare

V4 = {
    "TFO_COOKIE": "3021b9d889017eeb",
    "CODE": "host_unreachable",
    "CMSG_LEVEL_IP": "SOL_IP",
    "CMSG_TYPE_RECVERR": "IP_RECVERR",
    "MSS": "1460",
}
"""What the suite's own runner defines for IPv4, and the MSS that its PSP scripts are run with."""

SUITES = [
    # variable, defines, system, scripts that parse, those that do not
    ("FINWAIT_PACKETDRILL_SCRIPTS", V4, "linux", 177, []),
    (
        "FINWAIT_TCP_TESTSUITE",
        {},
        "freebsd",
        1102,
        ["client-handle-cookie-update-of-length-17.pkt"],  # a stray `s` before the first comment
    ),
    ("FINWAIT_NPLAB_SCRIPTS", {}, "freebsd", 75, []),
]
AT_HAND = [suite for suite in SUITES if os.environ.get(suite[0])]


def scripts_of(variable: str) -> list[Path]:
    """All scripts of a suite but those of SCTP."""
    found = sorted(Path(os.environ[variable]).rglob("*.pkt"))
    return [path for path in found if "sctp" not in str(path.relative_to(os.environ[variable]))]


if AT_HAND:

    @pytest.mark.parametrize("suite", AT_HAND, ids=lambda suite: suite[0])
    def test_a_suite_parses(
        suite: tuple[str, dict[str, str], str, int, list[str]],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        variable, defines, profile, count, strange = suite
        read, refused, began = 0, {}, time.process_time()
        for path in scripts_of(variable):
            try:
                load(path, defines, systems=(SYSTEMS[profile],))
                read += 1
            except BadScript as error:
                refused[path.name] = str(error)
        each = (time.process_time() - began) / max(1, read) * 1000
        with capsys.disabled():
            print(f"\n{variable}: {read} scripts parse, {len(refused)} do not; {each:.2f} ms each")
        assert sorted(refused) == strange, refused
        assert read == count

    @pytest.mark.parametrize("suite", AT_HAND, ids=lambda suite: suite[0])
    def test_a_suite_survives_writing(
        suite: tuple[str, dict[str, str], str, int, list[str]],
    ) -> None:
        variable, defines, profile, _, strange = suite
        for path in scripts_of(variable)[::7]:
            if path.name not in strange:
                script = load(path, defines, Dialect.FINWAIT, (SYSTEMS[profile],))
                assert bare(again(script)) == bare(script), path
