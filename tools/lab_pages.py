"""Writes docs/lab.md and its pictures: every experiment played on this machine's kernel, in each language.

`sudo .venv/bin/python tools/lab_pages.py [DIRECTORY]` writes into DIRECTORY, `docs` if not given. Stories, pictures and
the kernel's words are those of the run; addresses and times differ from run to run.
"""

import inspect
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

from finwait.cli.lab import leg_name
from finwait.lab.beside import COLON
from finwait.lab.experiment import WHO, Expected, Experiment
from finwait.lab.experiments import ALL, SUBJECTS
from finwait.lab.play import Played, Result
from finwait.lab.proxy import LEGS
from finwait.lab.report import TRAVELS, in_capture, states_told
from finwait.lab.reset_words import reset_words
from finwait.lab.run import run
from finwait.lab.travel import draw as draw_travel
from finwait.picture.ladder_svg import draw
from finwait.picture.ladder_text import Style
from finwait.verdict.language import LANGS, Lang, Text

JOBS = 2
ROOT = Path(__file__).parent.parent
PAGES: dict[Lang, str] = {"en": "lab.md", "zh": "lab.zh-CN.md"}
TITLE = Text("The lab: every closing on a real kernel", "实验室：真实内核上的每一种关闭")
BEFORE = Text(
    """`finwait lab` lists these experiments; `sudo .venv/bin/finwait lab closing` plays the five of the study, `sudo .venv/bin/finwait lab all -j 2` all of
them ({seconds:.0f} s here). Two programs with real sockets, each a process in a network namespace of its own, talk over a wire
that can lose, hold, reorder and invent packets. For each experiment three tell how it closed: what is **expected** because of how it
is made; what finwait reads **from the wire**; and what the **kernel** itself said meanwhile, through its tracepoints
`sock:inet_sock_set_state` and `tcp:tcp_send_reset` (TIME-WAIT and sockets without a process: sock_diag). The exit code is 0 only if
nothing differs from what was expected.

The table at the end says how far the three agree (`agreement` in `--format json`). `same`: all of them, and the states
in which the kernels have both ends at last are among those that the packets leave open. `as meant *`: wire and kernel
say different things on purpose, because a device in between speaks in an end's name; a note says why. `wire only`: the kernel told
too little to say how it closed, so it neither agrees nor differs. `NOT`: something is not as expected. The word after a comma is
the cause; the kernel's is what its reason for the RST means.

In the pictures a pill is a state that the packets prove; ✓ below it is the kernel saying the same with the same segment, and
"kernel: STATE" is a state that the kernel reported before a packet could prove it. A line with a time and without an arrow is the
kernel's alone: no packet has to do with it, a timer ran out or a call sent nothing. Where only a look at the table of sockets told of it, it
also says when a look had shown the state before. [中文](lab.zh-CN.md)

`--keep DIR` keeps the captures, with the kernel's words as comments on the packets; what no packet has to do with is told on the packet
before it, with how much later it was; `--lang zh`, `--format json`, `--svg DIR`.
Needs root, or user namespaces and a /dev/net/tun that may be opened; without root there are no tracepoints, and the states are those of
the kernel's table of sockets (sock_diag). Nothing outside is touched, nothing is left behind. A kernel before 6.10 tells no reasons of
RSTs: then they are not compared, and the page says so. Where an experiment is about a time (the 40 ms of a delayed ACK) and the machine
was too busy for it, it is played again, and not judged.

The kernel's names for its reasons mislead when read alone: SO_LINGER 0 shows as TCP_STATE, data for a port that listens as
TCP_FLAGS, a full accept queue as INVALID_SYN. `src/finwait/lab/reasons.py` says what each means.""",
    """`finwait lab` 列出这些实验；`sudo .venv/bin/finwait lab closing` 运行研究中的五种，`sudo .venv/bin/finwait lab all -j 2` 运行全部（此处 {seconds:.0f} 秒）。
两个使用真实套接字的程序，各为一个进程、各在自己的网络命名空间中，通过一条可以丢失、扣住、重排和伪造报文的线路通信。
每个实验由三方说明连接如何关闭：由制造方法得出的**预期**；finwait 从**报文**中读出的结论；以及**内核**自己通过
tracepoint `sock:inet_sock_set_state` 与 `tcp:tcp_send_reset` 所说的（TIME-WAIT 与无进程的套接字：sock_diag）。没有任何一处与预期不符时，退出码才为 0。

末尾的表格说明三者一致的程度（`--format json` 中为 `agreement`）。“一致”：三者相同，且内核中两端的最后状态都在报文所允许的之内。“有意不同 *”：报文与内核的说法本来就不同，因为有中间设备以一端的名义发言，
表下的注释说明原因。“仅报文”：内核所说不足以断定如何关闭，既不算一致，也不算不一致。“否”：有一处与预期不符。逗号后是原因；内核一栏中是其 RST 原因的含义。

图中的胶囊是由报文证明的状态；下面的 ✓ 表示内核在同一报文处报告了相同状态，“内核: 状态”是内核在报文能证明之前就报告的状态。
有时间而没有箭头的一行只由内核说出：它与任何报文无关，是定时器到期，或某个调用没有发送报文。如果只有查看套接字表才得知，还会说明哪一次查看时仍是之前的状态。[English](lab.md)

`--keep DIR` 保留抓包，内核的说法作为报文注释；与任何报文无关的，写在它之前的报文上，并说明晚了多久；另有 `--lang zh`、`--format json`、`--svg DIR`。
需要 root，或用户命名空间与可打开的 /dev/net/tun；没有 root 就没有 tracepoint，状态取自内核的套接字表（sock_diag）。
不触及外部，也不留下任何东西。6.10 之前的内核不说明 RST 的原因：此时不比较原因，页面会说明。实验若与时间有关（延迟 ACK 的 40 毫秒）而机器太忙，则重新运行，不作判断。

内核给出的原因名称单独看会误导：SO_LINGER 为 0 显示为 TCP_STATE，发往监听端口的数据显示为 TCP_FLAGS，accept 队列已满显示为
INVALID_SYN。`src/finwait/lab/reasons.py` 说明各自的含义。""",
)
OWN = Text(
    """## An experiment of your own

`finwait lab --code four-way > mine.py` writes the module of an experiment; change its story, and
`sudo .venv/bin/finwait lab ./mine.py:four-way` plays it (`./mine.py` plays all that are in it). Or begin with
[examples/own_experiment.py](../examples/own_experiment.py):

```python
{example}
```

A story tells `world.client` and `world.server` what to call: `listen`, `connect`, `accept`, `send`, `receive`, `receive_end` (up to the FIN),
`receive_reset`, `shutdown`, `close`, `linger`, `option`, `exit`, `kill`; `begin` and `finish` make a call that does not wait. `world.wire`
can `lose`, `cut`, `mend`, `hold`, `release` and `inject`. Wait for what has to happen (`world.until`, `until_sent`, `until_held`, `settle`), not for
a time; `world.in_time` and `in_one_go` have a play repeated that the machine was too slow for. A story that comes to no end is stopped
after `Experiment(time_limit=…)`, 60 s if not said, with the line and the wait that it had come to; the other experiments go on. `Experiment(through=…)` puts a proxy between both: a function of two sockets ([proxies](#proxies)). If the expectation was wrong, the lab says
what wire and kernel say instead, and ends with code 4.""",
    """## 自己的实验

`finwait lab --code four-way > mine.py` 写出一个实验的模块；修改其过程，然后 `sudo .venv/bin/finwait lab ./mine.py:four-way` 运行它
（`./mine.py` 运行其中全部）。或者从 [examples/own_experiment.py](../examples/own_experiment.py) 开始：

```python
{example}
```

过程告诉 `world.client` 与 `world.server` 调用什么：`listen`、`connect`、`accept`、`send`、`receive`、`receive_end`（读到 FIN）、`receive_reset`、
`shutdown`、`close`、`linger`、`option`、`exit`、`kill`；`begin` 与 `finish` 用于不等待的调用。`world.wire` 可以 `lose`、`cut`、`mend`、`hold`、
`release` 和 `inject`。请等待应当发生的事（`world.until`、`until_sent`、`until_held`、`settle`），而不是等待一段时间；
`world.in_time` 与 `in_one_go` 让机器太慢的一次重新运行。没有尽头的过程在 `Experiment(time_limit=…)`（默认 60 秒）后被终止，
并说明停在哪一行、在等待什么；其他实验照常进行。`Experiment(through=…)` 在两者之间放一个代理：一个以两个套接字为参数的函数（见 [proxies](#proxies)）。预期有误时，实验室会说出报文与内核的说法，并以退出码 4 结束。""",
)
MADE = Text(
    "Made on Linux {kernel} by `tools/lab_pages.py`. Do not edit.",
    "在 Linux {kernel} 上由 `tools/lab_pages.py` 生成。请勿修改。",
)
WIRE, KERNEL, CODE = (
    Text("From the wire", "由报文"),
    Text("From the kernel", "由内核"),
    Text("The story", "过程"),
)
OPEN = Text("What no packet shows", "没有报文能说明的")
LIMIT = Text("What a wire cannot show", "线路上看不到的")


