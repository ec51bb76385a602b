"""From the parser's reductions to system calls and their expressions. A method a rule of `grammar.lark`."""

import re
from typing import Final

from finwait.script.build_base import BaseBuilder, alike
from finwait.script.source import Fault, Token
from finwait.script.syntax import (
    Call,
    Dialect,
    Expr,
    Field,
    Function,
    Integer,
    Items,
    Omitted,
    Or,
    String,
    Struct,
    Symbol,
)

FUNCTIONS: Final = ("inet_addr", "inet6_addr", "htonl", "htons")
MEMBERS: Final = {
    *("sa_family", "sin_port", "sin_addr"),
    *("onoff", "linger"),
    *("fd", "events", "revents", "ptr", "u32", "u64"),
    *("iov_base", "iov_len", "headers", "trailers"),
    *("msg_name", "msg_iov", "msg_control", "msg_flags"),
    *("cmsg_len", "cmsg_level", "cmsg_type", "cmsg_data"),
    *("scm_sec", "scm_nsec"),
    *("ee_errno", "ee_origin", "ee_type", "ee_code", "ee_info", "ee_data"),
    *("af_name", "af_arg", "function_set_name", "pcbcnt", "enable", "psk"),
    *("trr_flags", "trr_code", "trr_pen"),
    *("label", "tc", "bottom", "ttl"),
    *("flags", "sum", "off", "key", "seq"),
}
"""Members of the structs of both dialects; names of netlink attributes (TCP_NLA_…) are constants."""
COUNTED: Final = {"msg_name", "msg_iov", "msg_control", "headers", "trailers"}
"""Members that have a count, or a length, in brackets."""
LOWEST, HIGHEST = -(2**63), 2**64 - 1
"""An argument is a C long, or an unsigned one (epoll's u64)."""
OMITTED: Final = Omitted()
ESCAPES: Final = {
    "\\": b"\\",
    '"': b'"',
    "f": b"\f",
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "v": b"\v",
}
ESCAPE: Final = re.compile(r"(?s)\\(x.{0,2}|.)")


