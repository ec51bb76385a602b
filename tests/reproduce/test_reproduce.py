"""From a capture to a script: what is played gives the same close, by the same end, for the same cause."""

import os
import re
import struct
from pathlib import Path

import pytest

import finwait
from finwait.cli import main
from finwait.errors import BadCapture, Misuse
from finwait.kernel.apart import Apart
from finwait.reproduce.reproduction import _tries, judged
from finwait.script.job import Job
from finwait.script.parser import load
from finwait.script.syntax import Call, Dialect
from finwait.tcp import Flags
from random_connections import Rehearsed, capture, one, rehearse

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "examples").glob("*.pcap"), *(ROOT / "tests/captures").glob("*.pcap*")])
HABITS = {"linger-habit.pcap": 3, "pool.pcap": 4, "listener-closed.pcap": 2}
"""Captures of many connections of one kind: so many of them are played."""
CANNOT = {
    ("fast-open.pcap", 1): "payload",
    ("one-direction-client.pcap", 0): "one direction",
    ("one-direction-server.pcap", 0): "one direction",
    ("port-reused.pcap", 0): "another connection",
    ("stray-reset.pcap", 0): "only a RST",
    ("time-wait-refused.pcap", 1): "earlier connection",
    ("tls12-truncated.pcap", 0): "TLS records",
    ("tls13-truncated.pcap", 0): "TLS records",
}
"""Connections that no single script can reproduce, and a word of the reason that the user is told."""
OTHERWISE = {
    # The server's RST came before the client's ACK; a stack under test acks a SYN-ACK at once.
    ("handshake-rejected.pcap", 0),
    # The evidence is a RST to each end, and a script injects towards one.
    ("injected-both-ways.pcap", 0),
    # A FIN before the capture may have come first, so nobody is said to have closed; what is played is whole.
    ("tail.pcap", 0),
}
"""Scripts that give another close: a warning says so."""
KERNEL_AT_MOST = 5.0
"""Seconds of capture: longer ones are for the bench (tools/random_connections.py) and the model."""
CASES = [
    (path, conn)
    for path in FILES
    for conn in range(min(len(finwait.analyze(path)), HABITS.get(path.name, 99)))
]
IDS = [f"{path.name}-{conn}" for path, conn in CASES]


@pytest.mark.parametrize(("path", "conn"), CASES, ids=IDS)
def test_the_model_closes_the_same_way(path: Path, conn: int, tmp_path: Path) -> None:
    reason = CANNOT.get((path.name, conn))
    if reason is not None:
        with pytest.raises(Misuse, match=reason):
            finwait.reproduce(path, conn)
        return
    again = rehearse(path, "model", tmp_path, conn)
    assert again.passed, again.outcome.failure
    assert again.same is again.made.same is ((path.name, conn) not in OTHERWISE)


needs_kernel = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and /dev/net/tun"
)
LIMIT = 60.0
"""Seconds for one play on the kernel."""
SHORT = [
    (path, conn)
    for path, conn in CASES
    if (path.name, conn) not in CANNOT.keys() | OTHERWISE
    and finwait.analyze(path)[conn].duration <= KERNEL_AT_MOST
    and conn == 0
]


@needs_kernel
@pytest.mark.parametrize(("path", "conn"), SHORT, ids=[path.name for path, _ in SHORT])
def test_the_kernel_closes_the_same_way(path: Path, conn: int, tmp_path: Path) -> None:
    made = finwait.reproduce(path, conn, speed=100)
    script = tmp_path / "x.pkt"
    made.save(script)
    outcome = Apart(lambda: Job(str(script), stage="kernel").run()).answer(LIMIT)
    got = judged([(max(one.at, 0), one.packet) for one in outcome.crossings])
    assert got == made.captured, outcome.failure


@pytest.mark.parametrize("seed", range(1, 41))
def test_random_connections_close_the_same_way(seed: int) -> None:
    result = one(seed, "model")
    assert result.same, result.said
    assert result.passed, result.said


