"""What the kernels said of one connection, put together: tracepoints, and the table of sockets where these are silent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from finwait.lab.kernel_words import NO_SOCKET, Said
from finwait.lab.leg import Sample
from finwait.lab.reasons import decode

SMALL: Final = {"TIME-WAIT", "FIN-WAIT-2"}
"""States that a small socket keeps after the full one went to CLOSE (kernel: tcp_time_wait)."""
JUST: Final = 50_000_000
"""Nanoseconds: a listener that closed so short before a reset closed because of the same call."""
UNTOLD: Final = {"", "NOT_SPECIFIED"}
"""Reasons that are none: of kernels before 6.10, and of an abort in 6.10 and 6.11 (kernel: tcp_send_active_reset)."""
ACKED_AWAY: Final = {"LAST-ACK", "TIME-WAIT", "CLOSED", "LISTEN"}
"""States that end without a RST."""
OWNER: Final = {
    "unread-data",
    "linger-zero",
    "destroyed",
    "listener-closed",
    "linger2",
    "keepalive",
}
"""Resets that end a connection of their sender's own."""
ENDS: Final = ("client", "server")


@dataclass(frozen=True, slots=True)
class Event:
    """A change of state at one end, or a RST that its kernel sends."""

    at: int
    who: str
    old: str
    new: str
    """Empty for a RST."""
    reason: str = ""
    """Of a RST: the kernel's name for it, if it tells one."""
    means: str = ""
    """Of a RST: a slug of `reasons`, if a reason was told."""
    by: str = "tracepoint"
    """Or "sock_diag"."""
    since: int = 0
    """When a look at the table of sockets still showed the state before, if only such a look told of this one; 0: `at` is exact."""

    @property
    def reset(self) -> bool:
        """Whether it is a RST, not a change of state."""
        return not self.new

    @property
    def socket(self) -> str:
        """Of a RST: the state of the socket that its kernel names; empty if it names none."""
        return "" if self.old == NO_SOCKET else self.old

    @property
    def words(self) -> str:
        """In words, as a comment on a packet has it."""
        if self.reset:
            state = f" in {self.old}" if self.old else ""
            return f"{self.who} sends RST{state}, reason {self.reason or 'not told'}"
        return f"{self.who} {self.old} > {self.new}" + (
            " (sock_diag)" if self.by != "tracepoint" else ""
        )


def history(
    said: Sequence[Said],
    samples: Sequence[Sample],
    ends: dict[str, str],
    *,
    traced: bool,
    until: int,
) -> list[Event]:
    """Give what happened at both ends, in the order of time. Without tracepoints, what the table of sockets showed."""
    found: list[Event] = []
    for who in ENDS:
        mine = [sample for sample in samples if sample[1] == who]
        other = ends["server" if who == "client" else "client"]
        told = _traced(who, said, mine, (ends[who], other)) if traced else []
        found += told
        # of a request, which a handshake has until it is done, no tracepoint tells
        found += _sampled(who, mine, everything=not any(event.new for event in told))
    return sorted((event for event in found if event.at <= until), key=lambda event: event.at)


def _traced(
    who: str, said: Iterable[Said], samples: list[Sample], ends: tuple[str, str]
) -> list[Event]:
    """Take the tracepoints of one end; a CLOSE that leaves a small socket behind is told as what that is."""
    found: list[Event] = []
    listener = -JUST
    local, remote = ends
    for one in said:
        nobody = one.remote.endswith(":0")
        if one.local != local or not (nobody or one.remote == remote):
            continue
        if not one.new:
            means = ""
            if one.reason not in UNTOLD:
                means = decode(one.reason, one.old, listener_closed=one.at - listener < JUST)
            found.append(Event(one.at, who, one.old, "", one.reason, means))
        elif nobody:
            listener = one.at if one.old == "LISTEN" else listener
        elif one.new == "CLOSED" and (small := _after(samples, one.at)) in SMALL:
            if small != one.old:
                found.append(Event(one.at, who, one.old, small, by="sock_diag"))
        elif one.new != one.old:  # TCP_LINGER2 < 0 has the kernel say FIN-WAIT-2 > FIN-WAIT-2
            found.append(Event(one.at, who, one.old, one.new))
    return found


