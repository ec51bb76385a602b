"""Captures of one connection that lack something, or have something twice, made from a complete one.

Each kind is what happens to people: the capture was made at one end; on `any`; under load, so that some packets were
dropped; at a place that one direction does not pass; begun too late; ended too early. Same seed, same variants.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from .frames import FIN, RAW, RST, SLL2, Frame, Frames, header, pcap

SHORT: Final = 40
"""Frames up to which each one is removed in turn, and the capture is begun and ended at each one."""
LONG_SAMPLE: Final = 12
"""Of a longer connection, so many, beside the ones at its beginning and its end."""
EDGE: Final = 6
PART: Final = 0.01
"""Of the packets, removed at random: what `1 %` means."""
PARTS: Final = 4
"""Captures with that part removed; at least one frame each."""
IN, OUT = 0, 4
"""SLL2 packet types: to us, and sent by us (tcpdump's LINKTYPE_LINUX_SLL2)."""
ARPHRD_ETHER: Final = 1
HOP: Final = (5_000, 200_000)
"""Nanoseconds that a packet spends in a host between two of its interfaces."""


class Complete(NamedTuple):
    """All frames of one connection, as captured at each end. With one capture alone both are the same list."""

    client: Frames
    server: Frames
    client_end: tuple[str, int]
    """Address and port of the client."""


class Variant(NamedTuple):
    """A capture that is worse than the complete one."""

    kind: str
    door: str
    """Whose capture it was made of."""
    what: str
    """What was done, in words: which frames, from 1."""
    frames: Frames
    link: int

    @property
    def file(self) -> bytes:
        """The capture as a file."""
        return pcap(self.frames, self.link)


def spoil(complete: Complete, seed: int = 0) -> Iterator[Variant]:
    """Give every variant. The complete captures, kind `complete`, come first."""
    dice = random.Random(seed)
    doors = {"client": complete.client, "server": complete.server}
    if complete.client == complete.server:
        del doors["server"]
    for door, frames in doors.items():
        yield Variant("complete", door, "all", frames, RAW)
    for door, frames in doors.items():
        for kind in KINDS:
            yield from KINDS[kind](door, frames, complete.client_end, dice)


def _any(
    door: str, frames: Frames, client: tuple[str, int], dice: random.Random
) -> Iterator[Variant]:
    """The device `any`: of a router (TTL falls on the way) and of a bridge (it does not)."""
    for what, hop in (("router", 1), ("bridge", 0)):
        copies: Frames = []
        left = {True: 0, False: 0}  # no packet passes another one of its direction in a host
        for frame in frames:
            way = _by(frame, client)
            left[way] = max(left[way] + 1, frame[0] + dice.randint(*HOP))
            copies += _twice(frame, hop, left[way])
        copies.sort(key=lambda frame: frame[0])
        yield Variant("any", door, what, copies, SLL2)


def _twice(frame: Frame, hop: int, out: int) -> Iterator[Frame]:
    """A packet as it comes in at interface 1 and goes out at interface 2, at the time `out`."""
    ts, octets = frame
    yield ts, _cooked(octets, 1, IN) + octets
    yield out, _cooked(octets, 2, OUT) + _forwarded(octets, hop)


def _cooked(octets: bytes, interface: int, kind: int) -> bytes:
    ethertype = 0x0800 if octets[0] >> 4 == 4 else 0x86DD
    return struct.pack("!HHIHBB8s", ethertype, 0, interface, ARPHRD_ETHER, kind, 6, bytes(8))


def _forwarded(octets: bytes, hop: int) -> bytes:
    """The packet with its TTL or hop limit lowered, the header sum with it (RFC 1624)."""
    if octets[0] >> 4 == 6:
        return octets[:7] + bytes([octets[7] - hop]) + octets[8:]
    sum_ = int.from_bytes(octets[10:12], "big") + (hop << 8)
    sum_ = (sum_ & 0xFFFF) + (sum_ >> 16)
    return (
        octets[:8] + bytes([octets[8] - hop]) + octets[9:10] + sum_.to_bytes(2, "big") + octets[12:]
    )


def _lossy(door: str, frames: Frames, _client: object, dice: random.Random) -> Iterator[Variant]:
    """The capture dropped packets at random."""
    for _ in range(PARTS):
        gone = {n for n in range(len(frames)) if dice.random() < PART} or {
            dice.randrange(len(frames))
        }
        if len(gone) < len(frames):
            yield _without("lossy", door, frames, gone)


def _each_removed(
    door: str, frames: Frames, _client: object, dice: random.Random
) -> Iterator[Variant]:
    for n in _places(len(frames), dice):
        if len(frames) > 1:
            yield _without("one-removed", door, frames, {n})


def _two_removed(
    door: str, frames: Frames, _client: object, dice: random.Random
) -> Iterator[Variant]:
    """Two of the last frames, where a connection ends."""
    last = range(max(0, len(frames) - EDGE), len(frames))
    for _ in range(EDGE if len(frames) > 2 else 0):
        yield _without("two-removed", door, frames, set(dice.sample(last, 2)))


def _one_direction(
    door: str, frames: Frames, client: tuple[str, int], _dice: random.Random
) -> Iterator[Variant]:
    for whose in ("client", "server"):
        kept = [frame for frame in frames if _by(frame, client) == (whose == "client")]
        if kept and len(kept) < len(frames):
            yield Variant(f"{whose}-only", door, f"frames of the {whose}", kept, RAW)


def _begun_late(
    door: str, frames: Frames, _client: object, dice: random.Random
) -> Iterator[Variant]:
    ends = (n for n, frame in enumerate(frames) if _flags(frame) & (FIN | RST))
    before_end = next(ends, len(frames) - 1)
    for n in sorted({*_places(len(frames), dice), before_end} - {0}):
        yield Variant(
            "begun-late", door, f"from frame {n + 1} of {len(frames)} on", frames[n:], RAW
        )


def _ended_early(
    door: str, frames: Frames, _client: object, dice: random.Random
) -> Iterator[Variant]:
    for n in sorted(set(_places(len(frames), dice)) - {0}):
        yield Variant("ended-early", door, f"up to frame {n} of {len(frames)}", frames[:n], RAW)


def _places(count: int, dice: random.Random) -> list[int]:
    """Frames to do something at: all of a short connection; the first, the last and some others of a long one."""
    if count <= SHORT:
        return list(range(count))
    middle = dice.sample(range(EDGE, count - EDGE), LONG_SAMPLE)
    return sorted({*range(EDGE), *middle, *range(count - EDGE, count)})


def _without(kind: str, door: str, frames: Frames, gone: set[int]) -> Variant:
    kept = [frame for n, frame in enumerate(frames) if n not in gone]
    what = f"without {', '.join(str(n + 1) for n in sorted(gone))} of {len(frames)}"
    return Variant(kind, door, what, kept, RAW)


def _by(frame: Frame, end: tuple[str, int]) -> bool:
    what = header(frame[1])
    return what is not None and what.src == end


def _flags(frame: Frame) -> int:
    what = header(frame[1])
    return 0 if what is None else what.flags


Kind = Callable[[str, Frames, tuple[str, int], random.Random], Iterator[Variant]]
KINDS: Final[dict[str, Kind]] = {
    "any": _any,
    "lossy": _lossy,
    "one-removed": _each_removed,
    "two-removed": _two_removed,
    "one-direction": _one_direction,
    "begun-late": _begun_late,
    "ended-early": _ended_early,
}
