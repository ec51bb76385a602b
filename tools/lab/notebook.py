"""Runs experiments and writes down what came of them: captures and their truth."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from finwait.lab.kernel_words import KernelWords, Said
from finwait.lab.net import Net
from finwait.lab.netns import private_mounts

from .truth import Capture, Connection, Group, from_toml, to_toml

MOST_WORDS = 12  # of the kernel's a connection: what follows repeats

HEADING = """
What is known about each connection because of how its capture was made, and what the kernel said
meanwhile (tracepoints sock:inet_sock_set_state and tcp:tcp_send_reset). Written by {maker};
never by finwait. "A or B": both are right. A key that is absent or "any", and a list of causes that
is empty, is not compared.
"""


class Notebook:
    """Where an experiment leaves its captures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.captures: list[Capture] = []
        self.trace = KernelWords(os.getpid())

    def keep(
        self,
        net: Net,
        file: str,
        made: str,
        *connections: Connection,
        groups: Sequence[Group] = (),
        clock: str = "",
        remark: str = "",
    ) -> None:
        """Writes the capture, and the rows that say what is known about it."""
        said = self.trace.read()
        self.trace.clear()
        for connection in connections:
            connection.kernel = _about(connection, connections, said) + connection.kernel
        net.recorder.save(self.folder / file)
        self.captures.append(Capture(file, made, list(connections), list(groups), clock, remark))


Experiment: TypeAlias = Callable[[Notebook], None]


def _about(connection: Connection, every: tuple[Connection, ...], said: list[Said]) -> list[str]:
    """What the kernel said of this connection. Of several with the same ends each has its turn:
    a turn begins when the client's socket leaves CLOSED for SYN-SENT."""
    same = [
        other
        for other in every
        if (other.client, other.server) == (connection.client, connection.server)
    ]
    mine, turn, words = same.index(connection), -1, []
    for one in said:
        if one.local == connection.client and one.words == "CLOSED > SYN-SENT":
            turn += 1
        if one.local == connection.client and one.remote == connection.server:
            who = "client"
        elif one.local == connection.server and one.remote == connection.client:
            who = "server"
        elif _unnamed(one, connection):
            who = "server (peer unknown)"
        else:
            continue
        if max(turn, 0) == mine or len(same) == 1:
            words.append(f"{who}: {one.words}")
    return words[:MOST_WORDS]


def _unnamed(one: Said, connection: Connection) -> bool:
    """A reset in the name of the listener: the kernel no longer knows towards whom."""
    listener = one.local == connection.server and one.remote.endswith(":0")
    return listener and one.words.startswith("sends RST")


def main(folder: Path, experiments: Sequence[Experiment]) -> int:
    """The command line of a maker: all experiments, or those named."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("name", nargs="*", help="experiments to run (default: all)")
    parser.add_argument("--list", action="store_true", help="list the experiments")
    wanted = parser.parse_args()
    table = {each.__name__: each for each in experiments}
    if wanted.list:
        for name, each in table.items():
            print(f"{name:32} {(each.__doc__ or '').strip().splitlines()[0]}")
        return 0
    if unknown := [name for name in wanted.name if name not in table]:
        parser.error(f"no such experiment: {', '.join(unknown)}; --list shows all")
    if os.geteuid() != 0:
        parser.error("root is needed, for network namespaces and TUN devices of our own")
    private_mounts()
    notebook = Notebook(folder)
    if not notebook.trace.start().states:
        print("no tracefs here: the truth will lack the kernel's own words", file=sys.stderr)
    complete = False
    try:
        for name in wanted.name or table:
            began = time.monotonic()
            notebook.trace.clear()
            table[name](notebook)
            print(f"{name:32} {time.monotonic() - began:6.2f} s", flush=True)
        complete = not wanted.name
    finally:
        notebook.trace.stop()
        _write(folder / "truth.toml", notebook.captures, complete=complete)
    return 0


def _write(path: Path, made: list[Capture], *, complete: bool) -> None:
    fresh = {capture.file: capture for capture in made}
    old = [] if complete or not path.exists() else from_toml(path.read_text())
    kept = [fresh.pop(capture.file, capture) for capture in old]
    maker = Path(sys.argv[0]).name
    path.write_text(to_toml(kept + list(fresh.values()), HEADING.format(maker=maker)))
