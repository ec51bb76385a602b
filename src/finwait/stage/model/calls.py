"""The system calls of the model, by name."""

from collections.abc import Callable
from typing import Final, TypeAlias

from finwait.stage.model import opening, options, polling, transfer
from finwait.stage.model.outcome import Play
from finwait.stage.stage import Result

Made: TypeAlias = Result | Play
Call: TypeAlias = Callable[..., Made]
"""World and the arguments of the call → its result, or a call that may sleep. Raises Failed."""

CALLS: Final[dict[str, Call]] = {
    call.__name__: call
    for call in (
        *(opening.socket, opening.bind, opening.listen, opening.accept, opening.connect),
        *(opening.shutdown, opening.close, opening.pipe, opening.fcntl, opening.ioctl),
        *(transfer.read, transfer.recv, transfer.recvfrom, transfer.readv, transfer.recvmsg),
        *(transfer.write, transfer.send, transfer.sendto, transfer.writev, transfer.sendmsg),
        *(transfer.splice, options.getsockopt, options.setsockopt),
        *(polling.poll, polling.epoll_create, polling.epoll_create1),
        *(polling.epoll_ctl, polling.epoll_wait),
    )
} | {"accept4": opening.accept, "pipe2": opening.pipe}
