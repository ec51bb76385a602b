"""A process that makes calls when it is told to, and its remote control."""

import os
import pickle
import socket
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from finwait.errors import FinwaitError
from finwait.kernel.namespace import die_with_parent
from finwait.kernel.prompt import go_first
from finwait.lab.calls import Calls, Say, Words, both, named
from finwait.lab.experiment import WHO
from finwait.lab.lines import Lines
from finwait.lab.net import Host
from finwait.verdict.language import Lang, Text

LARGEST: Final = 1 << 20
"""Octets of one message between a program and its remote control."""
LIMIT: Final = 30.0
"""Seconds that a call may take."""
END, BYTES = Text("0 bytes: end", "0 字节：结束"), Text("{} bytes", "{} 字节")


class Astray(FinwaitError):
    """An experiment went another way than its story: a call failed, or what was awaited did not come."""

    steps: Sequence[tuple[int, str, str]] = ()
    """What had been done until then (`world.Step`)."""


class OutOfTime(Astray):
    """It took more time than its `time_limit`. killed: it did not stop when it was told to."""

    def __init__(self, seconds: float, *, killed: bool = False) -> None:
        super().__init__(
            f"stopped after {seconds:g} s (time_limit)"
            + ("; its process did not listen, and was killed" if killed else ""),
            f"运行 {seconds:g} 秒（time_limit）后被终止"
            + ("；其进程没有响应，被杀死" if killed else ""),
        )


class TooLate(Astray):
    """The machine was too slow for what an experiment is about, such as a delayed ACK: it is played again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call gave."""

    value: bytes | int | None = None
    error: str = ""
    """Such as "ECONNRESET"; empty if it succeeded."""
    mistake: bool = False
    """The error is not the system's: the call was made wrongly, or a proxy's code is wrong."""

    def say(self, lang: Lang) -> str:
        """In words; empty if there is nothing to say."""
        match self.value, self.error:
            case _, str(error) if error:
                return error
            case bytes(data), _:
                return BYTES.say(lang).format(len(data)) if data else END.say(lang)
            case int(number), _:
                return BYTES.say(lang).format(number)
        return ""


class Remote:
    """Starts the process in the namespace of a host, and has it make calls. `say(words, outcome)` notes what it does.

    calls: makes, in the process, what can be called there; it is given what notes words of its own.
    What every call raises: Astray if it fails and `may_fail` is not said; InVain if it does not return in time.
    """

    def __init__(
        self,
        who: str,
        host: Host,
        lines: Lines,
        say: Callable[[Words, Outcome | None], None],
        calls: Callable[[Say], Calls],
    ) -> None:
        self._who, self._lines, self._say = who, lines, say
        self._pipe, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self._pipe.close()
            self._work(host, far, parent, calls)
        far.close()
        lines.heard[self._pipe.fileno()] = self._hear
        self._waiting: tuple[Words, bool] | None = None
        self._outcome: Outcome | None = None
        self.alive, self._mute = True, False

    @staticmethod
    def _work(
        host: Host, pipe: socket.socket, parent: int, calls: Callable[[Say], Calls]
    ) -> NoReturn:
        """What the child does; it never returns."""
        try:
            die_with_parent()
            if os.getppid() == parent:
                go_first()
                with host.namespace.entered():
                    _serve(calls(lambda words: _send(pipe, words)), pipe)
        finally:
            os._exit(0)

    def _hear(self) -> None:
        """Take what the process says: words of what it does by itself, or what a call gave."""
        message = self._pipe.recv(LARGEST)
        if not message:
            self._deaf()
            return
        said = pickle.loads(message)  # noqa: S301 - our own child wrote it
        if isinstance(said, Outcome):
            self._outcome = said
            if said.mistake and self._waiting is not None:  # told at once, whatever is waited for
                words, _ = self._waiting
                self._say(words, said)
                raise self._astray(both(words), both(said.error))
        else:
            self._say(said, None)

    def _deaf(self) -> None:
        self._mute = True
        self._lines.heard.pop(self._pipe.fileno(), None)

    def do(self, words: Words, name: str, *arguments: object, may_fail: bool = False) -> Outcome:
        """Make a call and wait for it."""
        self.begin(words, name, *arguments, may_fail=may_fail)
        return self.finish()

    def begin(self, words: Words, name: str, *arguments: object, may_fail: bool = False) -> None:
        """Make a call and do not wait; `finish` does."""
        self._outcome, self._waiting = None, (words, may_fail)
        with suppress(BrokenPipeError):  # `finish` says that the process ended
            self._pipe.send(pickle.dumps((name, arguments)))

    def finish(self, *, may_fail: bool = False) -> Outcome:
        """Wait for the call that was begun, moving packets meanwhile."""
        if self._waiting is None:
            raise self._astray(Text("nothing was begun", "没有已开始的调用"))
        words, may_have_failed = self._waiting
        call, who = both(words), WHO[self._who]
        returned = Text(f"the {who.en}'s {call.en} returned", f"{who.zh}的 {call.zh} 返回")
        self._lines.until(lambda: self._outcome or self._mute, returned, LIMIT)
        outcome, self._waiting = self._outcome, None
        if outcome is None:
            raise self._astray(call, Text("the process ended", "进程已结束"))
        self._say(words, outcome)
        if outcome.error and not (may_fail or may_have_failed):
            raise self._astray(call, both(outcome.error))
        return outcome

    def _astray(self, *parts: Text) -> Astray:
        """Say in which call of whom it went another way."""
        texts = (WHO[self._who], *parts)
        return Astray(": ".join(each.en for each in texts), "：".join(each.zh for each in texts))

    def ended(self) -> None:
        """Wait for the end of the process, which somebody brought about."""
        os.waitpid(self.pid, 0)
        self.alive = False
        self._deaf()
        self._pipe.close()

    def stop(self) -> None:
        """End the process if it still runs."""
        if self.alive:
            os.kill(self.pid, 9)
            self.ended()


def _serve(calls: Calls, pipe: socket.socket) -> None:
    """Make the calls that come, until nobody tells any more."""
    while message := pipe.recv(LARGEST):
        name, arguments = pickle.loads(message)  # noqa: S301 - our own parent wrote it
        try:
            outcome = Outcome(getattr(calls, name)(*arguments))
        except OSError as error:
            outcome = Outcome(None, named(error))
        except Exception as error:  # noqa: BLE001 - whatever somebody's own code raises
            said = f"{_line(error)}{type(error).__name__}: {error}"
            _send(
                pipe, Outcome(None, said, mistake=True)
            )  # before its sockets close, which others see
            continue
        _send(pipe, outcome)


def _line(error: Exception) -> str:
    """Name the line of a proxy's code that an error comes from, as "mine.py:7: "; nothing if it comes from ours."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    path = Path(last.filename)
    return "" if path.parent == Path(__file__).parent else f"{path.name}:{last.lineno}: "


def _send(pipe: socket.socket, what: Outcome | Words) -> None:
    pipe.send(pickle.dumps(what))
