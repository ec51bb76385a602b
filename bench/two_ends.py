"""Makes of a capture at the server, as bench/gen writes it, two: one at each end.

    python bench/two_ends.py SERVER.pcap CLIENT.pcap FAR.pcap [--way 0.00005] [--loss 0.01] [--ahead 5] [--ppm 30] [--seed 1]

What the client sends is in CLIENT.pcap `way` seconds before it is in FAR.pcap, what the server sends as much later, or up to twice as much.
A part `loss` of the packets is left out where they arrive. FAR.pcap has the times of a clock that is ahead and runs faster.
"""

import argparse
import random
import struct
from collections.abc import Iterator
from pathlib import Path

ETHERNET = 14
VLAN = 0x8100
IPV6 = 0x86DD
SERVICES = {22, 80, 443, 5432, 6379, 8080, 8443}
"""Ports of the generator's servers."""


def records(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Time in microseconds, lengths, and frame of each packet."""
    at = 24
    while at < len(data):
        seconds, micros, length, wire = struct.unpack_from("<IIII", data, at)
        yield (
            seconds * 10**6 + micros,
            struct.pack("<II", length, wire),
            data[at + 16 : at + 16 + length],
        )
        at += 16 + length


def from_client(frame: bytes) -> bool:
    """By the port that it goes to."""
    at = ETHERNET - 2
    (kind,) = struct.unpack_from("!H", frame, at)
    if kind == VLAN:
        at += 4
        (kind,) = struct.unpack_from("!H", frame, at)
    at += 2 + (40 if kind == IPV6 else (frame[at + 2] & 15) * 4)
    return struct.unpack_from("!H", frame, at + 2)[0] in SERVICES


def write(path: Path, head: bytes, packets: list[tuple[int, bytes, bytes]]) -> None:
    """A pcap in the order of time."""
    packets.sort(key=lambda packet: packet[0])
    with path.open("wb") as file:
        file.write(head)
        for at, lengths, frame in packets:
            file.write(struct.pack("<II", *divmod(at, 10**6)) + lengths + frame)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("server", "client", "far"):
        parser.add_argument(name, type=Path)
    for name, usual in (("way", 0.00005), ("loss", 0.01), ("ahead", 5.0), ("ppm", 30.0)):
        parser.add_argument(f"--{name}", type=float, default=usual)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    data = args.server.read_bytes()
    way, ahead = int(args.way * 1e6), int(args.ahead * 1e6)
    client: list[tuple[int, bytes, bytes]] = []
    far: list[tuple[int, bytes, bytes]] = []
    begin = None
    late = 0  # nothing overtakes
    for at, lengths, frame in records(data):
        begin = at if begin is None else begin
        late = max(late, at + way + int(chance.random() * way))
        upwards = from_client(frame)
        lost = chance.random() < args.loss
        if upwards or not lost:
            client.append((at - way if upwards else late, lengths, frame))
        if not upwards or not lost:
            far.append((at + ahead + int((at - begin) * args.ppm / 1e6), lengths, frame))
    write(args.client, data[:24], client)
    write(args.far, data[:24], far)


main()
