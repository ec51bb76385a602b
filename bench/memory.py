"""What an analysis holds in memory while it reads: run as a program, prints one JSON object.

`VmHWM` counts the pages of programs and libraries too, which the system takes back when it likes;
`RssAnon` is what finwait itself holds.
"""

import json
import sys
import time
from pathlib import Path

import finwait._core as core


def status(name: str) -> int:
    """A line of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def main(path: str) -> None:
    largest = before = status("RssAnon")

    def progress(_read: int, _total: int | None, _frames: int, _connections: int) -> bool:
        nonlocal largest
        largest = max(largest, status("RssAnon"))
        return True

    began = time.perf_counter()
    result = core.analyze([path], progress=progress)
    print(
        json.dumps(
            {
                "frames": result.frames,
                "connections": len(result),
                "seconds": time.perf_counter() - began,
                "before": before,
                "reading": largest,
                "after": status("RssAnon"),
                "peak": status("VmHWM"),
            }
        )
    )


main(sys.argv[1])
