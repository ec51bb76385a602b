"""http.client: a request, and 50 ms later another one, as a pool of connections does.

It is on the same connection, unless the reply said `Connection: close`: then http.client opens another.
"""

import errno
import http.client
import sys
import time


def ask(connection: http.client.HTTPConnection) -> str:
    try:
        connection.request("GET", "/")
        reply = connection.getresponse()
        return f"{reply.status}, {len(reply.read())} octets"
    except http.client.IncompleteRead as error:
        return f"IncompleteRead after {len(error.partial)} octets"
    except (OSError, http.client.HTTPException) as error:
        number = error.errno if isinstance(error, OSError) else None
        return f"{type(error).__name__} {errno.errorcode.get(number or 0, '')}".strip()


def main() -> None:
    connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=2)
    first = ask(connection)
    if not first.startswith("200"):
        print(first)
        return
    where = "again" if connection.sock else "on a new connection"
    time.sleep(0.05)
    print(f"{first}; {where}: {ask(connection)}")
    connection.close()


main()
