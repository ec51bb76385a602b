"""asyncio's streams as a server: a reply, the end of data, close() and wait_closed()."""

import asyncio
import errno
import sys


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    try:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)
        await writer.drain()
        if b"Connection: close" not in request:
            await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    return "replied, closed"


async def main() -> None:
    saw: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            saw.set_result(await asyncio.wait_for(serve(reader, writer), 2))
        except asyncio.IncompleteReadError as error:
            saw.set_result(f"IncompleteReadError after {len(error.partial)} octets")
        except (OSError, TimeoutError) as error:
            name = errno.errorcode.get(getattr(error, "errno", 0) or 0, "")
            saw.set_result(f"{type(error).__name__} {name}".strip())

    await asyncio.start_server(one, sys.argv[1], int(sys.argv[2]))
    print(await asyncio.wait_for(saw, 10))


asyncio.run(main())
