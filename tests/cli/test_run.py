"""`finwait run`: exit codes, forms, several scripts at once."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from finwait.cli import codes

EXAMPLES = Path(__file__).parents[2] / "examples"
GOOD = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 close(3) = 0\n"
BAD = GOOD.replace("close(3) = 0", "close(3) = 1")


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "finwait.cli", "run", "--lang", "en", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def test_the_study(tmp_path: Path) -> None:
    kept = tmp_path / "closing.pcapng"
    done = run(str(EXAMPLES / "closing.pkt"), "--until", "3", "--explain", "--pcap", str(kept))
    assert done.returncode == codes.DONE, done.stderr
    assert "state: CLOSING" in done.stdout
    assert "no ACK of 3002" in done.stdout
    assert "FIN never acked" in done.stdout
    assert kept.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"


def test_verbose_tells_every_packet_on_standard_error() -> None:
    script = str(EXAMPLES / "closing-complete.pkt")
    plain, done = run(script), run(script, "-v")
    assert done.stdout == plain.stdout
    *lines, counted = done.stderr.splitlines()
    told = json.loads(run(script, "--verbose", "--format", "json").stdout)
    assert told[0]["status"] == "passed"
    ways = [line.split()[1] for line in lines]
    assert lines[0].split()[1:4] == ["<", "S", "0:0(0)"]
    assert re.fullmatch(
        rf"  {ways.count('<')} packets to the stack, {ways.count('>')} from it; .* bytes of payload; .*",
        counted,
    )
    assert len({line.split()[2] for line in lines if "F" in line.split()[2]}) == 1, "both FINs"
    assert "送入协议栈" in run(script, "-v", "--lang", "zh").stderr


def test_debug_is_no_option() -> None:
    done = run(str(EXAMPLES / "closing-complete.pkt"), "--debug")
    assert (done.returncode, "No such option '--debug'" in done.stderr) == (codes.MISUSE, True)


def test_exit_codes(tmp_path: Path) -> None:
    for name, text in (("good", GOOD), ("bad", BAD), ("broken", "0 nonsense")):
        (tmp_path / f"{name}.pkt").write_text(text)
    assert run(str(tmp_path / "good.pkt")).returncode == codes.DONE
    assert run(str(tmp_path / "bad.pkt")).returncode == codes.SCRIPT_FAILED
    assert run(str(tmp_path / "broken.pkt")).returncode == codes.BAD_INPUT
    assert run(str(tmp_path / "broken.pkt"), "--dry-run").returncode == codes.BAD_INPUT
    assert run(str(tmp_path / "none.pkt")).returncode == codes.REFUSED
    assert run(str(tmp_path / "good.pkt"), "--mtu=1").returncode == codes.MISUSE


def test_a_folder_at_once_in_every_form(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{number}.pkt").write_text(BAD if number == 2 else GOOD)
    (tmp_path / "v6.pkt").write_text(GOOD)
    xml = tmp_path / "report.xml"
    done = run(
        str(tmp_path), "-j", "2", "--variants", "ipv4,ipv6", "--format", "json", "--junit", str(xml)
    )
    assert done.returncode == codes.SCRIPT_FAILED
    told = json.loads(done.stdout)
    assert [one["status"] for one in told].count("failed") == 2
    assert len(told) == 4 * 2 + 1
    assert ElementTree.parse(xml).getroot().get("failures") == "2"  # noqa: S314 - we wrote it
    assert "1..5\n" in run(str(tmp_path), "--tap").stdout


def test_seconds_that_are_no_number(tmp_path: Path) -> None:
    (tmp_path / "good.pkt").write_text(GOOD)
    for option in ("--until", "--time-limit"):
        for seconds, why in (("nan", "nan is no number"), ("inf", "inf is not in the range")):
            done = run(str(tmp_path / "good.pkt"), option, seconds)
            assert done.returncode == codes.MISUSE, done.stderr
            assert f"'{option}': {why}" in done.stderr


def test_the_kernel_has_no_other_profile(tmp_path: Path) -> None:
    (tmp_path / "good.pkt").write_text(GOOD)
    done = run(str(tmp_path / "good.pkt"), "--stage", "kernel", "--profile", "freebsd")
    assert (done.returncode, done.stdout) == (codes.MISUSE, "")
    assert "the kernel is its own profile: --profile freebsd" in done.stderr


def test_the_example_is_linux_and_where_the_others_differ() -> None:
    """What docs/run.md says of it."""
    for profile, place, what in (
        ("rfc9293", "closing.pkt:20:1", "payload length differs: expected 3000, was 2920"),
        ("freebsd", "closing.pkt:29:1", "flag FIN differs: expected none, was FIN"),
    ):
        done = run(str(EXAMPLES / "closing.pkt"), "--until", "3", "--profile", profile)
        assert done.returncode == codes.SCRIPT_FAILED
        assert f"{place}: {what}" in done.stdout


def test_help_has_every_exit_code() -> None:
    told = run("--help").stdout
    for code in (*range(5), 130):
        assert f"\n    {code} " in told
    assert "143" in told


def test_dry_run_checks_the_calls(tmp_path: Path) -> None:
    (tmp_path / "x.pkt").write_text(GOOD + "+0 close(4, 5) = 0\n")
    done = run(str(tmp_path / "x.pkt"), "--dry-run")
    assert done.returncode == codes.BAD_INPUT
    assert (
        "x.pkt:3:4: close takes 1 argument, 2 were given\n+0 close(4, 5) = 0\n   ^^^^^"
        in done.stderr
    )
