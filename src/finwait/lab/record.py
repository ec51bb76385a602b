"""The frames of an experiment, and the files they become."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from finwait.lab.clock import now

ETHERNET, RAW, SLL, SLL2 = 1, 101, 113, 276  # link types, tcpdump.org/linktypes.html
SNAPLEN = 262144  # tcpdump's default


@dataclass(frozen=True)
class Frame:
    """One captured frame: nanoseconds since the epoch, bytes, and its length on the wire."""

    ts: int
    data: bytes
    length: int


class Recorder:
    """Keeps frames in the order of their capture."""

    def __init__(self, link_type: int) -> None:
        self.link_type = link_type
        self.frames: list[Frame] = []
        self._skipped = 0

    def add(self, data: bytes, ts: int | None = None, length: int | None = None) -> None:
        """Takes a frame; `length` is that on the wire, if `data` is not all of it."""
        at = now() if ts is None else ts
        self.frames.append(Frame(at + self._skipped, data, length or len(data)))

    def skip(self, seconds: float) -> None:
        """Moves the capture's clock forward from here: nobody waits 350 s for an idle timeout."""
        self._skipped += int(seconds * 1e9)

    def keep(self, wanted: Callable[[int, bytes], bool]) -> None:
        """Forgets the frames for which `wanted(place, data)` is false, as a lossy capture would."""
        self.frames = [
            frame for place, frame in enumerate(self.frames) if wanted(place, frame.data)
        ]

    def cut(self, snaplen: int) -> None:
        """As captured with a snap length."""
        self.frames = [replace(frame, data=frame.data[:snaplen]) for frame in self.frames]

    def save(self, path: Path) -> None:
        """Writes pcap (µs), or pcapng (ns) when the name ends so."""
        path.parent.mkdir(parents=True, exist_ok=True)
        make = _pcapng if path.suffix == ".pcapng" else _pcap
        path.write_bytes(make(self.link_type, self.frames))


def _pcap(link_type: int, frames: list[Frame]) -> bytes:
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, link_type)]
    for frame in frames:
        seconds, rest = divmod(frame.ts, 10**9)
        head = struct.pack("<IIII", seconds, rest // 1000, len(frame.data), frame.length)
        parts.append(head + frame.data)
    return b"".join(parts)


def _pcapng(link_type: int, frames: list[Frame]) -> bytes:
    resolution = struct.pack("<HHB3x", 9, 1, 9) + struct.pack("<HH", 0, 0)  # if_tsresol: ns
    parts = [
        _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
        _block(1, struct.pack("<HHI", link_type, 0, SNAPLEN) + resolution),
    ]
    for frame in frames:
        head = struct.pack("<IIIII", 0, frame.ts >> 32, frame.ts & 0xFFFFFFFF, len(frame.data),
                           frame.length)  # fmt: skip
        parts.append(_block(6, head + frame.data))
    return b"".join(parts)


def _block(kind: int, body: bytes) -> bytes:
    body += b"\0" * (-len(body) % 4)
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)
