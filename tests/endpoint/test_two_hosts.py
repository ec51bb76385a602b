"""Two hosts and a wire that loses, doubles and swaps: what is read is what was written, and both ends come to an end."""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finwait.endpoint import PROFILES, Host, Profile
from finwait.tcp import State
from finwait.wire import Packet

A, B = ip_address("192.0.2.1"), ip_address("192.0.2.2")
PORT = 80
DELAY = 10_000
PROFILE_LIST = list(PROFILES.values())


class Wire:
    """Virtual time between two hosts; `fates` says of each packet in turn: 0 lost, 2 doubled, 3 late, else carried."""

    def __init__(self, one: Profile, other: Profile, fates: list[int]) -> None:
        self.hosts = {A: Host(one, [A]), B: Host(other, [B])}
        self.now = 0
        self.fates = iter(fates)
        self.under_way: list[tuple[int, int, Packet]] = []
        self.count = 0

    def _take(self) -> None:
        for host in self.hosts.values():
            for packet in host.transmit():
                fate = next(self.fates, 1)
                for _ in range((0, 1, 2, 1)[fate]):
                    self.count += 1
                    at = self.now + DELAY * (4 if fate == 3 else 1)
                    self.under_way.append((at, self.count, packet))

    def steps(self, until: int) -> Iterator[None]:
        """Let things happen one by one."""
        while True:
            self._take()
            due = [at for at, _, _ in self.under_way]
            due += [at for host in self.hosts.values() if (at := host.deadline()) is not None]
            if not due or min(due) > until:
                return
            self.now = max(min(due), self.now)
            for host in self.hosts.values():
                host.tick(self.now)
            self._take()
            ready = sorted(entry for entry in self.under_way if entry[0] <= self.now)
            self.under_way = [entry for entry in self.under_way if entry[0] > self.now]
            for _, _, packet in ready:
                self.hosts[packet.dst].arrive(self.now, packet)
            yield


def exchange(wire: Wire, request: bytes, answer: bytes) -> tuple[bytes, bytes]:  # noqa: C901 - two programs in one loop
    """A asks and half-closes, B reads all, answers and closes; gives what each read."""
    a, b = wire.hosts[A], wire.hosts[B]
    listener = b.open()
    b.bind(listener, None, PORT)
    b.listen(0, listener, 5)
    asker = a.open()
    a.connect(0, asker, B, PORT)
    child, asked, answered = 0, b"", b""
    left, right = request, answer
    shut = closed = replied = False
    for _ in wire.steps(until=10**11):
        if left or not shut:
            result = a.send(wire.now, asker, left) if left else None
            left = left[result.value :] if result and not result.error else left
            c = a.connection(asker)
            if not left and not shut and c is not None and c.state.synchronized:
                a.shutdown(wire.now, asker, read=False, write=True)
                shut = True
        while (got := a.receive(wire.now, asker, 5000)).value:
            answered += got.data
        if not got.error and shut and not closed:
            a.close(wire.now, asker)
            closed = True
        if not child and not (taken := b.accept(wire.now, listener)).error:
            child = taken.value
        if child and not replied:
            while (got := b.receive(wire.now, child, 5000)).value:
                asked += got.data
            if not got.error:
                sent = b.send(wire.now, child, right) if right else None
                right = right[sent.value :] if sent and not sent.error else right
                if not right:
                    b.close(wire.now, child)
                    replied = True
    b.close(wire.now, listener)
    return asked, answered


@pytest.mark.parametrize("one", PROFILE_LIST, ids=lambda profile: profile.name)
@pytest.mark.parametrize("other", PROFILE_LIST, ids=lambda profile: profile.name)
def test_a_clean_exchange(one: Profile, other: Profile) -> None:
    wire = Wire(one, other, [])
    request, answer = bytes(range(256)) * 40, bytes(range(255, -1, -1)) * 1000
    assert exchange(wire, request, answer) == (request, answer)
    assert wire.hosts[A].connections() == wire.hosts[B].connections() == []


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(PROFILE_LIST),
    st.sampled_from(PROFILE_LIST),
    st.lists(st.sampled_from([1, 1, 1, 0, 2, 3]), max_size=60),
    st.integers(0, 20_000),
    st.integers(0, 20_000),
)
def test_whatever_the_wire_does(
    one: Profile, other: Profile, fates: list[int], asks: int, answers: int
) -> None:
    """Nothing is invented, lost or read twice; nobody lives for ever."""
    wire = Wire(one, other, fates)
    request, answer = bytes(i % 251 for i in range(asks)), bytes(i % 241 for i in range(answers))
    asked, answered = exchange(wire, request, answer)
    assert asked == request
    assert answered == answer
    for host in wire.hosts.values():
        assert [c.state for _, c in host.connections()] in ([], [State.FIN_WAIT_2])
