"""From the parser's reductions to TCP options. A method a rule of `grammar.lark`."""

from typing import Final

from finwait.script.build_base import BaseBuilder
from finwait.script.source import Fault, Token
from finwait.script.syntax import Option

U8, U16, U24, U32 = 0xFF, 0xFFFF, 0xFF_FFFF, 0xFFFF_FFFF
SPACE: Final = 40
"""Octets for options: data offset counts 15 words, of which 5 are the fixed header (RFC 9293 section 3.1)."""
WORD: Final = 4
EXPERIMENTAL: Final = 4
"""Kind, length and a 16-bit ExID (RFC 6994)."""
HEADS: Final = {
    "mss": 4,
    "wscale": 3,
    "sackOK": 2,
    "nop": 1,
    "eol": 1,
    "TS": 10,
    "md5": 18,
    **dict.fromkeys(("sack", "FO", "generic", "ECN", "AccECN0", "AccECN1"), 2),
    **dict.fromkeys(
        ("FOEXP", "experimental", "exp-AccECN0", "exp-AccECN1", "exp-tarr"), EXPERIMENTAL
    ),
    "raw": 0,
}
"""Octets of an option before what varies, kind and length included: RFC 9293 section 3.2, 7323, 2018, 2385."""
EACH: Final = {
    "sack": 4,
    **dict.fromkeys(("ECN", "AccECN0", "AccECN1", "exp-AccECN0", "exp-AccECN1"), 3),
    "exp-tarr": 1,
}
"""Octets of each number of those that have any number of them."""
COUNTERS: Final = {
    "ECN": [("e0b", "ceb", "e1b"), ("e1b", "ceb", "e0b")],
    "AccECN0": [("ee0b", "eceb", "ee1b")],
    "AccECN1": [("ee1b", "eceb", "ee0b")],
    "exp-AccECN0": [("ee0b", "eceb", "ee1b")],
    "exp-AccECN1": [("ee1b", "eceb", "ee0b")],
}
"""Orders in which an AccECN option may have its counters (RFC 9768 section 3.2.3); the last ones may be missing."""


def wire_length(option: Option) -> int:
    """Count the octets that an option takes in the header."""
    if option.name == "md5" and option.data is not None:
        return 2 + len(option.data)
    return (
        HEADS[option.name]
        + EACH.get(option.name, 0) * len(option.numbers)
        + len(option.data or b"")
    )


