"""From the parser's reductions to the tree: scripts, options, events and times. A method a rule of `grammar.lark`."""

from finwait.script.build_calls import CallBuilder
from finwait.script.build_packets import PacketBuilder
from finwait.script.options import check_option
from finwait.script.source import Fault, Token
from finwait.script.syntax import (
    Action,
    Code,
    Dialect,
    Direction,
    Event,
    PacketAction,
    Script,
    ScriptOption,
    Shell,
    Time,
    TimeKind,
)

ANY = Time(TimeKind.ANY)


class Builder(PacketBuilder, CallBuilder):
    """Makes the tree and refuses what the grammar cannot: the values, and what does not go together."""

    defines: dict[str, str]
    _before: int | None = 0
    """Earliest time of the event before; None where a `*` makes that unknown."""
    _first = True

    def script(self, *parts: ScriptOption | Shell | Event | None) -> Script:
        """Put the script together."""
        events = tuple(part for part in parts if isinstance(part, Event))
        first = next(number for number, part in enumerate(parts) if isinstance(part, Event))
        init, cleanup = parts[first - 1], parts[-1]
        return Script(
            path=self.source.path,
            text=self.source.text,
            options=tuple(part for part in parts if isinstance(part, ScriptOption)),
            init=init if isinstance(init, Shell) else None,
            events=events,
            cleanup=cleanup if isinstance(cleanup, Shell) else None,
            defines=self.defines,
        )

    def option(self, word: Token) -> ScriptOption:
        """`--name` or `--name=value`; quotes around the whole value are taken off."""
        name, equals, value = word[2:].partition("=")
        name, value = name.strip(), value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        problem = check_option(name, value if equals else None)
        if problem is not None:
            raise Fault(word.at, f"--{name} {problem.en}", length=len(word))
        return ScriptOption(name, value if equals else None, self.source.position(word.at))

    def init(self, word: Token) -> Shell:
        """The command before the first event."""
        return Shell(word[1:-1])

    cleanup = init
    shell = init

    def code(self, word: Token) -> Code:
        """Python; blanks at both ends are no part of it, lines are."""
        inner = word[2:-2]
        begin = word.at + 2 + len(inner) - len(inner.lstrip(" \t"))
        return Code(inner.strip(" \t"), self.source.position(begin))

    # --- events and times ---

    def event(self, time: tuple[int, Time], action: Action) -> Event:
        """An event, if its time goes with what it does and with the events before."""
        at, when = time
        self._check_time(at, when, action)
        return Event(when, action, self.source.position(at), self.source.position(self.taken))

    def _check_time(self, at: int, when: Time, action: Action) -> None:
        outward = isinstance(action, PacketAction) and action.direction is Direction.OUT
        if not outward and (when.kind is TimeKind.ANY or when.end is not None):
            what = "`*`" if when.kind is TimeKind.ANY else "a range of time"
            raise Fault(at, f"{what} is only for packets that the stack sends (>)")
        if when.end is not None and when.end < when.start:
            raise Fault(at, "this range of time ends before it begins")
        first, self._first = self._first, False
        if self.source.dialect is not Dialect.FINWAIT:
            return
        if first and (when.kind is TimeKind.ANY or when.start != 0):
            raise Fault(at, "the first event is not at time 0", "0 or +0")
        if when.kind is TimeKind.ABSOLUTE:
            latest = when.start if when.end is None else when.end
            if self._before is not None and latest < self._before:
                before = f"{self._before / 1e6:.6f}".rstrip("0").rstrip(".")
                raise Fault(
                    at, f"time goes backwards: the event before is not earlier than {before}"
                )
            self._before = when.start
        elif when.kind is TimeKind.ANY:
            self._before = None
        elif self._before is not None:
            self._before += when.start

    def at(self, seconds: Token) -> tuple[int, Time]:
        """`T`."""
        return seconds.at, Time(TimeKind.ABSOLUTE, self.microseconds(seconds))

    def after(self, plus: int, seconds: Token) -> tuple[int, Time]:
        """`+T`."""
        return plus, Time(TimeKind.RELATIVE, self.microseconds(seconds))

    def whenever(self, star: int) -> tuple[int, Time]:
        """`*`."""
        return star, ANY

    def between(self, begin: Token, _: int, end: Token) -> tuple[int, Time]:
        """`T~T`."""
        start, stop = self.microseconds(begin), self.microseconds(end)
        return begin.at, Time(TimeKind.ABSOLUTE, start, stop)

    def between_after(
        self, plus: int, begin: Token, _: int, __: int, end: Token
    ) -> tuple[int, Time]:
        """`+T~+T`."""
        start, stop = self.microseconds(begin), self.microseconds(end)
        return plus, Time(TimeKind.RELATIVE, start, stop)
