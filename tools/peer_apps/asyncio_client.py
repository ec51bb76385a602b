"""asyncio's streams: a request, the reply by its length, then close() and wait_closed()."""

import asyncio
import errno
import sys


async def ask() -> str:
    reader, writer = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    saw = ""
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: peer\r\n\r\n")
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        saw = f"{len(await reader.readexactly(length))} octets"
    finally:
        writer.close()
        await writer.wait_closed()
    return f"{saw}, closed"


def main() -> None:
    try:
        print(asyncio.run(asyncio.wait_for(ask(), 2)))
    except asyncio.IncompleteReadError as error:
        print(f"IncompleteReadError after {len(error.partial)} octets")
    except (OSError, TimeoutError) as error:
        print(f"{type(error).__name__} {errno.errorcode.get(getattr(error, 'errno', 0) or 0, '')}".strip())  # fmt: skip


main()
