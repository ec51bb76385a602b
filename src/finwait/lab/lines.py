"""Everything that one experiment waits for at once: its wires, and the pipes of its programs."""

import select
from collections.abc import Callable, Sequence

from finwait.lab.net import Net
from finwait.lab.wire import Wire


class Lines(Net):
    """Some wires that are moved together. `heard` has what to call when a descriptor has something to read."""

    def __init__(self, wires: Sequence[Wire]) -> None:
        self.wires = wires
        self.recorder = wires[0].recorder
        self.client_address, self.server_address = wires[0].client_address, wires[-1].server_address
        self.heard: dict[int, Callable[[], object]] = {}

    def step(self, timeout: float) -> bool:
        """Carry what is ready on any wire, and hear who has something to say."""
        every = [fd for wire in self.wires for fd in wire.descriptors]
        ready, _, _ = select.select([*every, *self.heard], [], [], timeout)
        for descriptor in ready:
            if hear := self.heard.get(descriptor):
                hear()
        moved = [wire.carry(ready) for wire in self.wires]
        return any(moved)

    def close(self) -> None:
        """Let go of every wire."""
        for wire in self.wires:
            wire.close()
