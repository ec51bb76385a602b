"""System calls of a script: labels to live descriptors before the call, the result against the script's after it."""

from collections.abc import Mapping
from typing import Final

from finwait.script import syntax
from finwait.script.constants import ERRORS, IPPROTO_TCP, SOCK_STREAM
from finwait.script.evaluate import Evaluator
from finwait.script.sockets import Opening, Socket, Sockets
from finwait.script.syntax import Call, Dialect, Position
from finwait.script.write import write_expression
from finwait.stage.stage import Result, Setup, SystemCall, Value
from finwait.verdict.language import Text

MAKE: Final = frozenset({"socket", "accept", "open", "epoll_create"})
"""Calls whose result names something."""
NO_DESCRIPTOR: Final = MAKE - {"accept"} | {"pipe", "cap_set", "poll"}
"""Calls whose first argument is no descriptor."""
SECOND: Final[Mapping[str, int]] = {"splice": 2, "sendfile": 1, "epoll_ctl": 2}
"""Calls with another descriptor, and where it stands."""
PATIENCE: Final = 2_000_000
"""Microseconds for a call that is to return at once: as long as a packet is waited for that is due now."""
TIMEOUTS: Final = {"poll": 2, "epoll_wait": 3}
"""Calls that say how long they sleep, in milliseconds, and where."""
LINGERS: Final = 3600_000_000
"""Microseconds for close(), which SO_LINGER lets sleep as long as it says."""
CLOSED: Final = 1 << 30
"""A descriptor that nothing has, for a label whose descriptor was closed: EBADF, even where its number is in use again."""
TYPE_MASK: Final = 0xF
"""SOCK_TYPE_MASK of linux/net.h: the rest are flags."""
TIME_CONTROL: Final = {"scm_sec", "scm_nsec"}
EXTENDED_ERROR: Final = {
    "ee_errno": (0, 4), "ee_origin": (4, 1), "ee_type": (5, 1), "ee_code": (6, 1), "ee_info": (8, 4), "ee_data": (12, 4),
}  # fmt: skip
"""struct sock_extended_err (linux/errqueue.h): where a member lies, and how long it is."""


