"""`finwait explain`: one connection in words, segment by segment."""

import sys
from typing import TYPE_CHECKING, Literal

import click

from finwait.cli import faults
from finwait.cli.files import READ, WRITTEN
from finwait.cli.options import OfConnection, epilog, format_option, helps, lang_option
from finwait.cli.progress import Bar
from finwait.cli.sink import STDOUT, opened
from finwait.cli.terminal import terminal
from finwait.verdict.language import Lang

if TYPE_CHECKING:
    from finwait.explain import Explanation

_EPILOG = epilog(
    [
        "finwait explain day.pcap 17",
        "finwait explain day.pcap 10.0.0.2:5000-10.0.0.1:80 --segment 12",
        "finwait explain day.pcap 10.0.0.2:5000",
        "finwait explain day.pcap '[2001:db8::1]:5000-[2001:db8::2]:80' --svg ladder.svg",
    ],
    {
        0: helps("done", "完成"),
        1: helps(
            "misuse: no such connection, or several; no such segment; unknown option",
            "用法错误：没有这个连接或不止一个、没有这个报文段、未知选项",
        ),
        2: helps(
            "the capture is broken; the connection was told as far as it goes",
            "抓包文件损坏；连接已尽可能讲解",
        ),
        3: helps(
            "the system refused: no such file, no permission", "系统拒绝：文件不存在、没有权限"
        ),
    },
)


@click.command(
    "explain",
    cls=OfConnection,
    epilog=_EPILOG,
    help=helps(
        "Tell one connection: a ladder with the states of both ends, why each number is what it is,"
        " the verdict with its evidence, and who holds TIME-WAIT.\n\n"
        "FILE is a capture as `finwait analyze` takes it. CONN is a number of its table, or the two"
        " ends in either order: A:PORT-B:PORT, IPv6 in brackets; or one end, if no other connection has it.",
        "讲解一个连接：带有两端状态的时序图、每个号码为何如此、结论与证据，以及谁持有 TIME-WAIT。\n\n"
        "FILE 是 `finwait analyze` 能读的抓包文件。CONN 是其表格中的编号，或任意顺序的两端："
        "A:端口-B:端口，IPv6 地址加方括号；若没有其他连接具有同一端，也可只给一端。",
    ),
)
@click.argument("file", type=READ, metavar="FILE")
@click.argument("conn", metavar="CONN")
@click.option(
    "--segment",
    type=click.IntRange(min=1),
    metavar="N",
    help=helps(
        "Open the segment in frame N: every field of its header, bit by bit.",
        "打开第 N 帧的报文段：逐位讲解头部的每个字段。",
    ),
)
@click.option(
    "--absolute",
    is_flag=True,
    help=helps(
        "Sequence numbers as in the header, not relative to the initial ones.",
        "使用头部中的原始序列号，而不是相对值。",
    ),
)
@click.option(
    "--full",
    is_flag=True,
    help=helps("Fold nothing, however long.", "不折叠，无论多长。"),
)
@click.option(
    "--svg",
    type=WRITTEN,
    metavar="FILE",
    help=helps("Draw the ladder into this file, too.", "同时把时序图画到这个 SVG 文件。"),
)
@format_option
@lang_option
def command(
    *,
    file: str,
    conn: str,
    segment: int | None,
    absolute: bool,
    full: bool,
    svg: str | None,
    form: Literal["text", "json"],
    lang: Lang,
) -> int:
    """Tell one connection."""
    from finwait.explain import MOST_SEGMENTS, explain

    most = sys.maxsize if full else MOST_SEGMENTS
    bar = Bar(lang)
    try:
        told = explain(file, conn, absolute=absolute, max_segments=most, progress=bar.go_on)
    finally:
        bar.clear()
    if svg is not None:
        _save(svg, told.svg(lang, full=full))
    if svg == STDOUT:
        return faults.told(told.faults, lang)
    if form == "json":
        _json(told, segment, lang)
    elif segment is not None:
        columns, colour, _ = terminal()
        sys.stdout.write(told.segment_text(segment, lang, columns=columns, colour=colour))
    else:
        sys.stdout.write(told.text(lang, full=full, **terminal()._asdict()))
    return faults.told(told.faults, lang)


def _json(told: "Explanation", segment: int | None, lang: Lang) -> None:
    import json

    data = told.data(lang) if segment is None else told.segment_data(segment, lang)
    json.dump(data, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def _save(path: str, picture: str) -> None:
    with opened(path) as sink:
        sink.write(picture.encode())
