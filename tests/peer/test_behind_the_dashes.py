"""`finwait peer -- COMMAND`: servers that do not close, go into the background, or never listen; and what is left behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from finwait.cli import peer_session
from finwait.errors import CannotOpen
from finwait.kernel.apart import Apart
from finwait.peer.background import part_of
from finwait.peer.live import end_of

from .test_live import COMMAND, LIMIT, command, needs_tun

READS_TO_THE_END = """
import socket
with socket.create_server(("192.0.2.2", 8080)) as listener:
    connection, _ = listener.accept()
    {replies}
    while connection.recv(65536):
        pass
    connection.sendall(b"all of it")
    connection.close()
"""


@needs_tun
@pytest.mark.parametrize(
    ("close", "replies", "lang", "words"),
    [
        (
            "four-way",
            "pass",
            "en",
            "192.0.2.2:8080 has neither replied nor closed for 5 s. A server that reads",
        ),
        (
            "four-way",
            "pass",
            "zh",
            "192.0.2.2:8080 已有 5 秒既不应答也不关闭。先读到末尾的服务器在等待对端的 FIN",
        ),
        (
            "injected-reset",
            "import time; time.sleep(30)",
            "en",
            "nothing has happened for 5 s. Ctrl-C ends the peer with the verdicts",
        ),
        (
            "four-way",
            r'connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")',
            "en",
            "nothing has happened for 5 s. Ctrl-C ends the peer with the verdicts",
        ),
    ],
)
def test_a_server_that_does_not_close_is_told_of(
    close: str, replies: str, lang: str, words: str
) -> None:
    server = [sys.executable, "-c", READS_TO_THE_END.format(replies=replies)]
    with subprocess.Popen(
        [*COMMAND, "--close", close, "--connect", "192.0.2.2:8080", "--lang", lang, "--", *server],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as peer:  # fmt: skip
        assert peer.stderr is not None
        hint = peer.stderr.readline()
        peer.terminate()
        _, more = peer.communicate(timeout=LIMIT)
    assert hint.startswith(f"finwait: {words}")
    assert not more


GOES_INTO_THE_BACKGROUND = """
import os, socket
listener = socket.create_server(("192.0.2.2", 8080))
if os.fork():
    os._exit(0)
connection, _ = listener.accept()
connection.recv(65536)
connection.close()
listener.accept()
"""


@needs_tun
def test_a_server_that_goes_into_the_background_is_played_with() -> None:
    server = [sys.executable, "-c", GOES_INTO_THE_BACKGROUND]
    done = command("--connect", "192.0.2.2:8080", "--lang", "en", "--", *server)
    assert (done.returncode, done.stderr) == (0, "")
    assert "192.0.2.2:8080 (server) closed first; three segments" in done.stdout


@needs_tun
@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "sh: it ended with exit code 5 before anything listened at 192.0.2.2:8080"),
        ("zh", "sh：它已结束（退出码 5），而 192.0.2.2:8080 始终无人监听"),
    ],
)
def test_a_server_that_ends_before_it_listens(lang: str, said: str) -> None:
    """Nothing was tested, so this is no success, whatever its exit code."""
    done = command("--connect", "192.0.2.2:8080", "--lang", lang, "--", "sh", "-c", "exit 5")
    assert (done.returncode, done.stderr) == (3, f"finwait: {said}\n")
    assert not done.stdout


STAYS_ELSEWHERE = (
    "import socket, time; s = socket.create_server(('127.0.0.1', 8080)); time.sleep(30)"
)


@needs_tun
@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "what listens at 127.0.0.1:8080 is not reached from the peer: let it listen at 192.0.2.2:8080, or at any"),
        ("zh", "对端无法到达监听 127.0.0.1:8080 的程序：请让它监听 192.0.2.2:8080 或任意地址"),
    ],
)  # fmt: skip
def test_a_server_that_listens_elsewhere_is_not_connected_to(lang: str, said: str) -> None:
    """It goes into the background here, where it stays; one that does not is waited for."""
    server = GOES_INTO_THE_BACKGROUND.replace("192.0.2.2", "127.0.0.1")
    connect = ["--connect", "192.0.2.2:8080", "--lang", lang]
    done = command(*connect, "--", sys.executable, "-c", server)
    assert done.returncode == 3
    assert not done.stdout
    assert said in done.stderr


@needs_tun
def test_a_server_that_stays_elsewhere_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_session, "STARTS", 0.3)

    def play() -> str:
        server = (sys.executable, "-c", STAYS_ELSEWHERE)
        with pytest.raises(CannotOpen) as caught:
            session(server).run()
        return str(caught.value)

    said = Apart(play).answer(LIMIT)
    assert "nothing listens at 192.0.2.2:8080 after 0 s; what listens at 127.0.0.1:8080" in said


def session(command: tuple[str, ...]) -> peer_session.Session:
    """One that connects to a program."""
    return peer_session.Session(
        part=part_of("four-way", None, b"", "192.0.2.2:8080"), at=end_of("192.0.2.1:8080"), to=end_of("192.0.2.2:8080"),
        command=command, count=None, seconds=None, netns=None, pcap=None, explained=False, quiet=True, lang="en",
    )  # fmt: skip


@needs_tun
@pytest.mark.parametrize("at", ["0.0.0.0", "::"])  # noqa: S104
def test_a_server_that_listens_at_any_address_is_found(at: str) -> None:
    server = f"""
import socket
family = socket.AF_INET6 if ":" in {at!r} else socket.AF_INET
with socket.create_server(({at!r}, 8080), family=family, dualstack_ipv6=family == socket.AF_INET6) as listener:
    connection, _ = listener.accept()
    connection.recv(65536)
    connection.close()
"""
    done = command("--connect", "192.0.2.2:8080", "--", sys.executable, "-c", server)
    assert (done.returncode, done.stderr) == (0, "")


@needs_tun
@pytest.mark.parametrize("options", [(), ("--for", "0.5")])
def test_what_the_program_left_in_the_background_ends_with_the_peer(
    options: tuple[str, ...],
) -> None:
    waits = "; sleep 60" if options else ""
    done = command(*options, "--", "sh", "-c", f"sleep 60 >&2 & echo $! >&2{waits}")
    assert done.returncode == 0
    left = Path(f"/proc/{int(done.stderr)}/stat")
    assert not left.exists() or left.read_text().rpartition(")")[2].split()[0] in "ZX"


@needs_tun
def test_the_way_out_that_is_told_is_one() -> None:
    """As the hint of the test above has it."""
    server = [sys.executable, "-c", READS_TO_THE_END.format(replies="pass")]
    how = ["--close", "half-close", "--after", "request", "--connect", "192.0.2.2:8080"]
    done = command(*how, "--", *server)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the reply of 9 octets is complete" in done.stdout
