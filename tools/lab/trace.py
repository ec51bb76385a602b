"""What the kernel says while an experiment runs: state changes and reasons of resets.

Reads the tracepoints `sock:inet_sock_set_state` and `tcp:tcp_send_reset` in a tracing instance
of its own. TIME-WAIT never shows: the full socket goes to CLOSE and a small one takes over
(kernel: tcp_time_wait).
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

TRACEFS = Path("/sys/kernel/tracing")
EVENTS = ("sock/inet_sock_set_state", "tcp/tcp_send_reset")

# Names as RFC 9293 3.3.2 spells them.
STATES = {
    "TCP_ESTABLISHED": "ESTABLISHED", "TCP_SYN_SENT": "SYN-SENT", "TCP_SYN_RECV": "SYN-RECEIVED",
    "TCP_NEW_SYN_RECV": "SYN-RECEIVED", "TCP_FIN_WAIT1": "FIN-WAIT-1",
    "TCP_FIN_WAIT2": "FIN-WAIT-2", "TCP_TIME_WAIT": "TIME-WAIT", "TCP_CLOSE": "CLOSED",
    "TCP_CLOSE_WAIT": "CLOSE-WAIT", "TCP_LAST_ACK": "LAST-ACK", "TCP_LISTEN": "LISTEN",
    "TCP_CLOSING": "CLOSING", "UNKNOWN": "no socket",
}  # fmt: skip

_CHANGE = re.compile(
    r"inet_sock_set_state: family=(\S+) protocol=IPPROTO_TCP sport=(\d+) dport=(\d+) saddr=(\S+)"
    r" daddr=(\S+) saddrv6=(\S+) daddrv6=(\S+) oldstate=(\S+) newstate=(\S+)"
)
_RESET = re.compile(r"tcp_send_reset: .*src=(\S+) dest=(\S+) state=(\S+) reason=(\S+)")


@dataclass(frozen=True)
class Said:
    """One thing the kernel said. Ends are "address:port" as in `Segment`, "" if it did not know."""

    local: str
    remote: str
    words: str


class Trace:
    """Both tracepoints from `start` to `stop`. Quiet (nothing is said) where tracefs is absent."""

    def __init__(self) -> None:
        self._home = TRACEFS / "instances" / f"lab-{os.getpid()}"

    def start(self) -> bool:
        if not (TRACEFS / "events").exists():
            subprocess.run(["mount", "-t", "tracefs", "none", str(TRACEFS)], check=False)
        if not (TRACEFS / "events" / EVENTS[0]).exists():
            return False
        self._home.mkdir()
        for event in EVENTS:
            if (self._home / "events" / event).exists():
                (self._home / "events" / event / "enable").write_text("1")
        return True

    def clear(self) -> None:
        if self._home.exists():
            (self._home / "trace").write_text("")

    def read(self) -> list[Said]:
        if not self._home.exists():
            return []
        lines = (self._home / "trace").read_text(errors="replace").splitlines()
        return [said for line in lines if (said := _understood(line)) is not None]

    def stop(self) -> None:
        if self._home.exists():
            self._home.rmdir()


def _understood(line: str) -> Said | None:
    if change := _CHANGE.search(line):
        family, sport, dport, saddr, daddr, saddr6, daddr6, old, new = change.groups()
        if family == "AF_INET6":
            saddr, daddr = f"[{saddr6}]", f"[{daddr6}]"
        words = f"{STATES.get(old, old)} > {STATES.get(new, new)}"
        return Said(f"{saddr}:{sport}", f"{daddr}:{dport}", words)
    if reset := _RESET.search(line):
        local, remote, state, reason = reset.groups()
        return Said(local, remote, f"sends RST in {STATES.get(state, state)}, reason {reason}")
    return None
