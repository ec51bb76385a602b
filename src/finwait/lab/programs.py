"""Two programs with real sockets in real processes, told call by call from the story of an experiment.

`calls` is what happens in the process, `remote` how it is told. A call is noted once it is done.
"""

import os
import socket
from collections.abc import Callable

from finwait.lab.calls import Calls, Words
from finwait.lab.lines import Lines
from finwait.lab.net import Host
from finwait.lab.remote import Outcome, Remote
from finwait.verdict.language import Text


class Program:
    """A process in the namespace of a host. Each call is noted by `say(who, words, outcome)` once it is done.

    What every call raises: Astray if it fails and `may_fail` is not said; InVain if it does not return in time.
    """

    def __init__(
        self, who: str, host: Host, lines: Lines, say: Callable[[str, Words, Outcome | None], None]
    ) -> None:
        self.who, self.host = who, host
        self._note = say
        self._remote = Remote(
            who,
            host,
            lines,
            lambda words, outcome: say(who, words, outcome),
            lambda _: Calls(host.address),
        )

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

    def call_at(self, number: int, to: tuple[str, int], from_port: int) -> None:
        """Open a connection with this initial sequence number, and do not wait."""
        words = Text(f"connect() from the number {number}", f"从序列号 {number} 开始的 connect()")
        self.do(words, "call_at", number, *to, from_port)

    def send(self, data: bytes, *, more: bool = False, may_fail: bool = False) -> Outcome:
        """Write; `more`: MSG_MORE, the rest of the segment follows."""
        flags = int(
            socket.MSG_NOSIGNAL | (socket.MSG_MORE if more else 0)
        )  # as a number it travels
        how = ", MSG_MORE" if more else ""
        words = Text(f"send({len(data)} bytes{how})", f"send({len(data)} 字节{how})")
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
        self.do(Text("close() of the listener", "对监听套接字 close()"), "close_listener")

    def linger(self, seconds: int) -> None:
        """SO_LINGER; with 0 s, close() aborts."""
        self.do(f"SO_LINGER {{1, {seconds}}}", "linger", seconds)

    def option(self, words: str, level: int, name: int, value: int) -> None:
        """Set a socket option that `words` call by name."""
        self.do(f"{words} {value}", "option", level, name, value)

    def forget(self) -> None:
        """Lose the connection without a word on the wire, as a power cut would (TCP_REPAIR)."""
        self.do(Text("power cut (TCP_REPAIR, close())", "断电（TCP_REPAIR，close()）"), "forget")

    def tls(self, pem: bytes = b"", *, server: bool = False) -> None:
        """Begin TLS; of a server, `finish` has to follow once the client began too."""
        words = Text("TLS handshake", "TLS 握手")
        if server:
            self.begin(words, "tls", pem, True)
        else:
            self.do(words, "tls", pem, False)

    def exit(self) -> None:
        """End the process without closing anything."""
        self._say(Text("exit() without close()", "exit()，没有 close()"))
        self.begin("exit()", "exit")
        self._remote.ended()

    def kill(self) -> None:
        """Kill the process, as `kill -9` does."""
        os.kill(self._remote.pid, 9)
        self._say(Text("killed by SIGKILL", "被 SIGKILL 杀死"))
        self._remote.ended()

    # --- how they are made ---

    def do(self, words: Words, name: str, *arguments: object, may_fail: bool = False) -> Outcome:
        """Make a call of `calls` and wait for it."""
        return self._remote.do(words, name, *arguments, may_fail=may_fail)

    def begin(self, words: Words, name: str, *arguments: object, may_fail: bool = False) -> None:
        """Make a call and do not wait; `finish` does."""
        self._remote.begin(words, name, *arguments, may_fail=may_fail)

    def finish(self) -> Outcome:
        """Wait for the call that was begun, moving packets meanwhile."""
        return self._remote.finish()

    def stop(self) -> None:
        """End the process if it still runs."""
        self._remote.stop()

    def _say(self, words: Words) -> None:
        self._note(self.who, words, None)
