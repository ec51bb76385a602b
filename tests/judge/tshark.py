"""What tshark says about the TCP streams of a capture."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

INSTALLED = shutil.which("tshark") is not None
needed = pytest.mark.skipif(not INSTALLED, reason="tshark is not installed (make test installs it)")

# Segments that are quoted or sampled by another protocol are none of the capture's own.
_OWN_SEGMENTS = "tcp and not icmp and not icmpv6 and not sflow"
_FIELDS = [
    "frame.number",
    "tcp.stream",
    "tcp.completeness",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.flags",
]


# Dissectors that announce connections to come (FTP's data connections, H.245 and the like) or part
# them. Of an announced one tshark does not count the SYN.
_ANNOUNCING = ["ftp", "h225", "h245", "vnc"]


@dataclass
class Stream:
    """One of tshark's TCP streams, by its first segment; `completeness` is that of the last."""

    first_frame: int
    ports: frozenset[int]
    begins_with_syn: bool
    completeness: int = 0


def streams(capture: Path, *, announced: bool = True) -> list[Stream]:
    """The streams of a capture after two passes, in the order of their first segments.

    announced=False disables the protocols that announce connections.
    """
    fields = [argument for name in _FIELDS for argument in ("-e", name)]
    disabled = [] if announced else _ANNOUNCING
    options = [argument for name in disabled for argument in ("--disable-protocol", name)]
    run = subprocess.run(
        [
            *("tshark", "-2", "-n", "-r", str(capture), "-Y", _OWN_SEGMENTS),
            *options,
            *("-T", "fields", "-E", "occurrence=a", *fields),
        ],
        capture_output=True,
        text=True,
        check=False,  # a capture that breaks in the middle is told up to there
    )
    found: dict[str, Stream] = {}
    for line in run.stdout.splitlines():
        number, *columns = line.split("\t")
        # A tunnel may put several segments into one frame.
        for stream, completeness, source, destination, flags in zip(
            *(column.split(",") for column in columns), strict=False
        ):
            if not completeness or not flags:  # a header cut before its flags is no segment
                continue
            ports = frozenset((int(source), int(destination)))
            is_syn = int(flags, 16) & 0x12 == 0x02
            known = found.setdefault(stream, Stream(int(number), ports, is_syn))
            known.completeness = int(completeness)
    return list(found.values())
