"""Pairing the copies of one segment: which of those that were sent is which of those that arrived."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from finwait.compare.meeting import Meeting, Pair
from finwait.compare.sighting import Look, Sighting

Apart = Callable[[Sighting, Sighting], float]


class Paired(NamedTuple):
    """All segments of a connection that both captures have."""

    pairs: list[Pair]
    only_a: list[Sighting]
    only_b: list[Sighting]


def paired(meeting: Meeting) -> Paired:
    """Pair everything: first what no device touched, then what can be one packet that a device changed."""
    found = Paired([], [], [])
    for key in {**meeting.of_a, **meeting.of_b}:
        here, there = meeting.of_a.get(key, []), meeting.of_b.get(key, [])
        if len(here) == len(there) == 1 and here[0].look == there[0].look:
            found.pairs.append((here[0], there[0]))
            continue
        if here and there:
            pairs, here, there = _of_one_key(here, there, meeting)
            found.pairs.extend(pairs)
        found.only_a.extend(here)
        found.only_b.extend(there)
    return found


def _of_one_key(
    here: list[Sighting], there: list[Sighting], meeting: Meeting
) -> tuple[list[Pair], list[Sighting], list[Sighting]]:
    pairs: list[Pair] = []
    looks: dict[Look, tuple[list[Sighting], list[Sighting]]] = {}
    for one in here:
        looks.setdefault(one.look, ([], []))[0].append(one)
    for one in there:
        looks.setdefault(one.look, ([], []))[1].append(one)
    for mine, theirs in looks.values():
        if mine and theirs:
            pairs += _in_order(mine, theirs, meeting)
    here, there = _rest(pairs, here, there)
    others = [pair for pair in _in_order(here, there, meeting) if meeting.same_packet(*pair)]
    here, there = _rest(others, here, there)
    return pairs + others, here, there


def _rest(pairs: Sequence[Pair], here: list[Sighting], there: list[Sighting]) -> tuple[list[Sighting], list[Sighting]]:  # fmt: skip
    taken = {id(one) for pair in pairs for one in pair}
    return [x for x in here if id(x) not in taken], [y for y in there if id(y) not in taken]


def _in_order(here: list[Sighting], there: list[Sighting], meeting: Meeting) -> list[Pair]:
    """Pair each of the fewer copies, in order, with the one whose times fit those of the others best."""
    if len(here) == len(there):
        return list(zip(here, there, strict=True))
    if len(here) > len(there):
        return [(x, y) for y, x in _nearest(there, here, lambda y, x: meeting.apart(x, y))]
    return _nearest(here, there, meeting.apart)


def _nearest(few: list[Sighting], many: list[Sighting], apart: Apart) -> list[Pair]:
    found: list[Pair] = []
    place = 0
    for n, one in enumerate(few):
        last = len(many) - (len(few) - n)  # so many are needed for those that come after
        best = place
        for before, after in pairwise(range(place, last + 1)):
            if abs(apart(one, many[after])) > abs(apart(one, many[before])):
                break
            if abs(apart(one, many[after])) < abs(apart(one, many[best])):
                best = after
        found.append((one, many[best]))
        place = best + 1
    return found
