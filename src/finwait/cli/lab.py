"""`finwait lab`: closings on a real kernel, with the kernel's own word for each."""

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from finwait.cli import codes
from finwait.cli.files import FOLDER
from finwait.cli.options import format_option, helps, lang_option
from finwait.cli.sink import opened
from finwait.cli.terminal import terminal
from finwait.errors import CannotOpen, CannotWrite, MissingPrivilege
from finwait.lab import report
from finwait.lab.choose import chosen, listed
from finwait.lab.experiment import Experiment
from finwait.lab.play import Came, Result
from finwait.lab.run import Ending, check, run
from finwait.lab.table import table, words
from finwait.lab.world import Step
from finwait.picture.width import wrap
from finwait.verdict.language import Lang

COLUMNS = 120
"""Columns of a page that no terminal shows."""

_EPILOG = "\n".join(
    [
        "\b",
        helps("Examples:", "示例："),
        "  finwait lab",
        "  sudo finwait lab closing",
        "  sudo finwait lab all -j 2 --keep captures",
        "  finwait lab --code four-way > mine.py && sudo finwait lab ./mine.py:four-way",
        "",
        "\b",
        helps("Exit codes:", "退出码："),
        helps(
            "  0    every experiment came out the same: expected, from the wire, from the kernel",
            "  0    每个实验的预期、报文与内核三者一致",
        ),
        helps("  1    misuse: no such experiment", "  1    用法错误：没有这个实验"),
        helps("  3    the system refused: namespaces, TUN", "  3    系统拒绝：命名空间、TUN"),
        helps("  4    not all were the same", "  4    并非全部一致"),
    ]
)


@click.command(
    "lab",
    epilog=_EPILOG,
    help=helps(
        "Make closings on this machine's kernel and compare: expected, from the wire, from the kernel.\n\n"
        "NAME is an experiment, a subject (such as closing), all, a file of your own (./mine.py), or one of its experiments"
        " (./mine.py:four-way). Without NAME, list them."
        " Real programs with real sockets, each in a network namespace of its own; nothing outside is touched and nothing"
        " is left behind. Needs root, or user namespaces.",
        "在本机内核上制造各种关闭，并比较：预期、由报文、由内核。\n\n"
        "NAME 是一个实验、一个主题（如 closing）、all、自己的文件（./mine.py），或其中的一个实验（./mine.py:four-way）。"
        "不给出 NAME 时列出全部。"
        "真实程序、真实套接字，各在自己的网络命名空间中；不触及外部，也不留下任何东西。需要 root 或用户命名空间。",
    ),
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 64),
    default=1,
    help=helps("So many at once.", "同时运行的个数。"),
)
@click.option(
    "--long",
    "with_long",
    is_flag=True,
    help=helps("Also those that take long, with all.", "all 也包括耗时长的实验。"),
)
@click.option(
    "--keep",
    metavar="DIR",
    type=FOLDER,
    help=helps(
        "Keep the captures: pcapng, the kernel's words as comments on packets.",
        "保留抓包：pcapng，内核的说法作为报文注释。",
    ),
)
@click.option(
    "--svg",
    metavar="DIR",
    type=FOLDER,
    help=helps("Draw the ladders into DIR.", "把时序图画到 DIR。"),
)
@click.option(
    "--code",
    is_flag=True,
    help=helps("Show the code of an experiment, to change.", "显示实验的代码，以供修改。"),
)
@format_option
@click.option(
    "--no-trace",
    is_flag=True,
    help=helps("Do not use tracepoints: sock_diag only.", "不使用 tracepoint，只用 sock_diag。"),
)
@lang_option
def command(  # noqa: PLR0917 - click gives them by name
    names: tuple[str, ...],
    jobs: int,
    with_long: bool,
    keep: str | None,
    svg: str | None,
    code: bool,
    form: str,
    no_trace: bool,
    lang: Lang,
) -> int:
    """Run the verb; its help is above."""
    if not names:
        print("\n".join(listed(lang, form == "json")))
        return codes.DONE
    experiments = chosen(names, with_long=with_long)
    if code:
        for path in dict.fromkeys(inspect.getsourcefile(each.story) or "" for each in experiments):
            print(Path(path).read_text(encoding="utf-8"), end="")
        return codes.DONE
    for folder in filter(None, (keep, svg)):
        _made(folder)
    check()
    teller = _Teller(lang, live=jobs == 1 and form == "text")
    endings = run(
        experiments, lang, jobs, begins=teller.begins, heard=teller.heard, trace=not no_trace
    )
    return _tell(endings, teller, form, keep, svg)


