"""The command line. One module a verb, imported when that verb is called and not before."""

import errno
import os
import sys
import traceback
from collections.abc import Callable, Sequence

import click

from finwait.cli import codes
from finwait.cli.options import choose, speak
from finwait.errors import FinwaitError
from finwait.verdict.language import Text

_BUG = Text(
    "this is a bug in finwait: please report the lines above",
    "这是 finwait 的缺陷：请把以上内容报告给我们",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code (`finwait.cli.codes`)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    lang = choose(given, os.environ)
    speak(lang)  # before the verbs are imported: their help is made then
    from finwait.cli.verbs import group

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sign shows ?
    try:
        return _guarded(lambda: _run(group, given))
    except KeyboardInterrupt:
        return codes.INTERRUPTED
    except Exception:  # noqa: BLE001  # the last one who can say so
        traceback.print_exc()
        print(f"finwait: {_BUG.say(lang)}", file=sys.stderr)
        return codes.BUG


def _run(group: click.Group, arguments: list[str]) -> object:
    """Parse and run. Not by click's own `main`, which would answer a closed pipe with code 1."""
    with group.make_context("finwait", arguments) as context:
        return group.invoke(context)


def _guarded(run: Callable[[], object]) -> int:
    """Run, and turn the errors that have somebody to blame into a message and an exit code."""
    try:
        code = run()
        sys.stdout.flush()
    except click.exceptions.Exit as done:  # --help and --version
        return done.exit_code
    except click.exceptions.Abort:
        return codes.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return codes.MISUSE
    except FinwaitError as error:
        print(f"finwait: {error}", file=sys.stderr)
        return codes.code_of(error)
    except OSError as error:
        return _refused(error)
    return code if isinstance(code, int) else codes.DONE


def _refused(error: OSError) -> int:
    """Standard output cannot be written: its reader left, or the disk is full."""
    os.dup2(
        os.open(os.devnull, os.O_WRONLY), 1
    )  # nothing more fails when Python flushes at its end
    if error.errno == errno.EPIPE:
        return codes.READER_LEFT
    print(f"finwait: {error}", file=sys.stderr)
    return codes.REFUSED
