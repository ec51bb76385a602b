"""The peer on a TUN device against programs that know nothing of it; the kernel and the packets are the judges."""

import asyncio
import errno
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

import finwait
from finwait.cli import codes
from finwait.errors import CannotOpen, CannotWrite, MissingPrivilege, Misuse
from finwait.kernel.addresses import ip
from finwait.kernel.apart import Apart
from finwait.kernel.namespace import Namespace
from finwait.peer.background import Peer
from finwait.peer.ending import endings
from finwait.peer.live import Live
from finwait.peer.steps import Step
from finwait.picture.width import width

MakePeer = Callable[..., Peer]
LIMIT = 30
FREE = "198.51.100.77:8080"
"""Of TEST-NET-2, so that no machine has it for a gateway."""
ASK = """
import socket
with socket.create_connection(("192.0.2.1", 8080)) as s:
    s.sendall(b"hello")
    s.recv(65536)
"""
COMMAND = [sys.executable, "-m", "finwait.cli", "peer"]
PATIENT = {"silent", "no-reply", "zero-window", "no-answer"}
"""Against these an application that waits has to give up by itself."""


def _why_not() -> str:
    def play() -> None:
        with finwait.peer(private=True):
            pass

    try:
        Apart(play).answer(LIMIT)
    except (MissingPrivilege, CannotOpen) as error:
        return str(error)
    return ""


WHY_NOT = _why_not()
needs_tun = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "-")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces with a name need root")


def ask(peer: Peer, timeout: float = 5.0) -> bytes:
    """Ask, close the sending direction in the same segment, and read to the end."""
    with socket.create_connection((peer.host, peer.port), timeout) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n", socket.MSG_MORE)
        client.shutdown(socket.SHUT_WR)
        heard = b""
        while part := client.recv(65536):
            heard += part
    return heard.partition(b"\r\n\r\n")[2]


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=LIMIT, check=False
    )


def wait(peer: Peer, *, upload: bool) -> None:
    """Say something and wait for an answer; or say more than any window takes."""
    with socket.create_connection((peer.host, peer.port), 0.3) as client:
        for _ in range(200 if upload else 1):
            client.sendall(b"x" * 65536 if upload else b"hello")
        client.recv(1)


@pytest.mark.parametrize("close", ["three-way", "four-way", "simultaneous"])
@pytest.mark.parametrize("at", ["192.0.2.1:8080", "[2001:db8::1]:80"])
def test_orderly(finwait_peer: MakePeer, close: str, at: str) -> None:
    peer = finwait_peer(close, on=at, reply=100_000)
    assert len(ask(peer)) == 100_000
    peer.wait()
    peer.stop()
    (found,) = peer.connections
    assert (found.close, found.finished) == (close, True)


@pytest.mark.parametrize(
    ("close", "number"),
    [
        ("reset", errno.ECONNRESET),
        ("reset-after-fin", errno.ECONNRESET),
        ("injected-reset", errno.ECONNRESET),
        ("refuse", errno.ECONNREFUSED),
    ],
)
def test_broken(finwait_peer: MakePeer, close: str, number: int) -> None:
    peer = finwait_peer(close)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number says which
        ask(peer)
    assert caught.value.errno == number


@pytest.mark.parametrize("close", sorted(PATIENT))
def test_who_waits_waits(finwait_peer: MakePeer, close: str) -> None:
    peer = finwait_peer(close)
    with pytest.raises(TimeoutError):
        wait(peer, upload=close == "zero-window")


