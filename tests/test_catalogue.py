"""The catalogue knows every word of the core, and nothing else."""

import functools
import re
import string
from collections import defaultdict
from pathlib import Path

import pytest

from finwait import _core
from finwait.capture.connection import Connection
from finwait.verdict import KINDS, LANGS, Entry, entries
from finwait.verdict.catalogue import COMPARED, CatalogueError, _entry

ROOT = Path(__file__).parent.parent
RUST = re.compile(r'^\s*(\w+) = "([^"]+)", "((?:[^"\\]|\\.)*)";$', re.MULTILINE)
ENUM = re.compile(r"slugs! \{\s*///[^\n]*\n\s*(\w+) \{(.*?)\n    \}", re.DOTALL)
# RFC 9293 3.3.2; CLOSED first, as the tracker has them.
STATES = [
    "CLOSED",
    "LISTEN",
    "SYN-SENT",
    "SYN-RECEIVED",
    "ESTABLISHED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "CLOSE-WAIT",
    "CLOSING",
    "LAST-ACK",
    "TIME-WAIT",
]
ROW_KINDS = (
    *("close", "closed_by", "handshake", "confidence", "reset_form", "client_by"),
    "cause",
)
UNSHOWN = {
    *("client_by.first", "cause.unread-data", "cause.stray-segments", "cause.unknown"),
    *("note.segmentation-offload", "note.fragmented", "note.evicted", "state.LISTEN"),
    *("evidence.seq-exact", "evidence.seq-off", "evidence.window-reduced"),
    *("evidence.idle-before-request-ns", "evidence.reset-numbers", "evidence.old-ack"),
    *("evidence.acked-after-reset", "label.rst-trigger", "label.acks-unseen"),
}
"""Words that no capture of ours shows yet."""
STUB = """
[{slug}]
source = "RFC 9293 ..."
title.en = "..."
title.zh = "..."
sentence.en = "{doc}"
sentence.zh = "..."
"""


def words_of_core() -> dict[str, dict[str, str]]:
    """Kind -> slug -> what the source says of it."""
    words: dict[str, dict[str, str]] = {}
    for name, body in ENUM.findall((ROOT / "core/src/slugs.rs").read_text(encoding="utf-8")):
        kind = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        words[kind] = {slug: doc for _, slug, doc in RUST.findall(body)}
    words["skip"] = {
        slug: doc
        for _, slug, doc in RUST.findall((ROOT / "core/src/skip.rs").read_text(encoding="utf-8"))
    }
    words["state"] = dict.fromkeys(STATES, "A state of RFC 9293.")
    return words


WORDS = words_of_core()
ALL: list[Entry] = [entry for kind in (*KINDS, *COMPARED) for entry in entries(kind).values()]


