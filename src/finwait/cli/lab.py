"""`finwait lab`: closings on a real kernel, with the kernel's own word for each."""

import json
import sys
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import click

from finwait.cli import codes
from finwait.cli.files import FOLDER
from finwait.cli.options import epilog, format_option, helps, lang_option
from finwait.cli.sink import check_folder, opened
from finwait.cli.terminal import terminal
from finwait.cli.terminated import code_of, terminable
from finwait.errors import CannotOpen, CannotWrite, MissingPrivilege, Misuse
from finwait.lab import report
from finwait.lab.choose import chosen, listed
from finwait.lab.experiment import Experiment
from finwait.lab.play import Came, Result
from finwait.lab.remote import Astray
from finwait.lab.run import Ending, check, run
from finwait.lab.table import table, words
from finwait.lab.world import Step
from finwait.picture.width import wrap
from finwait.verdict.language import Lang, Text

COLUMNS = 120
"""Columns of a page that no terminal shows."""

SHOWN = 3
"""Files that could not be written are named, up to so many."""
_MORE = Text("and {} more files", "另有 {} 个文件")
_STOPPED = Text(
    "stopped: {done} of {all} experiments were played", "已停止：{all} 个实验中运行了 {done} 个"
)

_EPILOG = epilog(
    [
        "finwait lab",
        "sudo $(which finwait) lab closing",
        "sudo $(which finwait) lab all -j 2 --keep captures",
        "finwait lab --code four-way > mine.py && sudo $(which finwait) lab ./mine.py:four-way",
    ],
    {
        0: helps("nothing differs from what was expected", "没有任何一处与预期不符"),
        1: helps("misuse: no such experiment", "用法错误：没有这个实验"),
        3: helps("the system refused: namespaces, TUN, a file", "系统拒绝：命名空间、TUN、文件"),
        4: helps(
            "something differs from what was expected, or an experiment stopped",
            "有一处与预期不符，或有实验中途停止",
        ),
        130: helps(
            "interrupted; what had been played was told (143: SIGTERM)",
            "被中断；已运行的实验已给出（SIGTERM 为 143）",
        ),
    },
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
        _nothing_to_play(
            {
                "--keep": keep,
                "--svg": svg,
                "--code": code,
                "--long": with_long,
                "--no-trace": no_trace,
            }
        )
        print("\n".join(listed(lang, form == "json")))
        return codes.DONE
    experiments = chosen(names, with_long=with_long)
    if code:
        for path in dict.fromkeys(each.place[0] for each in experiments if each.place):
            print(Path(path).read_text(encoding="utf-8"), end="")
        return codes.DONE
    for folder in filter(None, (keep, svg)):
        _made(folder)
    check()
    teller = _Teller(lang, live=jobs == 1 and form == "text")
    endings = run(
        experiments, lang, jobs, begins=teller.begins, heard=teller.heard, trace=not no_trace
    )
    return _tell(endings, len(experiments), teller, form, _Keeper(keep, svg, lang))


def _nothing_to_play(given: dict[str, str | bool | None]) -> None:
    """Raise Misuse if an option was given that is about an experiment, and no experiment was."""
    if idle := [name for name, value in given.items() if value]:
        named = ", ".join(idle)
        raise Misuse(
            f"{named}: of which experiment? Give a NAME (`finwait lab` lists them), or all",
            f"{named}：针对哪个实验？请给出 NAME（`finwait lab` 列出全部），或 all",
        )


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
        if not self.live and isinstance(ending, Result | Astray) and ending.steps:
            first = ending.steps[0][0]
            self._print(report.step_line(step, first, self.lang) for step in ending.steps)
        if not isinstance(ending, Result):
            wrapped = wrap(words(ending, self.lang), min(self.style.columns, 110) - 2)
            self._print([*(f"  {self.style.paint('rst', line)}" for line in wrapped), ""])
            return
        self._print(report.body(experiment, ending, self.style, self.lang))

    def table(self, rows: list[Ending], *, cut_off: bool) -> None:
        """Tell the table at the end. cut_off: the page of an experiment was not told to its end."""
        self._print([*([""] if cut_off else []), *table(rows, self.style, self.lang)])

    @staticmethod
    def _print(lines: list[str] | Iterator[str]) -> None:
        for line in lines:
            print(line)
        sys.stdout.flush()  # before the next fork, and as it happens


class _Keeper:
    """Keeps captures and pictures; a file that cannot be written stops nothing, and is named at the end."""

    def __init__(self, captures: str | None, pictures: str | None, lang: Lang) -> None:
        self._captures, self._pictures, self._lang = captures, pictures, lang
        self.failed: list[CannotWrite] = []

    def keep(self, experiment: Experiment, result: Result) -> None:
        """Write what was asked for."""
        for number, leg in enumerate(result.legs):
            name = leg_name(experiment.name, number)
            if self._captures:
                self._write(Path(self._captures, f"{name}.pcapng"), leg.capture)
            if self._pictures:
                from finwait.picture.ladder_svg import draw

                picture = f"{name}{'' if self._lang == 'en' else '.' + self._lang}.svg"
                self._write(Path(self._pictures, picture), draw(leg.ladder, self._lang).encode())

    def _write(self, path: Path, octets: bytes) -> None:
        try:
            with opened(str(path)) as sink:
                sink.write(octets)
        except CannotWrite as error:
            self.failed.append(error)

    def tell(self) -> None:
        """Name what could not be written."""
        for error in self.failed[:SHOWN]:
            _complain(error.say(self._lang))
        if (more := len(self.failed) - SHOWN) > 0:
            _complain(_MORE.say(self._lang).format(more))


def _complain(words: str) -> None:
    print(f"finwait: {words}", file=sys.stderr)


def _tell(
    endings: Generator[Ending], count: int, teller: _Teller, form: str, keeper: _Keeper
) -> int:
    """Tell every ending as it comes, and the table at the end; Ctrl-C and SIGTERM end it early."""
    rows: list[Ending] = []
    stopped: KeyboardInterrupt | None = None
    try:
        with terminable(), closing(endings):
            for experiment, ending in endings:
                rows.append((experiment, ending))
                if form == "text":
                    teller.tells(experiment, ending)
                if isinstance(ending, Result):
                    keeper.keep(experiment, ending)
    except KeyboardInterrupt as interrupt:
        stopped = interrupt
    if form == "json":
        data = [report.as_data(*row, teller.lang) for row in rows]
        json.dump(data, sys.stdout, ensure_ascii=False, indent=2)
        print()
    elif rows:
        teller.table(rows, cut_off=stopped is not None)
    keeper.tell()
    if stopped is not None:
        _complain(_STOPPED.say(teller.lang).format(done=len(rows), all=count))
        return code_of(stopped)
    return _code([ending for _, ending in rows], keeper)


def _code(endings: list[Came], keeper: _Keeper) -> int:
    if keeper.failed or any(isinstance(each, MissingPrivilege | CannotOpen) for each in endings):
        return codes.REFUSED
    same = all(isinstance(each, Result) and each.same for each in endings)
    return codes.DONE if same else codes.NOT_SAME


def leg_name(name: str, number: int) -> str:
    """Name the files of a connection: a proxy has a second one, to the server."""
    return name + (".server-leg" if number else "")


def _made(folder: str) -> None:
    """Make a folder, if there is none; raises CannotWrite if it cannot be written into, before anything is played."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(folder, error) from None
    check_folder(folder, folder)
