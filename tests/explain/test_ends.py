"""How a connection is named."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finwait.capture.connection import end
from finwait.errors import Misuse
from finwait.explain.ends import which

PORTS = st.integers(0, 65535)
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


@given(ADDRESSES, PORTS, ADDRESSES, PORTS)
def test_ends_are_read_as_they_are_written(a: str, ap: int, b: str, bp: int) -> None:
    assert which(f"{end(a, ap)}-{end(b, bp)}") == (a, ap, b, bp)


@given(ADDRESSES, PORTS)
def test_one_end_is_enough(ip: str, port: int) -> None:
    assert which(f" {end(ip, port)} ") == (ip, port)


@given(st.integers(0, 10**9))
def test_numbers(number: int) -> None:
    assert which(str(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "x",
        "1.2.3.4",
        "1.2.3.4:",
        "1.2.3.4-5.6.7.8",
        "1.2.3.4:5-6.7.8.9:",
        "2001:db8::1:5-2001:db8::2:6",
        "[1.2.3.4]:5-[::1]:6",
        "1.2.3:5-6.7.8.9:1",
        "1.2.3.4:99999-6.7.8.9:1",
        "٣",
    ],
)
def test_anything_else_is_misuse(text: str) -> None:
    with pytest.raises(Misuse):
        which(text)


@given(st.text(max_size=60))
def test_no_text_fails_otherwise(text: str) -> None:
    with contextlib.suppress(Misuse):
        which(text)
