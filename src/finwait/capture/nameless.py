"""A file for a moment, for readers that want a path: it has no name, so it is gone with this process, however that ends."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, NamedTuple

PREFIX: Final = "finwait-"
OPEN_FILES: Final = Path("/proc/self/fd")


class Nameless(NamedTuple):
    """The file, open to be written and read, and a path by which this process can open it anew."""

    file: IO[bytes]
    path: str


@contextmanager
def nameless(octets: bytes = b"") -> Iterator[Nameless]:
    """Make a file that begins with these octets. Raises OSError.

    It lies in the folder for temporary files. Where there is no /proc it has a name, and is removed at the end.
    """
    if OPEN_FILES.exists():
        with tempfile.TemporaryFile(prefix=PREFIX) as file:
            file.write(octets)
            file.flush()
            yield Nameless(file, f"{OPEN_FILES}/{file.fileno()}")
        return
    with tempfile.NamedTemporaryFile(prefix=PREFIX) as named:
        named.write(octets)
        named.flush()
        yield Nameless(named.file, named.name)
