"""Puts each word of the kernel beside the packet that it belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from finwait.lab.history import ENDS, Event
from finwait.lab.packet import Flags
from finwait.lab.reasons import REASONS
from finwait.lab.wire import Packet
from finwait.picture.ladder import Arrow, Fold, Ladder, Pause
from finwait.verdict.language import Lang, Text

BY_CALL: Final = {"SYN-SENT": Flags.SYN, "FIN-WAIT-1": Flags.FIN, "LAST-ACK": Flags.FIN}
"""States that an end enters before its segment goes out, and what that carries; others come with a segment that it receives."""
ACKED_TO_CLOSE: Final = {"LAST-ACK", "TIME-WAIT"}
"""States that end without a RST of their own."""
NO_REASON = Text("reason not told", "未说明原因")
COLON: Final = Text(": ", "：")
KERNEL, PACKETS = Text("kernel", "内核"), Text("packets", "报文")
ROUNDED: Final = 2_000
"""Nanoseconds: tracepoints have whole microseconds."""
SOON: Final = 20_000_000
"""Nanoseconds from a kernel's word to the segment that it is about."""


@dataclass(frozen=True, slots=True)
class Place:
    """A word of the kernel and the frame that it stands beside."""

    frame: int
    event: Event


def beside(events: Sequence[Event], packets: Sequence[Packet], port: int) -> list[Place]:
    """Find the frame of each event of the connection with this client port; without frames there is no place."""
    captured = [p for p in packets if p.frame and port in {p.segment.sport, p.segment.dport}]
    if not captured:
        return []
    places: list[Place] = []
    explained: set[int] = set()
    latest = dict.fromkeys(ENDS, 0)
    for event in events:
        frame = _of_reset(event, captured, explained) or _frame(event, captured)
        if event.reset:
            explained.add(frame)
        else:  # segments that cross: who reads downwards is to meet an end's states in their order
            frame = latest[event.who] = max(frame, latest[event.who])
        places.append(Place(frame, event))
    return places


def _of_reset(event: Event, packets: Sequence[Packet], explained: set[int]) -> int:
    """Find the RST that a reason is about: the next one of this end that has none yet. 0 if there is none."""
    if not event.reset:
        return 0
    own = [p for p in packets if p.sender == event.who and p.segment.rst and not p.forged]
    return next((p.frame for p in own if p.sent >= event.at and p.frame not in explained), 0)


def _frame(event: Event, packets: Sequence[Packet]) -> int:
    sent = [packet for packet in packets if packet.sender == event.who and not packet.forged]
    got = [
        p
        for p in packets
        if p.sender != event.who and p.delivered and p.delivered <= event.at + ROUNDED
    ]
    following = next((packet for packet in sent if packet.sent >= event.at), None)
    if following is not None and event.reset:
        return following.frame
    if flag := BY_CALL.get(event.new):
        own = next((p for p in sent if p.sent >= event.at and p.segment.flags & flag), None)
        if own is not None and not _interrupted(event, own, packets):
            return own.frame  # else a zero window holds it back
    if (
        event.new == "CLOSED"
        and got
        and got[-1].segment.rst
        and event.at - got[-1].delivered < SOON
    ):
        return got[-1].frame
    aborts = event.new == "CLOSED" and event.old not in ACKED_TO_CLOSE
    if (
        following is not None
        and aborts
        and following.segment.rst
        and following.sent - event.at < SOON
        and not _interrupted(event, following, packets)
    ):
        return following.frame
    before = [packet for packet in sent if packet.sent <= event.at]
    last = max([*got[-1:], *before[-1:]], key=_moment, default=packets[0])
    by_itself = event.new == "CLOSED" or event.new in BY_CALL
    return (got[-1] if got and not by_itself else last).frame


def _interrupted(event: Event, packet: Packet, packets: Sequence[Packet]) -> bool:
    """Say whether something of the other end came between an event and a segment: then that is the segment's cause."""
    others = (other for other in packets if other.sender != event.who)
    return any(event.at < other.sent < packet.sent for other in others)


def _moment(packet: Packet) -> int:
    return packet.delivered or packet.sent


def comments(places: Sequence[Place]) -> dict[int, str]:
    """Give the comment of each frame: one line a word of the kernel."""
    found: dict[int, list[str]] = {}
    for place in places:
        found.setdefault(place.frame, []).append(f"kernel: {place.event.words}")
    return {frame: "\n".join(lines) for frame, lines in found.items()}


def with_kernel(ladder: Ladder, places: Sequence[Place], lang: Lang) -> Ladder:
    """Give a ladder with the kernel's states beside those from the packets, and its reasons under the RSTs."""
    rows: list[Arrow | Fold | Pause] = []
    for row in ladder.rows:
        if not isinstance(row, Arrow):
            rows.append(row)
            continue
        here = [place.event for place in places if place.frame == row.frame]
        reasons = [words for event in here if event.reset for words in _reason(event, lang)]
        rows.append(
            row._replace(
                left_kernel=_states(here, "client"),
                right_kernel=_states(here, "server"),
                labels=(*row.labels, *reasons),
            )
        )
    return ladder._replace(rows=tuple(rows), columns=(KERNEL.say(lang), PACKETS.say(lang)))


def _states(here: Sequence[Event], who: str) -> tuple[str, ...]:
    """Give the states that an end's kernel reported with a segment.

    A server's socket is made by the last segment of the handshake and is in SYN-RECEIVED for a moment then; what was
    there before was a request, which no tracepoint tells of.
    """
    states = [event.new for event in here if event.who == who and event.new]
    if states[:2] == ["SYN-RECEIVED", "ESTABLISHED"]:
        del states[0]
    return tuple(states)


def _reason(event: Event, lang: Lang) -> list[str]:
    """Write a reason, and below it what it means."""
    meaning = REASONS.get(event.means)
    colon = COLON.say(lang)
    words = f"{KERNEL.say(lang)}{colon}{event.reason or NO_REASON.say(lang)}"
    words += f" ({event.socket})" if event.socket else ""
    return [words, f"= {meaning.text.say(lang)}"] if meaning else [words]
