"""`finwait compare`: two captures of the same connections, one at each end."""

import json
import sys
from typing import Literal

import click

from finwait.cli import faults
from finwait.cli.files import READ
from finwait.cli.options import epilog, format_option, helps, lang_option
from finwait.cli.progress import Bar
from finwait.verdict.language import Lang

_EPILOG = epilog(
    [
        "finwait compare client.pcap server.pcap",
        "finwait compare client.pcap server.pcap --format json",
    ],
    {
        0: helps(
            "done, whatever was found, also if nothing could be joined",
            "完成，无论发现什么，也包括没有可以对照的连接",
        ),
        1: helps("misuse", "用法错误"),
        2: helps(
            "a capture is broken; what came before the break was compared",
            "抓包文件损坏；损坏之前的部分已比较",
        ),
        3: helps("the system refused", "系统拒绝"),
    },
)


@click.command(
    "compare",
    epilog=_EPILOG,
    help=helps(
        "Join two captures of the same connections, one at each end, by sequence numbers, and say which segments were"
        ' lost, changed or injected between: "RST seen at the client, never sent by the server".\n\n'
        "Clocks may differ, also in speed, and NAT may lie between. One of the two may be standard input: -\n\n"
        "Each proof says whether it is certain or only likely, and by which rule: D5, a device forgot the idle connection; D6, it"
        " injected a RST; D7, its connection tracking swallowed a FIN. `finwait catalogue proof`, `rule` and `difference` explain the words.",
        "按序列号对照同一批连接在两端的抓包，指出哪些报文段在中间丢失、被改动或被注入："
        "“客户端处看到 RST，服务器从未发送”。\n\n两端时钟可以不同，快慢也可以不同，中间可以有 NAT。其中一份可以是标准输入：-\n\n"
        "每条证据都说明是确定还是仅为很可能，以及依据哪条规则：D5，中间设备删除了空闲连接；D6，注入了 RST；D7，连接跟踪吞掉了 FIN。"
        "`finwait catalogue proof`、`rule` 和 `difference` 解释这些词。",
    ),
)
@click.argument("a", type=READ, metavar="A")
@click.argument("b", type=READ, metavar="B")
@click.option(
    "--client",
    type=click.Choice(["A", "B"]),
    help=helps(
        "The capture nearer to the client of the first connection, for a wire too fast for the times to tell. Checked against them"
        " where they do.",
        "更靠近第一个连接客户端的那份抓包，用于线路太快、时间无法判断的情况；时间能判断时会与之核对。",
    ),
)
@format_option
@lang_option
def command(*, a: str, b: str, client: Literal["A", "B"] | None, form: Literal["text", "json"], lang: Lang) -> int:  # fmt: skip
    """Compare."""
    from finwait.compare import compare

    bar = Bar(lang)
    try:
        made = compare(a, b, client=client, progress=bar.go_on)
    finally:
        bar.clear()
    if form == "json":
        from finwait.compare.told import warnings

        for warning in warnings(made, lang):
            print(f"finwait: {warning}", file=sys.stderr)
        json.dump(made.data(lang), sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(made.text(lang))
    return faults.told(made.faults, lang)
