"""Puts each word of the kernel beside the packet that it belongs to."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from finwait.explain.ladder import paused
from finwait.lab.history import ENDS, Event
from finwait.lab.packet import Flags
from finwait.lab.reset_words import reset_words
from finwait.lab.wire import Packet
from finwait.picture.ladder import Arrow, Fold, Ladder, Moment, Row
from finwait.verdict.language import Lang, Text

BY_CALL: Final = {"SYN-SENT": Flags.SYN, "FIN-WAIT-1": Flags.FIN, "LAST-ACK": Flags.FIN}
"""States that an end enters before its segment goes out, and what that carries; others come with a segment that it receives."""
ACKED_TO_CLOSE: Final = {"LAST-ACK", "TIME-WAIT"}
"""States that end without a RST of their own."""
COLON: Final = Text(": ", "：")
KERNEL, PACKETS = Text("kernel", "内核"), Text("packets", "报文")
NO_PACKET: Final = Text("no packet", "没有报文")
RST_UNSEEN: Final = Text("RST, not in the capture", "RST，不在抓包中")
LOOKED: Final = Text("seen by sock_diag, not yet at {:.6f}", "由 sock_diag 看到，{:.6f} 时尚未")
ROUNDED: Final = 2_000
"""Nanoseconds: tracepoints have whole microseconds."""
SOON: Final = 20_000_000
"""Nanoseconds from a kernel's word to the segment that it is about."""


@dataclass(frozen=True, slots=True)
class Place:
    """A word of the kernel and the frame that it stands beside."""

    frame: int
    event: Event
    alone: bool = False
    """No frame has to do with it; this is the one before it, or the first."""
    later: int = 0
    """Nanoseconds from the frame to a word that stands alone; negative: it was before the first."""


def beside(events: Sequence[Event], packets: Sequence[Packet], port: int) -> list[Place]:
    """Find the frame of each event of the connection with this client port; without frames there is no place."""
    captured = [p for p in packets if p.frame and port in {p.segment.sport, p.segment.dport}]
    if not captured:
        return []
    places: list[Place] = []
    explained: set[int] = set()
    for event in events:
        cause = _of_reset(event, captured, explained) if event.reset else _cause(event, captured)
        if cause is None:
            before = [p for p in captured if p.captured <= event.at]
            last = max(before or captured[:1], key=lambda p: p.captured)
            places.append(Place(last.frame, event, alone=True, later=event.at - last.captured))
            continue
        if event.reset:
            explained.add(cause.frame)
        places.append(Place(cause.frame, event))
    return places


def _of_reset(event: Event, packets: Sequence[Packet], explained: set[int]) -> Packet | None:
    """Find the RST that a reason is about: the next one of this end that has none yet."""
    own = [p for p in packets if p.sender == event.who and p.segment.rst and not p.forged]
    return next((p for p in own if p.sent >= event.at and p.frame not in explained), None)


def _cause(event: Event, packets: Sequence[Packet]) -> Packet | None:
    """Find the segment that a change of state goes with: the one that an end received, or sends by the same call. None: it moved by itself."""
    began = event.since or event.at
    sent = [packet for packet in packets if packet.sender == event.who and not packet.forged]
    got = [p for p in packets if p.sender != event.who and p.delivered]
    got = sorted((p for p in got if p.delivered <= event.at + ROUNDED), key=_arrival)
    if flag := BY_CALL.get(event.new):
        own = next((p for p in sent if p.sent >= began and p.segment.flags & flag), None)
        return own if own is not None and not _interrupted(event, own, packets) else None
    last = got[-1] if got else None
    if event.new != "CLOSED":
        return last
    if last is not None and last.delivered + max(SOON, event.at - began) < event.at:
        last = None
    if event.old in ACKED_TO_CLOSE or (last is not None and last.segment.rst):
        return last
    resets = [p for p in sent if p.segment.rst and began - SOON < p.sent < event.at + SOON]
    own = next((p for p in resets if not _interrupted(event, p, packets)), None)
    return own or last


