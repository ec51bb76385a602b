"""`finwait` as a shell starts it, and small captures to give it."""

import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FOUR_WAY = str(EXAMPLES / "four-way.pcap")
SEVERAL = [str(path) for path in sorted(EXAMPLES.glob("*.pcap"))]
COMMAND = [sys.executable, "-m", "finwait.cli"]
PCAP_HEADER = 24  # bytes of the file header, draft-ietf-opsawg-pcap section 4
RECORD_HEADER = 16


class Done(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str


def environment(more: dict[str, str]) -> dict[str, str]:
    """An environment in which nothing but `more` decides the language or the colours."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "NO_COLOR"))}
    return kept | {"LC_ALL": "C.UTF-8"} | more


def finwait(*arguments: str, stdin: bytes | None = None, env: dict[str, str] | None = None) -> Done:
    """Run to the end."""
    return ended([*COMMAND, *arguments], stdin, env)


def python(code: str, *arguments: str, stdin: bytes | None = None) -> Done:
    """Run code that does something to the command before it begins."""
    return ended([sys.executable, "-c", code, *arguments], stdin)


def ended(command: list[str], stdin: bytes | None, env: dict[str, str] | None = None) -> Done:
    """Run a command to its end."""
    done = subprocess.run(
        command,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        env=environment(env or {}),
        check=False,
        timeout=60,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def records(path: str) -> tuple[bytes, list[bytes]]:
    """The file header of a pcap of little-endian order, and its records with their headers."""
    data = Path(path).read_bytes()
    assert data[:4] == b"\xd4\xc3\xb2\xa1", "not a little-endian pcap in microseconds"
    found, place = [], PCAP_HEADER
    while place < len(data):
        (size,) = struct.unpack_from("<I", data, place + 8)
        found.append(data[place : place + RECORD_HEADER + size])
        place += RECORD_HEADER + size
    return data[:PCAP_HEADER], found
