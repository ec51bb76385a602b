"""What both ends agreed on when they opened the connection, as the options of their SYNs tell."""

from typing import Final

from finwait.explain.conversation import SYN, Conversation, Segment
from finwait.reproduce.part import HEADER
from finwait.script.syntax import Option as TcpOption
from finwait.script.tcp_options import from_wire, split

NOPS: Final = (TcpOption("nop"), TcpOption("nop"))
"""Options fill whole words of 32 bits (RFC 9293 section 3.1)."""
OFFSET: Final = 12
"""Where a TCP header says how many words of 32 bits it has (RFC 9293 section 3.1)."""
STAMP: Final = 12
"""Octets of the timestamps option with its padding (RFC 7323 appendix A)."""
DEFAULT_MSS: Final = 1460
"""Octets: of a peer that says nothing in this script, and the most that a script's device of 1,500 octets takes."""


def first(c: Conversation, who: str, bits: int) -> Segment | None:
    """Find the first segment of an end with all of these flags."""
    return next((s for s in c.of(who) if s.has(bits)), None)


def opened_at(c: Conversation) -> float | None:
    """Give when the last SYN was captured, in seconds of the conversation."""
    opening = [s for s in c.segments if s.flags & SYN and not s.copy]
    return opening[-1].at if opening else None


def options_known(c: Conversation, who: str) -> bool:
    """Tell whether the options of an end's SYN were captured. Where they were not, the unit of all windows is unknown."""
    syn = first(c, who, SYN)
    return syn is not None and len(syn.step.header) >= 4 * (syn.step.header[OFFSET] >> 4)


def stamped(c: Conversation) -> bool:
    """Tell whether both ends agreed on timestamps."""
    syns = [first(c, who, SYN) for who in ("client", "server")]
    return all(s is not None and "TS" in _options(s) for s in syns)


def offer(c: Conversation, me: str, s: Segment | None, *, scaled: bool) -> tuple[TcpOption, ...]:
    """Give the options of the SYN `s` of the peer of `me` that both ends agreed on, the MSS first.

    Timestamps are left out: a script would have to echo each. scaled: windows are.
    """
    mss = TcpOption("mss", (DEFAULT_MSS,))
    if s is None:
        return (mss,)
    given = _options(s)
    kept = [given.get("mss", mss)]
    if stamped(c):  # its segments were shorter by the option
        kept = [TcpOption("mss", (kept[0].numbers[0] - STAMP,))]
    mine = first(c, me, SYN)
    sack = "sackOK" in given and (mine is None or b"\x04\x02" in mine.step.header[HEADER:])
    if "wscale" in given and scaled:
        kept += [TcpOption("sackOK"), *NOPS, TcpOption("nop")] if sack else [TcpOption("nop")]
        kept.append(given["wscale"])
    elif sack:
        kept += [*NOPS, TcpOption("sackOK")]
    return tuple(kept)


def _options(syn: Segment) -> dict[str, TcpOption]:
    return {o.name: o for o in map(from_wire, split(syn.step.header[HEADER:]))}
