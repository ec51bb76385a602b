"""A piece of work in a process of its own: what it does to itself (namespaces, capabilities, descriptors) ends with it."""

import os
import pickle
import select
import signal
import time
import traceback
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from finwait.errors import FinwaitError
from finwait.kernel.namespace import die_with_parent

Answer = TypeVar("Answer")
CHUNK: Final = 1 << 16
_SIGNALS: Final = {one.value: one.name for one in signal.Signals}


class Ended(FinwaitError):
    """The process ended before it answered. `status` as wait(2) gives it; `late` if it was stopped for taking too long."""

    def __init__(
        self, message: str, status: int, late: bool = False, chinese: str | None = None
    ) -> None:
        super().__init__(message, chinese)
        self.status = status
        self.late = late


class Apart(Generic[Answer]):
    """Work that was begun in a forked process. It is killed when this process ends, however that ends.

    Fork from a process with one thread only. `fileno` becomes readable once `answer` would not wait, so
    that many can be waited for at once.
    """

    def __init__(self, work: Callable[[], Answer]) -> None:
        self._read, write = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._read)
            _work(work, write, parent)
        os.close(write)

    def fileno(self) -> int:
        """For select and poll."""
        return self._read

    def answer(self, limit: float) -> Answer:
        """Wait at most `limit` seconds. Raises what the work raised, or Ended if it gave no answer."""
        end = time.monotonic() + limit
        parts: list[bytes] = []
        late = False
        while True:
            left = max(end - time.monotonic(), 0)
            if not select.select([self._read], [], [], left)[0]:
                late = True
                break
            part = os.read(self._read, CHUNK)
            if not part:
                break
            parts.append(part)
        status = self.stop() if late else self._reap()
        if late or not parts:
            why = (
                f"stopped after {limit:g} s"
                if late
                else f"ended without an answer ({_how(status)})"
            )
            zh = f"运行 {limit:g} 秒后被终止" if late else f"没有给出结果就结束了（{_how(status)}）"
            raise Ended(f"process {self.pid} {why}", status, late, f"进程 {self.pid} {zh}")
        answer = pickle.loads(b"".join(parts))  # noqa: S301 - our own child wrote it
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[no-any-return]  # what `work` gave

    def stop(self) -> int:
        """Kill it; gives its status."""
        os.kill(self.pid, signal.SIGKILL)
        return self._reap()

    def _reap(self) -> int:
        os.close(self._read)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _how(status: int) -> str:
    """Name the signal that ended a process; others have a number."""
    return _SIGNALS.get(-status, str(status))


def _work(work: Callable[[], object], write: int, parent: int) -> None:
    """What the child does; it never returns."""
    status = 1
    try:
        die_with_parent()
        if os.getppid() != parent:  # it ended before the kernel knew that it matters
            os._exit(status)
        try:
            answer: object = work()
        except Exception as error:  # noqa: BLE001 - raised again by answer(), in the parent
            error.add_note(traceback.format_exc())
            answer = _portable(error)
        with os.fdopen(write, "wb") as pipe:
            pipe.write(pickle.dumps(answer))
        status = 0
    finally:
        os._exit(status)


def _portable(error: Exception) -> Exception:
    """Some exceptions are made from other arguments than they keep; those travel as Ended, in words."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - just made
    except Exception:  # noqa: BLE001 - whatever its constructor does
        return Ended(str(error), 1)
    return error
