"""Rules for every test: one printed seed, and no silent skip where it counts."""

import os
import secrets
from collections.abc import Generator

import pytest

STRICT = os.environ.get("CI") == "true"


def pytest_configure(config: pytest.Config) -> None:
    """Takes FINWAIT_SEED, or a fresh one, as the seed of every Hypothesis test."""
    if config.getoption("--hypothesis-seed", default=None) is None:
        config.option.hypothesis_seed = os.environ.get("FINWAIT_SEED") or str(secrets.randbits(32))


def pytest_report_header(config: pytest.Config) -> str:
    """Prints the seed, so that a failure can be had again."""
    return f"FINWAIT_SEED={config.getoption('--hypothesis-seed')}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI=true a skip is a failure."""
    report = yield
    if STRICT and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped under CI=true: {report.longrepr}"
    return report
