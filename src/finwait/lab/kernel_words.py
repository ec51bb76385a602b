"""What the kernel says while an experiment runs: changes of state, and resets with their reasons (tracefs).

TIME-WAIT never shows here: the full socket goes to CLOSE and a small one takes over (kernel: tcp_time_wait); `sockets`
sees that one.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from finwait.lab.clock import OFFSET
from finwait.lab.netns import mount

TRACEFS: Final = Path("/sys/kernel/tracing")
EVENTS: Final = ("sock/inet_sock_set_state", "tcp/tcp_send_reset")
NAME: Final = "finwait-lab"
"""Instances are named finwait-lab-RUNNER-EXPERIMENT, by process ids."""
BUFFER: Final = 512
"""KiB for each CPU: enough for one experiment."""

STATES: Final = {
    "TCP_ESTABLISHED": "ESTABLISHED", "TCP_SYN_SENT": "SYN-SENT", "TCP_SYN_RECV": "SYN-RECEIVED",
    "TCP_NEW_SYN_RECV": "SYN-RECEIVED", "TCP_FIN_WAIT1": "FIN-WAIT-1",
    "TCP_FIN_WAIT2": "FIN-WAIT-2", "TCP_TIME_WAIT": "TIME-WAIT", "TCP_CLOSE": "CLOSED",
    "TCP_CLOSE_WAIT": "CLOSE-WAIT", "TCP_LAST_ACK": "LAST-ACK", "TCP_LISTEN": "LISTEN",
    "TCP_CLOSING": "CLOSING", "UNKNOWN": "no socket",
}  # fmt: skip
"""The kernel's names (net/tcp_states.h) as RFC 9293 3.3.2 spells them."""

_TIME = re.compile(r"\s(\d+)\.(\d+): (inet_sock_set_state|tcp_send_reset): ")
_CHANGE = re.compile(
    r"family=(\S+) protocol=IPPROTO_TCP sport=(\d+) dport=(\d+) saddr=(\S+)"
    r" daddr=(\S+) saddrv6=(\S+) daddrv6=(\S+) oldstate=(\S+) newstate=(\S+)"
)
_RESET = re.compile(r"src=(\S+) dest=(\S+) state=(\S+) reason=(\S+)")


@dataclass(frozen=True, slots=True)
class Said:
    """One thing the kernel said. Ends are "address:port", IPv6 in brackets; the remote one is 0.0.0.0:0 if it did not know."""

    at: int
    """Nanoseconds of CLOCK_REALTIME."""
    local: str
    remote: str
    old: str
    """State before; of a reset: the state it names."""
    new: str
    """State after; empty for a reset."""
    reason: str = ""
    """enum sk_rst_reason of a reset, else empty."""

    @property
    def words(self) -> str:
        """The same in words."""
        if self.reason:
            return f"sends RST in {self.old}, reason {self.reason}"
        return f"{self.old} > {self.new}"


class KernelWords:
    """Both tracepoints from `start` to `stop`, in a tracing instance of our own. buffer: KiB for each CPU."""

    def __init__(self, runner: int, buffer: int = BUFFER) -> None:
        self._buffer = buffer
        self._home = TRACEFS / "instances" / f"{NAME}-{runner}-{os.getpid()}"

    def start(self) -> bool:
        """Begin to listen; False where the kernel does not let us."""
        if not can_trace():
            return False
        try:
            self._home.mkdir()
            (self._home / "trace_clock").write_text("mono")
            (self._home / "buffer_size_kb").write_text(str(self._buffer))
            for event in EVENTS:
                # tcp_send_reset has reasons since Linux 6.10, and is absent where TCP events are not built
                if (self._home / "events" / event).exists():
                    (self._home / "events" / event / "enable").write_text("1")
        except OSError:
            self.stop()
            return False
        return True

    def clear(self) -> None:
        """Forget what was said so far."""
        if self._home.exists():
            (self._home / "trace").write_text("")

    def read(self) -> list[Said]:
        """Give what was said, in the order of time."""
        if not self._home.exists():
            return []
        lines = (self._home / "trace").read_text(errors="replace").splitlines()
        found = [said for line in lines if (said := understood(line, OFFSET)) is not None]
        return sorted(found, key=lambda said: said.at)

    def stop(self) -> None:
        """Remove the instance."""
        with suppress(FileNotFoundError):
            self._home.rmdir()


def can_trace() -> bool:
    """Make tracefs be there, in a mount table of our own if need be; says whether its events may be read."""
    try:
        if not (TRACEFS / "events").exists():
            mount("tracefs", TRACEFS)
        return (TRACEFS / "events" / EVENTS[0] / "enable").exists()
    except OSError:
        return False


def sweep(runner: int | None = None) -> None:
    """Remove the instances of this runner, or of every runner that is gone."""
    with suppress(OSError):
        for home in sorted((TRACEFS / "instances").glob(f"{NAME}-*")):
            of = int(home.name.removeprefix(f"{NAME}-").partition("-")[0])
            if runner == of or (runner is None and not Path(f"/proc/{of}").exists()):
                with suppress(OSError):
                    home.rmdir()


def understood(line: str, offset: int = 0) -> Said | None:
    """Read one line of `trace`; `offset` in nanoseconds leads from its clock to CLOCK_REALTIME."""
    stamp = _TIME.search(line)
    if stamp is None:
        return None
    at = int(stamp[1]) * 1_000_000_000 + int(stamp[2].ljust(9, "0")) + offset
    rest = line[stamp.end() :]
    if change := _CHANGE.search(rest):
        family, sport, dport, saddr, daddr, saddr6, daddr6, old, new = change.groups()
        if family == "AF_INET6":
            saddr, daddr = f"[{saddr6}]", f"[{daddr6}]"
        return Said(
            at, f"{saddr}:{sport}", f"{daddr}:{dport}", STATES.get(old, old), STATES.get(new, new)
        )
    if reset := _RESET.search(rest):
        local, remote, state, reason = reset.groups()
        return Said(at, local, remote, STATES.get(state, state), "", reason)
    return None