@pytest.mark.parametrize("dialect", [Dialect.GOOGLE, Dialect.NPLAB])
@pytest.mark.parametrize("path", FILES[:6], ids=lambda path: path.name)
def test_each_packetdrill_can_read_it(path: Path, dialect: Dialect, tmp_path: Path) -> None:
    script = tmp_path / "x.pkt"
    finwait.reproduce(path, 0, dialect=dialect.value).save(script)
    assert load(script, dialect=dialect).events


@pytest.mark.parametrize(("path", "conn"), SHORT, ids=[path.name for path, _ in SHORT])
def test_scripts_for_the_other_packetdrill_pass(path: Path, conn: int, tmp_path: Path) -> None:
    """nplab's compares segment by segment: a line for each."""
    again = rehearse(path, "model", tmp_path, conn, dialect="nplab")
    assert again.passed, again.said()
    assert again.same


@needs_kernel
@pytest.mark.parametrize("name", ["three-way", "data-lost", "zero-window", "reordered"])
def test_scripts_for_the_other_packetdrill_pass_on_the_kernel(name: str, tmp_path: Path) -> None:
    """A write of several segments would come out uncut there (TSO), so each is a write of its own."""
    path = next(one for one in FILES if one.stem == name)

    def play() -> Rehearsed:
        return rehearse(path, "kernel", tmp_path, dialect="nplab")

    again = Apart(play).answer(LIMIT)
    assert again.same, again.said()


def test_each_line_names_its_frame() -> None:
    made = finwait.reproduce(ROOT / "examples/four-way.pcap", 0)
    frames = {int(number) for number in re.findall(r"// frame (\d+)", made.script)}
    explained = finwait.explain(ROOT / "examples/four-way.pcap", 0)
    tail = {s.number for s in explained.segments if s.flags & (Flags.FIN | Flags.SYN)}
    assert tail <= frames
    injected = [line for line in made.script.splitlines() if " < " in line]
    assert injected
    assert all("// frame " in line for line in injected)


def test_the_side_can_be_chosen() -> None:
    path = ROOT / "examples/simultaneous.pcap"
    for side, call in (("client", "connect("), ("server", "accept(")):
        made = finwait.reproduce(path, 0, side=side)
        assert made.side == side
        assert made.same
        assert call in made.script


def test_a_long_transfer_is_left_out_but_for_its_end(tmp_path: Path) -> None:
    from finwait.network import Closing, Leave, Manner, packets, play
    from finwait.wire import pcapng

    client = Manner(says=19, leaves=Leave.CLOSE, leaves_at=20_000_000)
    played = play(Closing("long", "three-way", "client", client, Manner(hears=19, says=300_000)))
    path = tmp_path / "long.pcapng"
    path.write_bytes(b"".join(pcapng.write(packets(played.network.nodes["client"].seen))))
    short, whole = finwait.reproduce(path, 0), finwait.reproduce(path, 0, whole=True)
    assert short.same
    assert whole.same
    assert len(short.script.splitlines()) < 40 < len(whole.script.splitlines())
    assert "Left out: " in short.script


def test_what_is_tried_until_one_comes_out_the_same() -> None:
    assert list(_tries(["client"], 20, whole=False)) == [("client", False), ("client", True)]
    assert list(_tries(["client"], 20_000, whole=False)) == [("client", False)]
    assert list(_tries(["server", "client"], 20_000, whole=True)) == [("server", True), ("client", True)]  # fmt: skip


def test_pauses_are_divided_but_never_too_short(tmp_path: Path) -> None:
    capture(3, tmp_path / "x.pcapng")
    path = ROOT / "tests/captures/keep-alive.pcap"
    slow, fast = (finwait.reproduce(path, 0, speed=speed) for speed in (1, 100))
    assert slow.same
    assert length(slow.script, tmp_path) > length(fast.script, tmp_path) > 0.4


def length(script: str, folder: Path) -> float:
    """How long a script pauses before what it injects and calls, in seconds."""
    path = folder / "x.pkt"
    path.write_text(script)
    events = load(path).events
    return (
        sum(e.time.start for e in events if isinstance(e.action, Call) or e.time.end is None) / 1e6
    )


