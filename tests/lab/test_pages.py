"""docs/lab.md says what the product says today; it is drawn by tools/lab_pages.py, which takes minutes and a kernel."""

import re

import pytest

from finwait.errors import FinwaitError
from finwait.lab.experiments import ALL, SUBJECTS
from finwait.lab.play import Result
from finwait.verdict.language import LANGS, Lang
from lab_pages import BEFORE, PAGES, ROOT, TITLE, heading, limit, own, story, told

STALE = "docs/{} is stale: run `.venv/bin/python tools/lab_pages.py` as root"


def page(lang: Lang) -> str:
    return (ROOT / "docs" / PAGES[lang]).read_text(encoding="utf-8")


def section(lang: Lang, name: str) -> str:
    """What the page says of one experiment."""
    title = "\n".join(heading(ALL[name], lang)[:1])
    parts = re.split(r"^(?=##)", page(lang), flags=re.MULTILINE)
    found = [part for part in parts if part.startswith(f"{title}\n")]
    assert len(found) == 1, STALE.format(PAGES[lang])
    return found[0]


@pytest.mark.parametrize("lang", LANGS)
def test_what_the_page_says_of_the_lab_is_fresh(lang: Lang) -> None:
    text, stale = page(lang), STALE.format(PAGES[lang])
    assert text.startswith(f"# {TITLE.say(lang)}\n"), stale
    first, _, second = BEFORE.say(lang).partition("{seconds:.0f}")
    assert first in text, stale
    assert second in text, stale
    assert text.endswith(own(lang).rstrip() + "\n"), stale
    titles = re.findall(r"^##.*", text, re.MULTILINE)
    every = [
        line
        for subject, group in SUBJECTS.items()
        for line in (f"## {subject}", *(heading(each, lang)[0] for each in group))
    ]
    assert titles[:-1] == every, stale


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("name", ALL)
def test_what_an_experiment_is_about_and_its_code_are_fresh(name: str, lang: Lang) -> None:
    text, stale = section(lang, name), STALE.format(PAGES[lang])
    assert text.startswith("\n".join(heading(ALL[name], lang))), stale
    assert text.rstrip().endswith("\n".join(story(ALL[name], lang)).rstrip()), stale
    limits = [line for each in ALL[name].expectations for line in limit(each, lang)]
    assert [line for line in limits if line not in text] == [], stale


def without_numbers(line: str) -> str:
    """Leave out what differs from run to run: addresses, times and units."""
    return re.sub(r"#( (µs|ms|s)\b)", "# s", re.sub(r"\d+(?:[.:]\d+)*", "#", line))


@pytest.mark.parametrize("name", [each.name for each in ALL.values() if not each.long])
def test_what_came_of_it_is_fresh(
    name: str, endings: dict[str, Result | FinwaitError | OSError]
) -> None:
    ending = endings[name]
    assert isinstance(ending, Result)
    if not all(leg.row.tells.reasons for leg in ending.legs):
        pytest.skip("this kernel tells less than the one that drew the page")
    lines = {without_numbers(line) for line in section("en", name).splitlines()}
    pairs = zip(ending.legs, ALL[name].expectations, strict=True)
    said = [line for leg, wanted in pairs for line in told(leg, wanted, "en")]
    stale = STALE.format(PAGES["en"])
    assert [line for line in said if without_numbers(line) not in lines] == [], stale
