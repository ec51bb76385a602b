"""One run of `finwait peer`: the device, the program that is tested, what is told meanwhile and at the end."""

import errno
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from finwait.capture.connections import analyze
from finwait.capture.nameless import folder, nameless
from finwait.cli import codes
from finwait.cli.peer_deeds import Deeds
from finwait.cli.sink import STDOUT, opened
from finwait.cli.terminal import terminal
from finwait.cli.terminated import terminable
from finwait.errors import CannotOpen
from finwait.kernel.namespace import Namespace, die_with_parent, join
from finwait.peer.actor import spelled
from finwait.peer.background import private_namespace, quiet_of
from finwait.peer.live import Live, kernel_side, listeners, listens
from finwait.peer.steps import WHEN_AND_WHO, Step
from finwait.peer.talk import Part
from finwait.picture.width import hang
from finwait.verdict.language import LANGS, Lang, Text
from finwait.verdict.verdict import sentence
from finwait.wire import Address

STARTS: Final = 10.0
"""Seconds that a server under test may take until it listens."""
LOOK: Final = 0.02
"""Seconds between two looks whether it does; the kernel tells nobody."""
SETTLES: Final = 2.0
"""Seconds at most, after the end, for what is still under way."""
LULL: Final = 5.0
"""Seconds without a packet until a peer that connected says what it may be, and how to end it; a slow reply takes less."""
OBEYS: Final = 2.0
"""Seconds that the program has between SIGTERM and SIGKILL."""
STOPS: Final = (signal.SIGINT, signal.SIGTERM)

_VERDICTS = Text(
    "What the packets alone say, and what the peer did:", "仅从报文看，以及对端实际所为："
)
_NOTHING = Text("No packet came.", "没有收到任何报文。")
NO_PROGRAM: Final = Text("there is no such program", "没有这个程序")
_NOT_LISTENING = Text("nothing listens at {to} after {s:.0f} s", "{s:.0f} 秒后 {to} 仍无人监听")
_ELSEWHERE = Text(
    "; what listens at {found} is not reached from the peer: let it listen at {to}, or at any address",
    "；对端无法到达监听 {found} 的程序：请让它监听 {to} 或任意地址",
)
_LULL = Text(
    "nothing has happened for {s:g} s. Ctrl-C ends the peer with the verdicts, --for SECONDS by itself",
    "已有 {s:g} 秒没有动静。Ctrl-C 结束对端并给出结论，--for SECONDS 使其自行结束",
)
_NO_ANSWER = Text(
    "{to} has neither replied nor closed for {s:g} s. A server that reads to the end first waits for the peer's FIN:"
    " --close half-close --after request sends it at once. Ctrl-C ends the peer with the verdicts, --for SECONDS by itself",
    "{to} 已有 {s:g} 秒既不应答也不关闭。先读到末尾的服务器在等待对端的 FIN："
    "--close half-close --after request 会立即发送。Ctrl-C 结束对端并给出结论，--for SECONDS 使其自行结束",
)
ANSWERS: Final = frozenset({"reply", "fin", "dark", "forge"})
"""Steps after which it is not the server's turn: it answered, the peer no longer listens, or the server was made to believe so."""
_ENDED_FIRST = Text(
    "it ended with exit code {code} before anything listened at {to}",
    "它已结束（退出码 {code}），而 {to} 始终无人监听",
)
_COMMAND_ENDED = Text("{name} ended with exit code {code}", "{name} 结束，退出码 {code}")