class CallBuilder(BaseBuilder):
    """System calls, their arguments and results."""

    def call(
        self,
        _: Token | None,
        until: Token | None,
        name: Token,
        arguments: tuple[Expr, ...] | None,
        result: Expr,
        errno: Token | None,
        note: Token | None,
    ) -> Call:
        """A system call."""
        if errno is not None and note is None and self.source.dialect is not Dialect.FINWAIT:
            raise Fault(errno.at, f"{errno} has no words after it", "(words)", length=len(errno))
        words = "" if note is None else " ".join(note[1:-1].split())
        return Call(
            name=str(name),
            arguments=arguments or (),
            result=result,
            errno=None if errno is None else str(errno),
            note=words,
            until=None if until is None else self.microseconds(until),
        )

    def arguments(self, *expressions: Expr) -> tuple[Expr, ...]:
        """`a, b, …`."""
        return expressions

    def result(self, *values: Expr) -> Expr:
        """A number, a symbol, or several with `|` between them."""
        return values[0] if len(values) == 1 else Or(values)

    def either(self, *parts: Expr) -> Or:
        """`A|B`."""
        return Or(parts)

    def decimal(self, word: Token) -> Integer:
        """`10`."""
        return Integer(self.integer(word, LOWEST, HIGHEST, "number"), str(word))

    def hexadecimal(self, word: Token) -> Integer:
        """`0x0a`."""
        value = int(word, 16)
        if value > HIGHEST:
            raise Fault(word.at, "this number has more than 64 bits", length=len(word))
        return Integer(value, str(word))

    def symbol(self, word: Token) -> Symbol:
        """`SOL_SOCKET`."""
        return Symbol(str(word), self.source.position(word.at))

    def omitted(self, _: Token) -> Omitted:
        """`...`."""
        return OMITTED

    def string(self, *words: Token) -> String:
        """`"…"`, or several, which are one."""
        return String(b"".join(self._unescaped(word) for word in words))

    def string_more(self, word: Token, _: Token) -> String:
        """`"…"...`."""
        return String(self._unescaped(word), more=True)

    def _unescaped(self, word: Token) -> bytes:
        inner = word[1:-1]
        if "\\" not in inner:
            return self._utf8(word, inner)
        parts: list[bytes] = []
        done = 0
        for match in ESCAPE.finditer(inner):
            parts += (self._utf8(word, inner[done : match.start()]), self._escape(word, match))
            done = match.end()
        return b"".join((*parts, self._utf8(word, inner[done:])))

    def _escape(self, word: Token, match: re.Match[str]) -> bytes:
        code = match[1]
        if code in ESCAPES:
            # google's tool falls through from these two cases to the one of \f.
            fallen = self.source.dialect is Dialect.GOOGLE and code in '\\"'
            return b"\f" if fallen else ESCAPES[code]
        if re.fullmatch(r"x[0-9A-Fa-f]{2}", code):
            return bytes.fromhex(code[1:])
        raise Fault(
            word.at + 1 + match.start(),
            f"{match.group()} is not an escape",
            r"\\, \", \n, \r, \t, \f, \v",
            r"\xHH with two hexadecimal digits",
            length=len(match.group()),
        )

    def _utf8(self, word: Token, text: str) -> bytes:
        try:
            return text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as problem:
            raise Fault(word.at + problem.start, "this is half a character") from None

    def items(self, items: tuple[Expr, ...] | None) -> Items:
        """`[…]`."""
        return Items(items or ())

    # --- structs ---

    def struct(self, fields: tuple[Field, ...] | None) -> Struct:
        """`{…}`."""
        members = fields or ()
        named = sum(field.name is not None for field in members)
        if named and any(f.name is None and f.value != OMITTED for f in members):
            raise Fault(self.taken - 1, "either all members of a struct are named or none")
        return Struct(members)

    def fields(self, *fields: Field) -> tuple[Field, ...]:
        """The members of a struct."""
        return fields

    def bare_field(self, value: Expr) -> Field:
        """A value alone."""
        return Field(None, value)

    def named_field(self, name: Token, value: Expr) -> Field:
        """`name=value`."""
        return self._member(name, value, None)

    def flags_field(self, value: Expr) -> Field:
        """`flags=value`."""
        return Field("flags", value)

    def counted_field(self, head: tuple[Token, Expr], value: Expr) -> Field:
        """`name(argument)=value`."""
        return self._member(head[0], value, head[1])

    def _member(self, name: Token, value: Expr, argument: Expr | None) -> Field:
        known = MEMBERS if argument is None else COUNTED
        if name not in known and not name.startswith("TCP_NLA_"):
            raise Fault(
                name.at, f"{name} is no member of a struct", *alike(name, *known), length=len(name)
            )
        return Field(str(name), value, argument)

    def labels(self, *labels: Struct) -> Struct:
        """MPLS labels as members without a name."""
        return Struct(tuple(Field(None, label) for label in labels))

    def gre_struct(self, fields: tuple[Field, ...]) -> Struct:
        """A GRE header as a struct."""
        return Struct(fields)

    def function(self, name: Token, argument: Expr) -> tuple[Token, Expr]:
        """`name(argument)`, in a value or at the head of a member."""
        return name, argument

    def applied(self, head: tuple[Token, Expr]) -> Function:
        """`inet_addr("…")` and its like."""
        name, argument = head
        if name not in FUNCTIONS:
            raise Fault(
                name.at, f"{name} is no function of an argument", *FUNCTIONS, length=len(name)
            )
        if name == "inet6_addr" or (name == "inet_addr" and self.source.dialect is Dialect.FINWAIT):
            self._check_address(name, argument)
        return Function(str(name), argument)

    def _check_address(self, name: Token, argument: Expr) -> None:
        from ipaddress import IPv4Address, IPv6Address  # few scripts need it

        if not isinstance(argument, String):
            raise Fault(name.at, f"{name} takes an address", f'{name}("…")', length=len(name))
        address = argument.value.decode("utf-8", "backslashreplace")
        try:
            (IPv6Address if name == "inet6_addr" else IPv4Address)(address)
        except ValueError:
            raise Fault(
                name.at, f"{name} does not know the address {address}", length=len(name)
            ) from None
