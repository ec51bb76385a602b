"""What a user may ask for by mistake: a sentence and exit code 1, never a traceback or a lost capture."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from .command import COMMAND, EXAMPLES, FOUR_WAY, environment, finwait

PKT = str(EXAMPLES / "closing.pkt")


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", FOUR_WAY, "9" * 24),
        ("explain", FOUR_WAY, "9" * 6000),
        ("analyze", "--threads", "9" * 24, FOUR_WAY),
        ("analyze", "--max-connections", "9" * 20, FOUR_WAY),
    ],
)
def test_huge_numbers(arguments: tuple[str, ...]) -> None:
    done = finwait(*arguments)
    assert done.code == 1
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("verb", "wanted"),
    [
        (["analyze", "-"], "a capture"),
        (["explain", "-", "0"], "a capture"),
        (["reproduce", "-", "0"], "a capture"),
        (["compare", FOUR_WAY, "-"], "a capture"),
        (["run", "-"], "a script, as in finwait run - <"),
    ],
)
def test_standard_input_that_cannot_be_read(verb: list[str], wanted: str) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, *verb],
        capture_output=True,
        env=environment({}),
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"finwait: standard input is closed: give it {wanted}")
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*COMMAND, *verb], stdin=theirs, capture_output=True, env=environment({}), text=True
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 1
    assert done.stderr.startswith(f"finwait: standard input is a terminal: give it {wanted}")


def test_standard_input_is_read_once() -> None:
    for verb in (["analyze", "-", "-"], ["compare", "-", "-"], ["run", "-", "-"]):
        assert "standard input can be read once" in finwait(*verb, stdin=b"").err


@pytest.mark.parametrize(
    ("arguments", "english", "chinese"),
    [
        (
            ["analyze", "--where", " ", FOUR_WAY],
            "--where is a condition",
            "--where 需要一个条件",
        ),
        (
            ["run", "--until", "nan", PKT],
            "nan is no number",
            "nan 不是数",
        ),
        (["run", "-D", "x", PKT], "-D x: write NAME=VALUE", "-D x：请写 名字=值"),
        (["run", "--variants", "ipv5", PKT], "no variant ipv5", "没有 ipv5 这个变体"),
        (["run", "--variants", "ipv4,ipv6", "--pcap", "x", PKT], "there are 2", "这里有 2 次"),
        (["run", "--mtu", "x", PKT], "--mtu is x, which is not a number", "--mtu 是 x，而它应是"),
        (["run", "--ip_version", "7", PKT], "--ip_version cannot be 7", "--ip_version 不能是 7"),
        (["run", str(EXAMPLES / "pictures")], "No such file or directory", "没有这个文件或目录"),
        (["run", str(Path(__file__).parent)], "no *.pkt in this folder", "目录中没有 *.pkt"),
        (["peer", "--reply", "no such file"], "No such file or directory", "没有这个文件或目录"),
        (["peer", "--netns", "none", "--for", "0"], "No such file", "没有这个文件或目录"),
        (["peer", "--reply", "-1"], "a reply has from 0 to", "应答的长度为 0 到"),
    ],
)
def test_misuse_is_told_in_both_languages(arguments: list[str], english: str, chinese: str) -> None:
    done = finwait(*arguments)
    assert done.code in {1, 3}
    assert english in done.err
    told = finwait("--lang", "zh", *arguments)
    assert told.code == done.code
    assert chinese in told.err
    assert not done.out + told.out
