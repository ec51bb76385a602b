"""What the guide shows is so."""

import re
from pathlib import Path

import pytest

from finwait.errors import BadScript
from finwait.script import options
from finwait.script.parser import parse

GUIDE = (Path(__file__).parents[2] / "docs" / "script.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```pkt\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block[:20])
def test_every_example_parses(block: str) -> None:
    assert parse(block, "script.pkt").events


def test_the_error_is_real() -> None:
    shown = re.search(r"^```error\n(.*?)^```\n\n```\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    assert shown
    with pytest.raises(BadScript) as caught:
        parse(f"0 close(3) = 0\n{shown[1]}", "script.pkt")
    assert str(caught.value) == shown[2].rstrip("\n")


def test_every_option_that_the_guide_names_exists() -> None:
    table = GUIDE.partition("## Options")[2].partition("## Errors")[0]
    named = set(re.findall(r"`--([a-z_0-9]+)`", table))
    assert named
    assert named <= set(options.OPTIONS)
