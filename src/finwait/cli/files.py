"""Files that a command line names: those that are read, those that are written, and that none is both.

A verb says with `READ` and `WRITTEN` which of its parameters are which; `checked` looks at them before the verb begins.
"""

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Final, TypeVar

import click

from finwait.cli.options import helps
from finwait.cli.sink import STDOUT, check_file
from finwait.errors import STDIN, CannotWrite, Misuse, called, shown
from finwait.verdict.language import Text

Command = TypeVar("Command", bound=Callable[..., object])


A_CAPTURE: Final = Text(
    "a capture, as in tcpdump -U -w - | finwait analyze -",
    "一份抓包，例如 tcpdump -U -w - | finwait analyze -",
)


class Read(click.types.StringParamType):
    """A file that is read, or a folder: then those of its files that `inside` gives; "-" is standard input.

    `wanted` says what is to be read there, with an example.
    """

    name = "file"

    def __init__(
        self,
        inside: Callable[[Path], Iterable[Path]] = Path.iterdir,
        wanted: Text = A_CAPTURE,
    ) -> None:
        self.inside = inside
        self.wanted = wanted

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Refuse what names nothing."""
        if not value:
            self.fail(_empty(), param, ctx)
        return str(super().convert(value, param, ctx))


class _Named(click.Path):
    """A name that is given to be written at."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Refuse what names nothing, and what cannot be written at, before anything is done for it."""
        path = os.fspath(value)
        if not path:
            self.fail(self.empty(), param, ctx)
        self.look(path, param, ctx)
        return path

    def empty(self) -> str:
        """What to say of no name."""
        return _empty()

    def look(self, path: str, param: click.Parameter | None, ctx: click.Context | None) -> None:
        """Refuse what is there and of another kind, in click's words."""
        click.Path.convert(self, path, param, ctx)