class Calls:
    """Makes live calls of script calls, and judges what came back."""

    def __init__(
        self,
        evaluator: Evaluator,
        sockets: Sockets,
        setup: Setup,
        dialect: Dialect = Dialect.FINWAIT,
    ) -> None:
        self.dialect = dialect
        self.evaluator = evaluator
        self.sockets = sockets
        self.setup = setup

    # --- before ---

    def live(self, call: Call, at: Position) -> SystemCall:
        """Evaluate the arguments and put live descriptors in the place of labels. Raises BadScript."""
        arguments = [self.evaluator.value(argument, at) for argument in call.arguments]
        places = {SECOND[call.name]} if call.name in SECOND else set()
        if call.name not in NO_DESCRIPTOR:
            places.add(0)
        for place in places:
            if place < len(arguments):
                arguments[place] = self._descriptor(arguments[place], at)
        if call.name == "poll" and arguments:
            arguments[0] = self._polled(arguments[0], at)
        if call.name == "epoll_ctl" and len(arguments) > 3 and isinstance(arguments[3], dict):
            arguments[3] = self._with_descriptor(arguments[3], at)
        self._before(call, arguments)
        return SystemCall(call.name, tuple(arguments))

    @staticmethod
    def patience(live: SystemCall) -> int:
        """Microseconds after which a call without a time of return is taken for one that blocks."""
        if live.name == "close":
            return LINGERS
        timeout = live.arguments[TIMEOUTS[live.name]] if live.name in TIMEOUTS else 0
        return PATIENCE + (max(timeout, 0) * 1000 if isinstance(timeout, int) else 0)

    def _descriptor(self, label: Value, at: Position) -> Value:
        if not isinstance(label, int) or label < 0:
            return label
        live = self.sockets.live(label)
        if live is None and self.sockets.was_closed(label):
            return CLOSED
        if live is None:
            raise self.evaluator.error(f"nothing open is called {label} here", at)
        return live

    def _polled(self, wanted: Value, at: Position) -> Value:
        if not isinstance(wanted, list):
            return wanted
        return [self._with_descriptor(one, at) if isinstance(one, dict) else one for one in wanted]

    def _with_descriptor(self, members: dict[str, Value], at: Position) -> dict[str, Value]:
        if "fd" not in members:
            return members
        return members | {"fd": self._descriptor(members["fd"], at)}

    def _before(self, call: Call, arguments: list[Value]) -> None:
        """A connection begins before its call has returned."""
        if call.name not in {"connect", "sendto", "sendmsg"} or not arguments:
            return
        message = arguments[1] if len(arguments) > 1 else None
        if call.name == "sendmsg" and not (isinstance(message, dict) and "msg_name" in message):
            return
        one = next((s for s in self.sockets.all if s.fd == arguments[0] and not s.closed), None)
        if one is not None and one.opening in {Opening.NEW, Opening.BOUND}:
            one.opening = Opening.CONNECTING
            one.remote_port = self.setup.connect_port
            if call.name == "connect" and self.dialect is Dialect.NPLAB:
                self._towards_child(one, arguments)
            self.sockets.under_test = one

    def _towards_child(self, one: Socket, arguments: list[Value]) -> None:
        """A SYN was injected before: connect() goes to where it came from, and its numbers hold (nplab run_syscall_connect)."""
        child = self.sockets.under_test
        if child is None or child.opening is not Opening.RECEIVED or child.remote_port is None:
            return
        one.remote_port, one.numbers = child.remote_port, child.numbers
        self.sockets.all.remove(child)
        arguments[1] = {"port": child.remote_port}

    # --- after ---

    def judge(self, call: Call, live: SystemCall, result: Result, at: Position) -> Text | None:
        """Note what the call changed, and say what is not as the script expects."""
        wrong = self._result(call, result, at)
        if result.value >= 0:
            self._after(call, live, result, at)
            wrong = wrong or self._out(call, live, result, at)
        return wrong

    def _result(self, call: Call, result: Result, at: Position) -> Text | None:
        expected = self.evaluator.value(call.result, at)
        if expected is None:
            return None
        label = call.name in MAKE and isinstance(expected, int) and expected >= 0
        if label and result.value < 0:
            return self._differs(call, result, expected)
        if not label and result.value != expected:
            return self._differs(call, result, expected)
        if call.errno is not None and result.value < 0:
            number = self.evaluator.number(call.errno, at)
            if number != result.errno:
                name = error_name(result.errno)
                return Text(
                    f"{call.name}() was to fail with {call.errno}, and failed with {name}",
                    f"{call.name}() 应以 {call.errno} 失败，实际以 {name} 失败",
                )
        return None

    @staticmethod
    def _differs(call: Call, result: Result, expected: Value) -> Text:
        wanted = f"{_show(expected)} {call.errno}" if call.errno else _show(expected)
        got = f"{result.value} {error_name(result.errno)}" if result.errno else str(result.value)
        return Text(
            f"{call.name}() was to return {wanted}, and returned {got}",
            f"{call.name}() 应返回 {wanted}，实际返回 {got}",
        )

    def _after(self, call: Call, live: SystemCall, result: Result, at: Position) -> None:
        label = self.evaluator.value(call.result, at)
        match call.name:
            case "socket":
                kind = live.arguments[1]
                stream = isinstance(kind, int) and kind & TYPE_MASK == SOCK_STREAM
                tcp = stream and live.arguments[2] in {0, IPPROTO_TCP}
                one = self.sockets.add(Socket(stream=tcp))
                self._name(one, label, result.value, at)
            case "accept":
                child = self.sockets.child_to_accept() or self.sockets.add(Socket())
                self._name(child, label, result.value, at)
            case "open" | "epoll_create":
                if isinstance(label, int):
                    self.sockets.files[label] = result.value
            case "pipe":
                self._pipe(call, result, at)
            case "bind" | "listen" | "close":
                self._changed(call.name, live.arguments[0])

    def _name(self, one: Socket, label: Value, fd: int, at: Position) -> None:
        if not isinstance(label, int):
            label = None
        taken = label is not None and self.sockets.live(label) is not None
        if (
            taken and one.opening is Opening.NEW
        ):  # an accepted one may take over a label, as in the references
            raise self.evaluator.error(f"two open things would be called {label}", at)
        one.fd = fd
        one.label = label

    def _pipe(self, call: Call, result: Result, at: Position) -> None:
        labels = self.evaluator.value(call.arguments[0], at)
        fds = result.out.get("fds")
        if isinstance(labels, list) and isinstance(fds, list):
            for label, fd in zip(labels, fds, strict=False):
                if isinstance(label, int) and isinstance(fd, int):
                    self.sockets.files[label] = fd

    def _changed(self, name: str, fd: Value) -> None:
        if name == "close":
            for label in [label for label, live in self.sockets.files.items() if live == fd]:
                del self.sockets.files[label]
                self.sockets.gone.add(label)
        for one in self.sockets.all:
            if one.fd != fd or one.closed:
                continue
            if name == "close":
                one.closed = True
            elif name == "listen":
                one.opening = Opening.LISTENING
                one.local_port = self.setup.bind_port
            elif one.opening is Opening.NEW:
                one.opening = Opening.BOUND
                if not one.stream:
                    one.local_port = self.setup.bind_port

    # --- what a call wrote ---

    def _out(self, call: Call, live: SystemCall, result: Result, at: Position) -> Text | None:
        arguments = [self.evaluator.value(argument, at) for argument in call.arguments]
        wanted: list[tuple[str, Value, Value]] = []
        match call.name, arguments:
            case "getsockopt", [_, _, _, value, length, *_]:
                wanted.append(("value", _first(value), result.out.get("value")))
                wanted.append(("length", _first(length), result.out.get("length")))
            case "ioctl", [_, _, value, *_]:
                wanted.append(("value", _first(value), result.out.get("value")))
            case "poll", [list() as polled, *_]:
                revents = [one.get("revents", 0) for one in polled if isinstance(one, dict)]
                wanted.append(("revents", revents, result.out.get("revents")))
            case "epoll_wait", [_, event, *_] if result.value > 0:
                wanted += _epoll(event, result, live)
            case "recvmsg", [_, dict() as message, *_]:
                wanted += _message(message, result)
        for name, expected, actual in wanted:
            if not _equal(expected, actual):
                shown = _show(expected), _show(actual)
                return Text(
                    f"{call.name}(): {name} was to be {shown[0]}, and is {shown[1]}",
                    f"{call.name}()：{name} 应为 {shown[0]}，实际为 {shown[1]}",
                )
        return None


