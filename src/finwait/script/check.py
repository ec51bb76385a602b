"""What can be said of a script before it is played: calls that there are not, wrong arguments, names of nothing, code that is no Python.

>>> check(parse("0 close(3, 4) = 0", "x.pkt"))
Traceback (most recent call last):
finwait.errors.BadScript: x.pkt:1:3: close takes 1 argument, 2 were given
"""

import re
import warnings
from collections.abc import Callable
from typing import Final

from finwait.errors import BadScript
from finwait.script.constants import ERRORS, NUMBERS
from finwait.script.evaluate import Evaluator, meant
from finwait.script.source import Fault, Source
from finwait.script.syntax import Call, Code, Dialect, Event, Position, Script
from finwait.stage.stage import Value

FD, NUMBER, SIZE, BUFFER, TEXT = "a descriptor", "a number", "a size", "a buffer", "a string"
MAYBE: Final = "a number or `...`"
SETTING: Final = "[N], {…} or a string"
VECTOR: Final = "[{buffer, size}, …]"
POLLED: Final = "[{fd=…, events=…}, …]"
LENGTH: Final = "a number or [N]"
STRUCT: Final = "{…}"
ANY: Final = ""
CALLS: Final[dict[str, tuple[str, ...]]] = {
    "socket": (MAYBE, NUMBER, NUMBER),
    "bind": (FD, ANY, ANY),
    "listen": (FD, NUMBER),
    "accept": (FD, ANY, ANY),
    "accept4": (FD, ANY, ANY, NUMBER),
    "connect": (FD, ANY, ANY),
    "read": (FD, BUFFER, SIZE),
    "recv": (FD, BUFFER, SIZE, NUMBER),
    "recvfrom": (FD, BUFFER, SIZE, NUMBER, ANY, ANY),
    "readv": (FD, VECTOR, NUMBER),
    "recvmsg": (FD, STRUCT, NUMBER),
    "write": (FD, BUFFER, SIZE),
    "send": (FD, BUFFER, SIZE, NUMBER),
    "sendto": (FD, BUFFER, SIZE, NUMBER, ANY, ANY),
    "writev": (FD, VECTOR, NUMBER),
    "sendmsg": (FD, STRUCT, NUMBER),
    "splice": (FD, ANY, FD, ANY, SIZE, NUMBER),
    "sendfile": (FD, FD, ANY, SIZE),
    "getsockopt": (FD, NUMBER, NUMBER, ANY, LENGTH),
    "setsockopt": (FD, NUMBER, NUMBER, SETTING, MAYBE),
    "fcntl": (FD, NUMBER, NUMBER),
    "ioctl": (FD, NUMBER, ANY),
    "shutdown": (FD, NUMBER),
    "close": (FD,),
    "poll": (POLLED, NUMBER, NUMBER),
    "epoll_create": (NUMBER,),
    "epoll_create1": (NUMBER,),
    "epoll_ctl": (FD, NUMBER, FD, ANY),
    "epoll_wait": (FD, ANY, SIZE, NUMBER),
    "pipe": (ANY,),
    "pipe2": (ANY, NUMBER),
    "open": (TEXT, NUMBER, NUMBER),
    "cap_set": (NUMBER, NUMBER, NUMBER),
    "psp_rx_assoc": (FD, ANY),
    "psp_tx_assoc": (FD, ANY),
}
"""Every call of either dialect, and what its arguments are. Which of them a stage makes, the stage says."""
LEAST: Final = {"fcntl": 2, "ioctl": 2, "open": 2}
"""Calls whose last argument may be missing."""
OTHER_PROTOCOL: Final = "sctp_"
"""Calls of nplab's dialect about SCTP: known, and refused when they would be played."""
LARGEST: Final = 1 << 26
"""Octets for one call. What is written has to lie in memory; no buffer of a socket is nearly so large."""
_WORD: Final = re.compile(r"\w+")


def check(script: Script) -> None:
    """Look at every call and block of code. Raises BadScript, with the line and a caret, for the first that cannot be played."""
    _Checker(script).check()


