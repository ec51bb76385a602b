"""Pairing the copies of one segment: which of those that were sent is which of those that arrived."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from finwait.compare.meeting import Meeting, Pair
from finwait.compare.sighting import Key, Look, Sighting

Apart = Callable[[Sighting, Sighting], float]


class Paired(NamedTuple):
    """All segments of a connection that both captures have."""

    pairs: list[Pair]
    only_a: list[Sighting]
    only_b: list[Sighting]
    hidden: set[int]
    """Of `only_a` and `only_b`, by `id`: those that can be among what the other capture has twice, or not be there at all."""
    copies: dict[str, int]
    """What "A" and "B" have again, without a counterpart among what the other kept apart."""


def paired(meeting: Meeting) -> Paired:
    """Pair everything: first what no device touched, then what can be one packet that a device changed."""
    found = Paired([], [], [], set(), {})
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
    both = _in_both(meeting.a.spares, meeting.b.spares)
    only_a = _unfolded(found, found.only_a, meeting.b.spares, meeting, both)
    only_b = _unfolded(found, found.only_b, meeting.a.spares, meeting, both)
    met = {id(one) for pair in found.pairs for one in pair}
    copies = {
        where: sum(id(one) not in met for one in seen.spares)
        for where, seen in (("A", meeting.a), ("B", meeting.b))
    }
    return found._replace(only_a=only_a, only_b=only_b, copies=copies)


def _in_both(here: list[Sighting], there: list[Sighting]) -> set[int]:
    """Name the copies, by `id`, that the other capture has as well."""
    found: set[int] = set()
    free = defaultdict(list)
    for one in there:
        free[one.key].append(one)
    for one in here:
        if free.get(one.key):
            found |= {id(one), id(free[one.key].pop())}
    return found


def _unfolded(found: Paired, alone: list[Sighting], spares: list[Sighting], meeting: Meeting, both: set[int]) -> list[Sighting]:  # fmt: skip
    """Look for what one capture has among what the other folded: identical packets may be folded at one end only, if they come
    closer together there. Pair them, and give what is still alone.

    If the other capture has copies of its own of that sender, which of them is a packet nobody can tell.
    """
    if not spares or not alone:
        return alone
    at_a = alone is found.only_a
    free: dict[Key, list[Sighting]] = defaultdict(list)
    left: Counter[str] = Counter()
    for one in spares:
        if id(one) not in both:
            free[one.key].append(one)
            left[one.who] += 1
    met: list[Pair] = []
    for one in alone:
        fit = next((s for s in free.get(one.key, ()) if _may_be(one, s, meeting, at_a)), None)
        if fit is not None:
            free[one.key].remove(fit)
            left[one.who] -= 1
            met.append((one, fit))
    taken = set()
    for one, spare in met:
        if left[one.who]:
            found.hidden.add(id(one))
        else:
            found.pairs.append((one, spare) if at_a else (spare, one))
            taken.add(id(one))
    return [one for one in alone if id(one) not in taken]


def _may_be(one: Sighting, spare: Sighting, meeting: Meeting, at_a: bool) -> bool:
    x, y = (one, spare) if at_a else (spare, one)
    return meeting.in_time(x, y) and (x.look == y.look or meeting.same_packet(x, y))


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