def test_the_source_was_understood() -> None:
    assert set(WORDS) == set(KINDS)
    assert all(WORDS.values())
    assert WORDS["close"]["four-way"].startswith("Both FINs")
    assert WORDS["evidence"]["idle-gap-ns"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_has_an_entry(kind: str) -> None:
    missing = [slug for slug in WORDS[kind] if slug not in entries(kind)]
    stubs = "".join(STUB.format(slug=slug, doc=WORDS[kind][slug]) for slug in missing)
    assert not missing, f"paste into src/finwait/verdict/data/{kind}.toml and fill in:\n{stubs}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_is_a_word(kind: str) -> None:
    unknown = [slug for slug in entries(kind) if slug not in WORDS[kind]]
    assert not unknown, (
        f"the core never says these; take them out of src/finwait/verdict/data/{kind}.toml: {unknown}"
    )


def test_the_extension_says_the_same() -> None:
    assert {kind: set(slugs) for kind, slugs in _core.SLUGS.items()} == {
        kind: set(slugs) for kind, slugs in WORDS.items()
    }


@pytest.mark.parametrize("entry", ALL, ids=lambda e: f"{e.kind}.{e.slug}")
def test_an_entry_is_whole(entry: Entry) -> None:
    for text in (entry.title, entry.sentence, entry.said, entry.line, entry.kernel, entry.advice):
        if text is None:
            continue
        assert "  " not in text.en + text.zh
        assert text.en.isascii() or "–" in text.en, "English texts are plain ASCII"
        assert fields(text.en) == fields(text.zh), "the two languages fill in different values"
    chinese = re.compile(r"[\u4e00-\u9fff]")
    if entry.kind != "state":
        assert chinese.search(entry.sentence.zh)
    assert (entry.line is not None) == (entry.kind == "close")
    assert (entry.advice is not None) == (entry.kernel is not None) == (entry.kind == "cause")
    assert fields(entry.line.en if entry.line else "") <= {"closer", "other", "client", "server"}
    assert fields(entry.said.en if entry.said else "{n}") == {"n"}


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_sentences_are_different() -> None:
    for lang in LANGS:
        for kind in KINDS:
            said = [entry.sentence.say(lang) for entry in entries(kind).values()]
            assert len(said) == len(set(said))


@pytest.mark.parametrize("entry", ALL, ids=lambda e: f"{e.kind}.{e.slug}")
def test_sources_name_a_section(entry: Entry) -> None:
    """An RFC is cited with a section."""
    for number, section in re.findall(r"RFC (\d+)((?: \d[\d.]*)?)", entry.source):
        assert section, f"RFC {number} without a section in {entry.source!r}"


@functools.cache
def words_in(path: Path) -> dict[str, set[str]]:
    """What the core says of a capture, by kind."""
    analysis = _core.analyze([str(path)])
    found: dict[str, set[str]] = defaultdict(set)
    found["skip"] = {reason for reason, frames in analysis.skipped.items() if frames}
    for row in analysis.records():
        record = Connection.of(row)
        for kind in ROW_KINDS:
            found[kind].add(str(row[kind]))
        found["note"].update(record.notes)
        for evidence in (*record.evidence_for, *record.evidence_against):
            found["evidence"].add(evidence.partition("=")[0])
        story, *_ = _core.explain([str(path)], conn=record.conn)
        assert story is not None
        for step in story.steps:
            found["label"].update(step.labels)
            found["state"].update((step.client_state, step.server_state))
    return found


@pytest.mark.parametrize("entry", [e for e in ALL if e.example], ids=lambda e: f"{e.kind}.{e.slug}")
def test_the_example_shows_it(entry: Entry) -> None:
    folders = (ROOT / "examples", ROOT / "tests/captures")
    found = [path for folder in folders for path in folder.glob(f"{entry.example}.pcap*")]
    assert len(found) == 1, f"which capture is {entry.example!r} of {entry.kind} {entry.slug}?"
    assert entry.slug in words_in(found[0])[entry.kind]


def test_most_words_have_an_example() -> None:
    without = {
        f"{e.kind}.{e.slug}" for e in ALL if not e.example and e.kind not in {"skip", *COMPARED}
    }
    assert without <= UNSHOWN, "give it an example, a capture that shows it"


@pytest.mark.parametrize(
    "fields",
    [
        "text",
        {},
        {"title": {"en": "x", "zh": "x"}},
        {"title": {"en": "x"}, "sentence": {"en": "x", "zh": "x"}, "source": "x"},
        {"title": {"en": "x", "zh": "x"}, "sentence": {"en": "x", "zh": "x"}, "source": ""},
        {
            "title": {"en": "x", "zh": "x"},
            "sentence": {"en": "x", "zh": "x"},
            "source": "x",
            "typo": 1,
        },
        {
            "title": {"en": "x", "zh": "x"},
            "sentence": {"en": "x", "zh": "x"},
            "source": "x",
            "unit": "miles",
        },
        {
            "title": {"en": "x", "zh": "x"},
            "sentence": {"en": "x", "zh": "x"},
            "source": "x",
            "unit": "ns",
        },
    ],
)
def test_a_wrong_entry_is_refused(fields: object) -> None:
    with pytest.raises(CatalogueError, match=r"verdict/data/note.toml: \[x\]"):
        _entry("note", "x", fields)
