"""What can go wrong, split by whose fault it is. Any other exception is a bug in finwait."""

import errno
from copy import copy
from typing import Final, Self

STDIN: Final = "-"
"""What a capture or a script is called that comes from standard input."""
_CHINESE: Final = {
    errno.ENOENT: "没有这个文件或目录",
    errno.EACCES: "没有权限",
    errno.EPERM: "不允许这样操作",
    errno.EISDIR: "这是一个目录",
    errno.ENOTDIR: "路径中有一部分不是目录",
    errno.ENAMETOOLONG: "文件名太长",
    errno.ELOOP: "符号链接层数太多",
    errno.EMFILE: "打开的文件太多",
    errno.EROFS: "文件系统是只读的",
    errno.EIO: "输入输出错误",
    errno.EBADF: "它没有打开",
}
"""What the system says, whose own words are English wherever no language is installed."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def shown(path: str) -> str:
    """Write a path on one line: a file's name may hold line ends, and codes that a terminal obeys."""
    return "".join(ch if ch.isprintable() else ascii(ch)[1:-1] for ch in path)


def called(path: str, lang: str) -> str:
    """Name a capture or a script in a sentence in "en" or "zh": "-" is standard input."""
    if path == STDIN:
        return "标准输入" if lang == "zh" else "standard input"
    return shown(path)


class FinwaitError(Exception):
    """Something that finwait can explain. Never raised itself: see its children.

    Its text is English, as those of Python are; `say` has it in Chinese, too, where that was given.
    """

    def __init__(self, english: str, chinese: str | None = None) -> None:
        super().__init__(english)
        self._chinese = chinese

    def say(self, lang: str) -> str:
        """Give the message in "en" or "zh"."""
        return self._chinese if lang == "zh" and self._chinese is not None else str(self)

    def followed(self, english: str, chinese: str) -> Self:
        """Give the same with more words behind it."""
        more = copy(self)
        more.args, more._chinese = (f"{self}{english}",), f"{self.say('zh')}{chinese}"
        return more

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes: children are made from other arguments than they keep."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[FinwaitError], args: tuple[object, ...], state: dict[str, object]) -> object:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class BadCapture(FinwaitError):
    """The bytes of a capture are not what its format promises.

    `path` as the user gave it, `offset` in bytes into the uncompressed stream.
    """

    def __init__(self, path: str, offset: int, message: str, chinese: str | None = None) -> None:
        super().__init__(
            f"{called(path, 'en')}: offset {offset}: {message}",
            f"{called(path, 'zh')}：偏移 {offset}：{chinese or message}",
        )
        self.path = path
        self.offset = offset


class CannotOpen(FinwaitError):
    """The operating system refused: no such file, no permission."""

    def __init__(self, path: str, message: str, chinese: str | None = None) -> None:
        super().__init__(
            f"{called(path, 'en')}: {message}", f"{called(path, 'zh')}：{chinese or message}"
        )
        self.path = path

    @classmethod
    def of(cls, path: str, error: OSError) -> Self:
        """Say what the system said."""
        return cls(path, error.strerror or str(error), said_in_chinese(error))


class CannotWrite(FinwaitError):
    """The operating system refused to write: a full disk, no permission.

    `path` as the user gave it; None is standard output.
    """

    def __init__(self, path: str | None, error: OSError) -> None:
        name = None if path is None else shown(path)
        english, chinese = error.strerror or str(error), said_in_chinese(error)
        if error.errno in _FULL:
            english = f"{english}; free some space, or write elsewhere"
            chinese = "磁盘已满；请腾出空间，或写到别处"
        super().__init__(
            f"{name or 'standard output'} cannot be written: {english}",
            f"无法写入{f' {name}' if name else '标准输出'}：{chinese}",
        )
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
        place = f":{line}:{column}" if column else f":{line}"
        self.place = f"{called(path, 'en')}{place}"
        super().__init__(f"{self.place}: {message}", f"{called(path, 'zh')}{place}: {message}")
        self.path = path
        self.line = line
        self.column = column
        self.expected = expected
        self.source = source


class Misuse(FinwaitError):
    """The caller asked for something that does not exist or makes no sense."""


def system_in_chinese(number: int | None) -> str | None:
    """Say an error of the system in Chinese, if it is one of those that people meet."""
    return None if number is None else _CHINESE.get(number)


def said_in_chinese(error: OSError) -> str:
    """Say what the system said in Chinese; in its own words if it is not one of those that people meet."""
    return system_in_chinese(error.errno) or error.strerror or str(error)