def _interrupted(event: Event, packet: Packet, packets: Sequence[Packet]) -> bool:
    """Say whether something of the other end arrived between an event and a segment: then that is the segment's cause."""
    others = (other for other in packets if other.sender != event.who)
    return any(event.at < other.delivered < packet.sent for other in others)


def _arrival(packet: Packet) -> int:
    return packet.delivered


def comments(places: Sequence[Place]) -> dict[int, str]:
    """Give the comment of each frame: one line a word of the kernel. What no frame has to do with says when it was."""
    found: dict[int, list[str]] = {}
    for place in places:
        found.setdefault(place.frame, []).append(_comment(place))
    return {frame: "\n".join(lines) for frame, lines in found.items()}


def _comment(place: Place) -> str:
    event, later = place.event, place.later
    if not place.alone:
        return f"kernel: {event.words}"
    way, seen = "later" if later >= 0 else "before", ""
    if event.since:
        seen = f" (not yet at {abs(later - event.at + event.since) / 1e9:.6f} s)"
    what = "RST not in the capture" if event.reset else "no packet"
    return f"kernel, {abs(later) / 1e9:.6f} s {way}{seen}, {what}: {event.words}"


def with_kernel(
    ladder: Ladder,
    places: Sequence[Place],
    began: int,
    lang: Lang,
    *,
    stood: Mapping[str, str] = MappingProxyType({}),
) -> Ladder:
    """Give a ladder with the kernel's states beside those from the packets, its reasons under the RSTs, and what no packet has to do with.

    began: the moment that the ladder's times count from, in nanoseconds of CLOCK_REALTIME. stood: where each end's kernel had an
    earlier connection with these ends then.
    """
    rows: list[Row] = []
    alone = [place for place in places if place.alone]
    last = 0
    for row in ladder.rows:
        match row:
            case Arrow(frame=frame):
                if not row.crosses:  # what crosses stays together
                    rows += _moments(alone, frame, began, lang)
                rows.append(_told(row, places, lang))
                last = frame
            case Fold():
                rows += [*_moments(alone, last + 1, began, lang), row]
            case _:
                pass  # pauses are put in again between what there is then
    rows += _moments(alone, sys.maxsize, began, lang)
    left, right = (stood.get(who, "") for who in ENDS)
    return ladder._replace(
        left=ladder.left._replace(kernel=left),
        right=ladder.right._replace(kernel=right),
        rows=tuple(paused(rows, lang)),
        columns=(KERNEL.say(lang), PACKETS.say(lang)),
    )


def _told(row: Arrow, places: Sequence[Place], lang: Lang) -> Arrow:
    """Put beside an arrow what the kernels said with its segment."""
    here = [place.event for place in places if place.frame == row.frame and not place.alone]
    reasons = [words for event in here if event.reset for words in _reason(event, lang)]
    return row._replace(
        left_kernel=_states(here, "client"),
        right_kernel=_states(here, "server"),
        labels=(*row.labels, *reasons),
    )


def _moments(alone: list[Place], before: int, began: int, lang: Lang) -> list[Moment]:
    """Take those out that come before a frame."""
    taken = [p for p in alone if (p.frame, p.later) < (before, 0)]
    del alone[: len(taken)]
    return [_moment(place.event, began, lang) for place in taken]


def _moment(event: Event, began: int, lang: Lang) -> Moment:
    labels = [RST_UNSEEN.say(lang), *_reason(event, lang)] if event.reset else [NO_PACKET.say(lang)]
    if event.since:
        labels.append(LOOKED.say(lang).format((event.since - began) / 1e9))
    left, right = ((event.new,) if event.new and event.who == who else () for who in ENDS)
    return Moment((event.at - began) / 1e9, left, right, tuple(labels))


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
    reason, meaning = reset_words(event, lang)
    lines = [f"{KERNEL.say(lang)}{COLON.say(lang)}{reason}"]
    return [*lines, f"= {meaning}"] if meaning else lines
