"""Two captures of one connection: what was lost, changed or injected between is found, and nothing else."""

import json
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

import finwait
from finwait.cli import main
from finwait.network import Fate, Fault, Link, Played, closings, packets, play
from finwait.tcp import Flags
from finwait.wire import Packet, Tcp, TcpOption, pcapng

CLOSINGS = {closing.name: closing for closing in closings()}
SHIFT = 123_456_789
"""Microseconds by which the server's clock is ahead."""

Seen = list[tuple[int, Packet]]


def pair(played: Played, folder: Path, change: Callable[[str, Seen], Seen] | None = None) -> tuple[Path, Path]:  # fmt: skip
    """Write what both ends saw, the server's by a clock that is ahead."""
    paths = []
    for end, shift in (("client", 0), ("server", SHIFT)):
        seen = list(packets(played.network.nodes[end].seen))
        if change is not None:
            seen = change(end, seen)
        path = folder / f"{end}.pcapng"
        path.write_bytes(b"".join(pcapng.write((at + shift, packet) for at, packet in seen)))
        paths.append(path)
    return paths[0], paths[1]


def kinds(comparison: finwait.Comparison) -> list[str]:
    return [d.kind for one in comparison.connections for d in one.differences]


@pytest.mark.parametrize("name", ["four-way", "three-way", "simultaneous", "half-close-with-reply", "unread-data", "refused"])  # fmt: skip
def test_nothing_is_found_where_nothing_happened(name: str, tmp_path: Path) -> None:
    result = finwait.compare(*pair(play(CLOSINGS[name]), tmp_path))
    (one,) = result.connections
    assert kinds(result) == []
    assert not result.only_a
    assert not result.only_b
    time_of_both = one.clocks
    assert time_of_both.offset == pytest.approx(SHIFT / 1e6, abs=1e-5)
    assert time_of_both.delay == pytest.approx(0.01, abs=1e-5)
    assert time_of_both.near_client == "A"


def test_the_order_of_the_captures_does_not_matter(tmp_path: Path) -> None:
    a, b = pair(play(CLOSINGS["three-way"], faults={6: Fault.LOSE}), tmp_path)
    there, back = finwait.compare(a, b), finwait.compare(b, a)
    assert kinds(there) == kinds(back) == ["lost"]
    assert back.connections[0].clocks.near_client == "B"


@pytest.mark.parametrize("name", ["four-way", "three-way", "simultaneous", "half-close-with-reply"])
@pytest.mark.parametrize("number", range(2, 15))
def test_each_lost_packet_is_found(name: str, number: int, tmp_path: Path) -> None:
    """Of each play, one packet is lost; where it was the last of its kind that the other end could see, it is said to lie outside."""
    played = play(CLOSINGS[name], faults={number: Fault.LOSE}, until=60_000_000)
    lost = [r for r in played.network.wire if r.fate is Fate.LOST]
    result = finwait.compare(*pair(played, tmp_path))
    found = kinds(result)
    assert len(found) == len(lost)
    assert set(found) <= {"lost", "outside"}


def test_lost_doubled_and_swapped_at_random(tmp_path: Path) -> None:
    """Every packet is paired with itself: as many are lost as the network lost, and nothing is injected but second copies."""
    link = Link(delay=10_000, jitter=300, loss=0.05, reordering=0.05)
    for seed in range(30):
        played = play(CLOSINGS["half-close-with-reply"], link=link, seed=seed, until=60_000_000)
        lost = sum(r.fate is Fate.LOST for r in played.network.wire)
        result = finwait.compare(*pair(played, tmp_path))
        found = kinds(result)
        if result.connections:
            assert sum(kind in {"lost", "outside"} for kind in found) == lost, seed
            assert set(found) <= {"lost", "outside"}, seed


def test_an_injected_rst_is_proved(tmp_path: Path) -> None:
    """A device resets the client in the server's name; the server's capture has no such RST."""
    played = play(CLOSINGS["left-open"])
    server = played.network.nodes["server"].address

    def forge(end: str, seen: Seen) -> Seen:
        if end == "server":
            return [*seen, (seen[-1][0] + 5_000_000, seen[-1][1])]  # it was still capturing then
        at, last = next((at, p) for at, p in reversed(seen) if p.src == server)
        assert isinstance(last.body, Tcp)
        tcp = replace(
            last.body,
            flags=Flags.RST,
            seq=last.body.seq + len(last.body.payload),
            ack=0,
            payload=b"",
        )
        return [*seen, (at + 1_000_000, replace(last, body=tcp, ttl=113))]

    result = finwait.compare(*pair(played, tmp_path, forge))
    (proof,) = result.proofs
    assert (proof.kind, proof.rule, proof.sender, proof.where) == (
        "rst-injected",
        "D6",
        "server",
        "A",
    )
    assert "never sent by the server" in proof.said()
    assert "服务器从未发送" in proof.said("zh")


