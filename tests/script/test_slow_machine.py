"""A machine that is too slow is warned of, not taken for a wrong stack: a stage whose clock jumps."""

import pytest

from finwait.script.config import configure
from finwait.script.outcome import Outcome, Status
from finwait.script.parser import parse
from finwait.script.runner import play
from finwait.script.syntax import Dialect
from finwait.stage.model import Model
from finwait.stage.stage import Setup

TEXT = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+.1 close(3) = 0\n"
FAILING = TEXT.replace("close(3) = 0", "close(3) = 1") + "`exit 1`\n"


class Slow(Model):
    """Oversleeps by 50 ms."""

    def __init__(self, setup: Setup) -> None:
        from finwait.endpoint import PROFILES

        super().__init__(setup, PROFILES["linux"])
        self.closed = 0

    def advance(self, to: int) -> None:
        super().advance(to + 50_000 * (to > self.now()))

    def close(self) -> None:
        self.closed += 1
        super().close()


def run(dialect: Dialect, text: str = TEXT) -> tuple[Outcome, Slow]:
    made: list[Slow] = []

    def opened(setup: Setup) -> Slow:
        made.append(Slow(setup))
        return made[0]

    script = parse(text, "slow.pkt", dialect=dialect)
    return play(script, configure(script, {}, dialect), opened), made[0]


def test_a_late_call_is_a_warning() -> None:
    outcome, stage = run(Dialect.FINWAIT)
    assert outcome.status is Status.PASSED
    assert "the machine was slow" in outcome.warnings[0].en
    assert stage.closed == 1


@pytest.mark.parametrize("dialect", [Dialect.GOOGLE, Dialect.NPLAB])
def test_it_is_a_failure_for_the_references(dialect: Dialect) -> None:
    outcome, stage = run(dialect)
    assert outcome.failure is not None
    assert (outcome.failure.kind, stage.closed) == ("time", 1)


def test_what_went_wrong_first_is_told() -> None:
    outcome, stage = run(Dialect.FINWAIT, FAILING)
    assert outcome.failure is not None
    assert (outcome.failure.kind, stage.closed) == ("call", 1)
