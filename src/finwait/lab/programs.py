"""Two programs with real sockets in real processes, told call by call from the story of an experiment.

`calls` is what happens in the process. `Program` is its remote control: it tells the process what to call, and moves the
wire's packets until the call returns.
"""

import errno
import os
import pickle
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NoReturn

from finwait.errors import FinwaitError
from finwait.kernel.namespace import die_with_parent
from finwait.kernel.prompt import go_first
from finwait.lab.calls import Calls
from finwait.lab.net import Host
from finwait.lab.wire import Wire

LARGEST: Final = 1 << 20
"""Octets of one message between a program and its remote control."""


class Astray(FinwaitError):
    """An experiment went another way than its story: a call failed, or did not return in time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call gave."""

    value: bytes | int | None = None
    error: str = ""
    """Such as "ECONNRESET"; empty if it succeeded."""

    def __str__(self) -> str:
        match self.value, self.error:
            case _, str(error) if error:
                return error
            case bytes(data), _:
                return f"{len(data)} bytes" if data else "0 bytes: end"
            case int(number), _:
                return f"{number} bytes"
        return ""


def _serve(calls: Calls, pipe: socket.socket) -> None:
    """Do what the remote control says until it goes away."""
    while message := pipe.recv(LARGEST):
        name, arguments = pickle.loads(message)  # noqa: S301 - our own parent wrote it
        try:
            outcome = Outcome(getattr(calls, name)(*arguments))
        except OSError as error:
            number = error.errno or errno.ETIMEDOUT
            outcome = Outcome(None, errno.errorcode.get(number, str(number)))
        pipe.send(pickle.dumps(outcome))


