"""Play a script on a stage: let time pass, inject, expect, call, and judge what happens.

>>> outcome = play(script, configure(script, {}), open_stage)
>>> outcome.status
<Status.PASSED: 'passed'>
"""

from collections.abc import Callable
from typing import Final

from finwait.errors import BadScript, FinwaitError
from finwait.script import ending, reasons
from finwait.script.calls import Calls
from finwait.script.code import Program
from finwait.script.config import Config
from finwait.script.evaluate import Evaluator
from finwait.script.outcome import Crossing, Endpoint, Failure, Outcome, Status
from finwait.script.sockets import Sockets
from finwait.script.syntax import (
    NOWHERE,
    Call,
    Code,
    Dialect,
    Direction,
    Event,
    PacketAction,
    Position,
    Script,
    Shell,
    TimeKind,
)
from finwait.script.timing import SECOND, Clockwork, Due, seconds
from finwait.script.traffic import Traffic
from finwait.stage.stage import Result, Setup, Stage, SystemCall
from finwait.verdict.language import Text

GRACE: Final = SECOND
"""How long a call that blocks is waited for where the script goes on: what both references give it."""


class Stop(Exception):
    """Something was not as the script expects. Never leaves the runner."""

    def __init__(self, failure: Failure, status: Status = Status.FAILED) -> None:
        super().__init__(failure.message.en)
        self.failure = failure
        self.status = status


class Interrupted(BaseException):
    """Who plays has had enough: a signal came, or the time is over. May be raised anywhere in a play (by a signal
    handler), which then ends with the line that it had come to.
    """

    def __init__(self, message: Text, status: Status = Status.INTERRUPTED) -> None:
        super().__init__(message.en)
        self.message = message
        self.status = status


class Reached(Exception):
    """`--until` was reached. Never leaves the runner."""


Heard = Callable[[int, int], None]
"""Is told how many events of a script were played, and of how many."""


def unheard(done: int, total: int) -> None:
    """Be told, and say nothing."""


def play(
    script: Script, config: Config, open_stage: Callable[[Setup], Stage], heard: Heard = unheard
) -> Outcome:
    """Open a stage, play, close it. What the operating system refuses is raised (OSError, MissingPrivilege); all else is told."""
    stage = open_stage(config.setup)
    try:
        return Player(script, config, stage, heard).play()
    finally:
        stage.close()


