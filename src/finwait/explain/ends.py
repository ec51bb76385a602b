"""Which connection is meant: by its number, by its two ends, or by one end that only it has."""

import re
from typing import Final

from finwait.errors import Misuse

Ends = tuple[str, int, str, int]
"""Address and port of one end and of the other, in either order."""

End = tuple[str, int]
"""Address and port of one end."""

_END: Final = r"(?:\[(?P<six{n}>[^\]]*)\]|(?P<four{n}>[^\[\]:-]*)):(?P<port{n}>\d{{1,5}})"
_ENDS: Final = re.compile(_END.format(n=1) + r"(?:\s*[-,]\s*" + _END.format(n=2) + ")?")
_NEGATIVE: Final = re.compile(r"-\d+")
PORT_MAX: Final = 0xFFFF
"""RFC 9293 3.1: 16 bits."""


def which(text: str) -> int | Ends | End:
    """Read "17", "10.0.0.2:5000-10.0.0.1:80", "[2001:db8::1]:5000-[2001:db8::2]:80" or "10.0.0.2:5000".

    Raises Misuse, with an example, if it is none of these.
    """
    asked = text.strip()
    if asked.isascii() and asked.isdigit():
        # the core counts in 64 bits, and Python does not read numbers of thousands of digits
        if len(asked) > 19:
            raise Misuse(
                f"no connection has the number {asked[:24]}: `finwait analyze` lists them",
                f"没有编号为 {asked[:24]} 的连接：`finwait analyze` 会列出所有连接",
            )
        return int(asked)
    if _NEGATIVE.fullmatch(asked):
        raise below_zero(asked)
    found = _ENDS.fullmatch(asked)
    if found is None:
        raise Misuse(
            f"no connection is called {text!r}: give its number, as `finwait analyze` lists it, or its"
            " ends, such as 10.0.0.2:5000-10.0.0.1:80 or [2001:db8::1]:5000-[2001:db8::2]:80, or one of"
            " them that no other connection has",
            f"没有叫做 {text!r} 的连接：请给出 `finwait analyze` 列出的编号，或连接的两端，"
            "例如 10.0.0.2:5000-10.0.0.1:80 或 [2001:db8::1]:5000-[2001:db8::2]:80，或其他连接都没有的一端",
        )
    one = _end(found, 1)
    return one if found["port2"] is None else (*one, *_end(found, 2))


def below_zero(number: int | str) -> Misuse:
    """Say that numbers of connections begin with 0."""
    return Misuse(
        f"no connection {number}: connections are counted from 0, as `finwait analyze` lists them",
        f"没有连接 {number}：连接从 0 开始编号，见 `finwait analyze` 的列表",
    )


def _end(found: re.Match[str], n: int) -> tuple[str, int]:
    from socket import AF_INET, AF_INET6, inet_pton  # 4 ms that a number does not need

    six, four = found[f"six{n}"], found[f"four{n}"]
    family, address = (AF_INET, four) if six is None else (AF_INET6, six)
    try:
        inet_pton(family, address)
    except OSError:
        raise Misuse(f"{address!r} is not an address", f"{address!r} 不是地址") from None
    port = int(found[f"port{n}"])
    if port > PORT_MAX:
        raise Misuse(
            f"{port} is not a port: ports have 16 bits", f"{port} 不是端口号：端口号只有 16 位"
        )
    return address, port