class Written(_Named):
    """A file that is written; "-" is standard output."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False)

    def look(self, path: str, param: click.Parameter | None, ctx: click.Context | None) -> None:
        """Refuse what cannot become a file. Raises CannotWrite if its folder is none, or takes no files."""
        super().look(path, param, ctx)
        parent = Path(path).parent
        if not parent.is_dir():
            there = parent.exists()
            number = errno.ENOTDIR if there else errno.ENOENT
            said = (
                f"{shown(str(parent))} is no folder" if there else f"no folder {shown(str(parent))}"
            )
            raise CannotWrite(path, OSError(number, said))
        check_file(path)


class Folder(_Named):
    """A folder that is written into."""

    def __init__(self) -> None:
        super().__init__(file_okay=False)

    def empty(self) -> str:
        """What to say of no name."""
        return helps("the name is empty: give a folder", "名字为空：请给出一个目录")

    def look(self, path: str, param: click.Parameter | None, ctx: click.Context | None) -> None:
        """Refuse what is there and no folder."""
        if Path(path).exists() and not Path(path).is_dir():
            self.fail(helps(f"{path} is no folder", f"{path} 不是目录"), param, ctx)


READ: Final = Read()
WRITTEN: Final = Written()
FOLDER: Final = Folder()


def pcap_option(command: Command) -> Command:
    """Give a verb the option `--pcap FILE`; it gets the argument `pcap`."""
    return click.option(
        "--pcap",
        type=WRITTEN,
        metavar="FILE",
        callback=_not_for_a_terminal,
        help=helps(
            "Keep the packets here, as pcapng; - is standard output, and all words go to standard error.",
            "把报文以 pcapng 存入此文件；- 表示标准输出，此时所有文字都写到标准错误。",
        ),
    )(command)


def _not_for_a_terminal(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    del ctx, parameter
    if value == STDOUT and sys.stdout.isatty():
        raise Misuse(
            "pcapng is not for a terminal: give --pcap FILE or a pipe",
            "pcapng 不适合终端：请给出 --pcap FILE 或使用管道",
        )
    return value


def _empty() -> str:
    return helps("the name is empty: give a file", "文件名为空：请给出一个文件")


def checked(command: click.Command) -> None:
    """Have a verb refuse files that do not go together, before it begins."""
    run = command.callback
    if run is None:
        return

    @wraps(run)
    def begun(**given: object) -> object:
        check(command.params, given)
        return run(**given)

    command.callback = begun


def check(parameters: Iterable[click.Parameter], given: Mapping[str, object]) -> None:
    """Raise Misuse if a file would be both read and written, or written twice, or standard input cannot be read."""
    read: list[tuple[str, Read]] = []
    written: list[str] = []
    for parameter in parameters:
        value = given.get(parameter.name or "")
        paths = value if isinstance(value, tuple) else (value,)
        for path in paths:
            match parameter.type, path:
                case Read() as kind, str():
                    read.append((path, kind))
                case Written(), str() if path != STDOUT:
                    written.append(path)
    _check_stdin([kind for path, kind in read if path == STDIN])
    for path in written:
        _check_apart(path, read)
    _check_once(written)
    _check_stdout(read)


def _check_stdin(kinds: list[Read]) -> None:
    if not kinds:
        return
    if len(kinds) > 1:
        raise Misuse(
            "standard input can be read once: give - once",
            "标准输入只能读一次：请只给出一个 -",
        )
    # Python has no sys.stdin where the shell gave none (<&-), whatever its type says
    given: object = sys.stdin
    wanted = kinds[0].wanted
    if given is None:
        raise Misuse(
            f"standard input is closed: give it {wanted.en}", f"标准输入已关闭：请给它{wanted.zh}"
        )
    if sys.stdin.isatty():
        raise Misuse(
            f"standard input is a terminal: give it {wanted.en}",
            f"标准输入是终端：请给它{wanted.zh}",
        )


def _check_apart(out: str, read: list[tuple[str, Read]]) -> None:
    target = _regular(out)
    for path, kind in read if target else ():
        if any(one and target and os.path.samestat(target, one) for one in _inodes(path, kind)):
            raise Misuse(
                f"{shown(out)} would be written over {called(path, 'en')}, which is read: give another name",
                f"{shown(out)} 会覆盖正在读取的 {called(path, 'zh')}：请换一个名字",
            )


def _check_once(written: list[str]) -> None:
    found: dict[Path, str] = {}
    for path in written:
        other = found.setdefault(Path(path).resolve(), path)
        if other is not path and _is_replaced(path):
            raise Misuse(
                f"{shown(path)} would be written twice: give two names",
                f"{shown(path)} 会被写入两次：请给出两个名字",
            )


def _is_replaced(path: str) -> bool:
    """Whether writing takes the place of what was written before; /dev/null takes everything."""
    return not Path(path).exists() or Path(path).is_file()


def _check_stdout(read: list[tuple[str, Read]]) -> None:
    """`finwait … FILE >> FILE`; after `> FILE` there is nothing left in it to lose."""
    out = _stat(1)
    for path, _ in read if out and stat.S_ISREG(out.st_mode) else ():
        one = _stat(0 if path == STDIN else path)
        if one and out and os.path.samestat(out, one):
            raise Misuse(
                "standard output is a file that is read: let it go to another",
                "标准输出就是正在读取的文件：请改为另一个文件",
            )


def _inodes(path: str, kind: Read) -> Iterator[os.stat_result | None]:
    if path == STDIN:
        yield _stat(0)
        return
    yield _stat(path)
    with suppress(OSError):  # a folder that cannot be listed: the reading says so
        if Path(path).is_dir():
            yield from map(_stat, kind.inside(Path(path)))


def _regular(path: str) -> os.stat_result | None:
    """The file that a name has now, by whatever name; None if it has none, or is no plain file."""
    found = _stat(path)
    return found if found and stat.S_ISREG(found.st_mode) else None


def _stat(file: str | Path | int) -> os.stat_result | None:
    try:
        return os.stat(file)  # noqa: PTH116  # of a descriptor, too
    except (OSError, ValueError):
        return None
