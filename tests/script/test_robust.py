"""No input may do anything else than parse or be refused with a place."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finwait.errors import BadScript
from finwait.script.parser import load, parse
from finwait.script.syntax import Dialect, Script
from finwait.script.write import write

from .trees import scripts

ROOT = Path(__file__).parents[2]
REAL = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").glob("*.pkt"))]
EVERYTHING = (Path(__file__).parent / "everything.pkt").read_text(encoding="utf-8")
WORDS = sorted(set(re.findall(r"\w+|[^\w\s]|%\{|\}%|#\w+", EVERYTHING)))


def survives(text: str, dialect: Dialect = Dialect.FINWAIT) -> Script | None:
    """A script, or None after an error that names a place inside the text."""
    try:
        return parse(text, "x.pkt", {"MSS": "1460", "NAME": '"x"'}, dialect)
    except BadScript as caught:
        error = caught
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    assert 1 <= error.line <= len(lines)
    assert 1 <= error.column <= len(lines[error.line - 1]) + 1
    assert len(str(error).encode("utf-8")) < 3000
    return None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_octets(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "octets.pkt"
    path.write_bytes(octets)
    for dialect in Dialect:
        try:
            load(path, dialect=dialect)
        except BadScript as error:
            str(error).encode("utf-8")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.sampled_from(list(Dialect)))
@example("9" * 5000 + " close(3) = 0", Dialect.FINWAIT)
@example("0 close(" + "9" * 5000 + ") = 0", Dialect.FINWAIT)
@example("0 close(0x" + "f" * 5000 + ") = 0", Dialect.FINWAIT)
@example("--mtu=" + "9" * 5000 + " 0 close(3) = 0", Dialect.FINWAIT)
@example("0 close(" + "[" * 5000 + "]" * 5000 + ") = 0", Dialect.FINWAIT)
@example("0 f(" + "{a=" * 5000, Dialect.FINWAIT)
@example('0 write(3, "\ud800", 1) = 1', Dialect.FINWAIT)
@example("0 < icmp type_99999999999 win 0", Dialect.FINWAIT)
@example("0 < S ٣:٣(0) win 5", Dialect.FINWAIT)
@example("٣ close(3) = 0", Dialect.FINWAIT)
@example("0 < S 0:0(0) win 5 <FO ٣٣>", Dialect.FINWAIT)
def test_text(text: str, dialect: Dialect) -> None:
    survives(text, dialect)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=25))
def test_words_in_any_order(words: list[str]) -> None:
    survives("0 " + " ".join(words))


@pytest.mark.parametrize("text", [*REAL, EVERYTHING], ids=lambda text: text[:20])
def test_truncated_anywhere(text: str) -> None:
    whole = survives(text)
    assert whole is not None
    for end in range(len(text)):
        part = survives(text[:end])
        assert part is None or len(part.events) <= len(whole.events)


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(list(Dialect)))
def test_mutated(rng: random.Random, dialect: Dialect) -> None:
    words = re.findall(r"\s+|\w+|.", EVERYTHING)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(words))
        words[at : at + rng.randint(0, 2)] = [rng.choice(WORDS)]
    survives("".join(words), dialect)


@settings(max_examples=50, deadline=None)
@given(scripts(), st.randoms(use_true_random=False))
def test_a_character_less(script: Script, rng: random.Random) -> None:
    text = write(script)
    at = rng.randrange(len(text))
    survives(text[:at] + text[at + 1 :])


def test_a_long_script_takes_linear_time() -> None:
    event = "+0 > . 1:1(0) ack 1 <nop,nop,sack 1:2 3:4>\n"
    script = parse("0 close(3) = 0\n" + event * 5000, "x.pkt")
    assert len(script.events) == 5001
