"""The peer in a thread of its own, for tests that are written in Python."""

import os
import threading
import warnings
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from finwait.capture.connection import Connection
from finwait.capture.connections import analyze
from finwait.capture.nameless import folder, nameless
from finwait.errors import Misuse
from finwait.kernel.addresses import ip
from finwait.kernel.namespace import Namespace
from finwait.peer import http
from finwait.peer.ending import SECOND, Wire, ending, moment
from finwait.peer.live import Live, beside, end_of, kernel_side
from finwait.peer.steps import Step, known
from finwait.peer.talk import Part

QUIET, SETTLES = 0.05, 1.0
"""Seconds: at the end, until nothing passes any more; at most."""
QUIET_IF_LOST = 0.5
"""Above the first retransmission, 0.2 s on Linux (TCP_RTO_MIN)."""
PATTERN: Final = bytes(range(32, 127)) + b"\n"
SOURCE: Final = "finwait peer"
"""Of connections whose packets are not kept."""
MOST: Final = 1 << 28
"""Octets of a reply: it lies in memory, and a peer says about 1 MB a second."""


def body(reply: bytes | int) -> bytes:
    """Give a reply of so many octets, or that one. Raises Misuse for less than none, and for more than `MOST`."""
    given: object = reply
    if not isinstance(given, bytes | int):
        raise Misuse(
            f"reply={given!r}: give bytes, or how many octets",
            f"reply={given!r}：请给出 bytes 或字节数",
        )
    octets = reply if isinstance(reply, int) else len(reply)
    if not 0 <= octets <= MOST:
        raise Misuse(
            f"a reply has from 0 to {MOST} octets",
            f"应答的长度为 0 到 {MOST} 字节",
        )
    if isinstance(reply, bytes):
        return reply
    return (PATTERN * (reply // len(PATTERN) + 1))[:reply]


def part_of(close: str, after: str | int | None, reply: bytes, connect: str | None) -> Part:
    """Put together what every connection does. Raises Misuse."""
    chosen = ending(close)
    asked = b"" if connect is None else http.request(connect, last=chosen.announces)
    return Part(chosen, moment(chosen, after), connect is not None, reply, asked)


def quiet_of(part: Part) -> float:
    """Say how long nothing must pass until all is over."""
    loses = part.ending.wire in {Wire.LOSE_FIN, Wire.LOSE_LAST_ACK}
    return (QUIET_IF_LOST if loses else QUIET) + part.ending.hesitates / SECOND


def private_namespace(kept: ExitStack) -> None:
    """Move the calling thread into a namespace with a loopback, until `kept` is closed. Raises MissingPrivilege."""
    namespace = Namespace().enter()
    kept.callback(namespace.leave)
    ip("link set lo up")


class Peer:
    """What `finwait.peer` gives: see there."""

    def __init__(
        self,
        close: str,
        *,
        on: str,
        connect: str | None,
        after: str | int | None,
        reply: bytes | int,
        private: bool,
        pcap: str | None,
    ) -> None:
        if pcap == "":
            raise Misuse("pcap is empty: give a file", "pcap 为空：请给出一个文件")
        self._part = part_of(close, after, body(reply), connect)
        self._at = end_of(on)
        self._to = None if connect is None else end_of(connect)
        self._private = private
        self._pcap = pcap
        self._kept = ExitStack()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._found: list[Connection] | None = None
        """The verdicts, once the context is left."""
        self._asked = 0
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.steps: list[Step] = []
        """What it did and saw so far."""

    # --- where it is ---

    @property
    def host(self) -> str:
        """Its address, as `connect` takes it."""
        return str(self._at[0])

    @property
    def port(self) -> int:
        """Its port."""
        return self._at[1]

    @property
    def url(self) -> str:
        """Its address, as HTTP clients take it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"

    @property
    def beside(self) -> str:
        """The kernel's own address on the device: where a server that is tested can listen."""
        return str(self._to[0] if self._to else beside(self._at[0]))

    # --- what happens ---

    def connect(self) -> None:
        """Begin a connection to the server that was named; the next one once the last is over."""
        if self._to is None:
            raise Misuse("this peer listens: name a server in `connect`", "此对端在监听：请用 connect 指定服务器")  # fmt: skip
        with self._changed:
            self._asked += 1
        os.write(self._wake, b"!")

    def wait(self, connections: int = 1, timeout: float = 10.0) -> None:
        """Wait until so many connections are over on the peer's side. Raises TimeoutError, or what ended the peer."""
        with self._changed:
            done = self._changed.wait_for(
                lambda: self._error is not None or self.ended >= connections, timeout
            )
        if self._error is not None:
            raise self._error
        if not done:
            raise TimeoutError(
                f"{self.ended} of {connections} connections were over after {timeout:g} s"
            )

    def wait_for(self, word: str, timeout: float = 10.0) -> Step:
        """Wait for a step by its word (`finwait.peer.steps.WORDS`). Raises Misuse if there is no such word, TimeoutError, or what ended the peer."""
        known(word)
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or self._step(word), timeout)
            found = self._step(word)
        if found is None and self._error is not None:
            raise self._error
        if found is None:
            raise TimeoutError(f"no step {word!r} within {timeout:g} s")
        return found

    def _step(self, word: str) -> Step | None:
        return next((step for step in self.steps if step.word == word), None)

    @property
    def ended(self) -> int:
        """How many connections are over."""
        return self._live.actor.ended

    @property
    def connections(self) -> list[Connection]:
        """The verdicts from the packets so far; what is said of a connection that is over stays."""
        if self._found is not None:
            return self._found
        if self._thread is None:
            return []
        with self._live.still() as path:
            return self._judged(path)

    def _judged(self, path: Path) -> list[Connection]:
        """Give the verdicts; their source is the file that was named, and not where it lies for the moment."""
        found = analyze(path) if self._live.capture.packets else ()
        return [each._replace(source=self._pcap or SOURCE) for each in found]

    def _tell(self, step: Step) -> None:
        with self._changed:
            self.steps.append(step)
            self._changed.notify_all()

    # --- the context ---

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise Misuse("this peer has been there: make another", "此对端已经用过：请新建一个")
        with ExitStack() as kept:
            if self._private:
                private_namespace(kept)
            self._path = (
                Path(self._pcap)
                if self._pcap is not None
                else Path(kept.enter_context(nameless()).path)
            )
            kernel = kernel_side(self._at[0], self._to[0] if self._to else None)
            self._live = Live(
                self._part, self._at, kernel, self._path, self._tell, self._pcap or folder()
            )
            kept.callback(self._live.close)
            if self._live.device.shades is not None:
                warnings.warn(self._live.device.shades[0], stacklevel=2)
            self._sleeper, self._wake = os.pipe()
            kept.callback(os.close, self._wake)
            kept.callback(os.close, self._sleeper)
            thread = threading.Thread(target=self._play, name="finwait peer", daemon=True)
            thread.start()
            self._thread = thread
            self._kept = kept.pop_all()
        return self

    def stop(self) -> None:
        """Leave the context now: the device goes away, and `connections` has the verdicts."""
        self.__exit__(None, None, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:  # fmt: skip
        if self._stopping:
            return
        with self._kept:
            self._stopping = True
            os.write(self._wake, b"!")
            if self._thread is not None:
                self._thread.join()
            self._live.close()
            self._found = self._judged(self._path)
        if self._error is not None and error is None:
            raise self._error

    def _play(self) -> None:
        try:
            while not self._stopping:
                if self._live.turn(None, [self._sleeper]):
                    os.read(self._sleeper, 1)
                if self._asked and self._to is not None and self._live.actor.idle:
                    self._asked -= 1
                    self._live.connect(self._to)
            self._live.settle(quiet_of(self._part), SETTLES)
            self._live.actor.finish()
        except BaseException as found:  # noqa: BLE001 - raised where the context ends
            with self._changed:
                self._error = found
                self._changed.notify_all()
