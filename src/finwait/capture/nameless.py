"""A file for a moment, for readers that want a path: it has no name, so it is gone with this process, however that ends."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final, NamedTuple

from finwait.errors import CannotWrite

PREFIX: Final = "finwait-"
OPEN_FILES: Final = Path("/proc/self/fd")


class Nameless(NamedTuple):
    """The file, open to be read, and a path by which this process can open it anew."""

    file: IO[bytes]
    path: str

    def write(self, octets: bytes) -> None:
        """Write, so that all of it is there for who opens it. Raises CannotWrite."""
        with _named():
            self.file.write(octets)
            self.file.flush()


@contextmanager
def nameless(octets: bytes = b"") -> Iterator[Nameless]:
    """Make a file that begins with these octets. Raises CannotWrite.

    It lies in the folder for temporary files. Where there is no /proc it has a name, and is removed at the end.
    """
    with ExitStack() as kept:
        with _named():
            if OPEN_FILES.exists():
                file = kept.enter_context(tempfile.TemporaryFile(prefix=PREFIX))
                made = Nameless(file, f"{OPEN_FILES}/{file.fileno()}")
            else:
                named = kept.enter_context(tempfile.NamedTemporaryFile(prefix=PREFIX))
                made = Nameless(named.file, named.name)
        made.write(octets)
        yield made


@contextmanager
def _named() -> Iterator[None]:
    """Name the folder in what goes wrong: the file has no name."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(folder(), error) from error


def folder() -> str:
    """Name the folder where these files lie."""
    return str(tempfile.tempdir or os.environ.get("TMPDIR") or "/tmp")  # noqa: S108  # said, not used
