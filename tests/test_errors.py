"""Errors travel between processes with all that they know."""

import errno
import pickle

import pytest

from finwait.errors import (
    BadCapture,
    BadScript,
    CannotOpen,
    CannotWrite,
    FinwaitError,
    MissingPrivilege,
    Misuse,
)
from finwait.kernel.apart import Apart, Ended

EVERY: list[FinwaitError] = [
    BadCapture("a.pcap", 24, "cut off", "被截断"),
    CannotOpen("ip", "not installed", "未安装"),
    CannotWrite("out", OSError(errno.ENOSPC, "full")),
    MissingPrivilege("refused", "被拒绝"),
    BadScript("a.pkt", 3, "no such word", column=7, expected=("a flag",), source="< S"),
    Misuse("no such thing"),
    Ended("stopped", -9, late=True),
]


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_in_another_process(error: FinwaitError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - just made
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert [again.say(lang) for lang in ("en", "zh")] == [error.say(lang) for lang in ("en", "zh")]


def test_what_work_of_its_own_process_raises_is_raised_here() -> None:
    def work() -> None:
        raise CannotOpen("ip", "not installed", "未安装")

    with pytest.raises(CannotOpen) as caught:
        Apart(work).answer(10)
    assert caught.value.say("zh") == "ip：未安装"
