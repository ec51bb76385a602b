"""Plays plans with real sockets, many at a time, on one wire between two kernels."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Final

from finwait.errors import MissingPrivilege
from finwait.kernel.apart import Apart
from finwait.kernel.namespace import Namespace
from finwait.kernel.prompt import go_first
from finwait.lab.clock import now
from finwait.lab.kernel_words import KernelWords, Said
from finwait.lab.leg import Sample
from finwait.lab.net import Host, linger, unread
from finwait.lab.netns import private_mounts
from finwait.lab.sockets import SocketTable
from finwait.lab.wire import Side
from finwait.lab.world import own_addresses

from .crowd import Crowd, Line
from .holder import Holder
from .plan import SIDES, SMALL_BUFFER, Do, Move, Plan

TCP_LINGER2: Final = 8
"""linux/tcp.h"""
PATIENCE: Final = 1.5
"""Seconds that a program waits in one call before it goes on."""
QUIET: Final = 0.08
"""Seconds without a packet after which two ends that are done are done: longer than an ACK is delayed."""
STILL: Final = 0.9
"""Seconds without a packet after which two programs that said all are left as they are."""
LONGEST: Final = 7.0
"""Seconds of one connection: one that retransmits into nothing is left there."""
AT_ONCE: Final = 60
"""Connections that are played at a time: more, and the wire is late."""
BUFFER: Final = 8192
"""KiB of trace for each CPU."""
FIN_TIMEOUT: Final = 2
"""net.ipv4.tcp_fin_timeout, s: shorter than usual, so that FIN-WAIT-2 can end within a play."""
DONE: Final = frozenset({"", "CLOSED", "TIME-WAIT"})
FIRST_PORT: Final = 20_000
"""Of the clients; the servers listen from SERVER_PORT on."""
SERVER_PORT: Final = 8_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a program, as it returned."""

    at: int
    """When it was made, in nanoseconds of CLOCK_REALTIME."""
    who: Side
    do: Do
    result: str
    """Octets, "end", an errno's name, or nothing."""
    unread: int = 0
    """Octets that lay unread before it."""


@dataclass(slots=True)
class Played:
    """A connection that was played: what was called, what was carried, what the kernels said."""

    plan: Plan
    ends: dict[str, str]
    """"address:port" of both."""
    line: Line
    calls: list[Call] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    until: int = 0


class _Connection:
    """One connection while it is played."""

    def __init__(self, plan: Plan, number: int, crowd: Crowd, holders: dict[Side, Holder]) -> None:
        self.plan, self._crowd, self._holders = plan, crowd, holders
        self._ports = FIRST_PORT + number, SERVER_PORT + number
        self._line = crowd.line(self._ports, plan)
        self._line.arrived = self.sample
        hosts = {"client": crowd.client, "server": crowd.server}
        self._hosts: dict[Side, Host] = {who: hosts[who] for who in SIDES}
        self._addresses = {
            who: (host.address, port)
            for (who, host), port in zip(hosts.items(), self._ports, strict=True)
        }
        ends = {
            who: (f"[{a}]:{p}" if ":" in a else f"{a}:{p}")
            for who, (a, p) in self._addresses.items()
        }
        self.played = Played(plan, ends, self._line)
        self._known: dict[Side, tuple[str, bool]] = {}
        self._sockets: dict[Side, socket.socket] = {}
        self._loop = asyncio.get_running_loop()

    async def play(self) -> Played:
        """Play both programs, and wait until nothing more is to come."""
        listener = None
        if self.plan.listens:
            listener = self._hosts["server"].endpoint()
            self._buffer(listener, "server")
            listener.bind(self._addresses["server"])
            listener.listen(8)
        programs = asyncio.gather(self._client(), self._server(listener))
        with suppress(TimeoutError):
            await asyncio.wait_for(programs, LONGEST)
        await self._quiet(
            self.played.calls[0].at + int(LONGEST * 1e9) if self.played.calls else now()
        )
        for who in SIDES:
            self._crowd.drain(who)
            self.sample(who)
        self.played.until = now()
        self._line.cut = True
        self._line.arrived = lambda side: None
        for each in (listener, *self._sockets.values()):
            if each is not None:
                each.close()
        return self.played

    async def _quiet(self, end: int) -> None:
        """Wait until the kernels are done, or stand still."""
        while now() < end:
            await asyncio.sleep(0.02)
            for who in SIDES:
                self.sample(who)
            done = all(self._known.get(who, ("", True))[0] in DONE for who in SIDES)
            still = now() - self._line.moved
            if not self._line.on_the_way and still > (QUIET if done else STILL) * 1e9:
                return

    async def _client(self) -> None:
        caller = self._hosts["client"].endpoint()
        self._buffer(caller, "client")
        caller.bind(self._addresses["client"])
        self._sockets["client"] = caller
        try:
            await asyncio.wait_for(
                self._loop.sock_connect(caller, self._addresses["server"]), 2 * PATIENCE
            )
        except OSError:
            caller.close()
            return
        await self._program("client", caller)

    async def _server(self, listener: socket.socket | None) -> None:
        if listener is None:
            return
        try:
            taken, _ = await asyncio.wait_for(self._loop.sock_accept(listener), 2 * PATIENCE)
        except OSError:
            return
        self._sockets["server"] = taken
        await self._program("server", taken)

    def _buffer(self, of: socket.socket, who: Side) -> None:
        if self.plan.small_buffer == who:
            of.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)

    async def _program(self, who: Side, door: socket.socket) -> None:
        """Make one call after the other. A program that gets an error closes, as programs do."""
        for move in self.plan.moves(who):
            await asyncio.sleep(move.pause)
            if door.fileno() < 0:
                return
            at, waiting = now(), unread(door)
            result = await self._call(who, door, move)
            self.played.calls.append(Call(at, who, move.do, result, waiting))
            self._crowd.drain(who)
            self.sample(who)
            if result.startswith("E") and move.do in {Do.SAY, Do.HEAR, Do.HEAR_END}:
                self.played.calls.append(Call(now(), who, Do.CLOSE, "", unread(door)))
                door.close()
                return

    async def _call(self, who: Side, door: socket.socket, move: Move) -> str:
        try:
            match move.do:
                case Do.SAY:
                    await asyncio.wait_for(
                        self._loop.sock_sendall(door, bytes(move.amount)), PATIENCE
                    )
                    return str(move.amount)
                case Do.HEAR:
                    return await self._hear(door, move.amount)
                case Do.HEAR_END:
                    return await self._hear(door, 1 << 30)
                case _:
                    await self._leave(who, door, move.do)
        except TimeoutError:
            return "late"
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, str(error))
        return ""

    async def _hear(self, door: socket.socket, count: int) -> str:
        got = 0
        while got < count:
            data = await asyncio.wait_for(
                self._loop.sock_recv(door, min(count - got, 65536)), PATIENCE
            )
            if not data:
                return "end"
            got += len(data)
        return str(got)

    async def _leave(self, who: Side, door: socket.socket, how: Do) -> None:
        match how:
            case Do.SHUTDOWN:
                door.shutdown(socket.SHUT_WR)
            case Do.CLOSE:
                door.close()
            case Do.ABORT:
                linger(door, 0)
                door.close()
            case Do.LINGER2:
                door.setsockopt(socket.IPPROTO_TCP, TCP_LINGER2, -1)
                door.shutdown(socket.SHUT_WR)
                await asyncio.sleep(0.1)
                self.sample(who)
                door.close()
            case Do.KILL:
                holder = self._holders[who]
                holder.take(door)
                holder.kill()
            case Do.DESTROY:
                ports = self._ports if who == "client" else self._ports[::-1]
                self._hosts[who].destroy(*ports)

    def sample(self, who: Side) -> None:
        """Ask the kernel of an end where the connection stands, and note it if that is new."""
        remote = self._addresses["server" if who == "client" else "client"]
        held = _TABLES[who].find(self._addresses[who], remote)
        found = (held.state, held.orphan) if held else ("", True)
        if found != self._known.get(who, ("", True)):
            self._known[who] = found
            self.played.samples.append(Sample(now(), who, *found))


