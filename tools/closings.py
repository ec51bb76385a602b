"""Draws the closings of `examples/` for people who learn: a page in each language, with pictures.

`python tools/closings.py [DIRECTORY]` writes into DIRECTORY, `docs` if not given. Everything on the
pages but the headings is what `finwait explain` says, so that a page cannot say what is not so.
"""

import sys
from pathlib import Path

import finwait
from finwait.explain import Explanation
from finwait.verdict import LANGS, Lang, Text

ROOT = Path(__file__).parent.parent
COMMAND = "make docs"
PAGES: dict[Lang, str] = {"en": "closings.md", "zh": "closings.zh-CN.md"}
TITLE = Text("How connections close, on a real kernel", "真实内核上的连接关闭")
BEFORE = Text(
    "Each capture was made from real sockets or a peer of our own, on a real kernel, by `examples/make.py`."
    " The pictures and the sentences are what `finwait explain examples/NAME.pcap 0` gives.",
    "每份抓包都由 `examples/make.py` 在真实内核上用真实套接字（或自制的对端）生成。"
    "图和文字就是 `finwait explain examples/NAME.pcap 0 --lang zh` 的输出。",
)
CLOSINGS = {
    "four-way": Text("Four-way close", "四次挥手"),
    "three-way": Text("Three-way close", "三次挥手"),
    "simultaneous": Text("Simultaneous close: CLOSING", "同时关闭：CLOSING"),
    "rst-without-fin": Text("RST without FIN", "没有 FIN 的 RST"),
    "rst-after-fin": Text("RST after FIN", "FIN 之后的 RST"),
    "simultaneous-fin-never-acked": Text(
        "Simultaneous close, and one FIN never acked", "同时关闭，其中一个 FIN 始终未被确认"
    ),
}
OPENING = {"syn", "syn-ack", "handshake-ack", "first-data", "answer-data", "payload"}
"""Points of a story that tell of what came before the close."""


def picture(name: str, lang: Lang) -> str:
    """Name the file of a picture."""
    return f"pictures/{name}{'' if lang == 'en' else '.' + lang}.svg"


def section(name: str, told: Explanation, lang: Lang) -> list[str]:
    """Write the section of one capture."""
    title, verdict = CLOSINGS[name].say(lang), told.verdict(lang)
    points = [item.text(lang) for item in told.story if item.parts[0].key not in OPENING]
    return [
        f"## {title}",
        "",
        f"`examples/{name}.pcap` · {verdict.sentence}",
        "",
        f"![{title}]({picture(name, lang)})",
        "",
        *(f"{number}. {point}" for number, point in enumerate(points, 1)),
        "",
        " ".join(told.time_wait.text(lang)) if lang == "en" else "".join(told.time_wait.text(lang)),
        "",
    ]


def files() -> dict[str, str]:
    """Give every file by its name in `docs`."""
    found: dict[str, str] = {}
    told = {name: finwait.explain(ROOT / "examples" / f"{name}.pcap", 0) for name in CLOSINGS}
    for lang in LANGS:
        lines = [f"# {TITLE.say(lang)}", "", f"<!-- Made by `{COMMAND}`. Do not edit. -->", ""]
        lines += [BEFORE.say(lang), ""]
        for name, one in told.items():
            lines += section(name, one, lang)
            found[picture(name, lang)] = one.svg(lang)
        found[PAGES[lang]] = "\n".join(lines).rstrip() + "\n"
    return found


def main(folder: Path) -> None:
    """Write every file."""
    for name, content in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs")
