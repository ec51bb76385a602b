"""`finwait analyze`: who closed each connection of a capture, how, and why."""

import click

from finwait.cli.files import READ, WRITTEN
from finwait.cli.options import epilog, helps, lang_option
from finwait.cli.output import FORMATS, Format
from finwait.cli.sink import STDOUT
from finwait.cli.wish import Wish
from finwait.verdict import Lang

_CODE = {
    0: helps("done", "完成"),
    1: helps("misuse: unknown option, bad SQL, no such column", "用法错误：未知选项、SQL 有误、没有这一列"),
    2: helps("a capture is broken; what stands before the break was told", "抓包文件损坏；损坏处之前的内容已给出"),
    3: helps("the system refused: no such file, no permission", "系统拒绝：文件不存在、没有权限"),
    130: helps("interrupted; what had been read was told (143: SIGTERM)", "被中断；已读到的内容已给出（SIGTERM 为 143）"),
    141: helps("whoever read standard output went away", "标准输出的读取方已离开"),
}  # fmt: skip
_EPILOG = epilog(
    [
        "finwait analyze day.pcap",
        """finwait analyze --where "close = 'reset' and server_port = 443" day.pcapng.zst""",
        "finwait analyze --sort -idle_before_close --limit 20 rotated/",
        "finwait analyze -o day.parquet day.pcap",
        "tcpdump -U -w - tcp | finwait analyze -",
    ],
    _CODE,
)


@click.command(
    "analyze",
    epilog=_EPILOG,
    help=helps(
        "Say who closed each connection of a capture, how, and why.\n\n"
        "FILE is a pcap or pcapng file, plain or compressed with gzip, zstd or lz4; - is standard"
        " input; a directory is one capture rotated into files. Several files are several captures.",
        "说明抓包中每个连接由谁关闭、如何关闭、为何关闭。\n\n"
        "FILE 是 pcap 或 pcapng 文件，可用 gzip、zstd 或 lz4 压缩；- 表示标准输入；"
        "目录表示轮转成多个文件的一次抓包。多个文件视为多次抓包。",
    ),
)
@click.argument("files", nargs=-1, required=True, type=READ, metavar="FILE...")
@click.option(
    "--joined",
    is_flag=True,
    help=helps(
        "The files are one capture in pieces, in this order.",
        "这些文件依次是同一次抓包的各个部分。",
    ),
)
@click.option(
    "--where",
    metavar="SQL",
    help=helps(
        "Only connections that meet this condition over the columns, in DuckDB's SQL.",
        "只给出满足此条件的连接：对各列的 DuckDB SQL 条件表达式。",
    ),
)
@click.option(
    "--sort",
    metavar="COLUMNS",
    help=helps(
        "Order by these columns, with commas between; - before a column turns it round.",
        "按这些列排序，用逗号分隔；列名前加 - 表示降序。",
    ),
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help=helps("At most N connections.", "最多给出 N 个连接。"),
)
@click.option(
    "--columns",
    metavar="COLUMNS",
    help=helps(
        "These columns in this order, with commas between; `finwait catalogue columns` lists them.",
        "按此顺序给出这些列，用逗号分隔；列表见 `finwait catalogue columns`。",
    ),
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help=helps(
        "Without it the suffix of -o decides, else it is a table.",
        "不给出时由 -o 的后缀决定，否则为 table。",
    ),
)
@click.option(
    "-o",
    "--output",
    type=WRITTEN,
    metavar="FILE",
    help=helps(
        "Write here; standard output then has the summary.", "写入此文件；标准输出则给出概要。"
    ),
)
@click.option(
    "--stats",
    type=WRITTEN,
    metavar="FILE",
    help=helps("Write the summary here as JSON.", "把概要以 JSON 写入此文件。"),
)
@click.option(
    "--threads",
    type=click.IntRange(min=0, max=1024),
    default=0,
    metavar="N",
    help=helps("Threads that read; 0 is one a core.", "读取线程数；0 表示每个核一个。"),
)
@click.option(
    "--max-connections",
    type=click.IntRange(min=0, max=2**32 - 3),
    default=0,
    metavar="N",
    help=helps(
        "Connections held open at once, 0 is the default; beyond it the longest idle is told early.",
        "同时保持打开的连接数，0 为默认值；超过时提前给出空闲最久的连接。",
    ),
)
@click.option(
    "-q",
    "--quiet",
    is_flag=True,
    help=helps(
        "Only the connections: no summary, no progress bar.",
        "只给出连接：没有概要，也没有进度条。",
    ),
)
@lang_option
def command(  # noqa: PLR0917  # click gives an argument an option
    files: tuple[str, ...],
    joined: bool,
    where: str | None,
    sort: str | None,
    limit: int | None,
    columns: str | None,
    form: Format | None,
    output: str | None,
    stats: str | None,
    threads: int,
    max_connections: int,
    quiet: bool,
    lang: Lang,
) -> int:
    """Run the verb; its help is above."""
    wish = Wish(
        files=files,
        joined=joined,
        where=where,
        sort=sort,
        limit=limit,
        columns=columns,
        form=form,
        output=None if output == STDOUT else output,
        stats=stats,
        threads=threads,
        max_connections=max_connections,
        quiet=quiet,
        lang=lang,
    )
    wish.check()
    if wish.live:
        from finwait.cli.follow import follow

        return follow(wish)
    from finwait.cli.tell import tell

    return tell(wish)
