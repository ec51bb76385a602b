"""Random connections on real sockets: what finwait says of each capture is what the kernels say (docs/kernel-judge.md)."""

from collections import Counter
from collections.abc import Iterable

import pytest

from finwait.lab.reasons import REASONS
from sockets.account import Account
from sockets.judge import Judged, judge
from sockets.many import play
from sockets.perform import Played
from sockets.plan import SIDES, Do, draw
from sockets.truth import LIMITS, truth

SEED, COUNT, JOBS = 451, 300, 2
TRIES = 3
"""A busy machine makes packets late, and other connections of the same seeds; a rule that is wrong is wrong each time."""


@pytest.fixture(scope="session")
def accounts(lab: None) -> list[Account]:
    """All connections, played once."""
    del lab
    return [Account(each) for each in play(SEED, COUNT, JOBS)]


def wrong(played: Iterable[Account]) -> list[Judged]:
    """Those captures of which finwait says something else than the kernels."""
    return [judged for account in played for judged in judge(account) if judged.differences]


def test_the_core_says_what_the_kernels_say(accounts: list[Account]) -> None:
    bad = wrong(accounts)
    for _ in range(TRIES - 1):
        again = (
            account for seed in {one.seed for one in bad} for account in map(Account, play(seed, 1))
        )
        bad = wrong(again) if bad else []
    assert not bad, "\n".join(
        f"{one.seed} at the {one.tap}: {one.said}: {one.differences}" for one in bad
    )


def test_the_connections_are_of_all_kinds(accounts: list[Account]) -> None:
    closes = Counter(truth(account, "client").close for account in accounts)
    assert {"four-way", "three-way", "simultaneous", "reset", "half-closed", "refused"} <= set(
        closes
    )
    means = {means for account in accounts for means in truth(account, "client").reset_means}
    assert (
        {"unread-data", "linger-zero", "destroyed", "data-after-close", "no-socket"}
        <= means
        <= set(REASONS)
    )
    done = {call.do for account in accounts for call in account.played.calls}
    assert done == set(Do)
    assert any(":" in account.played.ends["client"].rpartition(":")[0] for account in accounts)
    copies = {len(packet.arrived) for account in accounts for packet, _ in account.packets}
    assert {0, 1, 2} <= copies


def test_limits_are_rare_and_written(accounts: list[Account]) -> None:
    """What a wire cannot show excuses little: most captures are judged word for word, state for state."""
    limits = Counter(
        limit for account in accounts for judged in judge(account) for limit in judged.limits
    )
    assert set(limits) <= set(LIMITS)
    assert sum(limits.values()) < 0.2 * len(SIDES) * len(accounts)


def test_a_plan_is_its_seed_s() -> None:
    assert draw(7) == draw(7)
    assert len({str(draw(seed)) for seed in range(50)}) > 45


@pytest.fixture
def reset(accounts: list[Account]) -> Account:
    """A connection that a RST of its owner ended."""
    return next(
        a
        for a in accounts
        if truth(a, "client").reset_form == truth(a, "server").reset_form == "owner"
    )


def test_the_judge_can_say_no(reset: Account) -> None:
    """Without the RST, without the kernel's reason, without its changes of state the judgement differs."""
    assert not wrong([reset])
    kept = reset.played.line.log
    reset.played.line.log = [packet for packet, segment in reset.packets if not segment.rst]
    assert any("reset_by" in line for judged in judge(reset) for line in judged.differences)
    reset.played.line.log = kept
    assert any(
        "client" in line
        for judged in judge(_without_states(reset.played))
        for line in judged.differences
    )


def _without_states(played: Played) -> Account:
    """What is known if the kernels had said nothing of their changes after the handshake."""
    account = Account(played)
    account.events = [
        e
        for e in account.events
        if not e.new or e.new in {"ESTABLISHED", "SYN-SENT", "SYN-RECEIVED"}
    ]
    return account
