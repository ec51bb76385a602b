"""Packets that a capture has again within no time: captured twice, doubled on the way, or sent again at once.

One capture cannot tell these apart, two can: what both have is counted before anything is folded (`pairs`). The core folds what
carries octets, SYN or FIN. A pure ACK or a RST without IP identification (IPv6; RFC 6864: 0 in atomic datagrams) it
leaves, because a sender does repeat these at once; where the capture has other packets of that sender twice, they are folded here.
"""

from collections.abc import Sequence
from typing import Final

from finwait.compare.sighting import Seen, Sighting, same_octets

AT_ONCE: Final = 100_000
"""Nanoseconds within which nothing with octets is sent again (core/src/track/recent.rs, SAME_PLACE_WITHIN)."""
IN_ONE_PLACE: Final = 20_000_000
"""Nanoseconds that a packet spends in one host or switch at most (COPY_WITHIN there)."""
MOST: Final = 0.8
"""If so large a part of what carries octets is there twice, the place is one that every packet passes twice."""


def fold(found: Seen) -> None:
    """Put the copies apart: from `sightings` into `spares`, or back if their octets differ."""
    _unfold(found)
    for who in ("client", "server"):
        within = _within(found, who)
        if within:
            _fold(found, who, within)


def _unfold(found: Seen) -> None:
    """Take back what has the header of another and other octets: that is no copy."""
    if not found.spares:
        return
    by_key: dict[object, list[Sighting]] = {}
    for one in found.sightings:
        by_key.setdefault(one.key, []).append(one)
    spares = [one for one in found.spares if _is_copy(one, by_key.get(one.key, ()))]
    if len(spares) < len(found.spares):
        copies = set(map(id, spares))
        found.sightings += [one for one in found.spares if id(one) not in copies]
        found.sightings.sort(key=lambda one: one.frame)
        found.spares = spares


def _is_copy(one: Sighting, of_key: Sequence[Sighting]) -> bool:
    return not of_key or any(same_octets(one, other) for other in of_key)


def _within(found: Seen, who: str) -> int:
    """Say how soon a segment of an end without octets must come again to be a copy; 0 if none is."""
    folded = sum(1 for one in found.spares if one.who == who and one.span)
    sent = [one for one in found.sightings if one.who == who and one.span]
    if not folded and len({one.key for one in sent}) == len(sent):
        return 0
    twins = _twins(sent, IN_ONE_PLACE)
    if folded + len(twins) > 1 and folded + len(twins) >= MOST * (len(sent) - len(twins)):
        return IN_ONE_PLACE
    return AT_ONCE if folded else 0


def _fold(found: Seen, who: str, within: int) -> None:
    sent = [one for one in found.sightings if one.who == who]
    if within == AT_ONCE:
        sent = [one for one in sent if not one.span]
    copies = set(map(id, _twins(sent, within)))
    if copies:
        found.spares += [one for one in sent if id(one) in copies]
        found.spares.sort(key=lambda one: one.frame)
        found.sightings = [one for one in found.sightings if id(one) not in copies]


def _twins(sent: Sequence[Sighting], within: int) -> list[Sighting]:
    """Give those that are in everything like one shortly before."""
    last: dict[object, Sighting] = {}
    found = []
    for one in sent:
        before = last.get((one.key, one.look))
        if before is not None and 0 <= one.ts - before.ts <= within:
            found.append(one)
        else:
            last[one.key, one.look] = one
    return found
