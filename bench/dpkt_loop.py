"""What a person writes with dpkt: count packets and payload for each TCP connection."""

import collections
import sys

import dpkt


def main(path: str) -> None:
    counts: collections.Counter[tuple[bytes, int, bytes, int]] = collections.Counter()
    payload: collections.Counter[tuple[bytes, int, bytes, int]] = collections.Counter()
    packets = 0
    with open(path, "rb") as file:
        for _, frame in dpkt.pcap.Reader(file):
            packets += 1
            ip = dpkt.ethernet.Ethernet(frame).data
            if not isinstance(ip, (dpkt.ip.IP, dpkt.ip6.IP6)):
                continue
            tcp = ip.data
            if not isinstance(tcp, dpkt.tcp.TCP):
                continue
            ends = sorted([(ip.src, tcp.sport), (ip.dst, tcp.dport)])
            key = (*ends[0], *ends[1])
            counts[key] += 1
            payload[key] += len(tcp.data)
    print(packets, len(counts), counts.total(), payload.total())


main(sys.argv[1])
