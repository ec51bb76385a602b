"""`finwait reproduce`: from a captured connection to a script of packetdrill."""

import sys

import click

from finwait.cli import faults
from finwait.cli.files import READ, WRITTEN
from finwait.cli.options import Amount, OfConnection, epilog, helps, lang_option
from finwait.cli.sink import opened
from finwait.verdict.language import Lang, Text

_OTHER = Text(
    "on finwait's own endpoint the script gives another close: {rehearsed}; the capture has {captured}",
    "在 finwait 自己的协议栈上，脚本得到另一种关闭：{rehearsed}；抓包中为 {captured}",
)
_EPILOG = epilog(
    [
        "finwait reproduce day.pcap 17 -o x.pkt",
        "finwait run --stage kernel x.pkt --pcap y.pcapng && finwait analyze y.pcapng",
    ],
    {
        0: helps(
            "the script is written; if it gives another close on finwait's own endpoint, a warning says so",
            "脚本已写出；若在 finwait 自己的协议栈上得到另一种关闭，会给出警告",
        ),
        1: helps(
            "misuse: no such connection, or one that no single script can reproduce (the message says why)",
            "用法错误：没有这个连接，或单个脚本无法重现（消息会说明原因）",
        ),
        2: helps(
            "the capture is broken; the script makes again what came before the break",
            "抓包文件损坏；脚本重现损坏处之前的内容",
        ),
        3: helps("the system refused", "系统拒绝"),
    },
)


@click.command(
    "reproduce",
    cls=OfConnection,
    epilog=_EPILOG,
    help=helps(
        "Write a packetdrill script that plays one side of a connection against the other side's stack, so that it"
        " closes the same way.\n\nFILE and CONN are those of `finwait explain`.",
        "写出一个 packetdrill 脚本：扮演连接的一方，让另一方的协议栈以同样的方式关闭连接。\n\n"
        "FILE 与 CONN 同 `finwait explain`。",
    ),
)
@click.argument("file", type=READ, metavar="FILE")
@click.argument("conn", metavar="CONN")
@click.option(
    "-o",
    "output",
    type=WRITTEN,
    metavar="FILE",
    help=helps(
        "Write the script here, not to standard output.", "把脚本写入此文件，而不是标准输出。"
    ),
)
@click.option(
    "--side",
    type=click.Choice(["client", "server"]),
    help=helps(
        "Whose stack is under test; else the side whose behaviour decides the close.",
        "被测的是哪一方的协议栈；默认是决定关闭方式的一方。",
    ),
)
@click.option(
    "--dialect",
    type=click.Choice(["google", "nplab"]),
    default="google",
    show_default=True,
    help=helps("For which packetdrill.", "用于哪个 packetdrill。"),
)
@click.option(
    "--speed",
    type=Amount(min=1),
    default=1.0,
    show_default=True,
    metavar="N",
    help=helps(
        "Divide pauses above half a second by N; never below half a second.",
        "把半秒以上的停顿除以 N，但不短于半秒。",
    ),
)
@click.option(
    "--whole",
    is_flag=True,
    help=helps(
        "All of the connection, not only what matters for the close.",
        "写出整个连接，而不只是与关闭有关的部分。",
    ),
)
@lang_option
def command(
    *, file: str, conn: str, output: str | None, side: str | None, dialect: str, speed: float, whole: bool, lang: Lang
) -> int:  # fmt: skip
    """Write the script."""
    from finwait.reproduce import reproduce

    made = reproduce(file, conn, side=side, dialect=dialect, speed=speed, whole=whole)
    with opened(output) as sink:
        sink.write(made.script.encode())
    if not made.same:
        pair = {name: ", ".join(one) for name, one in (("rehearsed", made.rehearsed), ("captured", made.captured))}  # fmt: skip
        print(f"finwait: {_OTHER.say(lang).format(**pair)}", file=sys.stderr)
    return faults.told(made.faults, lang)
