"""From a capture to an explanation, by way of the core."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from finwait import _core
from finwait.capture.connections import Progress, Source, blame, paths_of
from finwait.errors import CannotWrite, Misuse
from finwait.explain.ends import Ends, which
from finwait.explain.explanation import Explanation

STDIN = "-"


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
    asked: int | Ends = which(conn) if isinstance(conn, str) else conn
    if isinstance(asked, int) and asked < 0:
        raise Misuse(
            f"no connection {asked}: connections are counted from 0",
            f"没有连接 {asked}：连接从 0 开始编号",
        )
    if max_segments < 1:
        raise Misuse("max_segments is 1 or more", "max_segments 至少为 1")
    with kept(paths) as files:
        found, broken = _core.explain(
            files,
            joined=joined,
            conn=asked if isinstance(asked, int) else None,
            ends=None if isinstance(asked, int) else asked,
            max_steps=max_segments,
            progress=progress,
        )
    faults = [blame(fault) for fault in broken]
    if found is not None:
        found.row["source"] = dict(zip(files, paths, strict=True)).get(
            str(found.row["source"]), found.row["source"]
        )
        return Explanation(found, absolute=absolute, faults=faults)
    if faults:
        raise faults[0]
    raise Misuse(
        f"no connection {conn} in {', '.join(paths)}: `finwait analyze` lists what there is",
        f"{'、'.join(paths)} 中没有连接 {conn}：`finwait analyze` 会列出所有连接",
    )


@contextmanager
def kept(paths: list[str]) -> Iterator[list[str]]:
    """Keep standard input in a file, because a capture is read twice: to judge, and to tell."""
    if STDIN not in paths:
        yield paths
        return
    import shutil
    import sys
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile(prefix="finwait-", suffix=".stdin") as file:
        try:
            shutil.copyfileobj(sys.stdin.buffer, file)
            file.flush()
        except OSError as error:
            raise CannotWrite(file.name, error) from error
        yield [file.name if path == STDIN else path for path in paths]
