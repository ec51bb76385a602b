"""Ctrl-C at any moment of the start: exit code 130 and not a word."""

import subprocess
import sys

import pytest

from .command import FOUR_WAY, environment

INTERRUPTED_AT = """
import os, signal, sys

class Interrupter:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            sys.meta_path.remove(self)
            print("interrupted", flush=True)
            os.kill(os.getpid(), signal.SIGINT)

from finwait.cli import main
sys.meta_path.insert(0, Interrupter())
sys.exit(main(sys.argv[2:]))
"""
"""Sends the signal when a module is looked for: a moment that no sleep would meet."""


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("finwait.cli.program", ["--version"]),
        ("click", ["--version"]),
        ("finwait.cli.help", ["--help"]),
        ("finwait.cli.verbs", ["--help"]),
        ("finwait.cli.analyze", ["analyze", FOUR_WAY]),
        ("finwait._core", ["analyze", FOUR_WAY]),
        ("finwait.cli.explain", ["explain", FOUR_WAY, "0"]),
        ("finwait.explain.read", ["explain", FOUR_WAY, "0"]),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:1]),
)
def test_interrupted_while_it_starts(module: str, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT, module, *arguments],
        capture_output=True,
        text=True,
        env=environment({}),
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "")
    assert done.stdout == "interrupted\n"


def test_a_shell_that_ignores_the_signal_is_obeyed() -> None:
    """nohup and `&` without job control leave SIGINT ignored: no verb may turn it on again."""
    script = INTERRUPTED_AT.replace(
        "from finwait.cli", "signal.signal(signal.SIGINT, signal.SIG_IGN)\nfrom finwait.cli"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "click", "--version"],
        capture_output=True,
        text=True,
        env=environment({}),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("interrupted\nfinwait ")
