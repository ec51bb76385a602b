"""The programs that finwait is compared with, and how to know that each did the whole file."""

import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


def _nothing(_: str) -> int | None:
    return None


def _first_number(pattern: str) -> Callable[[str], int | None]:
    def count(stdout: str) -> int | None:
        found = re.search(pattern, stdout)
        return int(found[1].replace(",", "")) if found else 0

    return count


def _conversations(stdout: str) -> int:
    """Frames of tshark's table: left, right and total, each followed by bytes with a unit."""
    rows = re.findall(r"<->\s+\S+\s+\d+ [\d.]+ \w+\s+\d+ [\d.]+ \w+\s+(\d+) ", stdout)
    return sum(int(n) for n in rows)


def _last_two_columns(stdout: str) -> int:
    """ra's packets from either side."""
    rows = (line.split() for line in stdout.splitlines())
    return sum(int(row[-2]) + int(row[-1]) for row in rows if row and row[-1].isdigit())


@dataclass(frozen=True)
class Tool:
    """A program, the command that makes it read `{file}`, and its own count of packets."""

    name: str
    command: str
    # The packets it says it did; None if it does not know what a packet is.
    packets: Callable[[str], int | None] = _nothing
    # finwait has to be this many times faster …
    peer: float | None = None
    # … or at most this many times slower.
    limit: float | None = None
    # Takes minutes: run once.
    slow: bool = False
    cores: str = "0"
    program: str = ""

    def there(self) -> bool:
        return not self.program or shutil.which(self.program) is not None


# "- tcp" leaves out argus' own status records, which carry other numbers in these columns.
_ARGUS = (
    "argus -r {file} -w - | "
    "ra -nn -r - -s proto stime dur saddr sport daddr dport state spkts dpkts - tcp"
)

PEERS = [
    Tool("`cat`", "cat {file} >/dev/null"),
    Tool("`wc -l`", "wc -l {file}", limit=2.0),
    Tool(
        "argus + ra",
        _ARGUS,
        packets=_last_two_columns,
        peer=10.0,
        program="argus",
    ),
    Tool(
        "tcptrace",
        "tcptrace -n {file}",
        packets=_first_number(r"(\d+) TCP packets traced"),
        peer=50.0,
        program="tcptrace",
    ),
    Tool(
        "tshark -q -z conv,tcp",
        "tshark -r {file} -q -z conv,tcp",
        packets=_conversations,
        peer=200.0,
        slow=True,
        program="tshark",
    ),
    Tool(
        "a dpkt loop",
        f"{sys.executable} {HERE / 'dpkt_loop.py'} {{file}}",
        packets=_first_number(r"^(\d+)"),
        peer=100.0,
        slow=True,
    ),
]