class _Teller:
    """Tells experiments in text; if `live`, each step as it happens."""

    def __init__(self, lang: Lang, *, live: bool) -> None:
        self.style = terminal(COLUMNS)
        self.lang, self.live = lang, live
        self._first = 0

    def begins(self, experiment: Experiment) -> None:
        """Say what comes; the process of the experiment is forked after that."""
        if self.live:
            self._print(report.heading(experiment, self.style, self.lang))

    def heard(self, step: Step) -> None:
        """Tell a step, in the process of the experiment."""
        if self.live:
            self._first = self._first or step[0]
            self._print([report.step_line(step, self._first, self.lang)])

    def tells(self, experiment: Experiment, ending: Came) -> None:
        """Tell how it ended."""
        if not self.live:
            self._print(report.heading(experiment, self.style, self.lang))
        if not isinstance(ending, Result):
            wrapped = wrap(words(ending, self.lang), min(self.style.columns, 110) - 2)
            self._print([*(f"  {self.style.paint('rst', line)}" for line in wrapped), ""])
            return
        if not self.live:
            first = ending.steps[0][0] if ending.steps else 0
            self._print(report.step_line(step, first, self.lang) for step in ending.steps)
        self._print(report.body(experiment, ending, self.style, self.lang))

    def table(self, rows: list[Ending]) -> None:
        """Tell the table at the end."""
        self._print(table(rows, self.style, self.lang))

    @staticmethod
    def _print(lines: list[str] | Iterator[str]) -> None:
        for line in lines:
            print(line)
        sys.stdout.flush()  # before the next fork, and as it happens


def _tell(
    endings: Iterator[Ending], teller: _Teller, form: str, keep: str | None, svg: str | None
) -> int:
    rows: list[Ending] = []
    data = []
    refused = False
    for experiment, ending in endings:
        done = ending if isinstance(ending, Result) else None
        rows.append((experiment, ending))
        refused |= isinstance(ending, MissingPrivilege | CannotOpen)
        if form == "text":
            teller.tells(experiment, ending)
        elif isinstance(ending, Result):
            data.append(report.as_data(experiment, ending, teller.lang))
        else:
            data.append(report.failed_data(experiment, ending, teller.lang))
        if done:
            _save(experiment, done, keep, svg, teller.lang)
    if form == "json":
        json.dump(data, sys.stdout, ensure_ascii=False, indent=2)
        print()
    else:
        teller.table(rows)
    if all(isinstance(ending, Result) and ending.same for _, ending in rows):
        return codes.DONE
    return codes.REFUSED if refused else codes.NOT_SAME


def _save(
    experiment: Experiment, result: Result, keep: str | None, svg: str | None, lang: Lang
) -> None:
    from finwait.picture.ladder_svg import draw

    for number, leg in enumerate(result.legs):
        name = leg_name(experiment, number)
        if keep:
            _write(Path(keep, f"{name}.pcapng"), leg.capture)
        if svg:
            picture = f"{name}{'' if lang == 'en' else '.' + lang}.svg"
            _write(Path(svg, picture), draw(leg.ladder, lang).encode())


def _write(path: Path, octets: bytes) -> None:
    with opened(str(path)) as sink:
        sink.write(octets)


def leg_name(experiment: Experiment, number: int) -> str:
    """Name the files of a connection: a proxy has a second one, to the server."""
    return experiment.name + (".server-leg" if number else "")


def _made(folder: str) -> None:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(folder, error) from None
