"""Where results go: standard output, or a file that appears when it is whole."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from finwait.errors import CannotWrite

STDOUT: Final = "-"
PREFIX: Final = ".finwait-"
"""Of names that a file has until it is whole."""


@contextmanager
def opened(path: str | None) -> Iterator[IO[bytes]]:
    """Open the file to write, or standard output for None and "-". Raises CannotWrite, or BrokenPipeError.

    A regular file appears under its name when all is written, so nobody reads half of it.
    """
    try:
        if path is None or _is_stdout(path):
            with os.fdopen(os.dup(1), "wb") as stream:
                yield stream
            return
        named = Path(path)  # not resolved yet: what /dev/fd/63 leads to need not have a name
        if _is_no_file(named):
            with named.open("wb") as stream:
                yield stream
            return
        with _made_whole(named.resolve()) as stream:
            yield stream
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CannotWrite(None if path == STDOUT else path, error) from error


def check_file(path: str) -> None:
    """Find out whether `opened` could make this file. Raises CannotWrite."""
    if not _is_stdout(path) and not _is_no_file(Path(path)):
        check_folder(Path(path).resolve().parent, path)


def check_folder(folder: str | Path, name: str) -> None:
    """Find out whether files can be made in a folder, by making one without a name. Raises CannotWrite, which says `name`."""
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=folder, prefix=PREFIX):
            pass
    except OSError as error:
        if error.errno == errno.ENOENT and Path(folder).is_dir():  # as /proc says it
            error = OSError(errno.EPERM, os.strerror(errno.EPERM))
        raise CannotWrite(name, error) from None


def _is_no_file(named: Path) -> bool:
    """Whether there is a pipe or a device, which is written into as it comes."""
    return named.exists() and not named.is_file()


def _is_stdout(path: str) -> bool:
    """Whether a name, such as - and /dev/stdout, is that of standard output; one that replaces it would lose the rest."""
    if path == STDOUT:
        return True
    try:
        return os.path.samestat(os.stat(path), os.fstat(1))  # noqa: PTH116  # as fstat
    except OSError:
        return False


@contextmanager
def _made_whole(target: Path) -> Iterator[IO[bytes]]:
    """Write beside the target, and put it there at the end; nothing is left where that fails."""
    import tempfile  # 5 ms that standard output does not need

    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=PREFIX)
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
        made.chmod(_mode(target))
        made.replace(target)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def _mode(target: Path) -> int:
    """Who may read and write it: as before, or as is usual for new files."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
