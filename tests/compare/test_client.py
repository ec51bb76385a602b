"""A wire too fast for the times to tell which capture is nearer to the client: somebody says it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import finwait
from finwait.cli import main
from finwait.errors import Misuse
from finwait.network import Fault, Link, closings, packets, play
from finwait.tcp import Flags
from finwait.wire import Packet, Tcp, pcapng

CLOSINGS = {closing.name: closing for closing in closings()}
AT_ONCE, FAR = Link(delay=0), Link(delay=10_000)


def _back(packet: Packet) -> Packet:
    """The same connection, called from the other end, a port apart."""
    tcp = packet.body
    assert isinstance(tcp, Tcp)
    body = replace(tcp, src_port=tcp.src_port + 1, dst_port=tcp.dst_port + 1)
    return replace(packet, src=packet.dst, dst=packet.src, body=body)


def captures(folder: Path, link: Link, *, both_call: bool = False) -> tuple[Path, Path]:
    """Write what both ends saw of a three-way close whose first FIN is lost once."""
    whole = play(CLOSINGS["three-way"], link=link).network.wire
    fin = next(
        place
        for place, one in enumerate(whole)
        if isinstance(one.packet.body, Tcp) and Flags.FIN in one.packet.body.flags
    )
    nodes = play(CLOSINGS["three-way"], faults={fin: Fault.LOSE}, link=link).network.nodes
    seen = {end: list(packets(nodes[end].seen)) for end in ("client", "server")}
    if both_call:
        later = {end: [(at + 10**7, _back(p)) for at, p in seen[end]] for end in seen}
        seen = {
            "client": seen["client"] + later["server"],
            "server": seen["server"] + later["client"],
        }
    paths = []
    for end, made in seen.items():
        path = folder / f"{end}.pcapng"
        path.write_bytes(b"".join(pcapng.write(made)))
        paths.append(path)
    return paths[0], paths[1]


def kinds(result: finwait.Comparison) -> list[list[str]]:
    return [[d.kind for d in one.differences] for one in result.connections]


def test_nobody_knows(tmp_path: Path) -> None:
    result = finwait.compare(*captures(tmp_path, AT_ONCE))
    assert kinds(result) == [["unclear"]]
    assert "say --client A or --client B" in result.text()
    assert "请用 --client A 或 --client B" in result.text("zh")


def test_it_is_said(tmp_path: Path) -> None:
    a, b = captures(tmp_path, AT_ONCE)
    for result, word in ((finwait.compare(a, b, client="A"), "A"), (finwait.compare(b, a, client="B"), "B")):  # fmt: skip
        assert kinds(result) == [["lost"]]
        (one,) = result.connections
        assert (one.clocks.near_client, one.clocks.told_by) == (word, "option")
        assert f"{word} is nearer to the client, as --client says" in result.text()
        assert result.data()["warnings"] == []


def test_both_ends_call(tmp_path: Path) -> None:
    """It is said of the first connection; the other one is called from the other end."""
    result = finwait.compare(*captures(tmp_path, AT_ONCE, both_call=True), client="A")
    assert kinds(result) == [["lost"], ["lost"]]
    assert [one.clocks.near_client for one in result.connections] == ["A", "B"]


def test_the_times_say_otherwise(tmp_path: Path) -> None:
    a, b = captures(tmp_path, FAR)
    right, wrong = finwait.compare(a, b, client="A"), finwait.compare(a, b, client="B")
    assert (right.contradicted, wrong.contradicted) == (0, 1)
    assert kinds(right) == kinds(wrong) == [["lost"]]
    (one,) = wrong.connections
    assert (one.clocks.near_client, one.clocks.told_by) == ("A", "times")
    assert "The times of 1 connections contradict --client B" in wrong.text()
    assert "与 --client B 矛盾" in wrong.text("zh")


def test_on_the_command_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    a, b = map(str, captures(tmp_path, AT_ONCE))
    assert main(["compare", a, b, "--client", "A", "--format", "json"]) == 0
    out, err = capfd.readouterr()
    data = json.loads(out)
    assert (data["client"], data["warnings"], err) == ("A", [], "")
    assert data["connections"][0]["near_client_told_by"] == "option"
    assert main(["compare", a, b, "--format", "json"]) == 0
    out, err = capfd.readouterr()
    (warning,) = json.loads(out)["warnings"]
    assert "--client A" in warning
    assert err == f"finwait: {warning}\n"
    assert json.loads(out)["connections"][0]["near_client_told_by"] is None
    assert main(["compare", a, b, "--client", "C"]) == 1
    assert "'A', 'B'" in capfd.readouterr().err
    with pytest.raises(Misuse, match='client is "A" or "B"'):
        finwait.compare(a, b, client="C")  # type: ignore[arg-type]
