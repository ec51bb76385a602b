"""From text to the words of the language. It knows the parser's state, so a word is a keyword only where one may stand."""

import re
from collections.abc import Mapping
from typing import Final

from finwait.script.source import Fault, Source, Token
from finwait.script.syntax import Dialect

END: Final = "$END"
CONTEXTUAL: Final = ("FLAGS", "NOTE", "ADDRESS")
"""Terminals that are tried only where the parser expects them, before all others."""
UNENDED: Final = {
    '"': 'the string that begins here has no closing `"`',
    "`": "the command that begins here has no closing back-quote",
    "%{": "the code that begins here has no `}%`",
    "/*": "the comment that begins here has no `*/`",
}
OPENERS: Final = frozenset(opening[0] for opening in UNENDED)
FULL_WIDTH: Final = {
    ord(wide): narrow for wide, narrow in zip("，（）：＋＜＞＝；“”", ',():+<>=;""', strict=True)
}
DEFINED: Final = re.compile(
    r"""(?s)(?P<WORD>[A-Za-z_]\w*)|(?P<STRING>"(?:\\.|[^"\\])*")|(?P<BACK_QUOTED>`.*`)"""
)


class Words:
    """The terminals of the grammar, made ready for one dialect."""

    def __init__(self, terminals: Mapping[str, str], ignored: list[str], dialect: Dialect) -> None:
        patterns = dict(terminals)
        if dialect is not Dialect.FINWAIT:
            # Both references want a line to end, and take no carriage return for a blank.
            patterns["BLANK"], patterns["LINE_COMMENT"] = r"[ \t\n]+", r"//[^\n]*\n"
        self.conditional = dialect is not Dialect.GOOGLE
        self.ifdef = re.compile(patterns["IFDEF"])
        self.contextual = {name: re.compile(patterns[name]).match for name in CONTEXTUAL}
        between = [
            patterns[name] for name in ignored if not name.endswith("DEF") and name != "ENDIF"
        ]
        self.skip = re.compile(f"(?:{'|'.join(between)})*").match
        others = [
            f"(?P<{name}>{pattern})"
            for name, pattern in patterns.items()
            if name not in CONTEXTUAL and name not in ignored
        ]
        self.word = re.compile("|".join((*others, r"(?P<SIGN>(?s:.))"))).match


class Lexer:
    """The words of one script, one at a time. `start` and `end` are the offsets of the last one."""

    def __init__(
        self,
        source: Source,
        words: Words,
        literals: Mapping[str, str],
        defines: dict[str, str],
        names: frozenset[str],
    ) -> None:
        self.source = source
        self.start = self.end = 0
        self.defines = defines
        self._fixed = frozenset(defines)
        self._names = names
        self._words = words
        self._literals = literals
        self._open_ifdef: int | None = None

    def next(self, row: Mapping[str, int], special: str | None) -> tuple[str, Token | int]:
        """Give symbol and value of the next word. `row`: what the parser takes now; `special`: a CONTEXTUAL among it."""
        text = self.source.text
        at = self._words.skip(text, self.end).end()  # type: ignore[union-attr]  # it matches nothing too
        while text.startswith("#", at) and self._words.conditional:
            at = self._words.skip(text, self._condition(at)).end()  # type: ignore[union-attr]
        self.start = at
        if at == len(text):
            return self._finish()
        if special is not None:
            match = self._words.contextual[special](text, at)
            if match is not None:
                self.end = match.end()
                return self._word(match.group(), special, row)
        match = self._words.word(text, at)
        kind, word = match.lastgroup, match.group()  # type: ignore[union-attr]  # SIGN is any character
        self.end = at + len(word)
        if kind in {"WORD", "HYPHENATED"}:
            return self._word(word, kind, row)
        if kind == "SIGN":
            return self._sign(word), at
        if kind == "OPTION":
            self._define(word)
        return kind or "", self._token(word, kind or "")

    def _token(self, word: str, kind: str) -> Token:
        token = Token(word)
        token.at, token.kind = self.start, kind
        return token

    def _word(self, word: str, kind: str, row: Mapping[str, int]) -> tuple[str, Token | int]:
        """Take a word for a keyword where one may stand, or for what it was defined as, or for itself."""
        literal = self._literals.get(word)
        if literal is not None and literal in row:
            return literal, self.start
        if kind != "NOTE" and word in self.defines:
            meaning, value = self._meaning(word, self.defines[word])
            if kind == "FLAGS" and meaning in {"WORD", "INTEGER"}:
                meaning = "FLAGS"
            return meaning, self._token(value, meaning)
        return kind, self._token(word, kind)

    def _meaning(self, word: str, value: str) -> tuple[str, str]:
        """Say what a defined word stands for: a string, a command, a number or another word."""
        if re.fullmatch(r"-?[0-9]+", value):
            octal = self.source.dialect is Dialect.GOOGLE and re.fullmatch(r"0[0-7]+", value)
            return "INTEGER", str(int(value, 8)) if octal else value
        if re.fullmatch(r"0x[0-9A-Fa-f]+", value):
            return "HEX", value
        if match := DEFINED.fullmatch(value):
            return match.lastgroup or "", value
        if re.fullmatch(r"[A-Za-z0-9_]+", value):
            return "WORD", value
        raise Fault(
            self.start,
            f"{word} is defined as {value}",
            "a number",
            "a word",
            'a "string"',
            "a `command`",
            length=len(word),
        )

    def _sign(self, sign: str) -> str:
        for opening, problem in UNENDED.items() if sign in OPENERS else ():
            if self.source.text.startswith(opening, self.start):
                raise Fault(self.start, problem, length=len(opening))
        return self._literals.get(sign, sign)

    def _define(self, option: str) -> None:
        """Let `--define=NAME=VALUE` hold from here; what the caller defined wins."""
        if option.startswith("--define"):
            whole = option.partition("=")[2].strip()
            if whole.startswith('"') and whole.endswith('"'):
                whole = whole[1:-1]
            name, _, value = (part.strip() for part in whole.partition("="))
            if name and name not in self._fixed:
                self.defines[name] = value

    def _condition(self, at: int) -> int:
        """Pass `#ifdef NAME`, and all up to its `#endif` if the name is unknown; give the offset after it."""
        text = self.source.text
        if text.startswith("#endif", at):
            if self._open_ifdef is None:
                raise Fault(at, "this #endif has no #ifdef before it", length=6)
            self._open_ifdef = None
            return at + 6
        match = self._words.ifdef.match(text, at)
        if match is None:
            raise Fault(at, "found #", "#ifdef NAME", "#endif", "a comment, which begins with //")
        if self._open_ifdef is not None:
            line = self.source.position(self._open_ifdef).line
            raise Fault(at, f"an #ifdef is open since line {line}, and they do not nest", length=6)
        name = match.group().split()[1]
        if name in self.defines or name in self._names:
            self._open_ifdef = at
            return match.end()
        end = text.find("#endif", match.end())
        nested = text.find("#ifdef", match.end(), end)
        if end < 0:
            raise Fault(at, "this #ifdef has no #endif", length=6)
        if nested >= 0 and self.source.dialect is Dialect.FINWAIT:
            line = self.source.position(at).line
            raise Fault(
                nested, f"an #ifdef is open since line {line}, and they do not nest", length=6
            )
        return end + 6

    def _finish(self) -> tuple[str, int]:
        if self._open_ifdef is not None:
            raise Fault(self._open_ifdef, "this #ifdef has no #endif", length=6)
        self.end = self.start
        return END, self.start
