"""Replies to one request, closes its sending direction if it was asked to, and reads to the end."""

import errno
import socket
import sys


def serve(peer: socket.socket) -> str:
    heard = b""
    while b"\r\n\r\n" not in heard:
        part = peer.recv(65536)
        if not part:
            return f"half a request ({len(heard)} octets), end of data"
        heard += part
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)
    if b"Connection: close" in heard:
        peer.shutdown(socket.SHUT_WR)
    while peer.recv(65536):
        pass
    return "replied, end of data"


def main() -> None:
    with socket.create_server((sys.argv[1], int(sys.argv[2]))) as listener:
        try:
            listener.settimeout(5)
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(2)
                print(serve(peer))
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0, "")
            print(f"{type(error).__name__} {name}".strip())


main()
