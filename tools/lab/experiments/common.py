"""What the experiments share."""

from __future__ import annotations

from socket import socket

from finwait.lab.net import Net
from finwait.lab.packet import Flags
from finwait.lab.wire import Wire
from lab.truth import Connection, Why

REQUEST, REPLY = b"may I have it?\n", b"here it is, and nothing more.\n"
BIG = bytes(97 + place % 26 for place in range(4000))  # three segments of abc…z

ACK, FIN, PSH, RST, SYN = Flags.ACK, Flags.FIN, Flags.PSH, Flags.RST, Flags.SYN

ORDERLY = [Why("orderly")]
ANY = "any"


def answered(wire: Wire, from_port: int, port: int = 80) -> tuple[socket, socket]:
    """A connection whose one request has its reply; nothing is on its way any more."""
    client, server = wire.open(port, from_port)
    wire.exchange(client, server, REQUEST, REPLY)
    wire.settle()
    return client, server


def told(
    net: Net,
    ports: tuple[int, int],
    close: str,
    closed_by: str,
    *,
    finished: bool,
    cause: list[Why],
) -> Connection:
    """A row of truth; `ports` are the client's and the server's."""
    client, server = net.client_address, net.server_address
    if ":" in client:
        client, server = f"[{client}]", f"[{server}]"
    ends = f"{client}:{ports[0]}", f"{server}:{ports[1]}"
    return Connection(*ends, close, closed_by, finished, cause)


def reset(
    net: Net, ports: tuple[int, int], by: str, form: str, cause: list[Why], *, first: str = ""
) -> Connection:
    """A row for a connection that `by` reset; `first` closed it, if that was the other side."""
    row = told(net, ports, "reset", first or by, finished=True, cause=cause)
    row.reset_by, row.reset_form = by, form
    row.client_state = row.server_state = "CLOSED"
    row.notes = [f"rst-{form}"]
    return row


def orderly(net: Net, ports: tuple[int, int], close: str, closed_by: str) -> Connection:
    """A row for a connection that both sides closed; TIME-WAIT sits at who closed first."""
    row = told(net, ports, close, closed_by, finished=True, cause=list(ORDERLY))
    row.client_state = "TIME-WAIT" if closed_by in ("client", "both") else "CLOSED"
    row.server_state = "TIME-WAIT" if closed_by in ("server", "both") else "CLOSED"
    return row
