"""Sequence arithmetic, above all where it wraps (RFC 9293 section 3.4)."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finwait.tcp.seq import HALF, MODULUS, Seq

NUMBERS = st.integers(0, MODULUS - 1)
SEQS = NUMBERS.map(Seq)
NEAR = st.integers(-(HALF - 1), HALF - 1)


@given(SEQS, NEAR)
@example(Seq(MODULUS - 1), 1)
@example(Seq(0), -1)
@example(Seq(HALF), HALF - 1)
def test_a_step_is_undone_and_measured(start: Seq, octets: int) -> None:
    there = start + octets
    assert there - octets == start
    assert there - start == octets
    assert start - there == -octets


@given(SEQS, NEAR)
@example(Seq(MODULUS - 1), 1)
def test_order_is_that_of_the_step_and_not_of_the_numbers(start: Seq, octets: int) -> None:
    there = start + octets
    assert there.after(start) == (octets > 0)
    assert there.before(start) == (octets < 0)
    assert there.at_or_after(start) == (octets >= 0)
    assert there.at_or_before(start) == (octets <= 0)
    assert there.later(start) == start.later(there) == start + max(octets, 0)


@given(NUMBERS, st.integers(-3 * MODULUS, 3 * MODULUS))
def test_a_dumb_judge_agrees(start: int, octets: int) -> None:
    """The judge counts on a clock face with 2^32 hours, and knows nothing of halves."""
    assert (Seq(start) + octets).value == (start + octets) % MODULUS
    assert (Seq(start) - octets).value == (start - octets) % MODULUS


@given(SEQS, st.integers(0, 2**30), NUMBERS)
@example(Seq(MODULUS - 2), 4, 1)
def test_within_a_window(start: Seq, window: int, ahead: int) -> None:
    number = start + ahead
    assert number.within(start, window) == (ahead < window)


@given(SEQS, SEQS, st.integers(-MODULUS, MODULUS))
def test_only_the_distance_counts(a: Seq, b: Seq, shift: int) -> None:
    assert (a + shift).before(b + shift) == a.before(b)
    assert (a + shift) - (b + shift) == a - b


@given(SEQS, SEQS)
def test_exactly_one_of_before_equal_after(a: Seq, b: Seq) -> None:
    assert [a.before(b), a == b, a.after(b)].count(True) == 1


def test_the_example_of_the_wrap() -> None:
    last, first = Seq(0xFFFF_FFFF), Seq(0)
    assert last.before(first)
    assert last + 1 == first
    assert first - last == 1


@pytest.mark.parametrize("number", [-1, MODULUS])
def test_a_number_that_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        Seq(number)


def test_there_is_no_less_than() -> None:
    for operation in ("__lt__", "__le__", "__gt__", "__ge__"):
        assert getattr(Seq, operation) is getattr(object, operation)
