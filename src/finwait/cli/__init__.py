"""The command line. One module a verb, imported when that verb is called and not before."""

import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

import click

from finwait import errors
from finwait.version import VERSION

DONE = 0
MISUSE = 1
BAD_INPUT = 2
REFUSED = 3
BUG = 70
"""EX_SOFTWARE of sysexits.h: an exception that finwait did not foresee."""
INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""
READER_LEFT = 141
"""128 + SIGPIPE: whoever read standard output went away."""


class Verb(NamedTuple):
    """What `finwait --help` says of a verb without importing it."""

    short: str
    example: str


VERBS = {
    "analyze": Verb(
        "Who closed each connection of a capture, how, and why.", "finwait analyze day.pcap"
    ),
    "explain": Verb("One connection, segment by segment.", "finwait explain day.pcap 17"),
}


class Verbs(click.Group):
    """The group that finds a verb's module by its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order a newcomer needs them."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the module of one verb."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"finwait.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)  # noqa: S101  # ours, see VERBS
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the verbs, each with an example."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.short) for name, verb in VERBS.items()])
        with formatter.section("Examples"):
            for verb in VERBS.values():
                formatter.write_text(verb.example)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, message="finwait %(version)s")
def group() -> None:
    """Why did this TCP connection end the way it did: who closed it, how, and why?"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb and returns its exit code. See docs/cli.md for the codes."""
    try:
        code = group.main(arguments, prog_name="finwait", standalone_mode=False)
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return MISUSE
    except errors.FinwaitError as error:
        print(f"finwait: {error}", file=sys.stderr)
        return _code_of(error)
    return code if isinstance(code, int) else DONE


def _code_of(error: errors.FinwaitError) -> int:
    match error:
        case errors.BadCapture() | errors.BadScript():
            return BAD_INPUT
        case errors.CannotOpen() | errors.MissingPrivilege():
            return REFUSED
        case _:
            return MISUSE
