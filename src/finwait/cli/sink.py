"""Where results go: standard output, or a file that appears when it is whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from finwait.errors import CannotWrite

STDOUT: Final = "-"


@contextmanager
def opened(path: str | None) -> Iterator[IO[bytes]]:
    """Open the file to write, or standard output for None and "-". Raises CannotWrite, or BrokenPipeError.

    A regular file appears under its name when all is written, so nobody reads half of it.
    """
    try:
        if path is None or path == STDOUT:
            with os.fdopen(os.dup(1), "wb") as stream:
                yield stream
            return
        target = Path(path).resolve()
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:
                yield stream
            return
        with _made_whole(target) as stream:
            yield stream
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CannotWrite(path, error) from error


@contextmanager
def _made_whole(target: Path) -> Iterator[IO[bytes]]:
    """Write beside the target, and put it there at the end; nothing is left where that fails."""
    import tempfile  # 5 ms that standard output does not need

    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".finwait-")
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
        made.chmod(0o666 & ~_umask())
        made.replace(target)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
