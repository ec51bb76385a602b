"""The command `finwait`, which finds its verbs by name."""

import importlib
from typing import NamedTuple

import click

from finwait.cli.help import adopt
from finwait.cli.options import helps, lang_option
from finwait.verdict.language import Lang
from finwait.version import VERSION


class Verb(NamedTuple):
    """What `finwait --help` says of a verb without importing it."""

    short: str
    example: str


VERBS = {
    "analyze": Verb(
        helps(
            "Who closed each connection of a capture, how, and why.",
            "抓包中每个连接由谁关闭、如何关闭、为何关闭。",
        ),
        "finwait analyze day.pcap",
    ),
    "explain": Verb(
        helps("One connection in words, segment by segment.", "逐个报文段讲解一个连接。"),
        "finwait explain day.pcap 17",
    ),
    "lab": Verb(
        helps(
            "Make closings on this machine's kernel, and compare with its own words.",
            "在本机内核上制造各种关闭，并与内核自己的说法比较。",
        ),
        "finwait lab closing",
    ),
    "run": Verb(
        helps(
            "Play packetdrill scripts on our own endpoint or on the real kernel.",
            "在 finwait 自己的协议栈或真实内核上运行 packetdrill 脚本。",
        ),
        "finwait run examples/closing.pkt --until 3 --explain",
    ),
    "peer": Verb(
        helps(
            "A live peer that ends its connections in a chosen way, to test your own program against.",
            "按指定方式结束连接的真实对端，用来测试你自己的程序。",
        ),
        "finwait peer --close reset -- curl http://192.0.2.1:8080/",
    ),
    "reproduce": Verb(
        helps(
            "Write a packetdrill script that makes a captured close happen again.",
            "写出一个 packetdrill 脚本，重现抓包中的关闭过程。",
        ),
        "finwait reproduce day.pcap 17 -o x.pkt",
    ),
    "compare": Verb(
        helps(
            "Two captures, one at each end: what was lost, changed or injected between.",
            "两端各一份抓包：中间丢失、改动或注入了什么。",
        ),
        "finwait compare client.pcap server.pcap",
    ),
    "catalogue": Verb(
        helps(
            "What a word of an analysis means, and what to do about it.",
            "分析结果中每个词的含义与应对办法。",
        ),
        "finwait catalogue keepalive-race-stale",
    ),
}


class Verbs(click.Group):
    """The group of all verbs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order a newcomer needs them."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one verb."""
        del ctx
        if cmd_name not in VERBS:
            return None
        command: object = importlib.import_module(f"finwait.cli.{cmd_name}").command
        return adopt(command) if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs, each with an example."""
        del ctx
        with formatter.section(helps("Verbs", "命令")):
            formatter.write_dl([(name, verb.short) for name, verb in VERBS.items()])
        with formatter.section(helps("Examples", "示例")):
            for verb in VERBS.values():
                formatter.write_text(verb.example)


@click.group(
    cls=Verbs,
    options_metavar=helps("[OPTIONS]", "[选项]"),
    subcommand_metavar=helps("VERB [ARGUMENTS]...", "命令 [参数]..."),
    context_settings={"help_option_names": ["-h", "--help"]},
    help=helps(
        "Why did this TCP connection end the way it did: who closed it, how, and why?",
        "这个 TCP 连接为什么这样结束：谁关闭的、如何关闭的、为何关闭？",
    ),
)
@click.version_option(VERSION, message="finwait %(version)s")
@lang_option
def group(lang: Lang) -> None:
    """Find the verb; `--lang` is read by it again."""
    del lang