def _first(value: Value) -> Value:
    return value[0] if isinstance(value, list) and value else value


def _epoll(event: Value, result: Result, live: SystemCall) -> list[tuple[str, Value, Value]]:
    """The first event that came, as both references do."""
    del live
    events = result.out.get("events")
    wanted = _first(event)
    if not (isinstance(events, list) and events and isinstance(wanted, dict)):
        return []
    seen = events[0]
    if not isinstance(seen, dict):
        return []
    found: list[tuple[str, Value, Value]] = [
        ("events", wanted.get("events", 0), seen.get("events"))
    ]
    found += [
        (name, wanted[name], seen.get("data")) for name in ("ptr", "u32", "u64") if name in wanted
    ]
    return found


def _message(message: Mapping[str, Value], result: Result) -> list[tuple[str, Value, Value]]:
    found: list[tuple[str, Value, Value]] = []
    if "msg_flags" in message:
        found.append(("msg_flags", message["msg_flags"], result.out.get("flags")))
    wanted, seen = message.get("msg_control"), result.out.get("control")
    if not isinstance(wanted, list):
        return found
    seen = seen if isinstance(seen, list) else []
    found.append(("control messages", len(wanted), len(seen)))
    for want, got in zip(wanted, seen, strict=False):
        if isinstance(want, dict) and isinstance(got, dict):
            names = ("cmsg_level", "cmsg_type", "cmsg_data")
            found += [(name, want.get(name), got.get(name)) for name in names]
    return found


def _equal(expected: Value, actual: Value) -> bool:
    """`...` is equal to anything; a string of the script to octets that begin with it."""
    match expected, actual:
        case None, _:
            return True
        case dict(), dict():
            return all(_equal(value, actual.get(name)) for name, value in expected.items())
        case dict(), bytes():
            return _struct_equal(expected, actual)
        case list(), list():
            return len(expected) == len(actual) and all(map(_equal, expected, actual))
        case int(), bytes():
            return expected == int.from_bytes(actual[:8], "little", signed=len(actual) == 4)
        case int(), int():
            return expected == actual or expected & 0xFFFFFFFF == actual & 0xFFFFFFFF
        case bytes(), bytes():
            return actual.rstrip(b"\0") == expected.rstrip(b"\0")
    return expected == actual


def _struct_equal(expected: Mapping[str, Value], raw: bytes) -> bool:
    """A control message's octets against members. Times (scm_…) are not compared: a play is not the clock of a day."""
    if expected.keys() <= TIME_CONTROL:
        return len(raw) >= 16
    if expected.keys() <= EXTENDED_ERROR.keys():
        return all(
            _equal(value, int.from_bytes(raw[slice(at, at + size)], "little"))
            for (at, size), value in ((EXTENDED_ERROR[name], value) for name, value in expected.items())
        )  # fmt: skip
    return True  # netlink attributes: what statistics hold depends on the machine's time


def _show(value: Value) -> str:
    match value:
        case None:
            return "nothing"
        case bytes():
            return write_expression(syntax.String(value))
        case dict():
            return "{" + ", ".join(f"{name}={_show(v)}" for name, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_show, value)) + "]"
    return str(value)


def error_name(number: int) -> str:
    """Name an error."""
    return ERRORS.get(number, f"errno {number}")
