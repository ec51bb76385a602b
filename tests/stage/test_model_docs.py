"""The documentation names every sysctl that the model knows."""

from pathlib import Path

import pytest

from finwait.stage.model.sysctl import FREEBSD, LINUX

PAGE = Path(__file__).resolve().parents[2] / "docs" / "model-stage.md"


@pytest.mark.parametrize("name", [*LINUX, *FREEBSD])
def test_every_sysctl_is_in_the_documentation(name: str) -> None:
    full = name if name.startswith("kern.") else f"net.{name}"
    assert f"| `{full}` |" in PAGE.read_text(encoding="utf-8")
