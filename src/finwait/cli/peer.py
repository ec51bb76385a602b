"""`finwait peer`: a live peer that ends its connections in a chosen way."""

from pathlib import Path
from typing import Final

import click

from finwait.cli.files import READ, pcap_option
from finwait.cli.options import duration, epilog, explain_option, helps, lang_option
from finwait.cli.terminal import terminal
from finwait.errors import CannotOpen
from finwait.peer import AT, BODY
from finwait.peer.ending import endings
from finwait.picture.width import hang, left, width
from finwait.verdict.language import Lang

DIGITS: Final = 18
"""Of a number of octets; Python refuses to read those of more than some thousands."""
_EPILOG = epilog(
    [
        "finwait peer --close reset -- curl http://192.0.2.1:8080/",
        "finwait peer --close silent --after 500 --on 192.0.2.1:80 --pcap silent.pcapng",
        "finwait peer --close simultaneous --connect 192.0.2.2:8000 -- python3 -m http.server",
    ],
    {
        "0": helps("done, by --count, --for or Ctrl-C", "结束（--count、--for 或 Ctrl-C）"),
        "1": helps("misuse: no such close, bad address", "用法错误：没有这种关闭方式、地址无效"),
        "3": helps(
            "the system refused: no right to make a device, no such COMMAND, or it never listened, --pcap cannot be written",
            "系统拒绝：无权创建设备、没有这个 COMMAND 或它始终没有监听、无法写入 --pcap",
        ),
        "N": helps("of COMMAND, if it ended by itself; 128 + signal", "COMMAND 自行结束时为其退出码；或 128 + 信号"),
    },
    helps(
        "--after is connect, request, half, reply (which is complete then), a number of octets that the"
        " peer has said, or a time since the connection stands, such as 200ms or 2s. docs/peer.md has a"
        " table of what applications see of each close.",
        "--after 可以是 connect、request、half、reply（即此时已完成）、对端已发送的字节数，或连接建立后的"
        "时间，如 200ms、2s。docs/peer.md 列出了各类应用在每种关闭方式下看到的结果。",
    ),
)  # fmt: skip


@click.command(
    "peer",
    epilog=_EPILOG,
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    help=helps(
        "Be the other end of real connections, and end each in one of the ways that a connection can end.\n\n"
        "It sits on a TUN device of its own and listens there for a client that is tested, or connects to a"
        " server on this machine. COMMAND, if there is one, runs with it in a private network namespace.",
        "充当真实连接的另一端，并按连接可能结束的某种方式结束每个连接。\n\n"
        "它位于自己的 TUN 设备上，监听被测客户端的连接，或连接本机上的服务器。如果给出 COMMAND，"
        "它与对端一同在独立的网络命名空间中运行。",
    ),
)
@click.argument("command_line", nargs=-1, metavar="[-- COMMAND...]", type=click.UNPROCESSED)
@click.option(
    "--on",
    "at",
    default=AT,
    show_default=True,
    metavar="ADDRESS:PORT",
    help=helps("Where the peer is.", "对端所在的地址。"),
)
@click.option(
    "--close",
    default="three-way",
    show_default=True,
    metavar="HOW",
    help=helps("How its connections end; --list names all.", "连接如何结束；--list 列出全部。"),
)
@click.option(
    "--after",
    metavar="MOMENT",
    help=helps(
        "When, if not at the moment that belongs to it.", "何时结束；默认为该方式自己的时刻。"
    ),
)
@click.option(
    "--connect",
    metavar="ADDRESS:PORT",
    help=helps(
        "Connect to this server of this machine, do not listen.",
        "不监听，而是连接本机上的这个服务器。",
    ),
)
@click.option(
    "--reply",
    type=READ,
    default=str(BODY),
    show_default=True,
    metavar="FILE|OCTETS",
    help=helps("The body of its replies.", "应答的正文：文件或字节数。"),
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    metavar="N",
    help=helps("Stop when so many connections are over.", "这么多连接结束后停止。"),
)
@click.option(
    "--for",
    "seconds",
    type=duration(),
    metavar="SECONDS",
    help=helps("Stop after this time, whatever is under way.", "到时即停，无论进行到哪里。"),
)
@click.option(
    "--netns",
    metavar="NAME",
    help=helps(
        "Be in this network namespace: a name of `ip netns`, or a path such as /proc/PID/ns/net.",
        "进入这个网络命名空间：`ip netns` 中的名字，或路径，如 /proc/PID/ns/net。",
    ),
)
@pcap_option
@explain_option
@click.option("-q", "--quiet", is_flag=True, help=helps("Only the verdicts.", "只给出结论。"))
@click.option(
    "--list", "listed", is_flag=True, help=helps("List the ways to close.", "列出所有关闭方式。")
)
@lang_option
def command(
    *,
    command_line: tuple[str, ...],
    at: str,
    close: str,
    after: str | None,
    connect: str | None,
    reply: str,
    count: int | None,
    seconds: float | None,
    netns: str | None,
    pcap: str | None,
    explained: bool,
    quiet: bool,
    listed: bool,
    lang: Lang,
) -> int:
    """Run the verb; its help is above."""
    if listed:
        return _list(lang)
    from finwait.cli.peer_session import Session
    from finwait.peer.background import body, part_of
    from finwait.peer.live import end_of

    part = part_of(close, after, body(_reply(reply)), connect)
    session = Session(
        part=part,
        at=end_of(at),
        to=None if connect is None else end_of(connect),
        command=command_line,
        count=count,
        seconds=seconds,
        netns=netns,
        pcap=pcap,
        explained=explained,
        quiet=quiet,
        lang=lang,
    )
    return session.run()


def _list(lang: Lang) -> int:
    room, columns = max(map(width, endings())) + 2, terminal().columns
    for ending in endings().values():
        print(*hang(left(ending.name, room), ending.what.say(lang), columns), sep="\n")
    return 0


def _reply(given: str) -> bytes | int:
    from finwait.peer.background import MOST

    if given.isascii() and given.removeprefix("-").isdigit():
        return int(given) if len(given) <= DIGITS else MOST + 1
    try:
        with Path(given).open("rb") as file:
            return file.read(MOST + 1)  # one more than `body` takes: /dev/zero has no end
    except OSError as error:
        raise CannotOpen.of(given, error) from error
