"""Which connections of two captures are the same one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from finwait.compare.captures import Opening
from finwait.compare.sighting import Key, Seen
from finwait.verdict.verdict import peer_of

ENDS: Final = ("client", "server")
COMMON: Final = 8
"""A segment that more connections between two ends have tells none of them from the others."""


class Group(NamedTuple):
    """Connections that are the same if `sure` (one of each), else may be: their segments have to tell."""

    a: tuple[int, ...]
    b: tuple[int, ...]
    sure: bool


def groups(a: Sequence[Opening], b: Sequence[Opening]) -> list[Group]:
    """Find them: by both initial sequence numbers, which NAT leaves alone; by one and an end; else by the ends.

    Numbers are the places in `a` and `b`. Each place is in one group at most.
    """
    free_a, free_b = dict(enumerate(a)), dict(enumerate(b))
    found: list[Group] = []
    for who, theirs in (
        (ENDS, ENDS),
        (
            ENDS,
            ENDS[::-1],
        ),  # both called at once (RFC 9293 figure 7): each capture saw another SYN first
        (ENDS[:1], ENDS[:1]),
        (ENDS[1:], ENDS[1:]),
    ):
        by_isn: dict[tuple[int | None, ...], list[int]] = defaultdict(list)
        for place, one in free_b.items():
            by_isn[tuple(one.isn[end] for end in theirs)].append(place)
        for place, one in list(free_a.items()):
            numbers = tuple(one.isn[end] for end in who)
            if None in numbers:
                continue
            mates = [m for m in by_isn.get(numbers, ()) if m in free_b]
            if len(who) == 1:
                mates = [m for m in mates if _fits(one, free_b[m])]
            if mates:
                mate = min(mates, key=lambda m: not _same_ends(one, free_b[m]))
                found.append(Group((place,), (mate,), sure=True))
                del free_a[place], free_b[mate]
    return found + _by_ends(free_a, free_b)


def _by_ends(a: Mapping[int, Opening], b: Mapping[int, Opening]) -> list[Group]:
    """Put together what is between the same two ends: without handshakes only their segments tell more."""
    there: dict[frozenset[str], list[int]] = defaultdict(list)
    for place, one in b.items():
        there[one.ends].append(place)
    here: dict[frozenset[str], list[int]] = defaultdict(list)
    for place, one in a.items():
        if one.ends in there:
            here[one.ends].append(place)
    return [Group(tuple(places), tuple(there[ends]), sure=False) for ends, places in here.items()]


def _fits(one: Opening, other: Opening) -> bool:
    """Tell whether nothing is against it. One number alone, of 32 bits, is not enough: an end has to be the same."""
    return _agree(one.isn, other.isn, swapped=False) and (
        one.client == other.client or one.server == other.server
    )


def _same_ends(one: Opening, other: Opening) -> bool:
    return (one.client, one.server) == (other.client, other.server)


def by_segments(a: Mapping[int, Seen], b: Mapping[int, Seen]) -> list[tuple[int, int]]:
    """Pair what has a segment in common, the one that has most with each.

    Who called is a guess without a handshake; if the two captures guess differently, B's roles are changed.
    """
    owners: dict[Key, set[int]] = defaultdict(set)
    for place, one in b.items():
        for sighting in one.sightings:
            owners[sighting.key].add(place)
    found: list[tuple[int, int]] = []
    taken: set[int] = set()
    for place, one in a.items():
        common: dict[tuple[int, bool], int] = defaultdict(int)
        for swapped in (False, True):
            for key in {_as(sighting.key, swapped=swapped) for sighting in one.sightings}:
                owning = owners.get(key, ())
                for owner in owning if len(owning) <= COMMON else ():
                    if owner not in taken and _agree(one.isn, b[owner].isn, swapped=swapped):
                        common[owner, swapped] += 1
        if common:
            (mate, swapped) = max(common, key=lambda pair: common[pair])
            if swapped:
                b[mate].swapped()
            taken.add(mate)
            found.append((place, mate))
    return found


def _as(key: Key, *, swapped: bool) -> Key:
    return (peer_of(key[0]), *key[1:]) if swapped else key


def _agree(
    here: Mapping[str, int | None], there: Mapping[str, int | None], *, swapped: bool
) -> bool:
    pairs: Iterable[tuple[int | None, int | None]] = (
        (here[who], there[peer_of(who) if swapped else who]) for who in ENDS
    )
    return all(x is None or y is None or x == y for x, y in pairs)
