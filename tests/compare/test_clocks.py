"""Clocks that differ: the offset, and the drift where it is proved and only there."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import finwait
from finwait.compare.clocks import GRAIN, Envelope, Fit, fit, nearer, outline
from finwait.lab.taps import AHEAD, Taps

needs_namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)
WAY = 0.01
PAUSE = 50
"""Seconds between two requests of a long capture."""
Queue = Callable[[random.Random], float]
QUEUES: dict[str, Queue] = {
    "none": lambda _: 0.0,
    "even": lambda dice: dice.random() * 0.005,
    "exponential": lambda dice: dice.expovariate(200),
    "heavy": lambda dice: 0.005 * (dice.paretovariate(1.2) - 1),
}
"""What is added to the way of each segment, in seconds."""


def drawn(seed: int, count: int, span: float, queue: Queue, clock: Callable[[float], float]) -> Fit | None:  # fmt: skip
    """Fit `count` segments at random times; `clock` is B's minus A's."""
    dice = random.Random(seed)
    there, back = Envelope(span), Envelope(span, -1)
    for _ in range(count):
        t, way = dice.random() * span, WAY + queue(dice)
        if dice.random() < 0.5:
            there.add([(t, clock(t) + way)])
        else:
            back.add([(t, clock(t) - way)])
    return fit(there, back)


@pytest.mark.parametrize("queue", QUEUES)
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**9), count=st.sampled_from([8, 20, 60, 300]), span=st.sampled_from([0.5, 20.0, 900.0]),
    offset=st.floats(-1e5, 1e5),
)  # fmt: skip
def test_steady_clocks_have_no_drift(queue: str, seed: int, count: int, span: float, offset: float) -> None:  # fmt: skip
    found = drawn(seed, count, span, QUEUES[queue], lambda _: offset)
    if found is not None:
        assert found.drift is None
        assert found.steady
        assert found.low - 1e-6 <= offset <= found.high + 1e-6


@pytest.mark.parametrize("queue", QUEUES)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), count=st.sampled_from([20, 60, 300]), ppm=st.floats(-300, 300))
def test_a_drift_that_is_said_is_right(queue: str, seed: int, count: int, ppm: float) -> None:
    found = drawn(seed, count, 900.0, QUEUES[queue], lambda t: 5 + ppm * 1e-6 * t)
    if found is not None:
        assert abs(found.offset - 5) <= found.error + 1e-6
        if found.drift is not None:
            assert abs(found.drift.ppm - ppm) <= found.drift.error + 0.01


@pytest.mark.parametrize("ppm", [-100.0, 30.0, 100.0])
@pytest.mark.parametrize("queue", QUEUES)
def test_a_long_capture_proves_it(queue: str, ppm: float) -> None:
    found = drawn(1, 3000, 3600.0, QUEUES[queue], lambda t: 5 + ppm * 1e-6 * t)
    assert found is not None
    assert found.drift is not None
    assert found.drift.ppm == pytest.approx(ppm, abs=5)
    assert found.offset == pytest.approx(5, abs=0.001)


@pytest.mark.parametrize("step", [0.004, 0.05, 3.0])
@pytest.mark.parametrize("queue", QUEUES)
def test_a_clock_that_is_set_is_no_drift(queue: str, step: float) -> None:
    for seed in range(10):
        found = drawn(seed, 500, 900.0, QUEUES[queue], lambda t: step * (t > 400))
        assert found is None or found.drift is None


def test_one_direction_tells_nothing() -> None:
    assert nearer([(1.0, 2.0)], [], None) == ""
    there, back = Envelope(1.0), Envelope(1.0, -1)
    there.add([(0.5, 1.0)])
    assert fit(there, back) is None


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(-50, 50)), min_size=1))
def test_an_outline_is_below_everything(points: list[tuple[int, int]]) -> None:
    """Compared with each line through two of the points, the slow way."""
    below = outline([(float(t), float(d)) for t, d in points])
    for rate in {0.0} | {
        (b[1] - a[1]) / (b[0] - a[0]) for a in points for b in points if a[0] != b[0]
    }:
        assert min(d - rate * t for t, d in below) == pytest.approx(
            min(d - rate * t for t, d in points)
        )


def _long(wire: Taps) -> None:
    """Twelve requests in ten minutes."""
    client, server = wire.open(80, 40001)
    for _ in range(12):
        wire.exchange(client, server, b"x" * 100, b"y" * 2000)
        wire.settle()
        wire.skip(PAUSE)
    client.close()
    server.close()
    wire.settle()


@needs_namespaces
@pytest.mark.parametrize("ppm", [0.0, 40.0, -90.0])
def test_a_drift_between_two_kernels(ppm: float, tmp_path: Path) -> None:
    with Taps() as wire:
        _long(wire)
        paths = wire.captures(tmp_path, rate=ppm * 1e-6)
    result = finwait.compare(*paths)
    clocks = result.clocks
    assert clocks is not None
    assert abs(clocks.offset - AHEAD / 1e9) <= clocks.error
    (one,) = result.connections
    assert one.differences == ()
    assert one.clocks.near_client == "A"
    bound = _bound(wire)
    if clocks.drift is None:
        assert bound >= abs(ppm)
    else:
        assert ppm != 0
        assert abs(clocks.drift.ppm - ppm) <= clocks.drift.error <= bound
        assert "ppm slower" in result.text() or ppm > 0


def _bound(wire: Taps) -> float:
    """Say how wide a drift's error can be at most, in ppm, by what the wire's log knows of its own haste.

    All ways of both directions are between `short` and `long`. A lean that is wrong by r narrows the strip between the first and the last
    exchange, which is at most two long ways wide, by r times their distance. What narrows it below two strips less the widest part is not taken
    for possible; the strip is at least two short ways wide, and the part at most two long ones, and what the middle's own lean
    (wrong by two of these differences over the whole distance) adds to it in a part. A busy machine delivers late, so it is not a constant.
    """
    ways = [p.delivered - p.sent for p in wire.packets]
    late = (max(ways) - min(ways)) / 1e9
    return (4.2 * late + 2 * GRAIN) / (11 * PAUSE) * 1e6


@needs_namespaces
def test_a_drift_in_a_second_is_not_claimed(tmp_path: Path) -> None:
    with Taps() as wire:
        client, server = wire.open(80, 40001)
        for _ in range(12):
            wire.exchange(client, server)
        client.close()
        server.close()
        wire.settle()
        paths = wire.captures(tmp_path, rate=100e-6)
    result = finwait.compare(*paths)
    assert result.clocks is not None
    assert result.clocks.drift is None
