#!/usr/bin/env python3
"""Makes the captures of this folder and their truth: closings, and all that can go wrong.

Each function in `tools/lab/experiments` is one experiment, with a real kernel at one end at least.
Run as root: `sudo python3 tests/captures/make.py [NAME…]`; `--list` shows all. It works in network
namespaces of its own that vanish with it. Needs iproute2, tcpdump and openssl, about two minutes, and a machine
that is not busy: events are awaited, but TCP's own timers (40 ms to delay an ACK, 200 ms to send
again) go on. Whether all came out as meant, `tests/test_kernel_truth.py` says.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / folder) for folder in ("tools", "src")]

from lab.experiments import ALL  # noqa: E402
from lab.notebook import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(HERE, ALL))
