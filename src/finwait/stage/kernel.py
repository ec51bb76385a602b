"""The real kernel as a stage: a private network namespace, a TUN device in it, and the calls of a process."""

import errno
import gc
import os
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from ipaddress import ip_interface
from queue import SimpleQueue
from typing import Final, Self

from finwait.kernel import structs, tcp_info
from finwait.kernel.address import Family
from finwait.kernel.addresses import configure
from finwait.kernel.alarm import Alarm
from finwait.kernel.calls import Calls, Outcome, World, is_open
from finwait.kernel.namespace import Namespace
from finwait.kernel.prompt import Prompt, after_a_jiffy, go_first, sleep_until
from finwait.kernel.tun import GSO_TCPV4, GSO_TCPV6, NAME, Tun
from finwait.stage.stage import Captured, Result, Setup, ShellResult, SystemCall
from finwait.wire import BadPacket, Packet, Tcp, decode, encode

US: Final = 1000
"""Nanoseconds in a microsecond."""
SPIN: Final = 200_000
"""Nanoseconds before the moment at which a sleep is given up for looking at the clock: timer slack is 50 µs, and more on a busy machine."""
SHELL_LIMIT: Final = 60.0
"""Seconds that a shell command of a script may take."""
FIRST_EPHEMERAL: Final = 49152
"""RFC 6335 section 6: the dynamic ports."""
SLEEP_LOOK: Final = 0.0001
GIVE_UP: Final = 5.0
"""Seconds until a call that neither returns nor sleeps is taken for sleeping."""


def open_kernel(setup: Setup) -> "KernelStage":
    """Make a namespace with a device as the script wants it. Raises MissingPrivilege, CannotOpen, OSError."""
    return KernelStage(setup)


