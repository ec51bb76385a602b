"""One side closes while the other still has something to say (diagnosis D1, D11)."""

from __future__ import annotations

import socket

from finwait.lab.wire import Side, Wire
from lab.notebook import Notebook
from lab.truth import Group, Why

from .common import BIG, REPLY, REQUEST, orderly, reset, told

CROSSED, STALE = Why("keepalive-race-crossed", "likely"), Why("keepalive-race-stale", "likely")


def keepalive_race_crossed(notebook: Notebook) -> None:
    """The server closes an idle connection while the next request is on its way."""
    taps: tuple[Side, ...] = ("server", "client")
    for tap in taps:
        with Wire(tap=tap) as wire:
            client, server = wire.open(80, 40401)
            wire.exchange(client, server, REQUEST, REPLY)
            wire.wait(0.5)
            wire.hold("client", "server")
            client.send(REQUEST)
            server.close()
            wire.until(lambda: len(wire.held) == 2, "FIN and request were on their way")
            wire.release()
            wire.settle()
            client.close()
            wire.settle()
            row = reset(wire, (40401, 80), "server", "reply", [CROSSED])
            row.client_bytes, row.server_fins = 2 * len(REQUEST), 1
            made = f"Idle for 0.5 s; then FIN and request cross. Captured at the {tap}."
            notebook.keep(wire, f"keepalive-race-crossed-at-{tap}.pcap", made, row)


def keepalive_race_stale(notebook: Notebook) -> None:
    """The client uses a pooled connection after it acked the server's FIN: 0.2 s after, when the
    server's kernel still holds FIN-WAIT-2; and 1 s after, when only the listener is left, which the
    kernel then names as the sender of the RST."""
    for from_port, listening in ((40402, False), (40403, True)):
        with Wire() as wire:
            wire.server.sysctl(tcp_fin_timeout=1)
            listener = wire.server.listen(80)
            client, server = wire.call(listener, from_port)
            wire.exchange(client, server, REQUEST, REPLY)
            wire.wait(0.5)
            server.close()
            wire.settle()
            if listening:
                wire.until(lambda: (80, 40403) not in wire.server.states(), "it was forgotten")
            else:
                listener.close()
                wire.wait(0.2)
            client.send(REQUEST)
            wire.hear_reset(client)
            wire.settle()
            client.close()
            listener.close()
            causes = [STALE, Why("fin-wait-2-expired")] if listening else [STALE]
            row = reset(wire, (from_port, 80), "server", "reply", causes)
            row.client_bytes, row.server_fins, row.server_rsts = 2 * len(REQUEST), 1, 1
            made = f"Idle for 0.5 s, FIN, acked; a request {1 if listening else 0.26} s later."
            name = "keepalive-race-stale-listening" if listening else "keepalive-race-stale"
            notebook.keep(wire, f"{name}.pcap", made, row)


def data_after_close(notebook: Notebook) -> None:
    """The client has enough and closes in the middle of a long reply."""
    with Wire() as wire:
        client, server = wire.open(80, 40404)
        client.send(REQUEST)
        wire.hear(server, len(REQUEST))
        server.send(BIG)
        wire.hear(client, len(BIG))
        client.close()
        wire.settle()
        server.send(BIG)
        wire.hear_reset(server)
        wire.settle()
        server.close()
        row = reset(wire, (40404, 80), "client", "reply", [Why("data-after-close", "likely")])
        row.client_fins, row.server_bytes, row.client_rsts = 1, 2 * len(BIG), 3
        row.notes += ["rst-repeated"]
        made = "The client reads 4000 bytes and closes; 60 ms later the server sends 4000 more."
        notebook.keep(wire, "data-after-close.pcap", made, row)


def data_after_close_crossed(notebook: Notebook) -> None:
    """As before, but the second half of the reply was on its way when the client closed."""
    with Wire() as wire:
        client, server = wire.open(80, 40405)
        client.send(REQUEST)
        wire.hear(server, len(REQUEST))
        server.send(BIG)
        wire.hear(client, len(BIG))
        wire.hold("client", "server")
        server.send(BIG)
        client.close()
        wire.until(lambda: len(wire.held) >= 3, "reply and FIN were on their way")
        wire.release()
        wire.settle()
        server.close()
        row = reset(wire, (40405, 80), "client", "reply", [Why("data-after-close", "likely")])
        row.client_fins, row.server_bytes = 1, 2 * len(BIG)
        row.notes += ["peer-still-sending"]
        made = "The client reads 4000 bytes and closes; 4000 more cross its FIN."
        notebook.keep(wire, "data-after-close-crossed.pcap", made, row)


