"""`finwait reproduce`: from a captured connection to a script of packetdrill."""

import sys
from typing import TYPE_CHECKING

import click

from finwait.cli import codes, faults
from finwait.cli.files import READ, WRITTEN
from finwait.cli.options import Amount, OfConnection, epilog, helps, lang_option
from finwait.cli.progress import Bar
from finwait.cli.sink import opened
from finwait.verdict.catalogue import entry
from finwait.verdict.language import Lang, Text

if TYPE_CHECKING:
    from finwait.reproduce import Reproduction

_OTHER = Text(
    "on finwait's own endpoint the script gives another close: {rehearsed}; the capture has {captured}",
    "在 finwait 自己的协议栈上，脚本得到另一种关闭：{rehearsed}；抓包中为 {captured}",
)
_DECIDED = {
    "client": Text("that close is decided at the client", "决定这一关闭的是客户端"),
    "server": Text("that close is decided at the server", "决定这一关闭的是服务器"),
}
_GIVEN_UP = Text(
    "that close is decided at the {deciding}, whose stack does not give it again: this script tests the stack of the"
    " {other}, and injects what the {deciding} sent. --side {deciding} says more",
    "决定这一关闭的是{deciding_zh}，但其协议栈不能重现它：此脚本测试{other_zh}的协议栈，并注入{deciding_zh}所发的报文。"
    "--side {deciding} 会说明详情",
)
_GIVES = Text("{options} gives it again", "{options} 可以重现它")
_WITHOUT = Text("the command without --whole", "不带 --whole 的命令")
_SIDE_WITHOUT = Text("--side {side} without --whole", "--side {side} 且不带 --whole")
_NEITHER = Text("neither end's stack gives it again", "两端的协议栈都不能重现它")
_EPILOG = epilog(
    [
        "finwait reproduce day.pcap 17 -o x.pkt",
        "finwait run --stage kernel x.pkt --pcap y.pcapng && finwait analyze y.pcapng",
    ],
    {
        0: helps(
            "the script is written, and gives the close that the capture has on finwait's own endpoint",
            "脚本已写出，并在 finwait 自己的协议栈上得到与抓包相同的关闭",
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
        4: helps(
            "the script is written, and gives another close there; a warning says which, and what to ask for instead",
            "脚本已写出，但得到另一种关闭；警告会说明是哪一种，以及可改用什么选项",
        ),
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

    bar = Bar(lang)
    try:
        made = reproduce(
            file, conn, side=side, dialect=dialect, speed=speed, whole=whole,
            progress=bar.go_on, played=bar.rehearsed,
        )  # fmt: skip
    finally:
        bar.clear()
    with opened(output) as sink:
        sink.write(made.script.encode())
    if not made.same:
        print(f"finwait: {_other(made, lang, whole=whole)}", file=sys.stderr)
    elif side is None and made.side != made.decided_by:
        print(f"finwait: {_given_up(made, lang)}", file=sys.stderr)
    return faults.told(made.faults, lang) or (codes.DONE if made.same else codes.NOT_SAME)


def _given_up(made: "Reproduction", lang: Lang) -> str:
    """Say that the side that nobody chose is not the one that decides the close, and why."""
    sides = {"deciding": made.decided_by, "other": made.side}
    chinese = {f"{name}_zh": entry("closed_by", who).title.zh for name, who in sides.items()}
    return _GIVEN_UP.say(lang).format(**sides, **chinese)


def _other(made: "Reproduction", lang: Lang, *, whole: bool) -> str:
    """Say that the script gives another close, where the captured one is decided, and what to ask for instead."""
    pair = {name: ", ".join(one) for name, one in (("rehearsed", made.rehearsed), ("captured", made.captured))}  # fmt: skip
    parts = [_OTHER.say(lang).format(**pair)]
    way = made.instead
    if way is None:
        parts.append(_NEITHER.say(lang))
    else:
        if made.side != made.decided_by == way.side:
            parts.append(_DECIDED[way.side].say(lang))
        options = f"--side {way.side}"
        if whole and not way.whole:
            text = _WITHOUT if way.side == made.side else _SIDE_WITHOUT
            options = text.say(lang).format(side=way.side)
        parts.append(_GIVES.say(lang).format(options=options))
    return ("；" if lang == "zh" else "; ").join(parts)