@pytest.mark.parametrize(
    ("option", "value"), [("side", "left"), ("dialect", "welsh"), ("speed", 0.5)]
)
def test_misuse_is_refused(option: str, value: object) -> None:
    with pytest.raises(Misuse, match=option):
        finwait.reproduce(ROOT / "examples/four-way.pcap", 0, **{option: value})  # type: ignore[arg-type]


def test_on_the_command_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    captures = ROOT / "tests/captures"
    script = tmp_path / "x.pkt"
    assert main(["reproduce", str(ROOT / "examples/four-way.pcap"), "0", "-o", str(script)]) == 0
    assert load(script).events
    assert capfd.readouterr() == ("", "")
    assert main(["reproduce", str(captures / "handshake-rejected.pcap"), "0"]) == 4
    out, err = capfd.readouterr()
    assert "neither end's stack gives it again" in err
    assert "gives another close" in err
    assert "gives another close" in out.replace("it gives", "gives")
    assert main(["reproduce", str(captures / "stray-reset.pcap"), "0", "--lang", "zh"]) == 1
    assert "没有可以重现的连接" in capfd.readouterr().err


BULK = "tests/reproduce/captures/bulk/cancelled-65536.pcap"


@pytest.mark.parametrize(
    ("capture", "options", "said"),
    [
        ("tests/captures/gave-up.pcap", ["--side", "server"], "decided at the client; --side client gives it again"),
        ("tests/captures/final-ack-missing.pcap", ["--side", "client"], "decided at the server; --side server gives it again"),
        (BULK, ["--side", "client", "--whole"], "; the command without --whole gives it again"),
        ("tests/captures/gave-up.pcap", ["--side", "server", "--lang", "zh"], "决定这一关闭的是客户端；--side client 可以重现它"),
    ],
)  # fmt: skip
def test_what_gives_it_instead_is_said(
    capture: str, options: list[str], said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A side that only suffered the close is written, too, with the exit code 4: what is said gives it with 0."""
    script = tmp_path / "x.pkt"
    words = ["reproduce", str(ROOT / capture), "0", "-o", str(script)]
    assert main([*words, *options]) == 4
    assert said in capfd.readouterr().err
    assert load(script).events
    instead = finwait.reproduce(
        ROOT / capture, 0, side=options[1], whole="--whole" in options
    ).instead
    assert instead is not None
    assert main([*words, "--side", instead.side, *["--whole"] * instead.whole]) == 0


GIVEN_UP = "That close is decided at the client, whose part is only injected here."


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "decided at the client, whose stack does not give it again"), ("zh", "决定这一关闭的是客户端")],
)  # fmt: skip
def test_a_side_that_nobody_chose_is_told_of(
    lang: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Who aborts here, the client, does not come out the same, so the server is tested: stderr and script say that."""
    words = ["reproduce", str(ROOT / "tests/captures/fin-then-rst.pcap"), "0", "--lang", lang]
    assert main(words) == 0
    out, err = capfd.readouterr()
    assert said in err
    assert "--side client" in err
    assert GIVEN_UP in out
    assert main([*words, "--side", "server"]) == 0  # who asks for it knows
    out, err = capfd.readouterr()
    assert not err
    assert GIVEN_UP in out


def test_who_sent_the_reset_is_under_test_and_named() -> None:
    """Of a RST behind the other end's FIN, `closed_by` is who sent the FIN."""
    made = finwait.reproduce(ROOT / "tests/captures/abort-in-close-wait.pcap", 0)
    assert made.captured.cause == "abort-in-close-wait"
    assert made.side == made.decided_by != made.captured.closed_by
    closed, reset = made.captured.closed_by, made.side
    assert f"Close: reset, by {closed} FIN, {reset} RST, cause abort-in-close-wait." in made.script


def test_a_side_that_no_calls_explain(capfd: pytest.CaptureFixture[str]) -> None:
    path = str(ROOT / "tests/captures/handshake-rejected.pcap")
    assert main(["reproduce", path, "0", "--side", "server"]) == 1
    assert (
        "make the server send what it sent; --side client can be written" in capfd.readouterr().err
    )


def test_a_broken_capture_comes_before_another_close(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes((ROOT / "tests/captures/gave-up.pcap").read_bytes() + bytes(7))
    assert main(["reproduce", str(path), "0", "--side", "server"]) == 2
    assert "gives another close" in capfd.readouterr().err


def test_how_much_was_rehearsed_is_told() -> None:
    played: list[tuple[int, int]] = []
    path = ROOT / "examples/four-way.pcap"
    finwait.reproduce(path, 0, played=lambda done, total: played.append((done, total)))
    assert [done for done, _ in played] == list(range(played[0][1]))


def test_of_a_broken_capture_what_could_be_read_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As `analyze` and `explain` do: a warning, the script, exit code 2; also for one file of a folder."""
    whole = (ROOT / "examples/four-way.pcap").read_bytes()
    folder = tmp_path / "rotated"
    folder.mkdir()
    (folder / "0.pcap").write_bytes(whole)
    (folder / "1.pcap").write_bytes(whole[: len(whole) - 7])
    script = tmp_path / "x.pkt"
    for broken, source in ((folder / "1.pcap", folder / "1.pcap"), (folder / "1.pcap", folder)):
        assert main(["reproduce", str(source), "0", "-o", str(script)]) == 2
        assert load(script).events
        script.unlink()
        out, err = capfd.readouterr()
        assert not out
        assert err.startswith(f"finwait: {broken}: offset ")
    made = finwait.reproduce(folder / "1.pcap", 0)
    assert [type(fault) for fault in made.faults] == [BadCapture]


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "what came before has no connection 3, so there is nothing to show or to write"), ("zh", "此前的内容中没有连接 3")],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["reproduce", "explain"])
def test_a_connection_behind_the_break_is_not_there(
    verb: str, lang: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes((ROOT / "examples/four-way.pcap").read_bytes()[:-7])
    assert main([verb, str(path), "3", "--lang", lang]) == 2
    out, err = capfd.readouterr()
    assert not out
    assert f"{path}: " in err if lang == "en" else f"{path}：" in err
    assert said in err
    path.write_bytes(b"no capture at all")
    assert main([verb, str(path), "3", "--lang", lang]) == 2
    assert said not in capfd.readouterr().err


def without(path: Path, folder: Path, *frames: int, octets: int | None = None) -> Path:
    """A pcap without some frames (from 1), and with so many octets of each."""
    data = path.read_bytes()
    kept, place, number = [data[:24]], 24, 0
    while place < len(data):
        size, length = struct.unpack_from("<II", data, place + 8)
        taken = min(size, size if octets is None else octets)
        number += 1
        if number not in frames:
            kept.append(data[place : place + 8] + struct.pack("<II", taken, length))
            kept.append(data[place + 16 : place + 16 + taken])
        place += 16 + size
    out = folder / "worse.pcap"
    out.write_bytes(b"".join(kept))
    return out


TLS = ROOT / "tests/captures/tls12-close-notify.pcap"


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("frames", [(6,), (8,), (9,), (6, 8)])
def test_what_a_capture_lacks_in_its_middle_is_said_and_heard(
    frames: tuple[int, ...], side: str, tmp_path: Path
) -> None:
    """Payload that was acked, and only not captured, of either end."""
    again = rehearse(without(TLS, tmp_path, *frames), "model", tmp_path, side=side)
    assert again.made.rehearsed[:2] == ("three-way", "server")
    assert again.passed, again.said()
    assert again.same, again.said()


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize(("frames", "octets"), [((), 58), ((1,), None), ((1, 2, 3), None)])
def test_windows_whose_unit_is_unknown_are_wide(
    frames: tuple[int, ...], octets: int | None, side: str, tmp_path: Path
) -> None:
    """Where the options of the SYNs were cut off, or the SYNs came before the capture, 63 is no window of 63 octets."""
    again = rehearse(without(TLS, tmp_path, *frames, octets=octets), "model", tmp_path, side=side)
    assert " win 63 " not in again.made.script
    assert again.passed, again.said()
    assert again.same, again.said()