def half_close_broken_client_leg(notebook: Notebook) -> None:
    """The client half-closes after its request; a proxy closes both directions at once."""
    with Wire() as wire:
        client, proxy = wire.open(80, 40406)
        client.send(REQUEST)
        client.shutdown(socket.SHUT_WR)
        wire.hear_end(proxy)
        proxy.close()
        wire.hear_end(client)
        client.close()
        wire.settle()
        row = orderly(wire, (40406, 80), "three-way", "client")
        row.cause = [Why("half-close-broken", most="likely")]
        row.server_bytes, row.notes = 0, ["unanswered-request"]
        made = "A request, shutdown(SHUT_WR); the other end closes at once, without a byte."
        notebook.keep(wire, "half-close-broken-client-leg.pcap", made, row)


def half_close_broken_server_leg(notebook: Notebook) -> None:
    """The other leg: the proxy closes both directions, and the server's reply meets a RST."""
    with Wire() as wire:
        proxy, server = wire.open(80, 40407)
        proxy.send(REQUEST)
        proxy.close()
        wire.hear_end(server)
        wire.settle()
        server.send(REPLY)
        wire.hear_reset(server)
        wire.settle()
        server.close()
        cause = [Why("half-close-broken", most="likely"), Why("data-after-close")]
        row = reset(wire, (40407, 80), "client", "reply", cause)
        row.client_fins, row.server_bytes = 1, len(REPLY)
        made = "A request, close() instead of shutdown(SHUT_WR); the reply draws a RST."
        notebook.keep(wire, "half-close-broken-server-leg.pcap", made, row)


def pool_that_outlives_the_server(notebook: Notebook) -> None:
    """20 idle connections, all closed by the server after 0.5 s; every fourth is used too late."""
    with Wire() as wire:
        listener = wire.server.listen(80)
        rows = []
        for number in range(20):
            from_port, late = 40420 + number, number % 4 == 3
            client, server = wire.call(listener, from_port)
            wire.exchange(client, server, REQUEST, REPLY)
            wire.wait(0.5)
            server.close()
            wire.until(lambda port=from_port: _acked(wire, port), "the FIN was acked")  # type: ignore[misc]
            if late:
                client.send(REQUEST)
                wire.hear_reset(client)
                row = reset(wire, (from_port, 80), "server", "reply", [STALE])
            else:
                row = orderly(wire, (from_port, 80), "four-way", "server")
            client.close()
            wire.settle(0.02)
            row.server_fins = 1
            row.notes += ["idle-constant"]
            rows.append(row)
        made = (
            "20 connections: the server closes after 0.5 s idle; every fourth is used after that."
        )
        server_name = f"{wire.server_address}:80"
        group = Group("idle-close", server_name, matched=20, total=20, gap_s=0.5, reused=5)
        notebook.keep(wire, "pool.pcap", made, *rows, groups=[group])
        listener.close()


def _acked(wire: Wire, from_port: int) -> bool:
    return wire.server.states().get((80, from_port)) == "FIN-WAIT-2"


def client_closes_and_server_replies_nothing(notebook: Notebook) -> None:
    """The client asks, waits 0.3 s and closes; the server acks and closes without a reply."""
    with Wire() as wire:
        client, server = wire.open(80, 40408)
        client.send(REQUEST)
        wire.hear(server, len(REQUEST))
        wire.wait(0.3)
        client.close()
        wire.hear_end(server)
        wire.settle()
        server.close()
        wire.settle()
        row = told(wire, (40408, 80), "four-way", "client", finished=True, cause=[])
        row.client_state, row.server_state = "TIME-WAIT", "CLOSED"
        row.notes, row.server_bytes = ["unanswered-request"], 0
        made = "A request without a reply; the client closes after 0.3 s, the server after it."
        notebook.keep(wire, "request-given-up.pcap", made, row)


EXPERIMENTS = [
    keepalive_race_crossed, keepalive_race_stale, data_after_close, data_after_close_crossed,
    half_close_broken_client_leg, half_close_broken_server_leg, pool_that_outlives_the_server,
    client_closes_and_server_replies_nothing,
]  # fmt: skip
