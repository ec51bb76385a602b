"""The stage on which a script plays against our own endpoint, in virtual time: no root, any system, milliseconds."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Final

from finwait.endpoint import PROFILES, Profile, Status
from finwait.errors import Misuse
from finwait.stage.model import datagrams, shell
from finwait.stage.model.calls import CALLS
from finwait.stage.model.descriptors import TcpSocket, UdpSocket
from finwait.stage.model.numbers import TCP_STATES
from finwait.stage.model.outcome import Failed, Play, failure
from finwait.stage.model.world import World
from finwait.stage.stage import Captured, Result, Setup, ShellResult, SystemCall
from finwait.tcp import State
from finwait.wire import Packet, Udp
from finwait.wire.pcapng import EPOCH

LONGEST_SLEEP: Final = 3600 * 1_000_000
"""How long a call may sleep that was expected to return at once; then it is given up as if a signal came (EINTR)."""
STUCK: Final = 100_000
"""So many timers at one time are a bug of the endpoint."""
FIRST_PORT, LAST_PORT = 32768, 60999
"""Of the remote side."""


def open_model(setup: Setup, profile: str | Profile) -> "Model":
    """Open a stage on which a profile plays. Raises Misuse if there is none of that name."""
    if isinstance(profile, str):
        if profile not in PROFILES:
            raise Misuse(f"there is no profile {profile!r}; there are {', '.join(PROFILES)}")
        profile = PROFILES[profile]
    return Model(setup, profile)


class Model:
    """A host of one profile. Time stands still between calls, so whatever a script does takes none."""

    def __init__(self, setup: Setup, profile: Profile) -> None:
        self.name = f"model:{profile.name}"
        self.epoch = EPOCH
        self._world = World(setup, profile)
        self._play: Play | None = None
        """The call that was begun and sleeps."""
        self._wake_at: int | None = None
        self._result: Result | None = None
        """Of the call that was begun, until somebody asks for it."""
        self._next_port = FIRST_PORT

    # --- time ---

    def now(self) -> int:
        """Tell the time."""
        return self._world.now

    def zero(self) -> int:
        """Give the time that is the script's 0: now."""
        return self._world.now

    def advance(self, to: int) -> None:
        """Let timers go off in their order, up to and including those at `to`."""
        self._pass_time(to, lambda: False)

    def _pass_time(self, until: int | None, enough: Callable[[], bool]) -> None:
        """Let time pass until it is enough, or `until`, or (None) until nothing is left that could happen."""
        world, count, last = self._world, 0, -1
        while not enough():
            due = [at for at in (world.host.deadline(), self._wake_at) if at is not None]
            at = max(min(due), world.now) if due else None
            if at is None or (until is not None and at > until):
                if until is not None:
                    world.now = max(world.now, until)
                return
            count = count + 1 if at == last else 0
            if count > STUCK:
                raise RuntimeError(f"the endpoint's timers do not get beyond {at} µs")
            last = world.now = at
            world.host.tick(at)
            world.collect()
            self._resume()

    # --- packets ---

    def inject(self, packet: Packet) -> None:
        """Hand a packet to the stack, now."""
        world = self._world
        if isinstance(packet.body, Udp):
            datagrams.arrive(world, packet)
        else:
            datagrams.hear_icmp(world, packet)
            world.host.arrive(world.now, packet)
            world.collect()
        self._resume()

    def sniff(self, until: int | None) -> Captured | None:
        """Give the next packet that was sent; None once nothing is left that could send one, or at `until`."""
        sent = self._world.sent
        if not sent:
            self._pass_time(until, lambda: bool(sent))
        return sent.popleft() if sent else None

    # --- calls ---

    def call(self, call: SystemCall) -> Result:
        """Make a call. One that sleeps lets time pass until it is woken; one that nothing wakes is given up as if a signal came."""
        result = self.call_until(call, self._world.now + LONGEST_SLEEP)
        return self._stamped(failure("EINTR")) if result is None else result

    def call_until(self, call: SystemCall, until: int) -> Result | None:
        """Make a call. One that sleeps lets time pass until it is woken, or until then."""
        made = self._start(call)
        if isinstance(made, Result):
            return made
        own = _Sleeper(made)
        self._advance_sleeper(own)
        while own.result is None:
            if self._world.now >= until or (own.until is None and not self._anything_due()):
                made.close()
                return None
            self._pass_time(min(until, own.until or until), self._once())
            self._advance_sleeper(own)
        return self._stamped(own.result)

    def _once(self) -> Callable[[], bool]:
        """Let one round of timers pass."""
        asked = iter((False, True))
        return lambda: next(asked, True)

    def _anything_due(self) -> bool:
        return self._world.host.deadline() is not None or self._wake_at is not None

    def _advance_sleeper(self, own: "_Sleeper") -> None:
        try:
            own.step()
        finally:
            self._world.collect()
        self._resume()

    def begin(self, call: SystemCall) -> None:
        """Begin a call that may sleep."""
        if self._play is not None:
            raise Misuse("a call that was begun still sleeps")
        made = self._start(call)
        if isinstance(made, Result):
            self._result = made
            return
        self._result, self._play = None, made
        self._resume()

    def finish(self, until: int) -> Result | None:
        """Wait for the call that was begun."""
        if self._play is None and self._result is None:
            raise Misuse("no call was begun")
        self._pass_time(until, lambda: self._result is not None)
        result, self._result = self._result, None
        return result

    def _start(self, call: SystemCall) -> Result | Play:
        """Make the first step of a call."""
        made = CALLS.get(call.name)
        if made is None:
            raise Misuse(f"the model has no system call {call.name!r}")
        try:
            begun = made(self._world, *call.arguments)
        except Failed as failed:
            begun = failure(failed.errno)
        self._world.collect()
        if isinstance(begun, Result):
            stamped = self._stamped(begun)
            self._resume()
            return stamped
        return begun

    def _stamped(self, result: Result) -> Result:
        return Result(result.value, result.errno, result.out, self._world.now)

    def _resume(self) -> None:
        """Something happened: see whether the sleeping call goes on."""
        if self._play is None:
            return
        own = _Sleeper(self._play)
        self._play = None  # what it does may wake itself
        own.step()
        self._world.collect()
        if own.result is None:
            self._play, self._wake_at = own.play, own.until
        else:
            self._wake_at = None
            self._result = self._stamped(own.result)

    # --- the rest ---

    def shell(self, command: str) -> ShellResult:
        """Honour what a shell command asks, or say that it is not applicable."""
        result = shell.run(self._world, command, self.advance)
        self._world.collect()
        self._resume()
        return result

    def ephemeral_port(self) -> int:
        """Give a port on the remote side that nothing else uses."""
        port = self._next_port
        self._next_port = port + 1 if port < LAST_PORT else FIRST_PORT
        return port

    def local_port(self, fd: int) -> int | None:
        """The local port of a socket, if it has one."""
        held = self._world.descriptors.get(fd)
        if isinstance(held, TcpSocket):
            return self._world.host.local_port(held.handle)
        return (held.port or None) if isinstance(held, UdpSocket) else None

    def tcp_info(self, fd: int) -> Mapping[str, int]:
        """What TCP_INFO says of a socket; of one that is none, nothing."""
        if fd not in self._world.descriptors:
            return {}
        held = self._world.descriptors.get(fd)
        if not isinstance(held, TcpSocket):
            return {}
        return _info(self._world, held)

    def shows(self, local_port: int, remote_port: int) -> int | None:
        """Look for a connection among all that the host has, also those that no descriptor holds."""
        for ends, connection in self._world.host.connections():
            if (ends.local_port, ends.remote_port) == (local_port, remote_port):
                return TCP_STATES[connection.state.value]
        return None

    def owns(self, fd: int) -> bool:
        """Say whether the live descriptor is still open."""
        return fd in self._world.descriptors

    def close(self) -> None:
        """End the stack. Nothing has to be undone: it was only here."""
        self._play = self._result = None


_FIELDS = tuple(field.name for field in fields(Status) if field.name not in {"state", "next_timer"})


def _info(world: World, held: TcpSocket) -> dict[str, int]:
    status, c = world.host.status(held.handle), world.host.connection(held.handle)
    state = status.state
    if state is State.TIME_WAIT and world.host.profile.time_wait_leaves_socket:
        state = State.CLOSED
    found = {"tcpi_state": TCP_STATES[state.value]}
    found |= {f"tcpi_{name}": int(getattr(status, name)) for name in _FIELDS}
    if c is not None:
        since = {"data_sent": c.sent_at, "data_recv": c.received_at, "ack_recv": c.heard_at}
        found |= {f"tcpi_last_{what}": (world.now - at) // 1000 for what, at in since.items()}
    return found


class _Sleeper:
    """A call on its way."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.until: int | None = None
        self.result: Result | None = None

    def step(self) -> None:
        """Go on until it sleeps again or has returned."""
        try:
            self.until = next(self.play)
        except StopIteration as returned:
            self.result = returned.value
        except Failed as failed:
            self.result = failure(failed.errno)
