"""Our endpoint against the real kernel: fixed random closings, each of which has to come out the same (tools/differential)."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from differential.__main__ import judge

from .kernels import needs_kernel

SEEDS = range(1, 61)
PLAYERS = 6
"""Plays mostly wait, so there may be more of them than cores."""


@needs_kernel
def test_random_closings_come_out_as_on_the_kernel() -> None:
    """A difference counts only if the kernel shows it three times of three: a busy machine is late now and then."""
    with ProcessPoolExecutor(PLAYERS, mp_context=get_context("forkserver")) as pool:
        different = [f"seed {seed}: {what}" for seed, what in pool.map(judge, SEEDS) if what]
    assert not different, "python -m differential --seed N --tell shows one:\n" + "\n".join(
        different
    )
