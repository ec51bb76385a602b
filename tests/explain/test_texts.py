"""Both languages say the same things, with the same facts, and say only what the code asks for."""

import re
import string
import tomllib
from pathlib import Path

import pytest

from finwait.explain.words import FOLDER

CODE = "".join(p.read_text(encoding="utf-8") for p in sorted(FOLDER.parent.glob("*.py")))
FILES = ("", "header.")


def texts(lang: str, part: str) -> dict[str, dict[str, str]]:
    with (FOLDER / f"{lang}.{part}toml").open("rb") as file:
        found: dict[str, dict[str, str]] = tomllib.load(file)
    return found


def facts(template: str) -> set[str]:
    return {name.lower() for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("part", FILES)
def test_the_languages_agree(part: str) -> None:
    english, chinese = texts("en", part), texts("zh", part)
    assert english.keys() == chinese.keys()
    for section, said in english.items():
        assert said.keys() == chinese[section].keys(), section
        for key, text in said.items():
            assert facts(text) == facts(chinese[section][key]), f"{section}.{key}"


def alike(key: str) -> bool:
    """Whether the code builds this key from pieces."""
    return bool(
        re.fullmatch(
            r"(midstream-\w+|option-.*|(times|frames)_\d|fin-again(-acked)?(-many)?|(waiting|unacked)(-too)?)",
            key,
        )
        or re.fullmatch(r"(AE|CWR|ECE|URG|ACK|PSH|RST|SYN|FIN)-\w+", key)
    )


@pytest.mark.parametrize("part", FILES)
def test_every_text_is_used(part: str) -> None:
    used = set(re.findall(r'"([\w-]+)"', CODE))
    for section, said in texts("en", part).items():
        idle = [k for k in said if k not in used and not alike(k) and section != "fields"]
        assert not idle, f"nobody says these of [{section}]: {idle}"


@pytest.mark.parametrize("part", FILES)
def test_english_is_ascii_and_chinese_is_not(part: str) -> None:
    for section, said in texts("en", part).items():
        if section != "words":
            assert all(text.isascii() for text in said.values()), section
    for section in texts("zh", part).keys() - {"words", "fields"}:
        plain = [k for k, text in texts("zh", part)[section].items() if text.isascii()]
        assert set(plain) <= {"time_wait"}, section


def test_chinese_has_chinese_signs() -> None:
    """A comma or a bracket after a Chinese character is a Chinese one."""
    wrong = re.compile(r"[\u4e00-\u9fff][,;:?()]|[,;:?()][\u4e00-\u9fff]")
    for path in [
        *FOLDER.glob("zh*.toml"),
        *(Path(FOLDER).parents[1] / "verdict/data").glob("*.toml"),
    ]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                assert not wrong.search(line), f"{path.name}: {line}"
