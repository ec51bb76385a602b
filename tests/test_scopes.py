"""One connection whose directions lie in different VLANs or tunnels, and two that only look alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from finwait import _core

from .judge.captures import in_vxlan, on_vlan, tcp, write

FIN, SYN, RST, ACK = 1, 2, 4, 16
Told = tuple[bool, bytes]


def life(up: int = 1000, down: int = 5000) -> list[Told]:
    """Handshake, request, reply and a three-way close; True marks the server's segments."""
    ends = (40000, 80)
    return [
        (False, tcp(ends, SYN, up)),
        (True, tcp(ends, SYN | ACK, down, up + 1, reply=True)),
        (False, tcp(ends, ACK, up + 1, down + 1)),
        (False, tcp(ends, ACK, up + 1, down + 1, 10)),
        (True, tcp(ends, ACK, down + 1, up + 11, 20, reply=True)),
        (False, tcp(ends, FIN | ACK, up + 11, down + 21)),
        (True, tcp(ends, FIN | ACK, down + 21, up + 12, reply=True)),
        (False, tcp(ends, ACK, up + 12, down + 22)),
    ]


def rows(path: Path, frames: list[bytes], link: int, threads: int = 1) -> list[dict[str, object]]:
    write(path, frames, link=link)
    return [dict(row) for row in _core.analyze([str(path)], threads=threads).records()]


def placed(segments: list[Told], up: int, down: int) -> list[bytes]:
    """Each direction on a VLAN of its own."""
    return [on_vlan(down if reply else up, packet) for reply, packet in segments]


def joined(row: dict[str, object]) -> bool:
    notes = row["notes"]
    assert isinstance(notes, list)
    return "scopes-differ" in notes


@pytest.mark.parametrize(("up", "down"), [(10, 20), (10, 0), (0, 20)])
def test_a_vlan_each_way_is_one_connection(tmp_path: Path, up: int, down: int) -> None:
    (row,) = rows(tmp_path / "vlans.pcap", placed(life(), up, down), 1)
    assert (row["close"], row["closed_by"], row["cause"]) == ("three-way", "client", "orderly")
    assert (row["client_bytes"], row["server_bytes"], row["completeness"]) == (10, 20, 31)
    assert joined(row)


def test_a_vni_each_way_is_one_connection(tmp_path: Path) -> None:
    frames = [in_vxlan(7002 if reply else 7001, packet) for reply, packet in life()]
    (row,) = rows(tmp_path / "vnis.pcap", frames, 101)
    assert (row["close"], row["scope"], joined(row)) == ("three-way", "vxlan:7001", True)


@pytest.mark.parametrize("first", range(1, 8))
def test_a_capture_may_begin_anywhere(tmp_path: Path, first: int) -> None:
    frames = placed(life()[first:], 10, 20)
    told = rows(tmp_path / "middle.pcap", frames, 1)
    assert len(told) == 1
    assert joined(told[0]) == (first < 7)


def test_the_same_tuple_twice_each_way_parted(tmp_path: Path) -> None:
    """Two connections with the same ends, each on two VLANs: the numbers tell which is whose."""
    one = placed(life(1000, 5000), 10, 20)
    two = placed(life(900_000_000, 3_000_000_000), 30, 40)
    frames = [frame for both in zip(one, two, strict=True) for frame in both]
    told = rows(tmp_path / "four.pcap", frames, 1)
    assert [(row["close"], row["scope"], joined(row)) for row in told] == [
        ("three-way", "vlan:10", True),
        ("three-way", "vlan:30", True),
    ]


def test_one_direction_each_of_two_connections_stays_two(tmp_path: Path) -> None:
    up = [packet for reply, packet in life(1000, 5000) if not reply]
    down = [packet for reply, packet in life(900_000_000, 3_000_000_000) if reply]
    frames = [on_vlan(10, packet) for packet in up] + [on_vlan(20, packet) for packet in down]
    told = rows(tmp_path / "strangers.pcap", frames, 1)
    assert [(row["scope"], joined(row)) for row in told] == [("vlan:10", False), ("vlan:20", False)]


def test_the_same_tuple_whole_on_two_vlans_stays_two(tmp_path: Path) -> None:
    pairs = zip(placed(life(), 10, 10), placed(life(), 20, 20), strict=True)
    told = rows(tmp_path / "copies.pcap", [frame for pair in pairs for frame in pair], 1)
    assert [(row["close"], joined(row)) for row in told] == [("three-way", False)] * 2


def test_a_tuple_used_again_is_joined_again(tmp_path: Path) -> None:
    frames = placed(life() + life(2_000_000_000, 4_000_000_000), 10, 20)
    told = rows(tmp_path / "again.pcap", frames, 1)
    assert [(row["close"], joined(row)) for row in told] == [("three-way", True)] * 2


def test_a_crash_and_a_new_call_are_joined_again(tmp_path: Path) -> None:
    """The tuple of a living connection is taken by a new one (RFC 5961 section 4)."""
    frames = placed(life()[:5] + life(2_000_000_000, 4_000_000_000), 10, 20)
    told = rows(tmp_path / "crash.pcap", frames, 1)
    assert [(row["close"], row["cause"]) for row in told] == [
        ("open", "port-reused"),
        ("three-way", "orderly"),
    ]
    assert all(joined(row) for row in told)


def test_a_reset_by_reply_joins(tmp_path: Path) -> None:
    ends = (40000, 80)
    frames = [
        on_vlan(10, tcp(ends, ACK, 1000, 5000, 10)),
        on_vlan(20, tcp(ends, RST, 5000, reply=True)),
    ]
    (row,) = rows(tmp_path / "reply.pcap", frames, 1)
    assert (row["close"], row["closed_by"], row["reset_trigger"]) == ("reset", "server", 1)


def test_many_open_connections_keep_both_their_places(tmp_path: Path) -> None:
    """The table grows while connections hold two places in it."""
    segments = [life(1000 + n, 5000) for n in range(3000)]
    frames = []
    for step in range(8):
        for n, segment in enumerate(segments):
            reply, packet = segment[step]
            body = bytearray(packet)
            body[12 if not reply else 16 : 16 if not reply else 20] = bytes(
                (10, 1, *divmod(n, 256))
            )
            frames.append(on_vlan(20 if reply else 10, bytes(body)))
    told = rows(tmp_path / "many.pcap", frames, 1)
    assert len(told) == 3000
    assert all(row["close"] == "three-way" and joined(row) for row in told)


def test_explain_shows_both_directions(tmp_path: Path) -> None:
    path = tmp_path / "vlans.pcap"
    write(path, placed(life(), 10, 20), link=1)
    explained, *_ = _core.explain([str(path)], conn=0)
    assert explained is not None
    assert [step.number for step in explained.steps] == list(range(1, 9))
