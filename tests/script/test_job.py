"""A job that did not come to a play is told in the family that it would have had."""

from pathlib import Path

import pytest

from finwait.script.job import Job
from finwait.script.outcome import Failure, Status
from finwait.script.syntax import NOWHERE
from finwait.verdict.language import Text

ENOUGH = Failure("time", NOWHERE, "", Text("interrupted", "被中断"))
SOCKET = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"


def told(job: Job) -> str:
    return job.failed(ENOUGH, Status.INTERRUPTED).variant


@pytest.mark.parametrize(
    ("name", "text", "options", "family"),
    [
        ("x.pkt", SOCKET, {}, "ipv4"),
        ("x.pkt", "--ip_version=ipv6\n" + SOCKET, {}, "ipv6"),
        ("x.pkt", "--ip_version=ipv6\n" + SOCKET, {"ip_version": "ipv4"}, "ipv4"),
        ("x.pkt", SOCKET, {"ip_version": "ipv4_mapped_ipv6"}, "ipv4-mapped-ipv6"),
        ("x-v6.pkt", SOCKET, {}, "ipv6"),
        ("x-v6.pkt", "what?", {}, "ipv6"),
        ("x.pkt", "what?", {"ip_version": "ipv6"}, "ipv6"),
    ],
)
def test_its_family(
    name: str, text: str, options: dict[str, str | None], family: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert told(Job(str(path), options=options)) == family
    path.unlink()
    assert told(Job(str(path), options=options, text=text)) == family


def test_a_variant_is_its_family() -> None:
    assert told(Job("-", variant="ipv6", text=SOCKET)) == "ipv6"
