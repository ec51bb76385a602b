"""From a capture to an explanation, by way of the core."""

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from shlex import quote

from finwait import _core
from finwait.capture.connection import Connection
from finwait.capture.connections import Progress, Source, blame, paths_of
from finwait.errors import STDIN, BadCapture, CannotOpen, FinwaitError, Misuse, called
from finwait.explain.ends import below_zero, which
from finwait.explain.explanation import Explanation
from finwait.verdict.language import Text

_CHUNK = 1 << 16
"""Octets of standard input that are copied at once."""


def read(
    source: Source | Sequence[Source],
    conn: int | str,
    *,
    joined: bool,
    absolute: bool,
    max_segments: int,
    progress: Progress | None,
) -> Explanation:
    """Do what `finwait.explain` promises."""
    paths = paths_of(source)
    asked = which(conn) if isinstance(conn, str) else conn
    if isinstance(asked, int) and asked < 0:
        raise below_zero(asked)
    if max_segments < 1:
        raise Misuse("max_segments is 1 or more", "max_segments 至少为 1")
    with kept(paths) as files:
        found, broken, several = _core.explain(
            files,
            joined=joined,
            conn=asked if isinstance(asked, int) else None,
            ends=asked if isinstance(asked, tuple) and len(asked) == 4 else None,
            end=asked if isinstance(asked, tuple) and len(asked) == 2 else None,
            max_steps=max_segments,
            progress=progress,
        )
    names = dict(zip(files, paths, strict=True))
    faults = [blame(fault, names) for fault in broken]
    if found is not None:
        source = str(found.row["source"])
        found.row["source"] = names.get(source, source)
        return Explanation(found, absolute=absolute, faults=faults)
    if several is not None:
        raise _several(str(conn).strip(), *several, paths)
    if faults:
        raise _broken(faults[0], conn)
    raise Misuse(
        f"no connection {conn} in {', '.join(called(path, 'en') for path in paths)}: `finwait analyze` lists what there is",
        f"{'、'.join(called(path, 'zh') for path in paths)} 中没有连接 {conn}：`finwait analyze` 会列出所有连接",
    )


def _broken(fault: FinwaitError, conn: int | str) -> FinwaitError:
    """Say what broke, and that what came before has no such connection, if anything came before."""
    if not isinstance(fault, BadCapture) or not fault.offset:
        return fault
    return fault.followed(
        f"; what came before has no connection {conn}, so there is nothing to show or to write",
        f"；此前的内容中没有连接 {conn}，因此没有可显示或写出的内容",
    )


def _several(asked: str, count: int, first: list[dict[str, object]], paths: list[str]) -> Misuse:
    """Say that several connections have this end, and how to name one; not all are listed."""
    rows = [Connection.of(record) for record in first]
    listed = [f"  {row.conn}  {row.client}-{row.server}  {row.close}" for row in rows]
    where = f"\"client = '{asked}' OR server = '{asked}'\""
    command = " ".join(["finwait analyze --where", where, *map(quote, paths)])
    more = Text(
        f"  … all {count}: {command}" if count > len(rows) else "",
        f"  … 全部 {count} 个：{command}" if count > len(rows) else "",
    )
    return Misuse(
        "\n".join(
            [
                f"{count} connections have the end {asked}: name one by its number, or by both ends",
                *filter(None, [*listed, more.en]),
            ]
        ),
        "\n".join(
            [
                f"有 {count} 个连接的一端是 {asked}：请用编号或两端指明一个",
                *filter(None, [*listed, more.zh]),
            ]
        ),
    )


@contextmanager
def kept(paths: list[str]) -> Iterator[list[str]]:
    """Keep standard input and pipes in files, because a capture is read twice: to judge, and to tell."""
    if not any(map(_passes, paths)):
        yield paths
        return
    from finwait.capture.nameless import nameless

    with ExitStack() as stack:
        files = {path: stack.enter_context(nameless()) for path in paths if _passes(path)}
        for path, file in files.items():
            for chunk in octets(path):
                file.write(chunk)
        yield [files[path].path if path in files else path for path in paths]


def _passes(path: str) -> bool:
    """Whether what it gives is gone once it was read."""
    try:
        return path == STDIN or stat.S_ISFIFO(os.stat(path).st_mode)  # noqa: PTH116  # as of any name
    except OSError:
        return False


def octets(path: str) -> Iterator[bytes]:
    """Read standard input, or a pipe that has a name, to its end. Raises CannotOpen."""
    given: object = sys.stdin  # None where the shell gave none (<&-), whatever its type says
    if path == STDIN and given is None:
        raise CannotOpen(STDIN, "it is closed", "它没有打开")
    try:
        with nullcontext(sys.stdin.buffer) if path == STDIN else Path(path).open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise CannotOpen.of(path, error) from error
