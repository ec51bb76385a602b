"""`finwait run`: play packetdrill scripts on our own endpoint or on the real kernel."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from finwait.cli.files import WRITTEN, Read, pcap_option
from finwait.cli.options import (
    duration,
    epilog,
    explain_option,
    format_option,
    helps,
    lang_option,
)
from finwait.errors import STDIN, Misuse
from finwait.script.job import PROFILES, STAGES, VARIANTS, in_folder
from finwait.script.options import FLAG, OPTIONS, check_option
from finwait.script.syntax import Dialect
from finwait.verdict.language import Lang, Text

if TYPE_CHECKING:
    from finwait.script.job import Job

Command = TypeVar("Command", bound=Callable[..., object])
SCRIPT: Final = Read(
    in_folder,
    Text("a script, as in finwait run - < close.pkt", "一个脚本，例如 finwait run - < close.pkt"),
)
OWN: Final = frozenset({"define", "dry_run", "verbose", "debug"})
"""Options of packetdrill that are options of this verb too; --debug, of which a script may have a line, is none."""

_CODE = {
    0: helps("every script passed", "所有脚本通过"),
    1: helps("misuse: unknown option, no such profile", "用法错误：未知选项、没有这个配置"),
    2: helps("a script is broken: it cannot be understood", "脚本有误：无法理解"),
    3: helps("the system refused: no such file, no right to make a namespace", "系统拒绝：文件不存在、无权创建命名空间"),
    4: helps(
        "a script failed: the stack did something else, or the stage lacks what it needs",
        "脚本失败：协议栈的行为与脚本不符，或舞台缺少所需的功能",
    ),
    130: helps("interrupted; each running play was told (143: SIGTERM)", "被中断；正在运行的脚本已给出（SIGTERM 为 143）"),
}  # fmt: skip
_EPILOG = epilog(
    [
        "finwait run examples/closing.pkt --until 3 --explain",
        "finwait run --stage kernel -j 2 tests/",
        "finwait run --profile freebsd --variants ipv4,ipv6 close.pkt --junit report.xml",
    ],
    _CODE,
    helps(
        "Every option of packetdrill that a script may have is an option here too and wins over"
        " the script's own line: --ip_version, --tolerance_usecs, --local_ip, --mtu, … (docs/run.md).",
        "packetdrill 脚本可用的每个选项在此也可用，并优先于脚本自身的选项行："
        "--ip_version、--tolerance_usecs、--local_ip、--mtu 等（见 docs/run.md）。",
    ),
)


def packetdrill_options(command: Command) -> Command:
    """Give a verb every option of packetdrill; they come as keyword arguments of the same names."""
    for name, allowed in OPTIONS.items():
        if name in OWN:
            continue
        if allowed is FLAG:
            command = click.option(f"--{name}", is_flag=True, hidden=True)(command)
        else:
            command = click.option(f"--{name}", hidden=True)(command)
    return command


@click.command(
    "run",
    epilog=_EPILOG,
    help=helps(
        "Play packetdrill scripts, and say what was not as they expect.\n\n"
        "SCRIPT is a file, or a folder with *.pkt in it; - is standard input. The stage `model` is finwait's own endpoint in"
        " virtual time; `kernel` is this machine's Linux in a namespace of its own.",
        "运行 packetdrill 脚本，并说明哪里与预期不符。\n\n"
        "SCRIPT 是脚本文件，或含有 *.pkt 的目录；- 表示标准输入。`model` 舞台是 finwait 自己的协议栈，使用虚拟时间；"
        "`kernel` 是本机的 Linux 内核，在独立的网络命名空间中。",
    ),
)
@click.argument("scripts", nargs=-1, required=True, type=SCRIPT, metavar="SCRIPT...")
@click.option(
    "--stage",
    type=click.Choice(STAGES),
    default="model",
    show_default=True,
    help=helps("On what to play.", "在哪个舞台上运行。"),
)
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="linux",
    show_default=True,
    help=helps("Whose behaviour the model has.", "模型采用谁的行为。"),
)
@click.option(
    "-D",
    "--define",
    "defines",
    multiple=True,
    metavar="NAME=VALUE",
    help=helps("Put a value in the place of a name.", "用值替换脚本中的名字。"),
)
@click.option(
    "--variants",
    metavar="LIST",
    help=helps(
        "Play each script in these: ipv4,ipv6,ipv4-mapped-ipv6.",
        "每个脚本按这些变体运行：ipv4,ipv6,ipv4-mapped-ipv6。",
    ),
)
@click.option(
    "--compat",
    type=click.Choice([d.value for d in Dialect if d is not Dialect.FINWAIT]),
    help=helps("Keep the quirks of this packetdrill.", "保留这一 packetdrill 版本的特有行为。"),
)
@click.option(
    "--until",
    type=duration(),
    metavar="SECONDS",
    help=helps(
        "Stop there; tell the state of the socket, and why.",
        "运行到此时停止，说明套接字的状态与原因。",
    ),
)
@explain_option
@pcap_option
@click.option(
    "--dry-run",
    "--dry_run",
    "dry",
    is_flag=True,
    help=helps("Read the scripts, play nothing.", "只解析脚本，不运行。"),
)
@click.option(
    "-j",
    "jobs",
    type=click.IntRange(1, 256),
    default=1,
    metavar="N",
    help=helps("So many at once.", "同时运行的脚本数。"),
)
@click.option(
    "--time-limit",
    type=duration(1),
    default=180.0,
    show_default=True,
    metavar="SECONDS",
    help=helps("For one script, on either stage.", "单个脚本的时限，两种舞台均适用。"),
)
@click.option("--tap", "as_tap", is_flag=True, help=helps("Write TAP.", "以 TAP 格式输出。"))
@click.option(
    "--junit",
    type=WRITTEN,
    metavar="FILE",
    help=helps("Write JUnit's XML here, too.", "同时写出 JUnit XML。"),
)
@format_option
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help=helps(
        "Tell every packet, and how many they were, on standard error.",
        "在标准错误上给出每个报文及其数量。",
    ),
)
@packetdrill_options
@lang_option
def command(  # noqa: PLR0917  # click gives an argument an option
    scripts: tuple[str, ...],
    stage: str,
    profile: str,
    defines: tuple[str, ...],
    variants: str | None,
    compat: str | None,
    until: float | None,
    explained: bool,
    pcap: str | None,
    dry: bool,
    jobs: int,
    time_limit: float,
    as_tap: bool,
    junit: str | None,
    form: str,
    verbose: bool,
    lang: Lang,
    **packetdrill: str | bool | None,
) -> int:
    """Run the verb; its help is above."""
    from finwait.cli import run_told
    from finwait.script.job import Job
    from finwait.script.job import jobs as all_jobs
    from finwait.script.job import scripts as find

    like = Job(
        "",
        stage=stage,
        profile=profile,
        defines=_defines(defines),
        options=_options(packetdrill),
        dialect=Dialect(compat or "finwait"),
        until=None if until is None else round(until * 1_000_000),
    )
    found = find(scripts)
    texts = {path: _read(path) for path in found if path == STDIN or Path(path).is_fifo()}
    made = all_jobs(found, _variants(variants), like, texts)
    if dry:
        return run_told.dry(made, lang)
    _one_only(made, pcap)
    wish = run_told.Told(form, as_tap, junit, pcap, explained, verbose, lang)
    return run_told.tell(made, jobs, time_limit, wish)


def _read(path: str) -> str:
    """Read a script that can be read only once: it may be played in several variants."""
    from finwait.explain.read import octets
    from finwait.script.parser import decoded

    return decoded(b"".join(octets(path)))


def _one_only(made: "list[Job]", pcap: str | None) -> None:
    if pcap is not None and len(made) != 1:
        raise Misuse(
            f"--pcap keeps the packets of one play, and there are {len(made)}",
            f"--pcap 只能保存一次运行的报文，而这里有 {len(made)} 次",
        )


def _defines(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise Misuse(f"-D {one}: write NAME=VALUE", f"-D {one}：请写 名字=值")
        found[name.strip()] = value
    return found


def _options(given: dict[str, str | bool | None]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, value in given.items():
        if isinstance(value, str):
            found[name] = value
        elif value:
            found[name] = None
        wrong = check_option(name, found[name]) if name in found else None
        if wrong is not None:
            raise Misuse(f"--{name} {wrong.en}", f"--{name} {wrong.zh}")
    return found


def _variants(given: str | None) -> list[str]:
    if given is None:
        return []
    chosen = [name.strip().replace("_", "-") for name in given.split(",")]
    strange = set(chosen) - set(VARIANTS)
    if strange:
        raise Misuse(
            f"no variant {min(strange)}: there are {', '.join(VARIANTS)}",
            f"没有 {min(strange)} 这个变体：有 {'、'.join(VARIANTS)}",
        )
    return chosen
