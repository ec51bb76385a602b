"""Each choice of each profile has a source, and what the documents say of differences can be found."""

import re
from pathlib import Path

from finwait.endpoint import PROFILES
from finwait.endpoint.profile import choices

ROOT = Path(__file__).parents[2]
SOURCE = re.compile(r"RFC \d+ \d+(\.\d+)*|RFC \d+|Linux \w+|FreeBSD [\w.]+")


def test_every_choice_has_a_source_of_its_own_world() -> None:
    for field, rows in choices().items():
        assert rows.keys() == PROFILES.keys(), field
        for who, choice in rows.items():
            assert SOURCE.fullmatch(choice.source), (field, who, choice.source)
            world = {"linux": "Linux", "freebsd": "FreeBSD", "rfc9293": "RFC"}[who]
            assert choice.source.startswith((world, "RFC")), (field, who)


def test_what_holds_a_difference_exists() -> None:
    text = (ROOT / "docs/differences.md").read_text()
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for name in re.findall(r"\b(test_\w+)(?!\.py|\w)", text):
        assert f"def {name}(" in tests, name
    for field in re.findall(r"`profile\.(\w+)`", text):
        assert field in choices(), field
