"""What we take and refuse, beside the original tools, where their binaries are at hand:

FINWAIT_PACKETDRILL, FINWAIT_NPLAB_PACKETDRILL    google's and nplab's tool
FINWAIT_PACKETDRILL_SCRIPTS, …                    suites to mutate, see test_corpora.py
"""

import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from finwait.errors import BadScript
from finwait.script.parser import parse
from finwait.script.syntax import Dialect

from .snippets import SNIPPETS, Snippet
from .test_corpora import V4, scripts_of

BINARY = os.environ.get("FINWAIT_PACKETDRILL")
SEED = os.environ.get("FINWAIT_SEED", "20261124")


def refusal(text: str, dialect: Dialect) -> str | None:
    try:
        parse(text, "snippet.pkt", V4, dialect)
    except BadScript as error:
        return str(error)
    return None


def judge(binary: str, text: str, path: Path) -> tuple[bool, str]:
    """What the original tool says, in IPv4."""
    path.write_bytes(text.encode())
    defines = [f"--define={name}={value}" for name, value in V4.items()]
    done = subprocess.run(
        [binary, "--dry_run", "--ip_version=ipv4", *defines, str(path)],
        capture_output=True,
        timeout=10,
    )
    return done.returncode == 0, done.stderr.decode(errors="replace")


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.text[15:60])
def test_our_verdict(snippet: Snippet) -> None:
    assert (refusal(snippet.text, Dialect.FINWAIT) is None) == snippet.ours
    assert (snippet.ours == snippet.google) == (snippet.why == "")


if BINARY:

    @pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.text[15:60])
    def test_google_verdict(snippet: Snippet, tmp_path: Path) -> None:
        ends = snippet.why == "a comment at the end needs no line after it"
        text = snippet.text if ends else snippet.text + "\n"
        taken, said = judge(str(BINARY), text, tmp_path / "snippet.pkt")
        assert taken == snippet.google, said


JUDGES = [
    ("FINWAIT_PACKETDRILL", "FINWAIT_PACKETDRILL_SCRIPTS", Dialect.GOOGLE),
    ("FINWAIT_NPLAB_PACKETDRILL", "FINWAIT_NPLAB_SCRIPTS", Dialect.NPLAB),
    ("FINWAIT_NPLAB_PACKETDRILL", "FINWAIT_TCP_TESTSUITE", Dialect.NPLAB),
]
PRESENT = [row for row in JUDGES if os.environ.get(row[0]) and os.environ.get(row[1])]
KNOWN = re.compile(
    "is no member of a struct|is not an escape|is no function|found =; "  # seen only when the script plays, if at all
    "|found [A-Z]+; expected a sequence"  # nplab's takes `S S` for flags
    "|a time is not negative"  # both take -0
    "|the (val|ecr) -?[0-9]+ is out of range"  # nplab's looks after it has cut off what is over 32 bits
)
"""Where we refuse what a tool takes when it only parses."""


def mutated(text: str, rng: random.Random) -> str:
    """One or two words lost, doubled, or changed a little. Comments go, for google's tool ends at an octet above 127."""
    bare = re.sub(r"(?s)//[^\n]*\n|/\*.*?\*/", "\n", text.encode("ascii", "ignore").decode())
    words = re.findall(r'(?s)`.*?`|%\{.*?\}%|"[^"]*"|\s+|\w+|.', bare)
    places = [at for at, word in enumerate(words) if not word.isspace() and word[0] not in "`%"]
    for at in rng.sample(places, rng.randint(1, 2)):
        word = words[at]
        number = (
            int(word) + rng.choice((-1, 1, 4, 65536)) if re.fullmatch("[0-9]{1,12}", word) else 0
        )
        words[at] = rng.choice(
            ["", f"{word} {word}", word.swapcase(), str(number), words[rng.choice(places)]]
        )
    return "".join(words)


if PRESENT:

    @pytest.mark.parametrize("row", PRESENT, ids=lambda row: row[1])
    def test_what_a_tool_takes_we_take(
        row: tuple[str, str, Dialect], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        binary, suite, dialect = row
        rng = random.Random(f"{SEED} {suite}")
        paths = scripts_of(suite)
        same = wider = 0
        for _ in range(600):
            text = mutated(rng.choice(paths).read_text(encoding="utf-8", errors="ignore"), rng)
            taken, said = judge(os.environ[binary], text, tmp_path / "mutated.pkt")
            ours = refusal(text, dialect)
            assert not taken or ours is None or KNOWN.search(ours), (text, said)
            same += taken == (ours is None)
            wider += not taken and ours is None
        with capsys.disabled():
            print(
                f"\n{suite}: {same} of 600 mutated scripts have one verdict, {wider} only we take"
            )