class Player:
    """One play of one script."""

    def __init__(
        self, script: Script, config: Config, stage: Stage, heard: Heard = unheard
    ) -> None:
        self.script = script
        self.heard = heard
        self.config = config
        self.stage = stage
        setup = config.setup
        self.sockets = Sockets(setup.local, setup.remote, setup.connect_port)
        self.evaluator = Evaluator(script.path)
        self.calls = Calls(self.evaluator, self.sockets, setup, config.dialect)
        self.program = Program(script.path)
        self.clock = Clockwork(config.tolerance, config.percent)
        self.warnings: list[Text] = []
        self.zero = 0
        self.traffic = Traffic(config, stage, self.sockets)
        self.endpoint: Endpoint | None = None
        self._blocked: tuple[Event, SystemCall, Due] | None = None
        self._lines = script.text.split("\n")
        self._at = NOWHERE
        """Where the play has come to."""
        self.printed = ""
        """What the script's code printed."""
        self._lacking: Failure | None = None
        """The first command that the stage could not honour."""

    # --- the whole ---

    def play(self) -> Outcome:
        """Play all of it, clean up, and tell."""
        status, failure = self._guarded(self._play_events)
        self.traffic.drain()
        self.endpoint = ending.endpoint(self.stage, self.sockets.under_test, self.traffic)
        after = self._guarded(lambda: self._after(failure))
        if failure is None:
            status, failure = (status, None) if after[1] is None else after
        elif after[1] is not None:  # what went wrong first is what is told
            self.warnings.append(after[1].message)
        lasted = self._now()
        crossings = self.traffic.finished()
        unread = () if failure is not None and failure.unread else self.traffic.unread()
        self._resets(status)
        state = self.endpoint
        if failure is not None:
            failure = reasons.explained(failure, state, self.traffic)
        story = ending.story(self.traffic, state, lasted) if status is Status.STOPPED else ()
        if failure is None and self._lacking is not None:
            status, failure = Status.NOT_APPLICABLE, self._lacking
            self.warnings.remove(_at_line(failure.at, failure.message))
        return Outcome(
            self.script.path, self.config.family, self.stage.name, status, lasted, failure,
            tuple(self.warnings), state, story, unread, crossings, self.printed, self.stage.epoch + self.zero,
        )  # fmt: skip

    def _guarded(self, part: Callable[[], None]) -> tuple[Status, Failure | None]:
        """Do a part of the play, and say how it ended."""
        try:
            part()
        except Reached:
            return Status.STOPPED, None
        except Stop as stop:
            return stop.status, stop.failure
        except BadScript as error:
            return Status.BROKEN, self._broken(error)
        except Interrupted as enough:
            return enough.status, self._interrupted(enough)
        return Status.PASSED, None

    def _play_events(self) -> None:
        self._begin()
        for number, event in enumerate(self.script.events):
            self.heard(number, len(self.script.events))
            self._event(event)
        self._end_of_calls()

    def _after(self, failure: Failure | None) -> None:
        self._clean_up()
        if failure is None:
            self.printed = self._run_program()

    def _interrupted(self, enough: Interrupted) -> Failure:
        at, message = self.program.running or self._at, enough.message
        if at.line:
            message = Text(f"{message.en} at line {at.line}", f"{message.zh}，停在第 {at.line} 行")
        return Failure("time", at, self._line(at), message)

    def _broken(self, error: BadScript) -> Failure:
        at = Position(error.line, error.column)
        said = str(error).split(": ", 1)[-1]
        return Failure("script", at, self._line(at), Text(said, said))

    def _line(self, at: Position) -> str:
        return self._lines[at.line - 1].strip() if 0 < at.line <= len(self._lines) else ""

    def _now(self) -> int:
        return self.stage.now() - self.zero

    def _fail(
        self, kind: str, at: Position, message: Text, detail: str = "", *, fatal: bool = True
    ) -> None:
        """End the play, or warn if that kind of failure is not fatal."""
        failure = Failure(kind, at, self._line(at), message, detail=detail)
        if fatal:
            raise Stop(failure)
        self.warnings.append(_at_line(at, message))

    def _begin(self) -> None:
        commands = [Shell(command) for command in self.config.init_scripts]
        if self.script.init is not None:
            commands.append(self.script.init)
        for command in commands:
            self._shell(command, NOWHERE)
        self.zero = self.stage.zero()
        self.traffic.zero = self.zero

    def _clean_up(self) -> None:
        if self.script.cleanup is not None:
            self._shell(self.script.cleanup, NOWHERE)

    def _run_program(self) -> str:
        fault, printed = self.program.run()
        if fault is not None:
            message = Text(f"the code says no: {fault.message}", f"代码断言不成立：{fault.message}")
            self._fail("code", fault.at, message, fault.traceback)
        return printed

    def _resets(self, status: Status) -> None:
        """Free what the stack still holds. Google's tool sends none where a script failed; a namespace of one's own needs none."""
        if not self.config.cleanup or (
            status is not Status.PASSED and self.config.dialect is Dialect.GOOGLE
        ):
            return
        ending.free(self.stage, self.sockets, self.config)

    # --- one event ---

    def _event(self, event: Event) -> None:
        self._at = event.at
        self._collect_if_done()
        action = event.action
        inbound = isinstance(action, PacketAction) and action.direction is Direction.IN
        first = event is self.script.events[0]
        now = 0 if first else max(self._now(), 0)
        before = self.clock.previous
        due = self.clock.due(event.time, now, inbound=inbound)
        if isinstance(action, PacketAction) and action.direction is Direction.OUT:
            self._expect(event, action, due, before)
            return
        self._wait_until(due.start)
        self._collect_if_done()
        late = due.off(self._now())
        if late > 0 and not first:
            self._late(event, due)
        match action:
            case PacketAction():
                self._inject(event, action)
            case Call():
                self._call(event, action, due)
            case Shell():
                self._shell(action, event.at)
            case Code():
                self._code(event, action)

    def _wait_until(self, at: int) -> None:
        until = self.config.until
        if until is not None and at > until:
            self.stage.advance(self.zero + until)
            raise Reached
        self.stage.advance(self.zero + at)

    def _late(self, event: Event, due: Due) -> None:
        """The machine was too slow, or a command took its time: no fault of the stack."""
        now = self._now()
        took = seconds(now - due.start)
        message = Text(
            f"this event was due at {seconds(due.start)} s and came {took} s too late: the machine was slow",
            f"此事件应在 {seconds(due.start)} 秒发生，晚了 {took} 秒：机器太慢",
        )
        fatal = self.config.dialect is not Dialect.FINWAIT
        self._fail("time", event.at, message, fatal=fatal)

    # --- packets ---

    def _inject(self, event: Event, action: PacketAction) -> None:
        wrong = self.traffic.inject(action)
        if wrong is not None:
            self._fail("packet", event.at, wrong, fatal=self.config.fatal_packets)

    def _expect(self, event: Event, action: PacketAction, due: Due, before: int) -> None:
        until = self.config.until
        if until is not None and due.start > until:
            self._wait_until(due.start)
        limit = None
        if due.kind is not TimeKind.ANY:
            limit = max(self._now(), 0) + (max(due.end - before, 0) // SECOND + 2) * SECOND
            limit = max(limit, due.end + due.tolerance)
        if until is not None and (limit is None or limit > until):
            limit = until
        found = self.traffic.expect(action, due, limit)
        if until is not None and limit == until and found.missing and self._now() >= until:
            raise Reached
        if found.message is None:
            return
        failure = Failure(
            found.kind, event.at, self._line(event.at), found.message, found.differences,
            found.expected, found.actual, found.reasons, self.traffic.unread_before,
        )  # fmt: skip
        if found.missing or self.config.fatal_packets or not found.differences:
            raise Stop(failure)
        self.warnings.append(_at_line(event.at, found.message))

    # --- calls ---

    def _call(self, event: Event, call: Call, due: Due) -> None:
        if self._blocked is not None:
            self._collect_before(call)
        live = self.calls.live(call, event.at)
        if call.until is None:
            self._judge(event, call, live, self._made(event, call, live))
            return
        if self._blocked is not None:
            raise self.evaluator.error("another call still blocks here", event.at)
        end = call.until + (due.anchor if event.time.kind is TimeKind.RELATIVE else 0)
        tolerance = self.clock.allowed(end - due.start)
        self._blocked = event, live, Due(event.time.kind, end, end, tolerance, due.anchor)
        try:
            self.stage.begin(live)
        except FinwaitError as error:
            raise self._refused(event, error) from error

    def _made(self, event: Event, call: Call, live: SystemCall) -> Result:
        """Make a call that is to return at once."""
        limit, until = self._now() + self.calls.patience(live), self.config.until
        cut = until is not None and until < limit
        try:
            at = self.zero + (until if until is not None and cut else limit)
            result = self.stage.call_until(live, at)
        except FinwaitError as error:
            raise self._refused(event, error) from error
        if result is not None:
            return result
        if until is not None and cut:
            self._wait_until(until + 1)
        name = call.name
        message = Text(
            f"{name}() still blocks: nothing came that ends it."
            f" A call that blocks is written `+0...+.1 {name}(…)`, with the time of its return",
            f"{name}() 仍在阻塞：没有出现能使它返回的事件。"
            f"会阻塞的调用应写成 `+0...+.1 {name}(…)`，带上返回时间",
        )
        raise Stop(Failure("call", event.at, self._line(event.at), message))

    def _refused(self, event: Event, error: FinwaitError) -> Stop:
        """The stage has no such call, or cannot take its arguments."""
        said = str(error)
        failure = Failure("call", event.at, self._line(event.at), Text(said, said))
        return Stop(failure, Status.NOT_APPLICABLE)

    def _judge(self, event: Event, call: Call, live: SystemCall, result: Result) -> None:
        wrong = self.calls.judge(call, live, result, event.at)
        if wrong is not None:
            self._fail("call", event.at, wrong, fatal=self.config.fatal_calls)

    def _collect_if_done(self) -> None:
        if self._blocked is not None:
            result = self.stage.finish(self.stage.now())
            if result is not None:
                self._returned(result)

    def _collect_before(self, call: Call) -> None:
        """A call that should have returned by now is waited for; one that is to return later sleeps on."""
        if self._blocked is None:
            return
        _, _, due = self._blocked
        overdue = due.start <= self._now() + due.tolerance
        if overdue or call.until is not None or self.config.dialect is Dialect.GOOGLE:
            result = self.stage.finish(self.stage.now() + GRACE)
            if result is not None:
                self._returned(result)

    def _end_of_calls(self) -> None:
        if self._blocked is None:
            return
        event, _, due = self._blocked
        until = self.config.until
        end = max(due.end + due.tolerance, self._now() + GRACE)
        result = self.stage.finish(self.zero + (end if until is None else min(end, until)))
        if result is not None:
            self._returned(result)
        elif until is not None and end > until:
            raise Reached
        else:
            message = Text(
                "the call still blocks at the end of the script", "脚本结束时该调用仍在阻塞"
            )
            self._fail("call", event.at, message)

    def _returned(self, result: Result) -> None:
        if self._blocked is None:
            return
        event, live, due = self._blocked
        self._blocked = None
        if not isinstance(event.action, Call):
            raise TypeError("only a call blocks")
        self._judge(event, event.action, live, result)
        at = result.at - self.zero
        off = due.off(at)
        if off:
            side = ("late", "晚") if off > 0 else ("early", "早")
            message = Text(
                f"{event.action.name}() was to return at {seconds(due.start)} s, and returned at"
                f" {seconds(at)} s: {seconds(abs(off))} s too {side[0]}, tolerance {seconds(due.tolerance)} s",
                f"{event.action.name}() 应在 {seconds(due.start)} 秒返回，实际在 {seconds(at)} 秒返回："
                f"{side[1]}了 {seconds(abs(off))} 秒，容差 {seconds(due.tolerance)} 秒",
            )
            self._fail("time", event.at, message)

    # --- commands and code ---

    def _shell(self, action: Shell, at: Position) -> None:
        done = self.stage.shell(action.command)
        if not done.applicable:
            message = Text(
                f"this stage has nothing to do for `{action.command.strip()}`",
                f"此舞台无法执行 `{action.command.strip()}`",
            )
            self.warnings.append(_at_line(at, message))
            self._lacking = self._lacking or Failure("command", at, self._line(at), message)
            return
        if done.status:
            message = Text(
                f"the command ended with {done.status}: `{action.command.strip()}`",
                f"命令以 {done.status} 结束：`{action.command.strip()}`",
            )
            self._fail("command", at, message, done.output)

    def _code(self, event: Event, action: Code) -> None:
        one = self.sockets.under_test
        if one is None or one.fd is None or not self.stage.owns(one.fd):
            message = Text(
                "there is no open socket that the code could ask: accept() or socket() comes first",
                "没有可供代码查询的已打开套接字：先要有 accept() 或 socket()",
            )
            self._fail("code", event.at, message)
            return
        self.program.add(action, self.stage.tcp_info(one.fd))


def _at_line(at: Position, message: Text) -> Text:
    if not at.line:
        return message
    return Text(f"line {at.line}: {message.en}", f"第 {at.line} 行：{message.zh}")


__all__ = ["Crossing", "Player", "play"]
