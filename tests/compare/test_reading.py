"""Captures of many connections: read a few times, in lots that fit in memory, and the same is said as one by one."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

import finwait
from finwait import _core
from finwait.cli import main
from finwait.compare import captures, comparison
from finwait.network import Fate, Link, closings, play
from finwait.wire import Packet, Tcp, pcapng

ROOT = Path(__file__).parents[2]
CAPTURES = sorted((ROOT / "tests/captures").rglob("*.pcap*")) + sorted(ROOT.glob("examples/*.pcap"))
AHEAD = 5_000_000


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_stories_together_are_those_told_one_by_one(path: Path) -> None:
    """The core's reading for many at once, compared with its reading for one."""
    analysis = _core.analyze([str(path)])
    numbers = list(range(len(analysis)))
    random.Random(1).shuffle(numbers)
    together = _core.stories(analysis, [str(path)], numbers)
    openings, times = _core.openings(analysis, [str(path)])
    assert len(openings) == len(together) == len(numbers)
    for number, story in zip(numbers, together, strict=True):
        alone, _, _ = _core.explain([str(path)], conn=number)
        assert alone is not None
        assert story.row == alone.row
        assert _steps(story) == _steps(alone)
        assert openings[number][4:6] == (alone.client_isn, alone.server_isn)
        assert times is not None
        assert times[0] <= alone.steps[0].ts <= alone.steps[-1].ts <= times[1]


def _steps(story: _core.Explained) -> list[tuple[object, ...]]:
    return [
        (s.number, s.ts, s.from_client, s.client_state, s.server_state, s.labels, s.refers_to, s.header, s.data)
        for s in story.steps
    ]  # fmt: skip


def _pair(folder: Path, count: int) -> tuple[Path, Path, int]:
    """Write two captures of `count` connections, half a second apart; say how many packets were lost."""
    seen: dict[str, list[tuple[int, Packet]]] = {"client": [], "server": []}
    link = Link(delay=20_000, jitter=2_000, loss=0.03)
    kinds, lost = closings(), 0
    for n in range(count):
        network = play(kinds[n % 8], link=link, seed=n, until=60_000_000).network
        lost += sum(record.fate is Fate.LOST for record in network.wire)
        for end, records in seen.items():
            records += [(r.at + n * 500_000, _moved(r.packet, n)) for r in network.nodes[end].seen]
    paths = []
    for end, records in seen.items():
        shift = AHEAD if end == "server" else 0
        records.sort(key=lambda one: one[0])
        path = folder / f"{end}.pcapng"
        path.write_bytes(b"".join(pcapng.write([(at + shift, p) for at, p in records])))
        paths.append(path)
    return paths[0], paths[1], lost


def _moved(packet: Packet, n: int) -> Packet:
    """Give each connection a client's port and numbers of its own."""
    tcp = packet.body
    assert isinstance(tcp, Tcp)
    up = tcp.dst_port == 8080
    step = n * 65_536
    tcp = replace(tcp, seq=tcp.seq + step, ack=tcp.ack and tcp.ack + step)
    return replace(
        packet, body=replace(tcp, src_port=1024 + n) if up else replace(tcp, dst_port=1024 + n)
    )


def test_lots_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, lost = _pair(tmp_path, 60)
    readings = []
    real = _core.stories

    def counted(*args: object, **named: object) -> object:
        readings.append(args[1])
        return real(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(_core, "stories", counted)
    whole = finwait.compare(a, b).data()
    assert len(readings) == 2  # once each
    readings.clear()
    monkeypatch.setattr(comparison, "LOT", 300)
    parts = finwait.compare(a, b).data()
    assert parts == whole
    segments = len(finwait.analyze(a)) and finwait.analyze(a).used
    assert 4 < len(readings) <= 2 * 2 * (segments // 150 + 1)  # for the clocks and for the rest
    kinds = [d["kind"] for one in whole["connections"] for d in one["differences"]]  # type: ignore[attr-defined]
    assert len(kinds) == lost
    assert set(kinds) <= {"lost", "outside"}


def test_the_text_of_many_lists_what_differs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    a, b, _ = _pair(tmp_path, 30)
    assert main(["compare", str(a), str(b)]) == 0
    text = capfd.readouterr().out
    assert main(["compare", str(a), str(b), "--format", "json"]) == 0
    found = json.loads(capfd.readouterr().out)["connections"]
    quiet = [one for one in found if not one["differences"] and not one["proofs"]]
    assert f"{len(quiet)} connections without a proof or a difference are not listed" in text
    assert text.count("\nA ") == len(found) - len(quiet)
    assert "Proofs: " in text


def test_a_middle_that_is_left_out_is_not_called_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """Of too many segments only the first and the last are compared; the captures cut at other places."""
    link = Link(delay=20_000, loss=0.1)
    network = play(closings()[0], link=link, seed=3, until=60_000_000).network
    paths = []
    for end in ("client", "server"):
        path = tmp_path / f"{end}.pcapng"
        records = [(r.at, r.packet) for r in network.nodes[end].seen]
        path.write_bytes(b"".join(pcapng.write(records)))
        paths.append(path)
    lost = sum(record.fate is Fate.LOST for record in network.wire)
    monkeypatch.setattr(captures, "MOST", 10)
    (one,) = finwait.compare(*paths).connections
    assert one.left_out
    kinds = [d.kind for d in one.differences]
    assert set(kinds) <= {"lost", "outside", "missed"}
    assert kinds.count("lost") <= lost
