"""As much of HTTP/1.1 (RFC 9112) as it takes to know where a message ends, and to answer one."""

import re
from typing import Final

BLANK: Final = b"\r\n\r\n"
REQUEST: Final = re.compile(rb"[A-Z]{1,20} \S")
STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})")
LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked", re.IGNORECASE)
EXPECTS: Final = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
BODILESS: Final = {b"204", b"304"}


def request_end(heard: bytes | bytearray) -> int | None:
    """Say where the first request ends; what is no HTTP is a request as it comes. None: not yet."""
    if not heard:
        return None
    if not REQUEST.match(heard):
        return len(heard)
    return _end(heard, body_without_length=0)


def head_end(heard: bytes | bytearray) -> int | None:
    """Say where the head of the first request ends; None: not yet."""
    if not REQUEST.match(heard):
        return len(heard) or None
    place = heard.find(BLANK)
    return None if place < 0 else place + len(BLANK)


def expects(heard: bytes | bytearray) -> bool:
    """Say whether the sender waits for `100 Continue` before its body (RFC 9110 section 10.1.1)."""
    return BLANK in heard and REQUEST.match(heard) is not None and EXPECTS.search(heard) is not None


def reply_end(heard: bytes | bytearray) -> int | None:
    """Say where the first reply ends; None: not yet, or only the end of the connection ends it."""
    if not heard:
        return None
    status = STATUS.match(heard)
    if status is None:
        return len(heard)
    if status[1] in BODILESS:
        place = heard.find(BLANK)
        return None if place < 0 else place + len(BLANK)
    return _end(heard, body_without_length=None)


def _end(heard: bytes | bytearray, body_without_length: int | None) -> int | None:
    place = heard.find(BLANK)
    if place < 0:
        return None
    head, begin = bytes(heard[: place + 2]), place + len(BLANK)
    if CHUNKED.search(head):
        last = heard.find(LAST_CHUNK, begin)
        return None if last < 0 else last + len(LAST_CHUNK)
    length = LENGTH.search(head)
    size = int(length[1]) if length else body_without_length
    return None if size is None or len(heard) < begin + size else begin + size


def reply(body: bytes, request: bytes, *, last: bool) -> bytes:
    """Answer a request: 200 with its length; raw octets to what is no HTTP. `last`: say that the connection ends."""
    if not REQUEST.match(request):
        return body
    closing = "Connection: close\r\n" if last else ""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n{closing}\r\n"
    return head.encode() + (b"" if request.startswith(b"HEAD ") else body)


def request(host: str, *, last: bool) -> bytes:
    """Ask for `/`."""
    closing = "Connection: close\r\n" if last else ""
    return f"GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: finwait-peer\r\n{closing}\r\n".encode()