@pytest.mark.parametrize(
    ("place", "shown"), [(0, "ff"), (100, "(octet 101)"), (255, "(octet 256)"), (256, "after 256 octets"), (-1, "after 256 octets")]
)  # fmt: skip
def test_one_octet_that_was_changed_is_found_wherever_it_is(
    place: int, shown: str, tmp_path: Path
) -> None:
    played = play(CLOSINGS["left-open"])

    def swollen(end: str, seen: Seen) -> Seen:
        """Have the same long payload at both ends, but for one octet at the client."""
        found: Seen = []
        for at, packet in seen:
            body = packet.body
            assert isinstance(body, Tcp)
            if body.payload and packet.src == played.network.nodes["server"].address:
                octets = bytearray(1400)
                octets[place] = 0xFF if end == "client" else 0
                body = replace(body, payload=bytes(octets))
            found.append((at, replace(packet, body=body)))
        return found

    result = finwait.compare(*pair(played, tmp_path, swollen))
    changed = [
        one for joined in result.connections for one in joined.differences if one.kind == "changed"
    ]
    assert changed
    assert all(shown in one.fields["payload"][0] for one in changed)


def test_a_rst_that_the_server_sent_is_its_own(tmp_path: Path) -> None:
    result = finwait.compare(*pair(play(CLOSINGS["server-aborts"]), tmp_path))
    (proof,) = result.proofs
    assert (proof.kind, proof.sender) == ("rst-genuine", "server")


def test_a_clamped_mss_other_hops_and_nat_are_found(tmp_path: Path) -> None:
    def router(end: str, seen: Seen) -> Seen:
        return [(at, _translated(p)) for at, p in seen] if end == "server" else seen

    result = finwait.compare(*pair(play(CLOSINGS["four-way"]), tmp_path, router))
    (one,) = result.connections
    assert one.translated == ("client",)
    assert one.hops["client"].usual == 3
    changed = [d for d in one.differences if d.kind == "changed"]
    assert len(changed) == len(one.differences) == 2  # SYN and SYN-ACK
    assert all(d.fields["mss"][1] == "1400" for d in changed)
    assert "NAT" in result.text()


def _translated(packet: Packet) -> Packet:
    """What a router three hops away, with NAT and a clamped MSS, makes of a packet of the client or for it."""
    tcp, inside, outside = packet.body, ip_address("192.0.2.1"), ip_address("203.0.113.9")
    assert isinstance(tcp, Tcp)
    options = tuple(
        TcpOption(2, (1400).to_bytes(2, "big")) if o.kind == 2 else o for o in tcp.options
    )
    if packet.src == inside:
        return replace(
            packet,
            src=outside,
            ttl=packet.ttl - 3,
            body=replace(tcp, src_port=50_001, options=options),
        )
    return replace(packet, dst=outside, body=replace(tcp, dst_port=50_001, options=options))


def test_a_capture_that_missed_a_packet_does_not_make_it_lost(tmp_path: Path) -> None:
    """The server's capture lacks the request that the server acked: it was on the wire."""

    def gap(end: str, seen: Seen) -> Seen:
        full = [p for _, p in seen if isinstance(p.body, Tcp) and p.body.payload]
        return [one for one in seen if end == "client" or one[1] is not full[0]]

    assert kinds(finwait.compare(*pair(play(CLOSINGS["four-way"]), tmp_path, gap))) == ["missed"]


def test_other_connections_are_told_apart(tmp_path: Path) -> None:
    a, _ = pair(play(CLOSINGS["four-way"]), tmp_path)
    result = finwait.compare(a, Path(__file__).parents[2] / "examples/simultaneous.pcap")
    assert not result.connections
    assert len(result.only_a) == len(result.only_b) == 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_on_the_command_line(form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    a, b = pair(play(CLOSINGS["three-way"], faults={6: Fault.LOSE}), tmp_path)
    assert main(["compare", str(a), str(b), "--format", form]) == 0
    out = capfd.readouterr().out
    if form == "json":
        assert json.loads(out)["connections"][0]["differences"][0]["kind"] == "lost"
    else:
        assert "1 lost" in out
    assert main(["compare", str(a), str(b), "--lang", "zh"]) == 0
    assert "1 丢失" in capfd.readouterr().out
    assert main(["compare", str(a), "no-such-file"]) == 3