class _Checker:
    def __init__(self, script: Script) -> None:
        self.script = script
        self.source = Source(script.text, script.path, Dialect.FINWAIT)
        self.evaluator = Evaluator(script.path)

    def check(self) -> None:
        for event in self.script.events:
            if isinstance(event.action, Call):
                self._call(event, event.action)
            elif isinstance(event.action, Code):
                self._code(event.action)

    # --- calls ---

    def _call(self, event: Event, call: Call) -> None:
        at = self._find(event, rf"\b{re.escape(call.name)}\s*\(")
        if call.name not in CALLS:
            if call.name.startswith(OTHER_PROTOCOL):
                return
            raise self._error(at, f"there is no system call {call.name}{meant(call.name, CALLS)}")
        count, kinds = len(call.arguments), CALLS[call.name]
        if not LEAST.get(call.name, len(kinds)) <= count <= len(kinds):
            raise self._error(at, _miscounted(call.name, count))
        place = self.source.position(at)
        try:
            given = [self.evaluator.value(one, place) for one in call.arguments]
            self.evaluator.value(call.result, place)
        except BadScript as error:
            raise self._shown(error) from None
        for number, (value, kind) in enumerate(zip(given, kinds, strict=False), 1):
            wrong = _unfit(value, kind)
            if wrong is not None:
                raise self._error(at, f"argument {number} of {call.name} {wrong}")
        self._vector(at, call, given)
        if call.errno is not None and call.errno not in NUMBERS:
            where = self._find(event, rf"\b{re.escape(call.errno)}\b")
            said = f"there is no error {call.errno}{meant(call.errno, ERRORS.values())}"
            raise self._error(where, said)

    def _vector(self, at: int, call: Call, given: list[Value]) -> None:
        """What readv, writev and the messages point to: as many as said, and not too much."""
        parts = given[1] if len(given) > 1 else None
        if isinstance(parts, dict):
            parts = parts.get("msg_iov")
        elif CALLS[call.name][1:2] != (VECTOR,):
            return
        elif isinstance(parts, list) and given[2] != len(parts):
            said = f"{call.name} was given {len(parts)} buffers, and told that they are"
            raise self._error(at, f"{said} {given[2]!r}")
        if not isinstance(parts, list):
            return
        sizes = [one.get("1", one.get("iov_len")) for one in parts if isinstance(one, dict)]
        total = sum(size for size in sizes if isinstance(size, int) and size > 0)
        if total > LARGEST:
            raise self._error(at, f"the buffers of {call.name} hold {_too_many(total)}")

    # --- code ---

    def _code(self, code: Code) -> None:
        # As code.py compiles it: empty lines before the block make its lines those of the script.
        text = "\n" * (max(code.at.line, 1) - 1) + code.text + "\n\n"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(text, self.script.path, "exec")
        except SyntaxError as error:
            line = error.lineno or code.at.line
            column = error.offset or 1
            if line == code.at.line:
                column += code.at.column - 1
            raise self._error(
                self._offset(line, column), f"this is no Python: {error.msg}", length=1
            ) from None
        except (ValueError, RecursionError, MemoryError) as error:
            where = self._offset(code.at.line, code.at.column)
            raise self._error(where, f"this is no Python: {error}", length=1) from None

    # --- places ---

    def _find(self, event: Event, pattern: str) -> int:
        """Give the offset of a word of an event; of the event where a define put the word there."""
        start = self._offset(event.at.line, event.at.column)
        end = self._offset(event.end.line, event.end.column)
        found = re.compile(pattern).search(self.source.text, start, max(end, start))
        return start if found is None else found.start()

    def _offset(self, line: int, column: int) -> int:
        return self.source.offset(Position(line, column))

    def _shown(self, error: BadScript) -> BadScript:
        """Add the line and a caret to an error that only names the place."""
        said = str(error).split(": ", 1)[-1]
        return self._error(self._offset(error.line, error.column), said)

    def _error(self, at: int, message: str, length: int = 0) -> BadScript:
        word = _WORD.match(self.source.text, at)
        length = length or (len(word.group()) if word else 1)
        return self.source.error(Fault(at, message, length=length))


def _miscounted(name: str, count: int) -> str:
    most = len(CALLS[name])
    least = LEAST.get(name, most)
    takes = f"{most}" if least == most else f"{least} or {most}"
    were = "1 was given" if count == 1 else f"{count or 'none'} were given"
    return f"{name} takes {takes} argument{'s' * (most > 1)}, {were}"


def _too_many(octets: int) -> str:
    return f"{octets} octets; finwait gives a call at most {LARGEST}"


def _is_table(value: Value) -> bool:
    """A list of structs; or NULL, or an address that is none."""
    listed = isinstance(value, list) and all(isinstance(one, dict) for one in value)
    return listed or isinstance(value, int)


def _is_setting(value: Value) -> bool:
    return not (isinstance(value, list) and any(isinstance(one, bytes) for one in value))


FITS: Final[dict[str, Callable[[Value], bool]]] = {
    ANY: lambda _: True,
    **dict.fromkeys((FD, NUMBER, SIZE), lambda value: isinstance(value, int)),
    MAYBE: lambda value: value is None or isinstance(value, int),
    LENGTH: lambda value: not isinstance(value, bytes | dict),
    BUFFER: lambda value: value is None or isinstance(value, int | bytes),
    TEXT: lambda value: isinstance(value, bytes),
    SETTING: _is_setting,
    VECTOR: _is_table,
    POLLED: _is_table,
    STRUCT: lambda value: isinstance(value, dict | int),
}
"""What an argument of a kind may be."""


def _unfit(value: Value, kind: str) -> str | None:
    """Say what is wrong with an argument, as the end of a sentence; None if nothing is."""
    if not FITS[kind](value):
        return f"is not {kind}"
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if kind in {SIZE, LENGTH, MAYBE} and isinstance(value, int) and value > LARGEST:
        return f"is {_too_many(value)}"
    return None
