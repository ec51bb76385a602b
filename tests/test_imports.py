"""Imports point one way, as the design of the house says."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "finwait"

FLOORS: list[set[str]] = [
    {"tcp"},
    {"wire"},
    {"endpoint", "network", "kernel"},
    {"stage", "verdict", "capture"},
    {"explain", "picture", "lab", "peer", "script"},
    {"reproduce", "compare"},
    {"cli", "web"},
    {"pytest_plugin"},
]
"""From the ground up: a part may import parts of lower floors, and of its own floor without a circle."""
GROUND = {"_core", "errors", "version"}
"""Modules that every part but `tcp` may import; they import no part."""
DOOR = {"__init__", "__main__"}
"""What a user imports: may import every part, and no part imports it."""
PURE = {"tcp", "wire", "endpoint", "network", "script"}
"""Sans-IO: `now` and the initial sequence number are arguments."""
IMPURE_MODULES = {
    *("asyncio", "datetime", "multiprocessing", "os", "random", "secrets", "select", "selectors"),
    *("socket", "ssl", "subprocess", "threading", "time", "urllib", "uuid"),
}
FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts}


def part_of(path: Path) -> str:
    """The part of the house that a file belongs to."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imported(path: Path) -> set[str]:
    """Full names of what a file imports, wherever in the file it does."""
    names: set[str] = set()
    here = ("finwait", *path.relative_to(PACKAGE).with_suffix("").parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: -node.level]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            if module == "finwait":
                names.update(f"finwait.{alias.name}" for alias in node.names)
            else:
                names.add(module)
    return names


def uses() -> dict[str, dict[str, str]]:
    """For each part, the parts that it imports, with a file that does."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for path in sorted(PACKAGE.rglob("*.py")):
        part = part_of(path)
        found[part].update({})
        for name in imported(path):
            words = name.split(".")
            if words[0] == "finwait":
                other = words[1] if len(words) > 1 else "__init__"
                if other != part:
                    found[part].setdefault(other, str(path.relative_to(PACKAGE)))
    return dict(found)


USES = uses()


def test_every_part_has_its_place() -> None:
    known = FLOOR.keys() | GROUND | DOOR
    strange = USES.keys() - known
    assert not strange, f"give {strange} a place in FLOORS of {Path(__file__).name}"
    assert "tcp" in USES


@pytest.mark.parametrize("part", sorted(USES))
def test_imports_point_down(part: str) -> None:
    for other, file in USES[part].items():
        where = f"{file} imports finwait.{other}"
        if part in DOOR:
            continue
        assert other not in DOOR, f"{where}: the door is for users, import the part itself"
        assert part not in GROUND or other in GROUND, f"{where}: the ground imports no part"
        assert part != "tcp", f"{where}: tcp imports nothing of ours"
        if other not in GROUND:
            assert other in FLOOR, f"{where}: no such part"
            assert FLOOR[other] <= FLOOR[part], f"{where}: that is upwards"


def test_no_circle_on_a_floor() -> None:
    done: set[str] = set()

    def visit(part: str, way: tuple[str, ...]) -> None:
        assert part not in way, f"a circle: {' -> '.join((*way, part))}"
        if part not in done:
            for other in USES.get(part, {}):
                if FLOOR.get(other) == FLOOR.get(part) is not None:
                    visit(other, (*way, part))
            done.add(part)

    for part in USES:
        visit(part, ())


@pytest.mark.parametrize("part", sorted(PURE & USES.keys()))
def test_sans_io(part: str) -> None:
    for path in sorted((PACKAGE / part).rglob("*.py")):
        roots = {name.split(".")[0] for name in imported(path)}
        assert not roots & IMPURE_MODULES, f"{path.relative_to(PACKAGE)}: {roots & IMPURE_MODULES}"
