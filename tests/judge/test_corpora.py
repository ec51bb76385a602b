"""Other people's captures against tshark, and Zeek's traces against Zeek's own baselines.

    FINWAIT_CORPORA=/somewhere/zeek/testing/btest:/somewhere/else pytest tests/judge/test_corpora.py

Collected only when FINWAIT_CORPORA is set.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest

from finwait import _core

from . import tshark, zeek_baselines
from .captures import CORPORA, foreign
from .differences import completeness

_BTESTS = [folder for folder in CORPORA if (folder / "Baseline").is_dir()]
_BASELINES = [
    baseline for folder in _BTESTS for baseline in zeek_baselines.read(folder) if baseline.records
]

Ends = frozenset[tuple[IPv4Address | IPv6Address, int]]


_NO_TUNNEL = "a tunnel that finwait does not follow"
_BY_SCOPE = "the same packets on several VLANs are several connections"
_NO_LENGTH = "IPv6 payload length 0: tshark sees no TCP, finwait takes the frame's length"
_LONGER = "an IP length beyond the frame: finwait believes it"
_FRAGMENT = "an impossible fragment (reserved bit, DF and MF): finwait skips it"
_BIG = [
    f"bigtcp-{outer}"
    for outer in (
        "ipv6",
        *(f"ipv{a}-{tunnel}-ipv{b}" for tunnel in ("vxlan", "geneve") for a in "46" for b in "46"),
    )
]
_NO_PORTS = "-b knows no server ports, so the sender of a first SYN-ACK stays the originator"
_LIMIT = "the letter X: an analyzer reached a limit"

# Where finwait and tshark part connections differently. See docs/peers.md.
PARTED = {
    "ayiya3.pcap": _NO_TUNNEL,
    **{f"{name}.pcap": _NO_LENGTH for name in _BIG},
    "arcnet-rfc1051-arp-icmp-http.pcap": "a link type that finwait does not read",
    "arcnet-rfc1201-arp-icmp-http.pcap": "a link type that finwait does not read",
    "bgp-bgp_capabilities_print-oobr-1.pcap": _FRAGMENT,
    "bgp-bgp_capabilities_print-oobr-2.pcap": _FRAGMENT,
    "bgp_pmsi_tunnel-oobr.pcap": _FRAGMENT,
    "capwap_data.pcapng": _NO_TUNNEL,
    "fragmented-4.pcap": "fragments that overlap: finwait leaves them alone",
    "fuzz-2006-06-26-2594.pcap": _LONGER,
    "fuzz-2006-09-29-28586.pcap": "a TCP header longer than its packet: finwait skips it",
    "gre-aruba-amsdu.pcap": _NO_TUNNEL,
    "gre-aruba.pcap": _NO_TUNNEL,
    "gre-over-udp-4754.pcap": _NO_TUNNEL,
    "kday4.pcap": _LONGER,
    "kday7.pcap": _LONGER,
    "llc.pcap": "a RST a minute: finwait begins anew long after an end, tshark never",
    "mongodb.pcap": _BY_SCOPE,
    "ndpi_match_string_subprotocol__error.pcapng": "a SYN-ACK long after an end: finwait begins anew",
    "rpki-rtr-oobr.pcap": _FRAGMENT,
    "vlan-collisions.pcap": _BY_SCOPE,
    "vlan-pcp-dei.pcapng": _BY_SCOPE,
    "vntag_vlan_sandwich_clean.pcap": _NO_TUNNEL,
    "wireguard-ping-tcp-dsb.pcapng": "tshark decrypts WireGuard by the keys in the capture",
}

# Where Zeek's answer hangs on more than the segments.
ZEEK_APART = {
    "core.checksums_ignore_nets/conn-failed.log": "it believes bad checksums; finwait does as with -C",
    "core.expire-all-timers/conn-all.log": "max_timer_expires=0",
    "core.pcap.dynamic-filter/conn.log": "a capture filter is set on the way",
    "core.print-bpf-filters/conn.log": "several traces and filters",
    "core.tunnels.ayiya/conn.log": _NO_TUNNEL,
    "core.tunnels.gre-aruba-amsdu/conn.log": _NO_TUNNEL,
    "core.tunnels.gre-over-udp/conn.log": _NO_TUNNEL,
    "core.tunnels.gtp.different_dl_and_ul/conn.log": _LIMIT,
    "core.tunnels.teredo/conn.log": _NO_TUNNEL,
    "core.tunnels.teredo_bubble_with_payload/conn.log": _NO_TUNNEL,
    "core.vntag-in-vlan/conn.log": _NO_TUNNEL,
    "scripts.base.frameworks.logging.field-extension-complex/conn.log": _NO_PORTS,
    "scripts.base.frameworks.logging.field-extension-include-exclude/conn-exc.log": _NO_PORTS,
    "scripts.base.frameworks.logging.field-extension-optional/conn.log": _NO_PORTS,
    "scripts.base.frameworks.logging.field-extension/conn.log": _NO_PORTS,
    "scripts.base.frameworks.netcontrol.packetfilter/conn.log": "NetControl drops packets",
    "scripts.base.protocols.ftp.ftp-max-command-length/conn.log": _LIMIT,
    "scripts.base.protocols.ftp.gridftp/conn.log": "it stops looking at GridFTP's data",
    "scripts.policy.protocols.conn.mac-logging/conn1.log": _NO_PORTS,
}


def _judge(found: list[str], excuse: str | None) -> None:
    if excuse is None:
        assert found == []
    else:
        assert found, f"need not be excused any more: {excuse}"


@tshark.needed
@pytest.mark.parametrize("capture", foreign(), ids=str)
def test_completeness(capture: Path) -> None:
    _judge(list(completeness(capture, announced=False)), PARTED.get(capture.name))


@pytest.mark.parametrize("baseline", _BASELINES, ids=lambda b: b.test)
def test_zeek(baseline: zeek_baselines.Baseline) -> None:
    _judge(list(_zeek_differences(baseline)), ZEEK_APART.get(baseline.test))


def _zeek_differences(baseline: zeek_baselines.Baseline) -> Iterator[str]:
    told = _rows(baseline.trace)
    for ends, records in _by_ends(baseline.records).items():
        rows = told.get(ends, [])
        if not rows and any(record.is_tcp for record in records):
            yield f"{records}: not told"
        # Zeek may write several records where finwait tells one connection: the first is told.
        left = iter(records)
        yield from (
            f"{row}, Zeek's {records}"
            for row in rows
            if records and not any(_agrees(record, row) for record in left)
        )


def _agrees(record: zeek_baselines.Record, told: tuple[str, str]) -> bool:
    state, history = told
    return record.state in (None, state) and record.history in (None, history)


def _by_ends(records: Iterable[zeek_baselines.Record]) -> dict[Ends, list[zeek_baselines.Record]]:
    found = defaultdict(list)
    for record in records:
        if record.ends is not None:
            ip_1, port_1, ip_2, port_2 = record.ends
            found[frozenset(((ip_address(ip_1), port_1), (ip_address(ip_2), port_2)))].append(
                record
            )
    return found


def _rows(trace: Path) -> dict[Ends, list[tuple[str, str]]]:
    """What finwait tells: (state, history) of each connection, by its ends."""
    found = defaultdict(list)
    for row in _core.analyze([str(trace)]).records():
        ends = frozenset(
            (ip_address(str(row[f"{end}_ip"])), int(str(row[f"{end}_port"])))
            for end in ("client", "server")
        )
        found[ends].append((str(row["zeek_state"]), str(row["zeek_history"])))
    return found
