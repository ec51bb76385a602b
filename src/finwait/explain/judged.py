"""Where the ends stood, as the verdict has it: while the packets are read nobody can know it yet."""

from typing import TYPE_CHECKING, Final

from finwait.verdict.verdict import FORGED, REFUSED_IN_TIME_WAIT, REJECTED, peer_of

if TYPE_CHECKING:
    from finwait.explain.conversation import Conversation


def forged(c: "Conversation") -> frozenset[int]:
    """Find the RSTs of somebody else: the one that counted, and those with the same TTL, if that is not the end's own.

    They say nothing of where the end that they name stands: it stays where it was, until a RST of the other
    end comes to it. One after which it still sends did not.
    """
    who = c.row.reset_by
    if c.row.cause != FORGED or not c.resets.get(who):
        return frozenset()
    first, *further = c.resets[who]
    ttl = first.step.ttl
    alike = [s for s in further if s.step.ttl == ttl] if ttl not in c.ttls(who) else []
    false = frozenset(s.index for s in (first, *alike))
    if first.index:
        stood = c.segments[first.index - 1].state(who)
        spoke = max((s.index for s in c.of(who) if s.index not in false), default=first.index)
        answers = [s.index for s in c.resets[peer_of(who)] if s.index > max(first.index, spoke)]
        for s in c.segments[first.index : min(answers, default=len(c.segments))]:
            s.stands(who, stood)
    return false


def rejected(c: "Conversation") -> bool:
    """Keep the server in SYN-RECEIVED, if it answered the ACK of its SYN by a RST: it never took that ACK."""
    if c.row.cause != REJECTED or c.row.close != "reset":
        return False
    for s in c.segments:
        if s.state("server") == "ESTABLISHED":
            s.stands("server", "SYN-RECEIVED")
    return True


OLD: Final = "TIME-WAIT"
"""Where a server is that refuses a SYN by an earlier connection's numbers."""


def old(c: "Conversation") -> tuple[int, ...]:
    """Find the ACKs by which an earlier connection answers the SYN (indexes), and the RSTs that these draw.

    Only one after which the old numbers come again is known to have ended nothing.
    """
    answers = tuple(s.index for s in c.segments if "old-ack" in s.labels)
    for s in c.segments:
        if answers and s.index > answers[-1]:
            s.labels -= {"rst-ignored"}
    return answers


def refused(c: "Conversation") -> bool:
    """Put the server into the TIME-WAIT of that earlier connection, if by the verdict nothing else came of the SYN."""
    if c.row.cause != REFUSED_IN_TIME_WAIT:
        return False
    for s in c.segments:
        s.stands("server", OLD)
    return True
