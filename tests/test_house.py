"""The house stays one that fits in the head: short modules, short functions, one version."""

import ast
import tomllib
from pathlib import Path

import pytest

from finwait.version import VERSION

ROOT = Path(__file__).parent.parent
LONGEST_MODULE = 600
LONGEST_FUNCTION = 60

SOURCES = sorted(
    path
    for folder in ("src", "tests", "core/src", "bench", "tools", "examples")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".rs"}
)
MODULES = [path for path in SOURCES if path.suffix == ".py"]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_modules_fit_in_the_head(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= LONGEST_MODULE, f"{name(path)} has {lines} lines: split it"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_functions_fit_on_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= LONGEST_FUNCTION, f"{node.name} has {lines} lines: split it"


def test_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    crate = tomllib.loads((ROOT / "core/Cargo.toml").read_text())["package"]["version"]
    assert VERSION == project == crate
