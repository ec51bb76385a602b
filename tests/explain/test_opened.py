"""A segment opened: every bit of its header, and no header that makes it fail."""

import struct
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import finwait
from finwait.errors import Misuse
from finwait.explain.conversation import Conversation
from finwait.explain.explanation import Explanation
from finwait.explain.header import LAYOUT, decode
from finwait.explain.opened import find, opened
from finwait.verdict.language import LANGS, Lang

from .stories import STORIES, SYN_OPTIONS, Story

ROOT = Path(__file__).parents[2]
TOLD = {name: Explanation(made) for name, made in STORIES.items()}


def with_header(name: str, frame: int, header: bytes) -> Story:
    made = STORIES[name]
    steps = [s._replace(header=header) if s.number == frame else s for s in made.steps]
    return made._replace(steps=steps)


def test_the_layout_is_that_of_rfc_9293() -> None:
    assert sum(bits for _, bits in LAYOUT) == 160
    starts = {f.name: f.start for f in decode(bytes(20)).fields}
    assert (starts["seq"], starts["ack"], starts["data-offset"]) == (32, 64, 96)
    assert (starts["CWR"], starts["FIN"], starts["window"]) == (104, 111, 112)


@given(
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 15),
    st.integers(0, 0xFFF),
    st.integers(0, 65535),
)
def test_fields_are_read_as_they_were_written(
    source: int, target: int, seq: int, ack: int, offset: int, flags: int, window: int
) -> None:
    raw = struct.pack("!HHIIHHHH", source, target, seq, ack, offset << 12 | flags, window, 1, 2)
    header = decode(raw)
    assert (header.value("source-port"), header.value("destination-port")) == (source, target)
    assert (header.value("seq"), header.value("ack"), header.value("data-offset")) == (
        seq,
        ack,
        offset,
    )
    assert header.value("window") == window
    names = ["AE", "CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"]
    assert int("".join(str(header.value(n)) for n in names), 2) == flags & 0x1FF
    bits = "".join(f.binary.replace(" ", "").replace(".", "") for f in header.fields)
    assert bits == f"{int.from_bytes(raw):0160b}"


def test_options_of_a_syn() -> None:
    options = decode(bytes(12) + b"\xa0\x02" + bytes(6) + SYN_OPTIONS).options
    assert [o.name for o in options] == [
        "mss",
        "sack-permitted",
        "timestamps",
        "nop",
        "window-scale",
    ]
    assert [o.numbers.get("value") for o in options] == [1460, None, 1, None, 7]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("020405", ["malformed"]),
        ("0200", ["malformed"]),
        ("0203ff", ["malformed"]),
        ("02", ["malformed"]),
        ("fd0401020000", ["experiment", "end"]),
        ("0506000000010000", ["malformed", "end"]),
        ("01010101", ["nop"]),
        ("00ffffff", ["end"]),
        ("05020000", ["malformed", "end"]),
        ("63020000", ["unknown", "end"]),
    ],
)
def test_odd_options(options: str, names: list[str]) -> None:
    raw = bytes.fromhex(options)
    header = decode(bytes(12) + b"\xf0\x10" + bytes(6) + raw)
    assert [o.name for o in header.options] == names
    assert b"".join(o.raw for o in header.options) == raw


@given(st.binary(max_size=80))
@example(b"")
@example(bytes(12) + b"\x00")
@example(bytes(12) + b"\xf0\x02" + bytes(6) + bytes([2]))
def test_no_header_makes_it_fail(raw: bytes) -> None:
    for lang in LANGS:
        told = Explanation(with_header("simultaneous", 11, raw))
        text = told.segment_text(11, lang)
        assert "{" not in text
        told.segment_data(11, lang)
    covered = sum(len(o.raw) for o in decode(raw).options)
    offset = decode(raw).value("data-offset")
    assert covered == max(0, min(len(raw), max(20, (5 if offset is None else offset) * 4)) - 20)


def meaning(name: str, frame: int, field: str, lang: Lang = "en") -> str:
    c = Conversation(STORIES[name])
    return next(o.meaning for o in opened(c, find(c, frame), lang) if o.field == field)


def test_what_numbers_mean_here() -> None:
    assert meaning("simultaneous", 11, "acknowledgment number").startswith(
        "3001 relative, one short of 3002"
    )
    assert "took 3001" in meaning("simultaneous", 13, "acknowledgment number")
    assert "the number that the FIN takes; the next is 21" in meaning(
        "four-way", 10, "sequence number"
    )
    assert "ack of frame 12" in meaning("rst-after-fin", 13, "sequence number")
    assert meaning("refused", 2, "sequence number").startswith("Zero")
    assert "552 times 128" in meaning("four-way", 10, "window")
    assert "never scaled" in meaning("four-way", 1, "window")
    assert "scale is not known" in meaning("midstream", 1, "window")
    assert "takes number 20" in meaning("four-way", 10, "FIN")
    assert "OWNER" in meaning("rst-without-fin", 10, "RST")
    assert "ends nothing" in meaning("challenged", 6, "RST")
    assert "序列号 20" in meaning("four-way", 10, "FIN", "zh")


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("name", STORIES)
def test_every_segment_opens(name: str, lang: Lang) -> None:
    for s in TOLD[name].segments:
        text = TOLD[name].segment_text(s.number, lang, columns=90)
        assert str(s.step.seq) in text
        data = TOLD[name].segment_data(s.number, lang)
        assert data["frame"] == s.number


def test_a_frame_of_another_connection() -> None:
    with pytest.raises(
        Misuse, match="frame 99 is not of connection 0, whose segments are among frames 1 to 13"
    ):
        TOLD["four-way"].segment_text(99)


def meanings(told: Explanation, frame: int, lang: Lang = "en") -> dict[str, str]:
    page = told.segment_data(frame, lang)["fields"]
    assert isinstance(page, list)
    return {str(row["field"]): str(row["meaning"]) for row in page}


def test_the_window_ends_at_the_last_number_it_has_room_for() -> None:
    told = finwait.explain(ROOT / "examples" / "simultaneous.pcap", 0)
    # ack 3001 and 65535 bytes of room: 3001 to 68535
    assert "may send up to 68535." in meanings(told, 11)["window"]


def test_the_first_segment_comes_after_nothing() -> None:
    told = finwait.explain(ROOT / "examples" / "simultaneous.pcap", 0)
    assert told.segment_text(1).splitlines()[0].endswith("to the server, the first segment")


def test_accurate_ecn_counts() -> None:
    """RFC 9768: 111 on the SYN offers it, 010 on the SYN-ACK takes it, then the three bits are a number."""
    made = STORIES["four-way"]
    flags = {1: 0x1C0, 2: 0x080, 5: 0x140}
    steps = []
    for s in made.steps:
        bits = flags.get(s.number, 0)
        raw = bytearray(s.header)
        raw[12] |= bits >> 8
        raw[13] |= bits & 0xFF
        steps.append(s._replace(header=bytes(raw), flags=s.flags | bits))
    told = Explanation(made._replace(steps=steps))
    assert "offers accurate ECN" in meanings(told, 1)["AE"]
    assert "count congestion marks" in meanings(told, 5)["ECE"]
    assert "5, modulo 8" in meanings(told, 5)["AE"]
    plain = meanings(Explanation(made), 5)
    assert plain["ECE"] == "No congestion mark is echoed."
