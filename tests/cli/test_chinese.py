"""Who reads Chinese reads Chinese, also where click or the core speaks."""

import ast
import gettext
import re
from pathlib import Path

import click
import pytest

import click_words
from finwait.capture.faults import SENTENCES, THINGS, in_chinese, in_english
from finwait.picture.width import width

from .command import FOUR_WAY, ROOT, finwait

ZH = {"LC_ALL": "zh_CN.UTF-8", "PYTHONUTF8": "1", "COLUMNS": "80"}
VERBS: tuple[list[str], ...] = ([], ["analyze"], ["explain"], ["catalogue"])
ENGLISH = re.compile(
    r"\b(Usage|Options|Commands|Show|Error|Missing|Invalid|Try|Got|Did you|No such|not|is|the|requires|Verbs)\b"
)


def test_what_gettext_reads_is_what_the_tool_writes() -> None:
    assert click_words.FILE.read_bytes() == click_words.compiled(), "run tools/click_words.py"
    with click_words.FILE.open("rb") as file:
        read = gettext.GNUTranslations(file)
    for english, chinese in click_words.WORDS.items():
        assert read.gettext(english) == chinese
    for (one, many), texts in click_words.PLURALS.items():
        assert (read.ngettext(one, many, 1), read.ngettext(one, many, 2)) == texts


def test_every_word_is_one_that_click_says() -> None:
    said: set[object] = set()
    for path in Path(click.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant):
                said.add(node.value)
    words = {*click_words.WORDS, *(text for pair in click_words.PLURALS for text in pair)}
    assert not words - said


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help(verb: list[str]) -> None:
    done = finwait(*verb, "--help", env=ZH)
    assert done.code == 0
    assert done.out.startswith("用法：")
    told = done.out.partition("示例：")[0]  # then commands to copy, which are not broken
    assert not ENGLISH.search(told)
    assert max(map(width, told.splitlines())) <= 80
    assert finwait(*verb, "--lang", "zh", "--help").out == done.out


MISTAKES = [
    [],
    ["analyse"],
    ["--nonsense"],
    ["analyze"],
    ["analyze", "--nonsens", FOUR_WAY],
    ["analyze", "--colums", FOUR_WAY],
    ["analyze", "--limit", "few", FOUR_WAY],
    ["analyze", "--limit", "-1", FOUR_WAY],
    ["analyze", "--limit"],
    ["analyze", "--joined=1", FOUR_WAY],
    ["analyze", "--format", "xml", FOUR_WAY],
    ["analyze", "--columns", "colour", FOUR_WAY],
    ["analyze", "--columns", "", FOUR_WAY],
    ["analyze", "--sort", "notes", FOUR_WAY],
    ["analyze", "--sort", "", FOUR_WAY],
    ["analyze", "--where", "conn + 1", FOUR_WAY],
    ["analyze", "--format", "csv", "--columns", "by", FOUR_WAY],
    ["analyze", "-o", "x.unknown", FOUR_WAY],
    ["analyze", "-o", "/no/such/folder/x.csv", FOUR_WAY],
    ["analyze", "-", "-"],
    ["analyze", "no-such-file"],
    ["analyze", str(ROOT / "tests")],
    ["explain", FOUR_WAY],
    ["explain", FOUR_WAY, "0", "1"],
    ["explain", FOUR_WAY, "99"],
    ["explain", FOUR_WAY, "nonsense"],
    ["explain", FOUR_WAY, "9" * 30],
    ["explain", FOUR_WAY, "1.2.3.4:99999-1.2.3.4:1"],
    ["explain", FOUR_WAY, "1.2.3:1-1.2.3.4:1"],
    ["explain", FOUR_WAY, "0", "--segment", "99"],
    ["explain", FOUR_WAY, "0", "--segment", "0"],
    ["catalogue", "nonsense"],
    ["catalogue", "orderli"],
]


@pytest.mark.parametrize("arguments", MISTAKES, ids=" ".join)
def test_mistakes(arguments: list[str]) -> None:
    done = finwait(*arguments, env=ZH)
    assert done.code in {1, 2, 3}
    assert not ENGLISH.search(done.err + done.out)
    assert re.search("[一-鿿]", done.err)


UNHEARD = {"after a frame comes something else"}
"""What the reader of compressed files says to itself; a person hears that they cannot be uncompressed."""


def core_sentences() -> dict[str, str]:
    """What the core says of captures: texts in its sources, with where they stand."""
    found = {}
    core = ROOT / "core" / "src"
    for path in [*(core / "source").glob("*.rs"), core / "engine" / "files.rs"]:
        source = re.sub(r"\\\n\s*", "", path.read_text().partition("#[cfg(test)]")[0])
        source = re.sub(r"^\s*//.*$", "", source, flags=re.MULTILINE)
        for text in re.findall(r'(?:format!\(|message: )?\s*"((?:[^"\\\n]|\\.)*)"', source):
            plain = re.sub(r"\{[^}]*\}", "{}", text)
            if (
                plain not in UNHEARD
                and plain.count(" ") >= 3
                and not plain.startswith(("uncompress it", "turn it into"))
            ):
                found[plain] = f"{path.name}: {text}"
    return found


def test_every_sentence_of_the_core_has_its_chinese() -> None:
    known = {*SENTENCES, *THINGS, "this is {}; {}"}
    # What `{}` stands for may be a part of the text there, such as a command.
    patterns = [re.compile(".+".join(map(re.escape, each.split("{}")))) for each in known]
    said = core_sentences()
    assert len(said) > 20
    missing = [
        where for text, where in said.items() if not any(p.fullmatch(text) for p in patterns)
    ]
    assert not missing, "give them to src/finwait/capture/faults.py"


def test_a_sentence_keeps_its_numbers() -> None:
    message = "the file ends inside a frame, after 12 of 345 bytes"
    assert in_chinese(message) == "文件在一帧中间结束：只有前 12 字节，共需 345 字节"
    assert in_chinese("this is bzip2-compressed; uncompress it first: `bzip2 -dc FILE`") == (
        "这是用 bzip2 压缩的文件；请先解压：`bzip2 -dc FILE`"
    )
    assert in_chinese("No such file or directory (os error 2)") == "没有这个文件或目录"
    assert in_english("No such file or directory (os error 2)") == "No such file or directory"
    assert in_chinese("something new") is None
