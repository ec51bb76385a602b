"""What the parser expects, in the words of who writes scripts."""

from typing import Final

from finwait.script.automaton import tables
from finwait.script.lexer import END

PHRASES: Final[tuple[tuple[str, str, str], ...]] = (
    # What it is, the symbols that must all be expected for it, the symbols that it stands for.
    ("a time such as 0, +.1 or 0.2~0.3", "FLOAT + *", "FLOAT INTEGER + *"),
    ("a time such as 0 or 0.2", "FLOAT", "FLOAT INTEGER"),
    ("a packet that begins with < or >", "< > CODE", "< >"),
    ("a system call such as close(3) = 0", "WORD CODE", "WORD ELLIPSIS"),
    ("a `command`", "BACK_QUOTED", "BACK_QUOTED"),
    ("%{ code }%", "CODE", "CODE"),
    ("an --option", "OPTION", "OPTION"),
    ("flags such as S. or FP.", "FLAGS", "FLAGS"),
    (
        "a TCP option such as mss 1460 or nop",
        "mss nop",
        "mss wscale sackOK nop eol sack SACK TS md5 FO FOEXP exp-FO EXP-FO ECN AccECN0 AccECN1 exp-AccECN0 exp-AccECN1 exp-tarr HYPHENATED WORD INTEGER",
    ),
    (
        'a value such as 1, SOL_TCP, "text", [list], {struct} or ...',
        "STRING [ {",
        "STRING [ { INTEGER HEX WORD ELLIPSIS",
    ),
    ("an ECN mark such as ect0", "ect0 ect1", "noecn ect0 ect1 ce ect01"),
    ("an outer header such as ipv4 or mpls", "ipv4 mpls", "ipv4 ipv6 gre GREv0 mpls"),
    ("an address", "ADDRESS", "ADDRESS"),
    ("words in brackets", "NOTE", "NOTE"),
    ("a number", "INTEGER", "INTEGER HEX"),
    ("a number", "HEX", "HEX"),
    ("...", "ELLIPSIS", "ELLIPSIS"),
    ("a name", "WORD", "WORD HYPHENATED"),
    ("a name", "HYPHENATED", "HYPHENATED"),
    ('a "string"', "STRING", "STRING"),
    ("the end of the script", END, END),
)
"""In order: each takes its symbols away from what is still to be said."""


def in_words(symbols: frozenset[str], after: str) -> tuple[str, ...]:
    """Say what a set of terminals, expected after another one, is for a person."""
    if after == "FLAGS" and "INTEGER" in symbols:
        return ("a sequence such as 1:1001(1000)",)
    texts = {name: text for text, name in tables().literals.items()}
    left = {texts.get(symbol, symbol) for symbol in symbols}
    said: list[str] = []
    for phrase, needed, covered in PHRASES:
        if left.issuperset(needed.split()) and phrase not in said:
            said.append(phrase)
            left.difference_update(covered.split())
    words = sorted(text for text in left if text[0].isalpha())
    signs = sorted(text for text in left if not text[0].isalpha())
    return (*said, *words, *(f"`{sign}`" for sign in signs))