class KernelStage:
    """A stage (see stage.py). The thread that opens it is in the namespace until it closes it."""

    name = "kernel"

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.lateness = 0
        """Microseconds by which the machine was late at worst: a verdict about time is worth no more."""
        self.skipped = 0
        """Packets that the kernel sent and nobody here can read: multicast reports and the like."""
        self._ports = FIRST_EPHEMERAL
        self._began = False
        self._shelled = False
        self._namespace = Namespace().enter()
        try:
            self._tun = Tun()
            try:
                self._bring_up()
            except BaseException:
                self._tun.close()
                raise
        except BaseException:
            self._namespace.leave()
            raise
        family = Family(setup.family)
        self._calls = Calls(
            World(
                family,
                (setup.local, setup.bind_port),
                (setup.remote, setup.connect_port),
                setup.folder,
            )
        )
        self._collecting = gc.isenabled()
        gc.disable()  # a collection in the middle of a play looks like a late kernel
        self._prompt = Prompt()
        self._sleeper = _Sleeper(self._calls)
        self._alarm = Alarm()
        self.epoch = time.time_ns() // US
        self._start = self.epoch * US

    def _bring_up(self) -> None:
        setup = self.setup
        six = setup.local.version == 6
        if setup.speed is not None:
            self._tun.set_speed(setup.speed)
        lines = ["link set lo up", f"link set {NAME} mtu {setup.mtu} up"]
        lines.append(f"address add {setup.local}/{setup.prefix_length} dev {NAME}" + " nodad" * six)
        # No gateway: a device without link addresses has nobody to ask for one.
        remote = ip_interface(f"{setup.remote}/{setup.remote_prefix_length}").network
        lines.append(f"route add {remote} dev {NAME}")
        configure(lines, setup.local)
        self._tun.sniff_from_now()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # --- time ---

    def now(self) -> int:
        """Tell the time."""
        return (time.time_ns() - self._start) // US

    def zero(self) -> int:
        """Give a moment well inside a jiffy."""
        return (after_a_jiffy() - self._start) // US

    def advance(self, to: int) -> None:
        """Sleep until then."""
        if to > self.now():
            late = sleep_until(self._start + to * US, SPIN)
            self.lateness = max(self.lateness, late // US)

    # --- packets ---

    def inject(self, packet: Packet) -> None:
        """Write a packet into the device."""
        octets = encode(packet)
        gso = None
        if self.setup.gso_size and isinstance(packet.body, Tcp):
            kind = GSO_TCPV6 if packet.src.version == 6 else GSO_TCPV4
            gso = (kind, len(octets) - len(packet.body.payload), self.setup.gso_size)
        self._tun.inject(octets, gso)

    def sniff(self, until: int | None) -> Captured | None:
        """Give the next packet that the kernel sent."""
        while True:
            timeout = 3600.0 if until is None else max((until - self.now()) / 1e6, 0.0)
            sniffed = self._tun.sniff(timeout)
            if sniffed is None:
                return None
            try:
                packet = decode(sniffed.octets)
            except BadPacket:
                self.skipped += 1
                continue
            return Captured(packet, (sniffed.at - self._start) // US)

    # --- calls ---

    def call(self, call: SystemCall) -> Result:
        """Make a call and wait for it."""
        return self._result(self._calls.make(call.name, call.arguments))

    def call_until(self, call: SystemCall, until: int) -> Result | None:
        """Make a call; a signal wakes it if it still sleeps then (signal(7): it fails with EINTR)."""
        with self._alarm.at((until - self.now()) / 1e6):
            outcome = self._calls.make(call.name, call.arguments)
        given_up = self._alarm.rang and outcome.errno == errno.EINTR
        return None if given_up else self._result(outcome)

    def begin(self, call: SystemCall) -> None:
        """Make a call in a thread, and come back once it sleeps."""
        self._began = True
        self._sleeper.begin(call)

    def finish(self, until: int) -> Result | None:
        """Wait for the call that was begun."""
        sleeper = self._sleeper
        if not self._began or not sleeper.done.wait(max((until - self.now()) / 1e6, 0)):
            return None
        self._began = False
        return self._result(sleeper.outcome(), (sleeper.at - self._start) // US)

    def _result(self, outcome: Outcome, at: int | None = None) -> Result:
        out = dict(outcome.out)
        return Result(outcome.value, outcome.errno, out, self.now() if at is None else at)  # type: ignore[arg-type]  # the same values, read-only there

    # --- the rest of a script ---

    def shell(self, command: str) -> ShellResult:
        """Run a command in the folder of the script, as a child of this process. What it starts ends with the stage at the latest."""
        self._shelled = True
        environment = (
            os.environ | dict(self.setup.environment) | {"PACKETDRILL_PID": str(os.getpid())}
        )
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", command], cwd=self.setup.folder, env=environment, check=False,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SHELL_LIMIT,
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            said = (late.stdout or b"").decode(errors="replace")
            return ShellResult(124, f"{said}\nstopped after {SHELL_LIMIT:.0f} s")
        return ShellResult(done.returncode, done.stdout.decode(errors="replace"))

    def ephemeral_port(self) -> int:
        """Give a port of the remote side; each once."""
        self._ports += 1
        return self._ports

    def local_port(self, fd: int) -> int | None:
        """Ask the socket (getsockname)."""
        try:
            borrowed = socket.socket(fileno=os.dup(fd))
        except OSError:
            return None
        with borrowed:
            port = borrowed.getsockname()[1]
        return int(port) or None

    def tcp_info(self, fd: int) -> Mapping[str, int]:
        """Ask the socket (TCP_INFO, SO_MEMINFO)."""
        return tcp_info.read(fd)

    def shows(self, local_port: int, remote_port: int) -> int | None:
        """Look into /proc/net/tcp and tcp6, which have the small records of TIME-WAIT and FIN-WAIT-2, too."""
        return tcp_info.shown(local_port, remote_port)

    def owns(self, fd: int) -> bool:
        """Say whether a descriptor is open."""
        return is_open(fd)

    def close(self) -> None:
        """Leave the namespace; the device and all that the kernel keeps for it end with it."""
        self._prompt.close()
        self._sleeper.end()
        self._alarm.close()
        self._calls.close_all()
        if self._shelled:
            self._namespace.end_others()
        self._tun.close()
        self._namespace.leave()
        if self._collecting:
            gc.enable()


class _Sleeper:
    """One thread, made beforehand, for calls that block: a new thread would begin late on a busy machine."""

    def __init__(self, calls: Calls) -> None:
        self.done = threading.Event()
        self.at = 0
        self._outcome: Outcome | Exception = RuntimeError("no call was begun")
        self._work: SimpleQueue[SystemCall | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(calls,), daemon=True)
        self._thread.start()

    def begin(self, call: SystemCall) -> None:
        """Make a call there, and come back when the kernel has put the thread to sleep, or the call has returned."""
        self.done.clear()
        self._work.put(call)
        end = time.monotonic() + GIVE_UP
        while not self.done.is_set() and time.monotonic() < end:
            thread = self._thread.native_id
            if thread is not None and structs.sleeps(thread):
                return
            self.done.wait(SLEEP_LOOK)

    def _run(self, calls: Calls) -> None:
        go_first(above=1)
        while (call := self._work.get()) is not None:
            try:
                self._outcome = calls.make(call.name, call.arguments)
            except Exception as error:  # noqa: BLE001 - raised by outcome(), where the call is waited for
                self._outcome = error
            self.at = time.time_ns()
            self.done.set()

    def outcome(self) -> Outcome:
        """Give what the call gave, or raise what it raised."""
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    def end(self) -> None:
        """Let the thread end, once it is awake."""
        self._work.put(None)
