"""What a segment takes and how it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finwait.tcp import Flags, Options, Segment, Seq


@given(
    st.integers(0, 2**32 - 1),
    st.binary(max_size=20),
    st.integers(0, 0x1FF).map(Flags),
)
def test_syn_and_fin_take_a_number_each(seq: int, payload: bytes, flags: Flags) -> None:
    segment = Segment(Seq(seq), flags=flags, payload=payload)
    assert segment.length == len(payload) + bool(flags & Flags.SYN) + bool(flags & Flags.FIN)
    assert segment.end - segment.seq == segment.length
    if flags & Flags.FIN:
        assert segment.fin_seq == segment.end - 1
    else:
        assert segment.fin_seq is None


def test_the_fin_of_figure_12() -> None:
    """RFC 9293 Figure 12, line 2."""
    fin = Segment(Seq(100), Seq(300), Flags.FIN | Flags.ACK)
    assert str(fin) == "<SEQ=100><ACK=300><CTL=FIN,ACK>"
    assert fin.end == Seq(101)


def test_the_syn_of_figure_6() -> None:
    """RFC 9293 Figure 6, lines 2 and 3: without the ACK flag there is no ACK to show."""
    assert str(Segment(Seq(100), flags=Flags.SYN)) == "<SEQ=100><CTL=SYN>"
    syn_ack = Segment(Seq(300), Seq(101), Flags.SYN | Flags.ACK)
    assert str(syn_ack) == "<SEQ=300><ACK=101><CTL=SYN,ACK>"


def test_a_fin_at_the_end_of_the_numbers() -> None:
    fin = Segment(Seq(0xFFFF_FFFE), flags=Flags.FIN | Flags.ACK, payload=b"x")
    assert fin.fin_seq == Seq(0xFFFF_FFFF)
    assert fin.end == Seq(0)


def test_no_flags_have_a_word() -> None:
    assert Flags(0).words() == "none"
    assert Flags(0x1FF).words() == "FIN,SYN,RST,PSH,URG,ECE,CWR,AE,ACK"


@pytest.mark.parametrize("field", ["window", "urgent"])
@pytest.mark.parametrize("value", [-1, 0x10000])
def test_what_does_not_fit_the_header_is_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match="16 bits"):
        Segment(Seq(0), **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{"mss": 0x10000}, {"window_scale": 256}, {"timestamps": (0, 2**32)}]
)
def test_options_that_do_not_fit_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="bits"):
        Options(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scale", "shift"), [(None, 0), (0, 0), (7, 7), (14, 14), (15, 14), (255, 14)]
)
def test_a_shift_above_14_is_read_as_14(scale: int | None, shift: int) -> None:
    """RFC 7323 section 2.3."""
    assert Options(window_scale=scale).shift == shift
