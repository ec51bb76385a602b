"""FreeBSD's `sockstat … | grep …` lines, as its test suite uses them to look at connections."""

from typing import Final

from finwait.endpoint import Ends
from finwait.stage.model.descriptors import TcpSocket
from finwait.stage.model.world import World
from finwait.tcp import State

OWNER: Final = "packetdrill"
"""Whose the sockets are in the suite's eyes; sockstat cuts it to ten letters."""
NAMES: Final = {
    State.SYN_RECEIVED: "SYN_RCVD",
    State.FIN_WAIT_1: "FIN_WAIT_1",
    State.FIN_WAIT_2: "FIN_WAIT_2",
}


def is_one(stages: list[list[str]]) -> bool:
    """Say whether it is `sockstat` and greps."""
    return bool(stages[0]) and stages[0][0] == "sockstat" and len(stages) > 1


def run(world: World, stages: list[list[str]]) -> tuple[int, str]:
    """Run it: grep's status, and what the last grep printed."""
    lines, status = _lines(world, stages[0]), 0
    for words in stages[1:]:
        counts = "-c" in words
        wanted = words[-1]
        found = [line for line in lines if wanted in line]
        status = 0 if found else 1
        lines = [str(len(found))] if counts else found
    return status, "\n".join(lines)


def _lines(world: World, words: list[str]) -> list[str]:
    """One line a connection, and one a socket that has none."""
    version = 6 if "-6" in words else 4
    port = int(words[words.index("-p") + 1]) if "-p" in words else None
    held = {
        id(c)
        for one in world.descriptors
        if isinstance(one, TcpSocket) and (c := world.host.connection(one.handle)) is not None
    }
    lines = []
    for ends, connection in world.host.connections():
        owner = OWNER if id(connection) in held else "?"
        lines.append(_line(owner, version, port, ends, connection.state))
    lines += [
        f"{OWNER[:10]} {NAMES.get(state, state.value)}"
        for one in world.descriptors
        if isinstance(one, TcpSocket)
        and (state := world.host.status(one.handle).state) in {State.CLOSED, State.LISTEN}
        and port in {None, world.host.local_port(one.handle)}
    ]
    return [line for line in lines if line]


def _line(owner: str, version: int, port: int | None, ends: Ends, state: State) -> str:
    if ends.local.version != version or port not in {None, ends.local_port, ends.remote_port}:
        return ""
    if state is State.CLOSED:
        return ""
    told = NAMES.get(state, state.value.replace("-", "_"))
    return f"root {owner[:10]} tcp{version} {ends.local}:{ends.local_port} {ends.remote}:{ends.remote_port} {told}"
