"""Being on time: real-time scheduling, and where the edge of a jiffy is."""

import os
import sys
import time
from contextlib import suppress
from typing import Final

CLOCK_MONOTONIC_COARSE: Final = 6
"""linux/time.h: steps once a jiffy."""
BEHIND_THE_EDGE: Final = 250_000
"""Nanoseconds from the edge of a jiffy to a script's time 0, as in the reference: an event on a whole millisecond then
never falls on an edge, where the kernel would measure an RTT of one jiffy more or less."""
LONGEST_JIFFY: Final = 10_000_000
"""Nanoseconds at CONFIG_HZ=100."""
SWITCH: Final = 0.0002
"""Seconds after which one Python thread gives way to another: a blocking call that returns is to be seen at once."""


class Prompt:
    """While open, the calling thread goes before ordinary ones, if it may (CAP_SYS_NICE); programs that it starts do not."""

    def __init__(self) -> None:
        self._scheduling = os.sched_getscheduler(0)
        self._priority = os.sched_getparam(0)
        self._switch = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH)
        self.real_time = go_first()

    def close(self) -> None:
        """Be ordinary again."""
        sys.setswitchinterval(self._switch)
        if self.real_time:
            os.sched_setscheduler(0, self._scheduling, self._priority)


def go_first(above: int = 0) -> bool:
    """Make the calling thread real-time (SCHED_RR, `above` the lowest priority); says whether the system let it."""
    try:
        priority = os.sched_param(os.sched_get_priority_min(os.SCHED_RR) + above)
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, priority)
    except OSError:
        return False
    return True


def after_a_jiffy() -> int:
    """Wait for the edge of a jiffy; gives the CLOCK_REALTIME that lies BEHIND_THE_EDGE of it, in nanoseconds."""
    before = time.clock_gettime_ns(CLOCK_MONOTONIC_COARSE)
    end = time.monotonic_ns() + 2 * LONGEST_JIFFY
    while time.clock_gettime_ns(CLOCK_MONOTONIC_COARSE) == before and time.monotonic_ns() < end:
        pass
    return time.time_ns() + BEHIND_THE_EDGE


def sleep_until(realtime: int, spin: int) -> int:
    """Sleep until CLOCK_REALTIME is there, the last `spin` nanoseconds looking at the clock; gives how late it is then."""
    left = realtime - time.time_ns()
    if left > spin:
        with suppress(InterruptedError):
            time.sleep((left - spin) / 1e9)
    while (now := time.time_ns()) < realtime:
        pass
    return now - realtime
