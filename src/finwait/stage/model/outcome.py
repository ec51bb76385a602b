"""How a call of the model ends: at once, with an errno, or after sleeping."""

from collections.abc import Generator
from typing import TypeAlias

from finwait.endpoint import Result as EndpointResult
from finwait.stage.model.numbers import ERRNO
from finwait.stage.stage import Result, Value


class Failed(Exception):
    """A call fails with this errno, by name. Becomes a Result and never leaves the stage."""

    def __init__(self, errno: str) -> None:
        super().__init__(errno)
        self.errno = errno


Play: TypeAlias = Generator[int | None, None, Result]
"""A call that may sleep: it yields until when at most (None: for ever) each time that it has to wait for something to
happen, and is resumed after anything did."""


def failure(errno: str) -> Result:
    """A call's result of -1."""
    return Result(-1, ERRNO[errno])


def done(count: int = 0, /, **out: Value) -> Result:
    """A call's success."""
    return Result(count, 0, out)


def checked(result: EndpointResult) -> EndpointResult:
    """Give it back if it is a success, else raise Failed."""
    if result.error is not None:
        raise Failed(result.error.value)
    return result