_TABLES: dict[Side, SocketTable] = {}
"""Of the hosts of this process."""


def play(plans: list[Plan], runner: int, *, six: bool) -> list[Played]:
    """Play plans on one wire, in this process, which should be one of its own. runner: whose janitor cleans up after a kill."""
    killed = {
        plan.seed: [who for who in SIDES if any(move.do == Do.KILL for move in plan.moves(who))]
        for plan in plans
    }
    holders = {seed: {who: Holder() for who in who_all} for seed, who_all in killed.items()}
    with ExitStack() as stack:
        for held in holders.values():
            for holder in held.values():
                stack.callback(holder.kill)
        Namespace().enter()
        private_mounts()
        words = KernelWords(runner, BUFFER)
        tells = words.start()
        stack.callback(words.stop)
        if not (tells.states and tells.reasons):
            raise MissingPrivilege(
                "no tracepoints with reasons here: run as root on Linux 6.10 or later"
            )
        go_first()
        played = asyncio.run(_play_all(plans, holders, six))
        said = words.read()
    by_end: dict[str, list[Said]] = {}
    for one in said:
        by_end.setdefault(one.local, []).append(one)
    for each in played:
        each.said = [one for who in SIDES for one in by_end.get(each.ends[who], [])]
        each.line.arrived = _nothing
    return played


def _nothing(side: Side) -> None:
    """What travels between processes cannot hold a method of what stays."""


async def _play_all(
    plans: list[Plan], holders: dict[int, dict[Side, Holder]], six: bool
) -> list[Played]:
    (client, server, _), _ = own_addresses(six)
    with Crowd(six=six, addresses=(client, server)) as crowd:
        hosts: dict[Side, Host] = {"client": crowd.client, "server": crowd.server}
        for who, host in hosts.items():
            host.sysctl(tcp_fin_timeout=FIN_TIMEOUT)
            _TABLES[who] = SocketTable(host.namespace, host.family)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, plan: Plan) -> Played:
            async with gate:
                return await _Connection(plan, number, crowd, holders[plan.seed]).play()

        return await asyncio.gather(*(one(number, plan) for number, plan in enumerate(plans)))


def apart(plans: list[Plan], runner: int, *, six: bool) -> Apart[list[Played]]:
    """Begin to play in a process of its own."""
    return Apart(lambda: play(plans, runner, six=six))
