"""`finwait catalogue` tells every word, in the languages it has."""

from finwait.verdict.catalogue import COMPARED, KINDS, entries

from .command import finwait


def test_all_words_are_listed() -> None:
    done = finwait("catalogue")
    assert (done.code, done.err) == (0, "")
    words = {line.split()[0] for line in done.out.splitlines() if line.strip()}
    kinds = (*KINDS, *COMPARED)
    assert words >= {slug for kind in kinds for slug in entries(kind)} | set(kinds)


def test_the_columns_are_listed_with_those_of_the_table() -> None:
    done = finwait("catalogue", "columns")
    assert (done.code, done.err) == (0, "")
    assert "first_ts, last_ts (timestamp[ns, UTC])\n  first and last segment\n" in done.out
    assert "client    client_ip, client_port" in done.out
    assert max(map(len, done.out.splitlines())) <= 100
    assert "连接的编号" in finwait("catalogue", "columns", "--lang", "zh").out


def test_one_kind() -> None:
    listed = finwait("catalogue", "close").out.splitlines()
    assert listed[0] == "close"
    assert {line.split()[0] for line in listed if line[2:3].strip()} >= set(entries("close"))


def test_a_word_is_told_with_source_and_advice() -> None:
    said = finwait("catalogue", "keepalive-race-stale").out
    assert said.startswith("keepalive-race-stale (cause): ")
    for head in ("What to do", "On the host (Linux)", "Stands on", "RFC 9"):
        assert head in said
    assert max(map(len, said.splitlines())) <= 100
    chinese = finwait("catalogue", "--lang", "zh", "keepalive-race-stale", env={"PYTHONUTF8": "1"})
    assert "怎么办" in chinese.out


def test_a_word_of_several_kinds_is_told_for_each() -> None:
    said = finwait("catalogue", "one-direction").out
    assert "one-direction (note): " in said
    assert "one-direction (evidence): " in said


def test_a_word_that_is_none_is_misuse() -> None:
    done = finwait("catalogue", "four-ways")
    assert (done.code, done.out) == (1, "")
    assert "did you mean four-way" in done.err
    assert "lists all" in finwait("catalogue", "qqqqqq").err


def test_case_does_not_matter_and_strangers_are_not_guessed() -> None:
    assert finwait("catalogue", "closing").out.startswith("CLOSING (state)")
    assert "did you mean" not in finwait("catalogue", "nope").err
