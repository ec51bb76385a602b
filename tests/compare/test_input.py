"""What people give by mistake: each is told what is wrong and what to do, in both languages."""

import json
import os
import subprocess
import sys
import threading
from ipaddress import ip_address
from pathlib import Path

import pytest

from finwait.cli import main
from finwait.compare import compare
from finwait.errors import Misuse
from finwait.lab.record import RAW, Recorder
from finwait.network import closings, play
from finwait.wire import Packet, Tcp, Udp, encode, pcapng

ROOT = Path(__file__).parents[2]
FOUR = ROOT / "examples/four-way.pcap"
OTHER = ROOT / "examples/simultaneous.pcap"


def told(capfd: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    code = main(["compare", *map(str, args)])
    out, err = capfd.readouterr()
    return code, out, err


@pytest.mark.parametrize(("lang", "words"), [("en", "are one file"), ("zh", "是同一个文件")])
def test_one_file_twice(lang: str, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capfd, FOUR, FOUR, "--lang", lang)
    assert code == 0
    assert words in out


@pytest.mark.parametrize(("lang", "words"), [("en", "Nothing could be joined: no connection is in both"), ("zh", "没有两份抓包共有的连接")])  # fmt: skip
def test_nothing_in_common(lang: str, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capfd, FOUR, OTHER, "--lang", lang)
    assert code == 0
    assert words in out
    assert "2026-11-22 16:44:42" in out


def test_a_broken_capture_is_compared_as_far_as_it_goes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(FOUR.read_bytes()[:700])
    code, out, err = told(capfd, FOUR, broken)
    assert code == 2
    assert "ends inside a frame" in err
    assert "outside" in out
    assert "lost" not in out.replace("lost or injected", "")


def test_pipes_with_names(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As `finwait compare <(gzip -dc a.gz) <(gzip -dc b.gz)`: each can be read once only."""
    pipes = [tmp_path / "a", tmp_path / "b"]
    for pipe in pipes:
        os.mkfifo(pipe)
    writers = [
        threading.Thread(target=pipe.write_bytes, args=[FOUR.read_bytes()]) for pipe in pipes
    ]
    for writer in writers:
        writer.start()
    code, out, _ = told(capfd, *pipes)
    for writer in writers:
        writer.join()
    assert code == 0
    assert "0 only in A, 0 only in B" in out
    assert str(pipes[0]) in out


def test_what_cannot_be_read(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    empty, text, head = (tmp_path / name for name in ("empty.pcap", "text.txt", "head.pcap"))
    empty.write_bytes(b"")
    text.write_text("no capture")
    head.write_bytes(FOUR.read_bytes()[:24])
    assert [told(capfd, FOUR, path)[0] for path in (empty, text, tmp_path / "none")] == [2, 2, 3]
    code, out, _ = told(capfd, head, FOUR)
    assert code == 0
    assert "Nothing could be joined: A has no frames\n" in out


def test_a_capture_without_tcp(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    head, udp = tmp_path / "head.pcap", tmp_path / "udp.pcap"
    head.write_bytes(FOUR.read_bytes()[:24])
    datagram = Packet(ip_address("192.0.2.1"), ip_address("192.0.2.2"), Udp(53, 53))
    udp.write_bytes(b"".join(pcapng.write([(0, datagram)])))
    said = "Nothing could be joined: B has frames, but no TCP that could be read (1 not TCP)\n"
    assert told(capfd, FOUR, udp)[:2] == (0, told(capfd, FOUR, udp)[1])
    assert said in told(capfd, FOUR, udp)[1]
    code, out, err = told(capfd, FOUR, udp, "--format", "json")
    assert (code, json.loads(out)["connections"], err) == (0, [], f"finwait: {said}")
    both = "没有可以对照的连接：A 中没有帧，B 中有帧，但没有可读取的 TCP（1 不是 TCP）\n"
    assert both in told(capfd, head, udp, "--lang", "zh")[1]


def test_headers_that_are_cut_off_are_no_lack_of_tcp(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cut, recorder = tmp_path / "cut.pcapng", Recorder(RAW)
    recorder.add(encode(Packet(ip_address("192.0.2.1"), ip_address("192.0.2.2"), Tcp(1, 2, 0)))[:30], 0, 40)  # fmt: skip
    recorder.save(cut)
    said = "Nothing could be joined: the headers of A are cut off: capture with a larger snap length (1 TCP header cut)\n"  # fmt: skip
    assert said in told(capfd, cut, FOUR)[1]
    assert "A 的头部被截断：抓包时请加大 snaplen（1 TCP 头部被截断）" in told(capfd, cut, FOUR, "--lang", "zh")[1]  # fmt: skip


@pytest.mark.parametrize("given", [("-", str(FOUR)), (str(FOUR), "-")])
def test_standard_input_is_one_of_the_two(given: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "finwait.cli", "compare", *given, "--format", "json"]
    done = subprocess.run(command, input=FOUR.read_bytes(), capture_output=True, check=True)
    assert json.loads(done.stdout)["connections"][0]["both"] == 15


def test_standard_input_twice(capfd: pytest.CaptureFixture[str]) -> None:
    code, _, err = told(capfd, "-", "-")
    assert code == 1
    assert "standard input can be read once" in err
    with pytest.raises(Misuse, match="only one of the two"):
        compare("-", "-")


def test_the_data_of_a_proof(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    closing = next(one for one in closings() if one.name == "server-aborts")
    paths = []
    for end, record in play(closing).network.nodes.items():
        path = tmp_path / f"{end}.pcapng"
        path.write_bytes(b"".join(pcapng.write([(r.at, r.packet) for r in record.seen])))
        paths.append(path)
    _, out, _ = told(capfd, *paths, "--format", "json", "--lang", "zh")
    data = json.loads(out)
    (proof,) = data["connections"][0]["proofs"]
    assert (proof["kind"], proof["confidence"]) == ("rst-genuine", "certain")
    assert proof["because"] == "same"
    assert "确由服务器发出" in proof["text"]
    assert proof["text"].endswith("；确定：它在两份抓包中完全相同")
    assert data["clocks"]["steady"]
    assert data["clocks"]["drift_ppm"] is None
    assert os.fspath(paths[0]) == data["a"]