def test_asyncio(finwait_peer: MakePeer) -> None:
    peer = finwait_peer("truncate", reply=1000)

    async def read() -> bytes:
        reader, writer = await asyncio.open_connection(peer.host, peer.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        try:
            return await reader.readexactly(1000)
        finally:
            writer.close()
            await writer.wait_closed()

    with pytest.raises(asyncio.IncompleteReadError):
        asyncio.run(read())


def test_many_connections(finwait_peer: MakePeer) -> None:
    peer = finwait_peer("three-way")
    clients = [socket.create_connection((peer.host, peer.port), 5) for _ in range(50)]
    for client in clients:
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
    for client in clients:
        assert len(client.recv(2000)) == 1000
        assert client.recv(1) == b""
        client.close()
    peer.wait(50)
    peer.stop()
    assert {found.close for found in peer.connections} == {"three-way"}
    assert len(peer.connections) == 50


def test_connections_are_there_as_they_end(finwait_peer: MakePeer) -> None:
    peer = finwait_peer("reset", after="reply")
    for count in range(1, 11):
        with pytest.raises(ConnectionResetError):  # though the client closed first
            ask(peer)
        peer.wait(count)
        assert [found.close for found in peer.connections] == ["reset"] * count


@pytest.mark.parametrize("named", [True, False])
def test_the_source_is_what_the_caller_called_it(
    finwait_peer: MakePeer, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "kept.pcapng" if named else None
    peer = finwait_peer("close-first", pcap=name)
    ask(peer)
    peer.wait()
    assert [each.source for each in peer.connections] == [name or "finwait peer"]
    peer.stop()
    assert [each.source for each in peer.connections] == [name or "finwait peer"]
    with pytest.raises(CannotWrite, match=r"^none/kept\.pcapng cannot be written"):
        finwait_peer(on=FREE, pcap="none/kept.pcapng")


def test_what_is_told_is_in_the_capture(finwait_peer: MakePeer) -> None:
    """The end is told before the RST has left: who looks then waits for that."""
    peer = finwait_peer("reset")
    seen: list[str] = []
    look = threading.Thread(target=lambda: seen.extend(one.close for one in peer.connections))

    class Told(list[Step]):
        def append(self, step: Step) -> None:
            super().append(step)
            if step.word == "ended":
                look.start()
                look.join(0.3)  # time enough, if it does not wait

    peer.steps = Told()
    with pytest.raises(ConnectionResetError):
        ask(peer)
    look.join(LIMIT)
    assert seen == ["reset"]


def test_a_server_is_reset(finwait_peer: MakePeer) -> None:
    peer = finwait_peer("reset", connect="192.0.2.2:8000")
    with socket.create_server((peer.beside, 8000)) as listener:
        peer.connect()
        server, _ = listener.accept()
        with server:
            server.settimeout(5)
            peer.wait()
            assert server.recv(1000).startswith(b"GET / HTTP/1.1\r\n")
            with pytest.raises(ConnectionResetError):
                server.recv(1000)
    peer.stop()
    assert peer.connections[0].close == "reset"
    assert peer.connections[0].closed_by == "client"


@needs_tun
def test_the_thread_is_back_home() -> None:
    here = Path("/proc/thread-self/ns/net")
    home = here.readlink()
    with finwait.peer(private=True) as peer:
        assert here.readlink() != home
    assert here.readlink() == home
    with pytest.raises(Misuse), peer:
        pass


@needs_tun
def test_its_own_address_is_refused() -> None:
    with (
        pytest.raises(Misuse, match="this machine's own address"),
        finwait.peer(on="127.0.0.1:80", private=True),
    ):
        pass


def test_taken_addresses_are_refused(finwait_peer: MakePeer) -> None:
    finwait_peer(on="192.0.2.5:80")
    finwait_peer(on="[2001:db8::5]:80")
    ip("addr add 10.9.0.2/24 dev lo", "route add default via 10.9.0.1 dev lo")
    ip(
        "link add side type veth peer name other",
        "link set side up",
        "addr add 10.8.0.2/24 dev side",
    )
    ip("neighbour add 10.8.0.7 dev side lladdr 02:00:00:00:00:07 nud stale")
    ip("neighbour add 10.8.0.9 dev side nud failed")
    for address, why in {
        "192.0.2.5:81": "192.0.2.5 has a route of its own already, by finwait0: another peer",
        "192.0.2.6:80": "192.0.2.5, which the kernel would have beside the peer at 192.0.2.6",
        "192.0.2.4:80": "192.0.2.4 is this machine's own address",
        "[2001:db8::5]:81": "by finwait1: another peer",
        "10.9.0.2:80": "this machine's own address",
        "10.9.0.1:80": "the gateway of lo",
        "10.9.0.255:80": "the broadcast address of lo",
        "10.8.0.7:80": "10.8.0.7 is a host that side has heard of",
        "10.8.0.8:80": "10.8.0.7, which the kernel would have beside the peer at 10.8.0.8, is a host that side",
    }.items():
        with pytest.raises(Misuse, match=why):
            finwait_peer(on=address)
    with pytest.warns(UserWarning, match=r"10.8.0.3 may be other hosts' addresses, in 10.8.0.0/24 \(side\)"):  # fmt: skip
        finwait_peer(on="10.8.0.3:80")
    with pytest.warns(UserWarning, match="10.8.0.9 and 10.8.0.8 may be"):
        finwait_peer(on="10.8.0.9:80")


@needs_root
def test_a_network_that_is_there_is_warned_of() -> None:
    def play() -> "list[subprocess.CompletedProcess[str]]":
        Namespace().enter()
        ip("link set lo up", "link add side type veth peer name other", "link set other up")
        ip("link set side up", "addr add 10.8.0.2/24 dev side")
        ip("addr add 2001:db8:8::2/64 dev side nodad")
        there = ["10.8.0.77:80", "[2001:db8:8::7]:80", "10.7.0.77:80"]
        return [command("--on", at, "--for", "0", "--lang", "en") for at in there]

    four, six, none = Apart(play).answer(LIMIT)
    rest = "they are not reached while the peer is there"
    assert four.stderr == f"finwait: 10.8.0.77 and 10.8.0.76 may be other hosts' addresses, in 10.8.0.0/24 (side): {rest}\n"  # fmt: skip
    assert "2001:db8:8::7 and 2001:db8:8::6 may be other hosts' addresses, in 2001:db8:8::/64 (side)" in six.stderr  # fmt: skip
    assert (none.returncode, none.stderr) == (0, "")


# --- the command ---


@needs_tun
def test_one_line_shows_curl_fail(tmp_path: Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    kept = tmp_path / "kept.pcapng"
    done = command(
        "--close", "reset", "--pcap", str(kept), "--explain", "--", "curl", "-sS", "http://192.0.2.1:8080/"
    )  # fmt: skip
    assert done.returncode == 56  # CURLE_RECV_ERROR
    assert "#0  aborts: RST  [CLOSED]" in done.stdout
    assert "(server) reset the connection" in done.stdout
    assert "SYN-RECEIVED" in done.stdout
    assert finwait.analyze(kept)[0].close == "reset"


@needs_tun
@pytest.mark.parametrize(
    ("close", "verdict"),
    [("four-way", "four segments"), ("reset-after-fin", "aborted in CLOSE-WAIT")],
)
def test_a_program_that_is_quick_does_not_cut_the_close_off(close: str, verdict: str) -> None:
    script = "import urllib.request as u; u.urlopen('http://192.0.2.1:8080/').read()"
    done = command("--close", close, "--", sys.executable, "-c", script)
    assert done.returncode == 0
    assert verdict in done.stdout


@needs_root
def test_a_file_that_is_no_namespace() -> None:
    done = command("--netns", "/etc/passwd", "--for", "0")
    assert done.returncode == 3
    assert "it is no network namespace" in done.stderr


@needs_tun
def test_another_peer_is_there(finwait_peer: MakePeer) -> None:
    first = finwait_peer("three-way")
    with pytest.raises(Misuse, match="another peer is there") as caught:
        finwait_peer("reset")
    assert "另一个对端" in caught.value.say("zh")
    first.stop()
    finwait_peer("reset")


@needs_tun
def test_verdicts_while_it_is_there(finwait_peer: MakePeer) -> None:
    peer = finwait_peer("three-way")
    assert peer.connections == []
    for number in (1, 2):
        assert len(ask(peer)) == 1000
        peer.wait(number)
        assert [one.close for one in peer.connections] == ["three-way"] * number
    peer.stop()
    assert [one.close for one in peer.connections] == ["three-way"] * 2


@needs_tun
def test_what_ends_the_peer_ends_the_waiting(
    finwait_peer: MakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = finwait_peer("three-way")
    with pytest.raises(TimeoutError, match="0 of 1 connections"):
        peer.wait(timeout=0)

    def fail(*_: object) -> None:
        raise OSError("the device is gone")

    monkeypatch.setattr(Live, "turn", fail)
    with socket.socket() as client:
        client.setblocking(False)
        client.connect_ex((peer.host, peer.port))  # its SYN ends the turn that goes on
        for waiting in (peer.wait, lambda: peer.wait_for("fin"), peer.stop):
            with pytest.raises(OSError, match="the device is gone"):
                waiting()


@needs_tun
@pytest.mark.parametrize("how", ["over", "still there"])
def test_a_moment_that_never_came_is_told(finwait_peer: MakePeer, how: str) -> None:
    peer = finwait_peer("reset", after="5000")
    if how == "over":
        assert len(ask(peer)) == 1000
        peer.wait()
    else:
        client = socket.create_connection((peer.host, peer.port), 5)
        peer.wait_for("connected")
    peer.stop()
    if how != "over":
        client.close()
    (missed,) = [step for step in peer.steps if step.word == "missed"]
    assert "(--after 5000) never came" in missed.say("en")
    assert "--after 5000" in missed.say("zh")


@needs_tun
def test_packets_and_words_go_apart(tmp_path: Path) -> None:
    script = "import urllib.request as u; u.urlopen('http://192.0.2.1:8080/'); print('said by the program')"
    done = subprocess.run(
        [*COMMAND, "--pcap", "-", "--", sys.executable, "-c", script], capture_output=True, timeout=LIMIT, check=False
    )  # fmt: skip
    assert done.returncode == 0
    for words in (b"listens at", b"said by the program", b"What the packets alone say"):
        assert words in done.stderr
    (tmp_path / "x.pcapng").write_bytes(done.stdout)
    (found,) = finwait.analyze(tmp_path / "x.pcapng")
    assert found.close == "three-way"


@needs_tun
def test_in_chinese() -> None:
    done = command("--lang", "zh", "--close", "refuse", "--", "true")
    assert "无人监听" in done.stdout
    assert "没有收到任何报文" in done.stdout


@needs_tun
def test_a_server_behind_the_dashes() -> None:
    done = command(
        "--close", "simultaneous", "--connect", "192.0.2.2:8000", "--count", "2",
        "--", sys.executable, "-m", "http.server", "8000",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("they cross  [") == 2


@needs_tun
def test_the_exit_code_of_a_program_that_is_killed() -> None:
    done = command("--", "sh", "-c", "kill -9 $$")
    assert done.returncode == 128 + signal.SIGKILL


@needs_tun
def test_what_the_peer_did_stands_below_what_the_packets_say() -> None:
    done = command("-q", "--close", "reset", "--", sys.executable, "-c", ASK)
    assert "(server) reset the connection; closed with unread data (possible)" in done.stdout
    assert "      the peer: aborts: RST\n" in done.stdout
    done = command("-q", "--lang", "zh", "--close", "reset", "--after", "9000", "--", sys.executable, "-c", ASK)  # fmt: skip
    assert "      对端：关闭：FIN；行动的时刻（--after 9000）始终没有到来\n" in done.stdout


def test_a_program_that_is_not_there_is_told_first() -> None:
    done = command("--", "no-such-program")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no-such-program: there is no such program" in done.stderr


@pytest.mark.parametrize(("lang", "said"), [("en", "Permission denied"), ("zh", "没有权限")])
def test_a_program_that_may_not_be_run(lang: str, said: str, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    done = command("--lang", lang, "--", str(program))
    assert (done.returncode, done.stdout) == (3, "")
    assert said in done.stderr
    assert str(program) in done.stderr


def test_packets_are_not_for_a_terminal() -> None:
    read, write = os.openpty()
    done = subprocess.run([*COMMAND, "--pcap", "-"], stdout=write, stderr=subprocess.PIPE, timeout=LIMIT, check=False)  # fmt: skip
    os.close(write)
    os.close(read)
    assert done.returncode == codes.MISUSE
    assert b"give --pcap FILE or a pipe" in done.stderr


@needs_tun
def test_for_a_time() -> None:
    done = command("--for", "0.1", "--", "sleep", "20")
    assert done.returncode == 0


@needs_tun
@needs_root
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind(number: signal.Signals) -> None:
    namespace = f"finwait-test-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", namespace], check=True)
    try:
        peer = subprocess.Popen(
            [*COMMAND, "--netns", namespace], stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        with peer:
            assert peer.stdout is not None
            assert "listens at" in peer.stdout.readline()
            links = ["ip", "-n", namespace, "-br", "link"]
            assert re.search("finwait", subprocess.check_output(links, text=True))
            peer.send_signal(number)
            assert peer.wait(LIMIT) == (0 if number != signal.SIGKILL else -signal.SIGKILL)
        assert "finwait" not in subprocess.check_output(links, text=True)
    finally:
        subprocess.run(["ip", "netns", "del", namespace], check=True)


@needs_tun
def test_kill_9_takes_the_program_with_it() -> None:
    peer = subprocess.Popen(
        [*COMMAND, "--", "sh", "-c", "echo $$; exec sleep 60"], stdout=subprocess.PIPE, text=True
    )
    with peer:
        assert peer.stdout is not None
        peer.stdout.readline()
        program = int(peer.stdout.readline())
        fd = os.pidfd_open(program)
        peer.kill()
        assert _ends(fd)
        os.close(fd)


def _ends(fd: int) -> bool:
    import select

    return bool(select.select([fd], [], [], LIMIT)[0])


@needs_root
@needs_tun
def test_without_the_right() -> None:
    """Root without CAP_NET_ADMIN, as in most containers."""
    done = subprocess.run(
        ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", *COMMAND, "--on", FREE],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 3
    assert "CAP_NET_ADMIN" in done.stderr
    assert "behind `--`" in done.stderr


def test_the_list_names_all() -> None:
    done = command("--list")
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == list(endings())


@needs_tun
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_lines_fit_into_a_narrow_terminal(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    told = command("--list", "--lang", lang).stdout.splitlines()
    assert max(map(width, told)) in range(30, 41)
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", 0) as screen:
        how = ["--close", "reset", "--lang", lang, "--", sys.executable, "-c", ASK]
        with subprocess.Popen([*COMMAND, *how], stdout=theirs, stderr=subprocess.DEVNULL):
            os.close(theirs)
            lines = until_closed(screen).decode().splitlines()
    assert max(map(width, [line for line in lines if line.startswith(" ")])) in range(30, 41)


def until_closed(screen: IO[bytes]) -> bytes:
    """All that is written to a terminal; Linux says EIO when nobody has it open any more."""
    shown = b""
    with suppress(OSError):
        while part := screen.read(65536):
            shown += part
    return shown


def test_http(finwait_peer: MakePeer) -> None:
    peer = finwait_peer("close-first", reply=b"good day")
    client = http.client.HTTPConnection(peer.host, peer.port, timeout=5)
    for method, body in (("GET", b"good day"), ("HEAD", b""), ("POST", b"good day")):
        client.request(method, "/", body=b"x" * 100_000 if method == "POST" else None)
        assert client.getresponse().read() == body
        client.close()
    assert peer.url == "http://192.0.2.1:8080/"