@dataclass
class Session:
    """What was asked for."""

    part: Part
    at: tuple[Address, int]
    to: tuple[Address, int] | None
    command: tuple[str, ...]
    count: int | None
    seconds: float | None
    netns: str | None
    pcap: str | None
    explained: bool
    quiet: bool
    lang: Lang
    deeds: Deeds = field(default_factory=Deeds)
    seen: set[str] = field(default_factory=set)
    """Words of its steps so far."""

    def run(self) -> int:
        """Do all of it, and give the exit code."""
        if self.command:
            _check_program(self.command[0])
        with ExitStack() as kept:
            if self.netns is not None:
                join(self.netns)
            elif self.command:
                private_namespace(kept)
                kept.callback(Namespace.end_others)  # what it left in the background
            path = Path(kept.enter_context(nameless()).path)
            kernel = kernel_side(self.at[0], self.to[0] if self.to else None)
            with (
                _held() as let_go,
                Live(self.part, self.at, kernel, path, self._tell, folder()) as live,
            ):
                if live.device.shades is not None:
                    said = Text(*live.device.shades).say(self.lang)
                    print(f"finwait: {said}", file=sys.stderr, flush=True)
                code = self._play(live, let_go)
            if live.capture.packets:
                self._verdicts(str(path))
            else:
                self._print(_NOTHING.say(self.lang))
            if self.pcap is not None:
                with path.open("rb") as source, opened(self.pcap) as sink:
                    shutil.copyfileobj(source, sink)
        return code

    def _tell(self, step: Step) -> None:
        self.deeds.note(step)
        self.seen.add(step.word)
        if not self.quiet:
            line = step.say(self.lang)
            self._hang(line[:WHEN_AND_WHO], line[WHEN_AND_WHO:])

    @property
    def _text(self) -> TextIO:
        """Where words go: standard output, unless that is given the packets."""
        return sys.stderr if self.pcap == STDOUT else sys.stdout

    def _print(self, words: str, end: str = "\n") -> None:
        print(words, end=end, file=self._text, flush=True)

    def _hang(self, head: str, words: str) -> None:
        """Fit a line into a terminal; to a program, which reads line by line, it goes whole."""
        if self._text.isatty():
            words = "\n".join(hang(head, words, terminal(page=self._text).columns))
        else:
            words = head + words
        self._print(words)

    # --- playing ---

    def _play(self, live: Live, let_go: Callable[[], None]) -> int:
        program: subprocess.Popen[bytes] | None = None
        code = codes.DONE
        with terminable(), ExitStack() as kept:
            try:
                let_go()
                if self.command:
                    program = self._start()
                    kept.callback(_end, program)
                self._loop(live, program)
            except KeyboardInterrupt:
                pass
            if program is not None and program.poll() is not None:
                code = _as_shells_do(program.returncode)
                if not self.quiet:
                    said = _COMMAND_ENDED.say(self.lang)
                    self._print(said.format(name=self.command[0], code=code))
            live.settle(quiet_of(self.part), SETTLES)
            live.actor.finish()
        return code

    def _start(self) -> subprocess.Popen[bytes]:
        self._text.flush()
        try:
            return subprocess.Popen(self.command, stdout=self._text, preexec_fn=die_with_parent)  # noqa: PLW1509 - one thread
        except OSError as error:
            raise CannotOpen.of(self.command[0], error) from error

    def _loop(self, live: Live, program: "subprocess.Popen[bytes] | None") -> None:
        """Until the program has ended, all connections are over, or the time is."""
        end = math.inf if self.seconds is None else time.monotonic() + self.seconds
        with _ends(program) as ended:
            if self.to is not None and program is not None:
                self._await_server(live, program, self.to, ended)
            lull = _Lull(math.inf if self.to is None else LULL)
            called = 0
            while not self._is_done(live, program, called):
                if self.to is not None and live.actor.idle:
                    live.connect(self.to)
                    called += 1
                    continue
                left = min(end, lull.end) - time.monotonic()
                if live.turn(None if left == math.inf else max(left, 0), ended):
                    if not self._left_a_server(program):
                        return
                    ended.clear()
                if time.monotonic() >= end:
                    return
                if self.to is not None and lull.is_over(live.capture.packets):
                    self._hint(*self.to)

    def _hint(self, address: Address, port: int) -> None:
        """Say what a lull may be: whose turn it is, is not plain to who waits."""
        said = (_LULL if self.seen & ANSWERS else _NO_ANSWER).say(self.lang)
        print(f"finwait: {said.format(to=spelled(address, port), s=LULL)}", file=sys.stderr)

    def _is_done(self, live: Live, program: object, called: int) -> bool:
        if self.to is not None:
            return called >= (self.count or 1) and live.actor.idle
        # A client that is tested goes on after its last connection; its end is the end.
        return program is None and self.count is not None and live.actor.ended >= self.count

    def _await_server(
        self, live: Live, program: "subprocess.Popen[bytes]", to: tuple[Address, int], ended: list[int]
    ) -> None:  # fmt: skip
        end = time.monotonic() + STARTS
        while not listens(to):
            if time.monotonic() > end:
                raise self._in_vain(_NOT_LISTENING, to, s=STARTS)
            if live.turn(LOOK, ended) and not listens(to):
                raise self._in_vain(_ENDED_FIRST, to, code=_as_shells_do(program.wait()))

    def _in_vain(self, why: Text, to: tuple[Address, int], **values: float) -> CannotOpen:
        """Say why nothing was tested, and where something listens instead."""
        found = [spelled(address, to[1]) for address in listeners(to[1])]
        said = [why, _ELSEWHERE] if found else [why]
        names: dict[str, float | str] = {**values, "to": spelled(*to), "found": ", ".join(found)}
        english, chinese = ("".join(text.say(lang) for text in said).format(**names) for lang in LANGS)  # fmt: skip
        return CannotOpen(self.command[0], english, chinese)

    def _left_a_server(self, program: "subprocess.Popen[bytes] | None") -> bool:
        """Whether the program went on in the background, as daemons do."""
        return (
            self.to is not None and program is not None and program.wait() == 0 and listens(self.to)
        )

    # --- telling ---

    def _verdicts(self, path: str) -> None:
        self._print(f"\n{_VERDICTS.say(self.lang)}")
        found = analyze(path)
        for connection in found:
            said = sentence(connection, self.lang)
            self._hang("  ", f"{connection.client} → {connection.server}  {said}")
            if did := self.deeds.told(connection, self.lang):
                self._hang("      ", did)
        if self.explained:
            from finwait.explain import explain

            for number in range(len(found)):
                told = explain(path, number).text(self.lang, **terminal(page=self._text)._asdict())
                self._print("\n" + told.replace(path, self.pcap or "finwait peer"), end="")


