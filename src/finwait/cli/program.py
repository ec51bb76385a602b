"""Runs one verb, and turns what goes wrong into a message and an exit code."""

import errno
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from finwait.cli import codes
from finwait.cli.help import teach
from finwait.cli.options import choose, speak
from finwait.errors import CannotWrite, FinwaitError
from finwait.verdict.language import Lang, Text, language

_CLOSED = Text(
    "standard output is closed: give it a file, or >/dev/null",
    "标准输出已关闭：请给出一个文件，或 >/dev/null",
)
_BUG = Text(
    "this is a bug in finwait: please report the lines above",
    "这是 finwait 的缺陷：请把以上内容报告给我们",
)


def run(arguments: Sequence[str] | None) -> int:
    """Do what `finwait.cli.main` promises, but for Ctrl-C, which it lets through."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    lang = choose(given, os.environ)
    speak(lang)  # before the verbs are imported: their help is made then
    teach(lang)
    from finwait.cli.verbs import group

    if not _standard_streams():
        return codes.MISUSE
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sign shows ?
    try:
        return _guarded(lambda: _run(group, given), lang)
    except Exception:  # noqa: BLE001  # the last one who can say so
        traceback.print_exc()
        print(f"finwait: {_BUG.say(lang)}", file=sys.stderr)
        return codes.BUG


def _standard_streams() -> bool:
    """Whether what Python needs to speak is open; `finwait … >&-` closes standard output.

    The next file that is opened would get its number, and results would be written into it.
    """
    given: tuple[object, object] = (
        sys.stdout,
        sys.stderr,
    )  # None where closed, whatever the types say
    if given[1] is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  # as long as the process
    if given[0] is None:
        print(f"finwait: {_CLOSED.say(language())}", file=sys.stderr)
        return False
    return True


def _run(group: click.Group, arguments: list[str]) -> object:
    """Parse and run. Not by click's own `main`, which would answer a closed pipe with code 1."""
    with group.make_context("finwait", arguments) as context:
        return group.invoke(context)


def _guarded(run: Callable[[], object], lang: Lang) -> int:
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
        print(f"finwait: {error.say(lang)}", file=sys.stderr)
        return codes.code_of(error)
    except OSError as error:
        return _refused(error, lang)
    return code if isinstance(code, int) else codes.DONE


def _refused(error: OSError, lang: Lang) -> int:
    """Standard output cannot be written: its reader left, or the disk is full."""
    os.dup2(
        os.open(os.devnull, os.O_WRONLY), 1
    )  # nothing more fails when Python flushes at its end
    if error.errno == errno.EPIPE:
        return codes.READER_LEFT
    print(f"finwait: {CannotWrite(error.filename, error).say(lang)}", file=sys.stderr)
    return codes.REFUSED
