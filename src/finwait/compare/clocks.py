"""How far two clocks are apart, from segments that both captures saw."""

from collections.abc import Sequence
from typing import NamedTuple

Pair = tuple[str, float, float]
"""Sender of a segment, its time at A and its time at B, in seconds."""


class Clocks(NamedTuple):
    """What the times of the segments that were seen at both places say."""

    offset: float
    """B's clock minus A's, in seconds: right within half of what the two directions' delays differ."""
    delay: float
    """Seconds on the way between the two places, one way: the mean of both directions."""
    near_client: str
    """"A" or "B": which capture was made nearer to the client; "" if the times do not tell."""


def clocks(pairs: Sequence[Pair]) -> Clocks:
    """Estimate. A segment cannot arrive before it was sent, so the fastest of each direction bound the offset."""
    apart = {who: [b - a for one, a, b in pairs if one == who] for who in ("client", "server")}
    client, server = apart["client"], apart["server"]
    if not client or not server:
        either = sorted(client or server)
        return Clocks(either[len(either) // 2] if either else 0.0, 0.0, "")
    if sum(client) / len(client) > sum(server) / len(server):  # client's segments come to A first
        low, high, near = max(server), min(client), "A"
    else:
        low, high, near = max(client), min(server), "B"
    delay = (high - low) / 2
    return Clocks((high + low) / 2, max(delay, 0.0), near if delay > 0 else "")