class _Lull:
    """Notices, once, that no packet has passed for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._packets = 0
        self.end = time.monotonic() + seconds

    def is_over(self, packets: int) -> bool:
        """Take how many have passed."""
        now = time.monotonic()
        if packets != self._packets and self.end < math.inf:
            self._packets, self.end = packets, now + self._seconds
        if now < self.end:
            return False
        self.end = math.inf
        return True


@contextmanager
def _held() -> Iterator[Callable[[], None]]:
    """Let Ctrl-C and SIGTERM wait until the function that is given is called: a peer that says it listens ends with verdicts."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)

    def let_go() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        yield let_go
    finally:
        let_go()


@contextmanager
def _ends(program: "subprocess.Popen[bytes] | None") -> Iterator[list[int]]:
    """Give a descriptor that is readable when the program has ended (pidfd_open(2))."""
    if program is None:
        yield []
        return
    fd = os.pidfd_open(program.pid)
    try:
        yield [fd]
    finally:
        os.close(fd)


def _check_program(name: str) -> None:
    """See that there is such a program, before anything is set up. Raises CannotOpen."""
    if shutil.which(name) is not None:
        return
    if os.sep in name and Path(name).exists():
        raise CannotOpen.of(name, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    raise CannotOpen(name, NO_PROGRAM.en, NO_PROGRAM.zh)


def _end(program: "subprocess.Popen[bytes]") -> None:
    """End the program, if it has not yet."""
    if program.poll() is not None:
        return
    program.terminate()
    try:
        program.wait(OBEYS)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def _as_shells_do(status: int) -> int:
    return status if status >= 0 else 128 - status