def picture(name: str, lang: Lang) -> str:
    """Name the file of a picture."""
    return f"pictures/lab/{name}{'' if lang == 'en' else '.' + lang}.svg"


def heading(experiment: Experiment, lang: Lang) -> list[str]:
    """Write what an experiment is about."""
    settings = "".join(f" · `{name} = {value}`" for name, value in experiment.sysctl.items())
    return [
        f"### {experiment.title.say(lang)}",
        "",
        f"`{experiment.name}`{settings} · {experiment.shows.say(lang)}",
        "",
    ]


def story(experiment: Experiment, lang: Lang) -> list[str]:
    """Write its code."""
    code = "\n\n\n".join(inspect.getsource(part).rstrip() for part in _parts(experiment))
    return [
        f"<details><summary>{CODE.say(lang)}</summary>",
        "",
        "```python",
        code,
        "```",
        "",
        "</details>",
        "",
    ]


def section(experiment: Experiment, result: Result, lang: Lang) -> list[str]:
    """Write the section of one experiment."""
    title = experiment.title.say(lang)
    lines = heading(experiment, lang)
    wanted = experiment.expectations
    for number, (leg, expected) in enumerate(zip(result.legs, wanted, strict=True)):
        name = title if len(wanted) == 1 else f"{title}: {LEGS[number].say(lang)}"
        lines += [f"![{name}]({picture(leg_name(experiment.name, number), lang)})", ""]
        lines += [*told(leg, expected, lang), ""]
    if result.hops:
        drawn = draw_travel(result.hops, result.steps[0][0], Style(), lang)
        lines += [f"{TRAVELS.say(lang)}:", "", "```text", *drawn, "```", ""]
    return [*lines, *story(experiment, lang)]


