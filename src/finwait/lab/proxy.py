"""A program between client and server: it takes a connection, opens one of its own, and runs its code on both sockets."""

import socket
from collections.abc import Callable
from typing import Final

from finwait.lab.calls import Calls, Say, Words, named
from finwait.lab.leg import Leg
from finwait.lab.lines import Lines
from finwait.lab.net import Host
from finwait.lab.remote import Outcome, Remote
from finwait.verdict.language import Text

Code = Callable[[socket.socket, socket.socket], None]
"""What a proxy does with its two sockets: the one to the client, and the one to the server."""
WHO: Final = "proxy"
LEGS: Final = (Text("client's leg", "客户端一侧"), Text("server's leg", "服务器一侧"))
"""What the connections on both sides of a proxy are called."""


class Noted(socket.socket):
    """A socket that says what is done with it."""

    def __init__(self, made: socket.socket, leg: Text, say: Say) -> None:
        super().__init__(fileno=made.detach())
        self._leg, self._say = leg, say

    def _note(self, call: str, zh: str = "") -> None:
        self._say(Text(f"{self._leg.en}: {call}", f"{self._leg.zh}：{zh or call}"))

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Read."""
        try:
            data = super().recv(size, flags)
        except OSError as error:
            self._note(f"recv() → {named(error)}")
            raise
        if data:
            self._note(f"recv() → {len(data)} bytes", f"recv() → {len(data)} 字节")
        else:
            self._note("recv() → 0 bytes: end", "recv() → 0 字节：结束")
        return data

    def sendall(self, data: bytes, flags: int = 0, /) -> None:  # type: ignore[override]
        """Write everything."""
        try:
            super().sendall(data, flags | socket.MSG_NOSIGNAL)
        except OSError as error:
            self._note(f"send() → {named(error)}")
            raise
        self._note(f"send({len(data)} bytes)", f"send({len(data)} 字节)")

    def shutdown(self, how: int, /) -> None:
        """Close a direction."""
        super().shutdown(how)
        self._note(f"shutdown({('SHUT_RD', 'SHUT_WR', 'SHUT_RDWR')[how]})")

    def close(self) -> None:
        """Close both directions."""
        super().close()
        self._note("close()")


class Relaying(Calls):
    """What the process of a proxy can be told: to listen as any program, and to be a proxy."""

    def __init__(self, near: Host, far: Host, code: Code, say: Say) -> None:
        super().__init__(near.address)
        self._far, self._code, self._say = far, code, say

    def relay(self, server: str, port: int, from_port: int) -> None:
        """Take one connection, open one to the server, and run the code on both until it returns."""
        if self.listener is None:
            raise OSError("no listener")
        near = Noted(self.listener.accept()[0], LEGS[0], self._say)
        self._say("accept()")
        with self._far.namespace.entered():
            caller = self._socket()
        caller.bind((self._far.address, from_port))
        caller.connect((server, port))
        self._say("connect()")
        self._code(near, Noted(caller, LEGS[1], self._say))


class Proxy:
    """Its remote control. On its leg to the client the proxy is the server, on the other the client."""

    def __init__(
        self,
        code: Code,
        legs: tuple[Leg, Leg],
        lines: Lines,
        say: Callable[[str, Words, Outcome | None], None],
    ) -> None:
        near, self._far = legs
        self._port = near.port
        hosts = near.wire.server, self._far.wire.client
        self._remote = Remote(
            WHO,
            hosts[0],
            lines,
            lambda words, outcome: say(WHO, words, outcome),
            lambda noted: Relaying(*hosts, code, noted),
        )

    def begin(self) -> None:
        """Listen, and be a proxy from now on."""
        self._remote.do("listen(64)", "listen", self._port, 64, 0)
        to = self._far.wire.server_address, self._far.port, self._far.from_port
        self._remote.begin(Text("its code is done", "其代码结束"), "relay", *to)

    def finish(self, *, may_fail: bool = False) -> Outcome:
        """Wait until its code is done, moving packets meanwhile."""
        return self._remote.finish(may_fail=may_fail)

    def stop(self) -> None:
        """End the process if it still runs."""
        self._remote.stop()
