"""What the kernel says while an experiment runs: changes of state, and resets with their reasons (tracefs).

TIME-WAIT never shows here: the full socket goes to CLOSE and a small one takes over (kernel: tcp_time_wait); `sockets`
sees that one.

What a kernel tells depends on its age (include/trace/events/sock.h and tcp.h): `inet_sock_set_state` is there since 4.16;
`tcp_send_reset` at first names ports and addresses, later also the state (commit af4325ecc24f, 2018) and the family (3dd344ea84e1,
2021: 5.15 has it), only of resets that a full socket sends; since 6.10 it tells of every reset, with its reason (b533fb9). `Tells` says
what this one tells.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from finwait.errors import FinwaitError
from finwait.lab.clock import OFFSET
from finwait.lab.netns import mount

TRACEFS: Final = Path("/sys/kernel/tracing")
EVENTS: Final = ("sock/inet_sock_set_state", "tcp/tcp_send_reset")
NAME: Final = "finwait-lab"
"""Instances are named finwait-lab-RUNNER-EXPERIMENT, by process ids."""
BUFFER: Final = 1024
"""KiB for each CPU: enough for one experiment."""
FILTER: Final = "(sport >= {0} && sport <= {1}) || (dport >= {0} && dport <= {1}) || dport == 0"
"""Which changes of state are told: those between these ports, and those of listeners. Else a busy machine's fill the buffer."""

NO_SOCKET: Final = "no socket"
"""In the place of a state: the RST answers for none."""
STATES: Final = {
    "TCP_ESTABLISHED": "ESTABLISHED", "TCP_SYN_SENT": "SYN-SENT", "TCP_SYN_RECV": "SYN-RECEIVED",
    "TCP_NEW_SYN_RECV": "SYN-RECEIVED", "TCP_FIN_WAIT1": "FIN-WAIT-1",
    "TCP_FIN_WAIT2": "FIN-WAIT-2", "TCP_TIME_WAIT": "TIME-WAIT", "TCP_CLOSE": "CLOSED",
    "TCP_CLOSE_WAIT": "CLOSE-WAIT", "TCP_LAST_ACK": "LAST-ACK", "TCP_LISTEN": "LISTEN",
    "TCP_CLOSING": "CLOSING", "UNKNOWN": NO_SOCKET,
}  # fmt: skip
"""The kernel's names (net/tcp_states.h) as RFC 9293 3.3.2 spells them."""

_TIME = re.compile(r"\s(\d+)\.(\d+): (?:inet_sock_set_state|tcp_send_reset): ")
_OVERRUN = re.compile(r"^overrun: (\d+)", re.MULTILINE)
_FIELD = re.compile(r"(\w+)=(\S+)")
"""Which fields there are, and in which order, differs from kernel to kernel; how they are written does not."""
PROTOCOL: Final = "IPPROTO_TCP"
MAPPED: Final = "::ffff:"
"""How an IPv4 address looks among those of IPv6 (RFC 4291 2.5.5.2): without a family it tells of one."""
NEEDED: Final = ("sport=", "dport=", "saddr=", "daddr=", "oldstate=", "newstate=")
"""What a change of state has to tell."""


@dataclass(frozen=True, slots=True)
class Tells:
    """What the kernel tells of by tracepoints."""

    states: bool = False
    """Every change of state, but for TIME-WAIT."""
    resets: bool = False
    """RSTs; without `reasons` only those that a full socket sends."""
    reasons: bool = False
    """Why each RST is sent: since Linux 6.10."""


NOTHING: Final = Tells()


class TracesLost(FinwaitError):
    """What the kernel said was overwritten before it was read: nothing can be judged by the rest."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing the kernel said. Ends are "address:port", IPv6 in brackets; the remote one is 0.0.0.0:0 if it did not know."""

    at: int
    """Nanoseconds of CLOCK_REALTIME."""
    local: str
    remote: str
    old: str
    """State before; of a reset: the state it names, empty if it names none."""
    new: str
    """State after; empty for a reset."""
    reason: str = ""
    """enum sk_rst_reason of a reset; empty of a change, and where the kernel tells no reasons."""

    @property
    def words(self) -> str:
        """The same in words."""
        if self.new:
            return f"{self.old} > {self.new}"
        state = f" in {self.old}" if self.old else ""
        return f"sends RST{state}, reason {self.reason or 'not told'}"