class Program:
    """A process in the namespace of a host. Each call is noted by `say(who, words)` once it is done.

    What every call raises: Astray if it fails and `may_fail` is not said, or if it does not return in time.
    """

    def __init__(self, who: str, host: Host, wire: Wire, say: Callable[[str, str], None]) -> None:
        self.who, self.host = who, host
        self._wire, self._say = wire, say
        self._pipe, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            self._pipe.close()
            _program(host, far, parent)
        far.close()
        self._pipe.setblocking(False)
        wire.watched.append(self._pipe.fileno())
        self._waiting: tuple[str, bool] | None = None
        self.alive = True

    # --- the calls, one by one ---

    def listen(self, port: int, backlog: int = 64, receive_buffer: int = 0) -> None:
        """Make a listener on the program's own address."""
        self.do(f"listen({backlog})", "listen", port, backlog, receive_buffer)

    def backlog(self, backlog: int) -> None:
        """Give the listener another backlog."""
        self.do(f"listen({backlog})", "backlog", backlog)

    def accept(self) -> None:
        """Take the next connection."""
        self.do("accept()", "accept")

    def connect(
        self,
        to: tuple[str, int],
        from_port: int,
        *,
        timeout: float = 0,
        may_fail: bool = False,
    ) -> Outcome:
        """Open a connection and wait for it."""
        return self.do("connect()", "connect", *to, from_port, timeout, may_fail=may_fail)

    def call(self, to: tuple[str, int], from_port: int) -> None:
        """Open a connection and do not wait."""
        self.do("connect()", "call", *to, from_port)

    def send(self, data: bytes, *, more: bool = False, may_fail: bool = False) -> Outcome:
        """Write; `more`: MSG_MORE, the rest of the segment follows."""
        flags = socket.MSG_NOSIGNAL | (socket.MSG_MORE if more else 0)
        words = f"send({len(data)} bytes{', MSG_MORE' if more else ''})"
        return self.do(words, "send", data, flags, may_fail=may_fail)

    def receive(self, count: int, *, may_fail: bool = False) -> Outcome:
        """Read so many bytes, fewer at the end."""
        return self.do("recv()", "receive", count, may_fail=may_fail)

    def receive_end(self) -> Outcome:
        """Read up to the other end's FIN."""
        return self.do("recv()", "receive_end")

    def receive_reset(self) -> Outcome:
        """Read, and get the error that a RST left; or the end, where a FIN came before it."""
        return self.do("recv()", "wait_reset", may_fail=True)

    def shutdown(self) -> None:
        """Close the sending direction."""
        self.do("shutdown(SHUT_WR)", "shutdown")

    def close(self) -> None:
        """Close."""
        self.do("close()", "close")

    def close_at_end(self) -> None:
        """Read up to the other end's FIN, then close at once."""
        self.do("recv(), close()", "close_at_end")

    def close_listener(self) -> None:
        """Close the listener."""
        self.do("close() of the listener", "close_listener")

    def linger(self, seconds: int) -> None:
        """SO_LINGER; with 0 s, close() aborts."""
        self.do(f"SO_LINGER {{1, {seconds}}}", "linger", seconds)

    def option(self, words: str, level: int, name: int, value: int) -> None:
        """Set a socket option that `words` call by name."""
        self.do(f"{words} {value}", "option", level, name, value)

    def forget(self) -> None:
        """Lose the connection without a word on the wire, as a power cut would (TCP_REPAIR)."""
        self.do("power cut (TCP_REPAIR, close())", "forget")

    def tls(self, pem: bytes = b"", *, server: bool = False) -> None:
        """Begin TLS; of a server, `finish` has to follow once the client began too."""
        words = "TLS handshake"
        if server:
            self.begin(words, "tls", pem, True)
        else:
            self.do(words, "tls", pem, False)

    def exit(self) -> None:
        """End the process without closing anything."""
        self.begin("exit() without close()", "exit")
        self._ended()

    def kill(self) -> None:
        """Kill the process, as `kill -9` does."""
        os.kill(self.pid, 9)
        self._say(self.who, "killed by SIGKILL")
        self._ended()

    # --- how they are made ---

    def do(self, words: str, name: str, *arguments: object, may_fail: bool = False) -> Outcome:
        """Make a call and wait for it."""
        self.begin(words, name, *arguments, may_fail=may_fail)
        return self.finish()

    def begin(self, words: str, name: str, *arguments: object, may_fail: bool = False) -> None:
        """Make a call and do not wait; `finish` does."""
        self._pipe.send(pickle.dumps((name, arguments)))
        self._waiting = (words, may_fail)
        if name == "exit":
            self._say(self.who, words)

    def finish(self, limit: float = 30.0) -> Outcome:
        """Wait for the call that was begun, moving packets meanwhile."""
        if self._waiting is None:
            raise Astray(f"{self.who}: nothing was begun")
        words, may_fail = self._waiting
        found: list[Outcome] = []

        def returned() -> bool:
            with suppress(BlockingIOError):
                found.append(pickle.loads(self._pipe.recv(LARGEST)))  # noqa: S301 - our own child
            return bool(found)

        try:
            self._wire.until(returned, f"{self.who}: {words} returned", limit)
        except (TimeoutError, EOFError) as error:
            raise Astray(f"{self.who}: {words}: {str(error) or 'the process ended'}") from error
        self._waiting = None
        outcome = found[0]
        self._say(self.who, f"{words} → {outcome}" if str(outcome) else words)
        if outcome.error and not may_fail:
            raise Astray(f"{self.who}: {words}: {outcome.error}")
        return outcome

    def _ended(self) -> None:
        os.waitpid(self.pid, 0)
        self.alive = False
        self._wire.watched.remove(self._pipe.fileno())
        self._pipe.close()

    def stop(self) -> None:
        """End the process if it still runs."""
        if self.alive:
            os.kill(self.pid, 9)
            self._ended()


def _program(host: Host, pipe: socket.socket, parent: int) -> NoReturn:
    """What the child does; it never returns."""
    try:
        die_with_parent()
        if os.getppid() == parent:
            go_first()
            with host.namespace.entered():
                _serve(Calls(host.address), pipe)
    finally:
        os._exit(0)
