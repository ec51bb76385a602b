"""Asks and reads to the end. With a third argument it closes its sending direction first, in the segment that asks."""

import errno
import socket
import sys

BLANK = b"\r\n\r\n"


def ask(heard: bytearray) -> str:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 2) as peer:
        first = len(sys.argv) > 3
        peer.sendall(b"GET / HTTP/1.1\r\nHost: peer\r\n\r\n", socket.MSG_MORE if first else 0)
        if first:
            peer.shutdown(socket.SHUT_WR)
        while part := peer.recv(65536):
            heard += part
    return "end of data"


def main() -> None:
    heard = bytearray()
    try:
        saw = ask(heard)
    except OSError as error:
        saw = f"{type(error).__name__} {errno.errorcode.get(error.errno or 0, '')}".strip()
    print(f"{len(heard.partition(BLANK)[2])} octets, {saw}")


main()