class KernelWords:
    """Both tracepoints from `start` to `stop`, in a tracing instance of our own. buffer: KiB for each CPU, else BUFFER."""

    def __init__(self, runner: int, buffer: int | None = None) -> None:
        self._buffer = BUFFER if buffer is None else buffer
        self._home = TRACEFS / "instances" / f"{NAME}-{runner}-{os.getpid()}"

    def start(self, ports: range | None = None) -> Tells:
        """Begin to listen; says what this kernel tells, which is nothing where it does not let us.

        ports: the clients' ports that matter; every connection of the machine does if None.
        """
        if not can_trace():
            return NOTHING
        try:
            self._home.mkdir()
            (self._home / "trace_clock").write_text("mono")
            (self._home / "buffer_size_kb").write_text(str(self._buffer))
            if ports is not None:
                where = FILTER.format(ports.start, ports.stop - 1)
                (self._home / "events" / EVENTS[0] / "filter").write_text(where)
            changes, resets = (self._enabled(event) for event in EVENTS)
        except OSError:
            self.stop()
            return NOTHING
        if not all(field in changes for field in NEEDED):
            return NOTHING
        return Tells(states=True, resets=bool(resets), reasons="reason=" in resets)

    def _enabled(self, event: str) -> str:
        """Have an event told; gives how it is written, or nothing if this kernel has no such event."""
        home = self._home / "events" / event
        if not home.exists():
            return ""
        (home / "enable").write_text("1")
        return (home / "format").read_text()

    def clear(self) -> None:
        """Forget what was said so far."""
        if self._home.exists():
            (self._home / "trace").write_text("")

    def read(self) -> list[Said]:
        """Give what was said, in the order of time. Raises TracesLost if the buffer was too small for it."""
        if not self._home.exists():
            return []
        for stats in self._home.glob("per_cpu/cpu*/stats"):
            lost = _OVERRUN.search(stats.read_text())
            if lost and int(lost[1]):
                raise TracesLost(
                    f"the kernel said more than its buffer holds: {lost[1]} words are lost ({stats.parent.name})",
                    f"内核所说超出了缓冲区：丢失 {lost[1]} 条（{stats.parent.name}）",
                )
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
    """Read one line of `trace`; `offset` in nanoseconds leads from its clock to CLOCK_REALTIME. None if it tells nothing of TCP."""
    stamp = _TIME.search(line)
    if stamp is None:
        return None
    at = int(stamp[1]) * 1_000_000_000 + int(stamp[2].ljust(9, "0")) + offset
    fields: dict[str, str] = dict(_FIELD.findall(line[stamp.end() :]))
    if fields.get("protocol", PROTOCOL) != PROTOCOL:
        return None
    if "newstate" in fields:
        old, new = fields["oldstate"], fields["newstate"]
        local, remote = _ends(fields)
        return Said(at, local, remote, STATES.get(old, old), STATES.get(new, new))
    state = fields.get("state", "")
    local, remote = (fields["src"], fields["dest"]) if "src" in fields else _ends(fields)
    return Said(at, local, remote, STATES.get(state, state), "", fields.get("reason", ""))


def _ends(fields: dict[str, str]) -> tuple[str, str]:
    """Give local and remote end of a socket."""
    family = fields.get("family", "AF_INET" if fields["saddrv6"].startswith(MAPPED) else "AF_INET6")
    if family == "AF_INET6":
        return (
            f"[{fields['saddrv6']}]:{fields['sport']}",
            f"[{fields['daddrv6']}]:{fields['dport']}",
        )
    return f"{fields['saddr']}:{fields['sport']}", f"{fields['daddr']}:{fields['dport']}"
