"""Counts which rules and edges the tests of the endpoint fire, and says at the end which none did."""

import pytest

from finwait.endpoint import Rule
from finwait.endpoint.connection import Step
from finwait.endpoint.work import Work

FIRED: set[Rule] = set()
TAKEN: set[int] = set()
LAST = "test_coverage.py"


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step of every test of this folder is counted."""
    plain = Work.step

    def counted(work: Work) -> Step:
        done = plain(work)
        FIRED.update(done.rules)
        TAKEN.update(done.edges)
        return done

    monkeypatch.setattr(Work, "step", counted)


@pytest.fixture
def fired() -> tuple[set[Rule], set[int]]:
    """What the tests before this one fired."""
    return FIRED, TAKEN


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The report comes last."""
    items.sort(key=lambda item: item.path.name == LAST)