def _after(samples: list[Sample], at: int) -> str:
    """Say in which state the table of sockets showed the end first after this moment."""
    return next((sample.state for sample in samples if sample.at >= at), "")


def _sampled(who: str, samples: list[Sample], *, everything: bool) -> list[Event]:
    """Take the table of sockets: all of it, or only what becomes of small sockets."""
    found: list[Event] = []
    before, orphan = "CLOSED", True
    for at, _, state, owned_by_none, since in samples:
        new = state or "CLOSED"
        small = before == "TIME-WAIT" or (before == "FIN-WAIT-2" and orphan)
        if new != before and (everything or (small and new in {"TIME-WAIT", "CLOSED"})):
            found.append(Event(at, who, before, new, by="sock_diag", since=since))
        before, orphan = new, owned_by_none
    return found


def turn(events: Sequence[Event], number: int, begins: Sequence[int]) -> list[Event]:
    """Give the events of one of several connections with the same ends; `begins`: when the second, the third … began."""
    edges = [0, *begins, 1 << 63]
    number = min(number, len(begins))  # connections between other ends are not told here
    return [event for event in events if edges[number] <= event.at < edges[number + 1]]


def path(events: Iterable[Event], who: str) -> list[str]:
    """Give the states of one end, one after the other."""
    found: list[str] = []
    for event in events:
        if event.who == who and event.new and (not found or found[-1] != event.new):
            found.append(event.new)
    return found


def closing(states: Sequence[str]) -> str:
    """Give what came after ESTABLISHED, or all if that never was; LISTEN and a CLOSED before the beginning are left out."""
    if "ESTABLISHED" in states:
        return " ".join(states[states.index("ESTABLISHED") + 1 :])
    rest = list(states)
    while rest and rest[0] in {"LISTEN", "CLOSED"}:
        rest.pop(0)
    return " ".join(rest)


def took_effect(reset: Event, events: Iterable[Event]) -> bool:
    """Say whether a RST ended something: an own connection, or the other end's after it."""
    if reset.means in OWNER or not any(event.new == "ESTABLISHED" for event in events):
        return True
    return any(e.who != reset.who and e.new == "CLOSED" and e.at > reset.at for e in events)


def verdict(events: Sequence[Event], *, resets_told: bool = True) -> tuple[str, str]:
    """Say how it closed and who closed, from the kernels' words alone, in the words of `finwait catalogue`.

    Where not every RST was told, what may have been one is not known: then the first word is empty.
    """
    states = {who: path(events, who) for who in ENDS}
    when = {(e.who, e.new): e.at for e in reversed(events) if e.new}
    closers = sorted((at, who) for (who, new), at in when.items() if new == "FIN-WAIT-1")
    resets = [event for event in events if event.reset and took_effect(event, events)]
    if resets and any(e.old not in {"TIME-WAIT", "CLOSED"} and e.new == "CLOSED" for e in events):
        return _reset(states, closers, resets)
    if not resets_told and any(e.new == "CLOSED" and e.old not in ACKED_AWAY for e in events):
        return "", "none"
    if len(closers) > 1 or any("CLOSING" in passed for passed in states.values()):
        return "simultaneous", "both"
    if closers:
        return _by_fin(when, closers[0][1])
    if "ESTABLISHED" not in states["client"]:
        return "unanswered", "none"
    gone = any("CLOSED" in passed for passed in states.values())
    return ("vanished" if gone else "open"), "none"


def _by_fin(when: dict[tuple[str, str], int], first: str) -> tuple[str, str]:
    """One end closed before the other did."""
    other = "server" if first == "client" else "client"
    second, acked = when.get((other, "LAST-ACK")), when.get((first, "FIN-WAIT-2"))
    if second is not None:
        return ("four-way" if acked is not None and acked < second else "three-way"), first
    return ("half-closed" if (other, "CLOSE-WAIT") in when else "fin-unanswered"), first


def _reset(
    states: dict[str, list[str]], closers: list[tuple[int, str]], resets: Sequence[Event]
) -> tuple[str, str]:
    by = resets[0].who
    if not any("ESTABLISHED" in passed for passed in states.values()):
        return ("refused" if by == "server" else "handshake-reset"), by
    return "reset", closers[0][1] if closers else by
