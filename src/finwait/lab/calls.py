"""What a program of an experiment does with sockets: plain blocking calls, as any program makes them."""

import errno
import os
import socket
import struct
from collections.abc import Callable
from typing import Final, NoReturn

from finwait.verdict.language import Text

CHUNK: Final = 65536
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ, TCP_SEND_QUEUE = 19, 20, 21, 2
"""linux/tcp.h: close() without a word on the wire, as a power cut would; a socket's next number."""
Words = Text | str
"""What is said of a call: the same in every language, or not."""
Say = Callable[[Words], None]


def both(words: Words) -> Text:
    """Give words in every language."""
    return Text(words, words) if isinstance(words, str) else words


def named(error: OSError) -> str:
    """Name an error as C does, such as "ECONNRESET"."""
    number = error.errno or errno.ETIMEDOUT  # socket.timeout has none
    return errno.errorcode.get(number, str(number))


class Calls:
    """What a program can do. It has one listener and one connection; what it makes anew replaces the old."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener: socket.socket | None = None
        self._connection: socket.socket | None = None
        self._old: list[socket.socket] = []

    @property
    def connection(self) -> socket.socket:
        """The socket that calls are about."""
        if self._connection is None:
            raise OSError(errno.ENOTCONN, "no connection yet")
        return self._connection

    def _socket(self) -> socket.socket:
        made = socket.socket(self.family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return made

    def listen(self, port: int, backlog: int, receive_buffer: int) -> None:
        """Make a listener."""
        self.listener = self._socket()
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind((self.address, port))
        self.listener.listen(backlog)

    def backlog(self, backlog: int) -> None:
        """Give the listener another backlog."""
        if self.listener is not None:
            self.listener.listen(backlog)

    def accept(self) -> None:
        """Take the next connection."""
        if self.listener is None:
            raise OSError(errno.EINVAL, "no listener")
        self._replace(self.listener.accept()[0])

    def connect(self, address: str, port: int, from_port: int, timeout: float) -> None:
        """Open a connection and wait for it."""
        caller = self._socket()
        self._replace(caller)
        caller.bind((self.address, from_port))
        caller.settimeout(timeout or None)
        caller.connect((address, port))
        caller.settimeout(None)

    def call(self, address: str, port: int, from_port: int) -> None:
        """connect() that does not wait."""
        caller = self._socket()
        self._replace(caller)
        caller.bind((self.address, from_port))
        caller.setblocking(False)
        caller.connect_ex((address, port))
        caller.setblocking(True)

    def call_at(self, number: int, address: str, port: int, from_port: int) -> None:
        """connect() that does not wait, with this initial sequence number instead of one that the kernel draws."""
        caller = self._socket()
        self._replace(caller)
        caller.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        caller.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE)
        caller.setsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ, struct.pack("=I", number))
        caller.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 0)
        caller.bind((self.address, from_port))
        caller.setblocking(False)
        caller.connect_ex((address, port))
        caller.setblocking(True)

    def _replace(self, new: socket.socket) -> None:
        if self._connection is not None:
            self._old.append(self._connection)  # kept open, or it would close now
        self._connection = new

    def send(self, data: bytes, flags: int) -> int:
        """Write."""
        return self.connection.send(data, flags if type(self.connection) is socket.socket else 0)

    def receive(self, count: int) -> bytes:
        """recv() until there are `count` bytes, or the end."""
        got = bytearray()
        while len(got) < count:
            part = self.connection.recv(count - len(got))
            if not part:
                break
            got += part
        return bytes(got)

    def receive_end(self) -> bytes:
        """recv() until it gives nothing: the other end's FIN."""
        got = bytearray()
        while part := self.connection.recv(CHUNK):
            got += part
        return bytes(got)

    def close_at_end(self) -> None:
        """recv() until the FIN, then close() at once."""
        self.receive_end()
        self.connection.close()

    def shutdown(self) -> None:
        """Close the sending direction."""
        self.connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close."""
        self.connection.close()

    def close_listener(self) -> None:
        """Close the listener."""
        if self.listener is not None:
            self.listener.close()

    def option(self, level: int, name: int, value: int) -> None:
        """Set a socket option."""
        self.connection.setsockopt(level, name, value)

    def linger(self, seconds: int) -> None:
        """Set SO_LINGER."""
        self.connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, seconds)
        )

    def forget(self) -> None:
        """Lose the connection without a word."""
        self.connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        self.connection.close()

    def wait_reset(self) -> bytes:
        """recv(), which gives the error that a RST leaves behind, or the end if a FIN came before it."""
        while part := self.connection.recv(CHUNK):
            del part
        return b""

    def tls(self, pem: bytes, server: bool) -> None:
        """Make the connection one of TLS; `pem`: certificate and key."""
        import ssl

        if not server:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            descriptor = os.memfd_create("pem")
            os.write(descriptor, pem)
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
            os.close(descriptor)
        self._connection = context.wrap_socket(self.connection, server_side=server)

    def goodbye(self) -> None:
        """Send close_notify, and wait for the other end's; plain TCP is left."""
        import ssl

        if isinstance(self.connection, ssl.SSLSocket):
            self._connection = self.connection.unwrap()

    def plain(self) -> None:
        """Leave TLS without a word."""
        self._connection = socket.socket(fileno=self.connection.detach())

    def exit(self) -> NoReturn:
        """Leave without closing anything: the kernel closes what is open."""
        os._exit(0)
