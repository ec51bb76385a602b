"""What cannot be, and is said before anything is set up. No right is needed for any of it."""

import pytest

from finwait.errors import Misuse
from finwait.peer import peer
from finwait.peer.background import MOST, body
from finwait.peer.live import end_of
from finwait.wire import Address

from .test_live import command


@pytest.mark.parametrize(
    "host",
    [
        *("0.0.0.0", "0.1.2.3", "224.0.0.1", "240.0.0.1", "255.255.255.255"),  # noqa: S104
        *("[::]", "[ff02::1]", "[fe80::1]", "[fe80::1%eth0]", "[::ffff:192.0.2.1]"),
    ],
)
def test_no_address_of_one_host(host: str) -> None:
    with pytest.raises(Misuse, match="no address that one host has") as caught:
        end_of(f"{host}:80")
    assert "不是单个主机的地址" in caught.value.say("zh")


@pytest.mark.parametrize("text", ["", ":80", "192.0.2.1", "192.0.2.1:0", "192.0.2.1:65536", "a:80", "192.0.2.1:x", "fd00::1:8080", "[192.0.2.1]:80", "[fd00::1:80"])  # fmt: skip
def test_no_address_with_a_port(text: str) -> None:
    with pytest.raises(Misuse, match="write ADDRESS:PORT"):
        end_of(text)


def test_an_address_with_a_port() -> None:
    def read(text: str) -> tuple[str, int]:
        address: Address
        address, port = end_of(text)
        return str(address), port

    assert read("192.0.2.1:8080") == ("192.0.2.1", 8080)
    assert read("[2001:db8::1]:65535") == ("2001:db8::1", 65535)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("FIN", "did you mean fin"),
        ("conected", "did you mean connected"),
        ("misspelt word", "\nthere are listens, "),
    ],
)
def test_a_step_that_never_comes_is_not_waited_for(word: str, hint: str) -> None:
    with pytest.raises(Misuse, match=f"no step '{word}'") as caught:
        peer("reset").wait_for(word)
    assert hint in str(caught.value)
    assert f"没有步骤 '{word}'" in caught.value.say("zh")


def test_a_capture_without_a_name() -> None:
    with pytest.raises(Misuse, match="pcap is empty"):
        peer("reset", pcap="")


@pytest.mark.parametrize("octets", [-1, MOST + 1])
def test_no_length_of_a_reply(octets: int) -> None:
    with pytest.raises(Misuse, match=f"from 0 to {MOST}"):
        body(octets)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--for", "nan"), "nan is no number"),
        (("--for", "1e400"), "is not in the range"),
        (("--for", "1e10"), "is not in the range"),
        (("--reply", "999999999999999999"), "a reply has from 0 to"),
        (("--reply", "9" * 5000), "a reply has from 0 to"),
        (("--reply", "/dev/zero"), "a reply has from 0 to"),
        (("--close", "rset"), "did you mean reset"),
        (("--on", "224.0.0.1:80"), "no address that one host has"),
    ],
)
def test_the_command(arguments: tuple[str, ...], said: str) -> None:
    done = command(*arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert not done.stdout


def test_python_is_told_too() -> None:
    for close in (None, ["reset"]):
        with pytest.raises(Misuse, match="no close"):
            peer(close)  # type: ignore[arg-type]
    for wrong in ({"after": 0.2}, {"after": -1}, {"reply": "2000"}, {"on": ("192.0.2.1", 80)}):
        with pytest.raises(Misuse):
            peer("reset", **wrong)
    peer("reset", after=500)


def test_packets_have_a_folder() -> None:
    done = command("--pcap", "/nowhere/x.pcapng")
    assert done.returncode == 3
    assert "/nowhere" in done.stderr
    assert not done.stdout