class OptionBuilder(BaseBuilder):
    """TCP options, and what fits into a header."""

    def listed(self, *options: Option) -> tuple[tuple[Option, ...], int]:
        """`<…, …>`."""
        return self._fitting(options)

    def unchecked(self, dots: Token) -> tuple[None, int]:
        """`<...>`."""
        return None, dots.at

    def raw(self, word: Token) -> tuple[tuple[Option, ...], int]:
        """`<HEX>`."""
        if not word.isdigit() and not all(ch in "0123456789abcdefABCDEF" for ch in word):
            raise Fault(
                word.at,
                f"{word} is not a TCP option",
                "mss, wscale, sackOK, sack, TS, nop, eol, md5, FO, ECN, …",
                "hexadecimal octets",
                length=len(word),
            )
        return self._fitting((Option("raw", data=self.octets(word, "an option's octets", SPACE)),))

    def _fitting(self, options: tuple[Option, ...]) -> tuple[tuple[Option, ...], int]:
        total = sum(wire_length(option) for option in options)
        if total > SPACE:
            raise Fault(
                self.taken - 1,
                f"these options take {total} octets, and a header has room for {SPACE}",
            )
        if total % WORD:
            missing = WORD - total % WORD
            raise Fault(
                self.taken - 1,
                f"these options take {total} octets, which is no multiple of {WORD}",
                f"{missing} more: {','.join(['nop'] * missing)}",
            )
        return options, self.taken

    def mss(self, word: Token) -> Option:
        """Maximum segment size."""
        return Option("mss", (self.integer(word, 0, U16, "mss"),))

    def wscale(self, word: Token) -> Option:
        """Window scale."""
        return Option("wscale", (self.integer(word, 0, U8, "window scale"),))

    def sack_ok(self) -> Option:
        """SACK permitted."""
        return Option("sackOK")

    def nop(self) -> Option:
        """No operation."""
        return Option("nop")

    def eol(self) -> Option:
        """End of the list."""
        return Option("eol")

    def sack(self, *blocks: tuple[int, int]) -> Option:
        """Blocks that arrived."""
        return Option("sack", tuple(edge for block in blocks for edge in block))

    def block(self, left: Token, right: Token) -> tuple[int, int]:
        """`left:right`."""
        return self.integer(left, 0, U32, "left edge"), self.integer(right, 0, U32, "right edge")

    def timestamps(self, value: Token, echo: Token, absolute: bool | None) -> Option:
        """`TS val N ecr N`."""
        ignored = value.kind == "ELLIPSIS"
        words: tuple[str, ...] = ("val-any",) if ignored else ()
        words += ("ecr-absolute",) if absolute else ()
        val = 0 if ignored else self.integer(value, 0, U32, "val")
        return Option("TS", (val, self.integer(echo, 0, U32, "ecr")), words=words)

    def absolute(self) -> bool:
        """`!`."""
        return True

    def md5(self, word: Token) -> Option:
        """A digest (RFC 2385)."""
        return Option("md5", data=self.octets(word, "a digest", 16))

    def md5_valid(self) -> Option:
        """A digest that the stage computes."""
        return Option("md5", words=("valid",))

    def fast_open(self, cookie: Token | None) -> Option:
        """A cookie, or a request for one (RFC 7413)."""
        return Option("FO", data=self._cookie(cookie, 2))

    def fast_open_experimental(self, cookie: Token | None) -> Option:
        """The same in the experimental kind."""
        return Option("FOEXP", data=self._cookie(cookie, EXPERIMENTAL))

    def _cookie(self, word: Token | None, head: int) -> bytes | None:
        return None if word is None else self.octets(word, "a cookie", SPACE - head)

    def ecn_counters(self, *counters: tuple[str, int, int]) -> Option:
        """`ECN e0b N ceb N e1b N`."""
        return self._counters("ECN", counters)

    def acc_ecn_0(self, *counters: tuple[str, int, int]) -> Option:
        """`AccECN0 ee0b N …`."""
        return self._counters("AccECN0", counters)

    def acc_ecn_1(self, *counters: tuple[str, int, int]) -> Option:
        """`AccECN1 ee1b N …`."""
        return self._counters("AccECN1", counters)

    def exp_acc_ecn_0(self, *counters: tuple[str, int, int]) -> Option:
        """The same in the experimental kind."""
        return self._counters("exp-AccECN0", counters)

    def exp_acc_ecn_1(self, *counters: tuple[str, int, int]) -> Option:
        """The same in the experimental kind."""
        return self._counters("exp-AccECN1", counters)

    def _counters(self, name: str, counters: tuple[tuple[str, int, int], ...]) -> Option:
        words = tuple(word for word, _, _ in counters)
        orders = COUNTERS[name]
        if not any(words == order[: len(words)] for order in orders):
            raise Fault(
                counters[0][2],
                f"{name} has no counters in the order {', '.join(words)}",
                *(", ".join(order) for order in orders),
            )
        return Option(name, tuple(number for _, number, _ in counters), words=words)

    def e0b(self, word: Token) -> tuple[str, int, int]:
        """A counter."""
        return self._counter("e0b", word)

    def e1b(self, word: Token) -> tuple[str, int, int]:
        """A counter."""
        return self._counter("e1b", word)

    def ceb(self, word: Token) -> tuple[str, int, int]:
        """A counter."""
        return self._counter("ceb", word)

    def ee0b(self, word: Token) -> tuple[str, int, int]:
        """A counter."""
        return self._counter("ee0b", word)

    def ee1b(self, word: Token) -> tuple[str, int, int]:
        """A counter."""
        return self._counter("ee1b", word)

    def eceb(self, word: Token) -> tuple[str, int, int]:
        """A counter."""
        return self._counter("eceb", word)

    def _counter(self, name: str, word: Token) -> tuple[str, int, int]:
        return name, self.integer(word, 0, U24, name), word.at

    def tarr(self, rate: Token | None) -> Option:
        """TCP ACK Rate Request (draft-ietf-tcpm-ack-rate-request)."""
        return Option("exp-tarr", () if rate is None else (self.integer(rate, 0, 127, "rate"),))

    def other(self, word: Token, blob: Token | None) -> Option:
        """`gen-KIND HEX` and `exp-EXID HEX`."""
        family, _, number = word.partition("-")
        data = None if blob is None else self.octets(blob, "an option's octets", SPACE)
        try:
            kind = int(number) if family == "gen" else int(number, 16)
        except ValueError:
            kind = -1
        if family == "gen" and 0 <= kind <= U8:
            return Option("generic", data=data, kind=kind)
        if family == "exp" and 0 <= kind <= U16:
            return Option("experimental", data=data, kind=kind)
        raise Fault(
            word.at,
            f"{word} is not a TCP option",
            "gen-N with N up to 255",
            "exp-XXXX in hexadecimal",
            length=len(word),
        )