def _parts(experiment: Experiment) -> list[Callable[..., object]]:
    """Give the functions that make an experiment: what its story calls of its own module, the proxy's code, the story."""
    module = sys.modules[experiment.story.__module__]
    called = [getattr(module, name, None) for name in experiment.story.__code__.co_names]
    helpers = [
        each for each in called if inspect.isfunction(each) and each.__module__ == module.__name__
    ]
    proxy = [experiment.through.code] if experiment.through else []
    return [*proxy, *helpers, experiment.story]


def told(leg: Played, expected: Expected, lang: Lang) -> list[str]:
    """Write what wire and kernel say of one connection."""
    paths = [f"{WHO[who].say(lang)} {said}" for who, said in states_told(leg, lang).items()]
    reset = next((event for event in leg.events if event.reset), None)
    if reset is not None:
        words = [each for each in reset_words(reset, lang) if each]
        paths.append(COLON.say(lang).join([f"RST {WHO[reset.who].say(lang)}", *words]))
    gap = "" if lang == "zh" else " "
    return [
        f"- {WIRE.say(lang)}: {leg.verdict}",
        *(f"- {said}" for said in in_capture(leg, lang)),
        *([f"- {OPEN.say(lang)}: {gap.join(leg.doubts)}"] if leg.doubts else []),
        f"- {KERNEL.say(lang)}: {'; '.join(paths)}",
        *limit(expected, lang),
    ]


def limit(expected: Expected, lang: Lang) -> list[str]:
    """Write what a wire cannot show, if there is something."""
    return [f"- {LIMIT.say(lang)}: {expected.limit.say(lang)}"] if expected.limit else []


def own(lang: Lang) -> str:
    """Write how to make an experiment of one's own."""
    example = (ROOT / "examples/own_experiment.py").read_text(encoding="utf-8")
    return OWN.say(lang).format(example=example.partition('"""\n\n')[2].rstrip())


def files(lang: Lang) -> dict[str, str]:
    """Play everything, and give each file of a language by its name in `docs`."""
    results: dict[str, Result] = {}
    seconds = 0.0
    for long in (False, True):
        began = time.monotonic()
        for experiment, ending in run(
            [each for each in ALL.values() if each.long is long], lang, JOBS
        ):
            if not isinstance(ending, Result) or not ending.same:
                raise SystemExit(f"{experiment.name}: {ending}")
            results[experiment.name] = ending
        seconds = seconds or time.monotonic() - began
    made = MADE.say(lang).format(kernel=platform.release().partition("-")[0])
    lines = [f"# {TITLE.say(lang)}", "", f"<!-- {made} -->", ""]
    lines += [BEFORE.say(lang).format(seconds=seconds), ""]
    for subject, group in SUBJECTS.items():
        lines += [f"## {subject}", ""]
        for experiment in group:
            lines += section(experiment, results[experiment.name], lang)
    lines.append(own(lang))
    found = {
        picture(leg_name(name, number), lang): draw(leg.ladder, lang)
        for name, result in results.items()
        for number, leg in enumerate(result.legs)
    }
    return {PAGES[lang]: "\n".join(lines).rstrip() + "\n", **found}


def main(folder: Path) -> None:
    """Write every file."""
    for lang in LANGS:
        for name, content in files(lang).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs")
