"""Whatever repeats thousands of times is told in time that grows with its number, not its square."""

import time

import pytest

from finwait.explain.explanation import Explanation

from .stories import OPEN, story

MANY = 5_000
LIMIT = 4.0
"""CPU seconds, several times what it takes; a square would take more."""
BOTH = "| ESTABLISHED ESTABLISHED |"
FLOODS = {
    "data": lambda n: f"{n} > A {1 + n} 1 1 502 {BOTH} data",
    "one-byte-answers": lambda n: (
        f"{n} {'<>'[n % 2]} A {1 + n // 2} {1 + n // 2} 1 502 {BOTH} data"
    ),
    "retransmissions": lambda n: f"{n} > A 1 1 100 502 {BOTH} retransmission",
    "recut": lambda n: f"{n} > A {1 + n % 97} 1 {1 + n % 89} 502 {BOTH} retransmission",
    "gaps": lambda n: f"{n} > A {3 + 2 * n} 1 1 502 {BOTH} gap",
    "holes-filled": lambda n: f"{n} > A {2 * (MANY - n)} 1 1 502 {BOTH} out-of-order",
    "keep-alives": lambda n: f"{n} > A 0 1 0 502 {BOTH} keep-alive",
    "zero-windows": lambda n: f"{n} < A 1 1 0 0 {BOTH} zero-window",
    "unseen-acks": lambda n: f"{n} < A 1 {5 + n} 0 9 {BOTH} acks-unseen",
    "syns": lambda n: f"{n} > S 0 0 0 9 | SYN-SENT LISTEN | syn syn-retransmission",
    "ignored-resets": lambda n: f"{n} < R {9 + n} 0 0 0 {BOTH} rst-reply rst-ignored",
    "resets": lambda n: f"{n} < R 1 0 0 0 | CLOSED CLOSED | rst-reply",
    "challenges": lambda n: f"{n} < A 1 1 0 9 {BOTH} challenge-ack",
    "fins": lambda n: f"{n} > FA 1 1 0 9 | FIN-WAIT-1 ESTABLISHED | fin fin-retransmission",
    "fins-acked": lambda n: f"{n} {'<>'[n % 2]} FA 1 2 0 9 | CLOSING CLOSING | fin-retransmission",
    "late-data": lambda n: (
        f"{n} > FA 1 1 0 9 | FIN-WAIT-2 CLOSE-WAIT | fin"
        if n == 1
        else f"{n} < A {n} 2 1 9 | FIN-WAIT-2 CLOSE-WAIT | data"
    ),
    "after-close": lambda n: f"{n} > A {1 + n} 1 1 9 | CLOSED CLOSED | after-close",
    "copies": lambda n: f"{n} > A 1 1 1 9 {BOTH} duplicate",
    "bad-checksums": lambda n: f"{n} > A 1 1 1 9 {BOTH} bad-checksum",
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_told_in_time(name: str) -> None:
    script = OPEN + "\n".join(FLOODS[name](n) for n in range(1, MANY))
    made = story(script, close="open", closed_by="none", cause="capture-ended", finished=False)
    before = time.process_time()
    told = Explanation(made)
    text = told.text()
    told.text("zh")
    told.svg()
    spent = time.process_time() - before
    assert spent < LIMIT
    assert len(text.splitlines()) < 200, "folded"
    assert len(told.story) < 40
