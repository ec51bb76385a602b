"""What we take and refuse, beside the C packetdrill: FINWAIT_PACKETDRILL names its binary where there is one."""

import os
import subprocess
from pathlib import Path

import pytest

from finwait.errors import BadScript
from finwait.script.parser import parse

from .snippets import SNIPPETS, Snippet

BINARY = os.environ.get("FINWAIT_PACKETDRILL")


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.text[15:60])
def test_our_verdict(snippet: Snippet) -> None:
    try:
        parse(snippet.text, "snippet.pkt")
        taken = True
    except BadScript:
        taken = False
    assert taken == snippet.ours
    assert (snippet.ours == snippet.google) == (snippet.why == "")


if BINARY:

    @pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.text[15:60])
    def test_google_verdict(snippet: Snippet, tmp_path: Path) -> None:
        path = tmp_path / "snippet.pkt"
        path.write_bytes(snippet.text.encode())
        if snippet.why != "a comment at the end needs no line after it":
            path.write_bytes(snippet.text.encode() + b"\n")
        done = subprocess.run(
            [str(BINARY), "--dry_run", "--ip_version=ipv4", str(path)],
            capture_output=True,
            timeout=10,
        )
        assert (done.returncode == 0) == snippet.google, done.stderr
