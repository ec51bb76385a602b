"""Write the Chinese of click's own words (`Usage:`, `No such option`, …) as the file that gettext reads.

    .venv/bin/python tools/click_words.py

click says everything by gettext and ships no language; the format of the file is that of GNU gettext
(its manual, "The Format of GNU MO Files").
"""

import struct
from pathlib import Path

FILE = Path(__file__).parents[1] / "src/finwait/cli/text/zh/LC_MESSAGES/click.mo"

WORDS: dict[str, str] = {
    "Usage:": "用法：",
    "Options": "选项",
    "Commands": "命令",
    "Positional arguments": "位置参数",
    "Show the version and exit.": "显示版本号后退出。",
    "Show this message and exit.": "显示本帮助后退出。",
    "default: {default}": "默认：{default}",
    "env var: {var}": "环境变量：{var}",
    "(dynamic)": "（动态）",
    "deprecated": "已弃用",
    "Aborted!": "已中止。",
    "Error: {message}": "错误：{message}",
    "Try '{command} {option}' for help.": "用“{command} {option}”查看帮助。",
    "Missing command.": "缺少命令。",
    "Missing argument": "缺少参数",
    "Missing option": "缺少选项",
    "Missing parameter": "缺少参数",
    "Missing parameter: {param_name}": "缺少参数：{param_name}",
    "Missing {param_type}": "缺少 {param_type}",
    "Choose from:\n\t{choices}": "可选：\n\t{choices}",
    "No such option {name!r}.": "没有选项 {name!r}。",
    "No such command {name!r}.": "没有命令 {name!r}。",
    "Invalid value: {message}": "取值无效：{message}",
    "Invalid value for {param_hint}: {message}": "{param_hint} 的取值无效：{message}",
    "{value!r} is not a valid {number_type}.": "{value!r} 不是有效的数字。",
    "{value} is not in the range {range}.": "{value} 不在范围 {range} 内。",
    "{value!r} is not a valid boolean. Recognized values: {states}": "{value!r} 不是有效的布尔值。可用：{states}",
    "Option {name!r} does not take a value.": "选项 {name!r} 不带值。",
    "Argument {name!r} takes {nargs} values.": "参数 {name!r} 需要 {nargs} 个值。",
    "Could not open file {filename!r}: {message}": "无法打开文件 {filename!r}：{message}",
    "unknown error": "未知错误",
    "file": "文件",
    "directory": "目录",
    "path": "路径",
    "{name} {filename!r} does not exist.": "{name} {filename!r} 不存在。",
    "{name} {filename!r} is a file.": "{name} {filename!r} 是文件。",
    "{name} {filename!r} is a directory.": "{name} {filename!r} 是目录。",
    "{name} {filename!r} is not readable.": "{name} {filename!r} 不可读。",
    "{name} {filename!r} is not writable.": "{name} {filename!r} 不可写。",
    "{name} {filename!r} is not executable.": "{name} {filename!r} 不可执行。",
}
PLURALS: dict[tuple[str, str], tuple[str, str]] = {
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"): (
        "是不是 {possibility}？",
        "是不是其中之一：{possibilities}？",
    ),
    (
        "Got unexpected extra argument ({args})",
        "Got unexpected extra arguments ({args})",
    ): ("多余的参数（{args}）", "多余的参数（{args}）"),
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."): (
        "{value!r} 不是 {choice}。",
        "{value!r} 不在 {choices} 之中。",
    ),
    (
        "Option {name!r} requires an argument.",
        "Option {name!r} requires {nargs} arguments.",
    ): ("选项 {name!r} 需要一个值。", "选项 {name!r} 需要 {nargs} 个值。"),
    (
        "Takes {nargs} values but 1 was given.",
        "Takes {nargs} values but {len} were given.",
    ): ("需要 {nargs} 个值，只给出了 1 个。", "需要 {nargs} 个值，给出了 {len} 个。"),
    (
        "{len_type} values are required, but {len_value} was given.",
        "{len_type} values are required, but {len_value} were given.",
    ): (
        "需要 {len_type} 个值，给出了 {len_value} 个。",
        "需要 {len_type} 个值，给出了 {len_value} 个。",
    ),
}
HEAD = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"
"""click chooses between one and many, so the Chinese keeps both, too."""

MAGIC = 0x950412DE
TABLE = 28
"""Bytes of the file's head, after which the first table stands."""


def compiled() -> bytes:
    """The file: two tables of lengths and places, originals sorted, then all texts with a NUL each."""
    pairs = {"": HEAD, **WORDS}
    pairs |= {"\0".join(ids): "\0".join(texts) for ids, texts in PLURALS.items()}
    ordered = sorted((k.encode(), v.encode()) for k, v in pairs.items())
    second = TABLE + 8 * len(ordered)
    place = second + 8 * len(ordered)
    tables, texts = b"", b""
    for column in (0, 1):
        for pair in ordered:
            tables += struct.pack("<II", len(pair[column]), place + len(texts))
            texts += pair[column] + b"\0"
    head = struct.pack("<IIIIIII", MAGIC, 0, len(ordered), TABLE, second, 0, place)
    return head + tables + texts


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_bytes(compiled())
