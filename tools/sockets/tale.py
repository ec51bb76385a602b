"""A connection told line by line: calls, packets leaving and arriving, the kernels' words, in the order of time."""

from __future__ import annotations

from finwait.lab.packet import Flags, Segment
from finwait.lab.wire import Side

from .account import Account
from .crowd import OTHER

MODULUS = 1 << 32


def tale(account: Account, last: int = 40) -> str:
    """Tell the last so many lines; times in milliseconds from the first packet, numbers relative to the initial ones."""
    played = account.played
    isn = {
        packet.sender: segment.seq for packet, segment in reversed(account.packets) if segment.syn
    }
    rows = [(event.at, f"kernel  {event.words}") for event in account.events]
    rows += [
        (
            call.at,
            f"call    {call.who} {call.do} {call.result}"
            + f", {call.unread} unread" * bool(call.unread),
        )
        for call in played.calls
    ]
    for packet, segment in account.packets:
        words = _words(segment, packet.sender, isn)
        rows.append((packet.sent, f"sent    {words}" + ", lost" * (not packet.arrived)))
        rows += [(at, f"arrived   {words}") for at in packet.arrived]
    rows.sort(key=lambda row: row[0])
    start = rows[0][0] if rows else 0
    return "\n".join(f"    {(at - start) / 1e6:9.3f} {words}" for at, words in rows[-last:])


def _words(segment: Segment, sender: Side, isn: dict[Side, int]) -> str:
    flags = ",".join(flag.name or "" for flag in Flags if segment.flags & flag)
    seq = (segment.seq - isn.get(sender, 0)) % MODULUS
    ack = (segment.ack - isn.get(OTHER[sender], 0)) % MODULUS if segment.flags & Flags.ACK else "-"
    return f"{sender} {flags} seq {seq} len {len(segment.payload)} ack {ack} win {segment.window}"
