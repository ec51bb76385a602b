"""What can go wrong, split by whose fault it is. Any other exception is a bug in finwait."""


class FinwaitError(Exception):
    """Something that finwait can explain. Never raised itself: see its children."""


class BadCapture(FinwaitError):
    """The bytes of a capture are not what its format promises.

    `path` as the user gave it, `offset` in bytes into the uncompressed stream.
    """

    def __init__(self, path: str, offset: int, message: str) -> None:
        super().__init__(f"{path}: offset {offset}: {message}")
        self.path = path
        self.offset = offset


class CannotOpen(FinwaitError):
    """The operating system refused: no such file, no permission."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class MissingPrivilege(FinwaitError):
    """What was asked needs a right that this process has not, such as CAP_NET_ADMIN."""


class BadScript(FinwaitError):
    """A script (packetdrill) that cannot be understood. `line` and `column` count from 1; column 0: none is known.

    `expected`: what could stand there, in an author's words. `source`: the line of the script.
    """

    def __init__(
        self,
        path: str,
        line: int,
        message: str,
        *,
        column: int = 0,
        expected: tuple[str, ...] = (),
        source: str = "",
    ) -> None:
        place = f"{path}:{line}:{column}" if column else f"{path}:{line}"
        super().__init__(f"{place}: {message}")
        self.path = path
        self.line = line
        self.column = column
        self.expected = expected
        self.source = source


class Misuse(FinwaitError):
    """The caller asked for something that does not exist or makes no sense."""
