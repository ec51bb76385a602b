"""What a captured connection tells of its sockets: how they were set, and who reset it."""

from itertools import pairwise

from finwait.explain.conversation import ACK, RST, SYN, Conversation, Segment
from finwait.reproduce.measures import OFFSET
from finwait.reproduce.part import HEADER
from finwait.script.tcp_options import from_wire, split


def first_of(c: Conversation, who: str, bits: int) -> Segment | None:
    """Find an end's first segment with these flags."""
    return next((s for s in c.of(who) if s.has(bits)), None)


def options_known(c: Conversation, who: str) -> bool:
    """Tell whether the options of an end's SYN were captured. Where they were not, the unit of all windows is unknown."""
    syn = first_of(c, who, SYN)
    return syn is not None and len(syn.step.header) >= 4 * (syn.step.header[OFFSET] >> 4)


def stamped(c: Conversation) -> bool:
    """Tell whether both ends agreed on timestamps."""
    syns = [first_of(c, who, SYN) for who in ("client", "server")]
    return all(
        s is not None and any(o.name == "TS" for o in map(from_wire, split(s.step.header[HEADER:])))
        for s in syns
    )


def keep_alive(c: Conversation, who: str) -> dict[str, int]:
    """Give the keep-alive options that an end's probes show, in seconds and probes; none if it sent none."""
    probes = [s for s in c.of(who) if "keep-alive" in s.labels]
    if not probes:
        return {}
    before = [s for s in c.segments[: probes[0].index] if s.at < probes[0].at]
    idle = max(1, round(probes[0].at - before[-1].at)) if before else 1
    gaps = [b.at - a.at for a, b in pairwise(probes)]
    return {
        "TCP_KEEPIDLE": idle,
        "TCP_KEEPINTVL": max(1, round(min(gaps, default=1.0))),
        "TCP_KEEPCNT": len(probes),
    }


def of_owner(s: Segment) -> bool:
    """Tell whether it is the RST of a living socket: it has its sender's own numbers."""
    return bool(s.flags & RST and s.flags & ACK and "rst-reply" not in s.labels and s.step.seq)
