"""Closings by FIN, whole and half, on a wire that loses nothing."""

from __future__ import annotations

import socket

from finwait.lab.net import state
from finwait.lab.wire import Wire
from lab.notebook import Notebook
from lab.truth import Why

from .common import BIG, REPLY, REQUEST, orderly, told

TCP_LINGER2 = 8  # linux/tcp.h


def four_way(notebook: Notebook) -> None:
    """The server closes first over IPv6; the client closes later than its kernel acks."""
    with Wire(six=True) as wire:
        client, server = wire.open(80, 40201)
        wire.exchange(client, server, REQUEST, REPLY)
        server.close()
        wire.hear_end(client)
        wire.settle()  # longer than the delayed ACK
        client.close()
        wire.settle()
        row = orderly(wire, (40201, 80), "four-way", "server")
        row.client_bytes, row.server_bytes = len(REQUEST), len(REPLY)
        row.client_fins = row.server_fins = 1
        row.notes_absent = ["half-close-used", "fin-retransmitted", "retransmission"]
        row.kernel = wire.at_end(40201, 80)
        notebook.keep(wire, "four-way-six.pcapng", "The client closes 60 ms after the FIN.", row)


def three_way(notebook: Notebook) -> None:
    """The client closes first, the server at once, on Ethernet."""
    with Wire(ethernet=True, tap="server") as wire:
        client, server = wire.open(80, 40202)
        wire.exchange(client, server, REQUEST, REPLY)
        client.close()
        wire.hear_end(server)
        server.close()
        wire.settle()
        row = orderly(wire, (40202, 80), "three-way", "client")
        row.client_fins = row.server_fins = 1
        row.kernel = wire.at_end(40202, 80)
        notebook.keep(wire, "three-way-ethernet.pcap", "The server closes at once.", row)


def crossing(notebook: Notebook) -> None:
    """Both kernels close while nothing arrives: the FINs cross (RFC 9293 Figure 13)."""
    for tap in ("client", "server"):
        with Wire(tap="client" if tap == "client" else "server") as wire:
            client, server = wire.open(80, 40203)
            wire.exchange(client, server, REQUEST, REPLY)
            wire.settle()
            wire.hold("client", "server")
            client.close()
            server.close()
            wire.until(lambda: len(wire.held) == 2, "both FINs were on their way")
            wire.release()
            wire.settle()
            row = orderly(wire, (40203, 80), "simultaneous", "both")
            row.client_fins = row.server_fins = 1
            row.kernel = wire.at_end(40203, 80)
            made = f"Both close while both FINs are on their way; captured at the {tap}."
            notebook.keep(wire, f"simultaneous-at-{tap}.pcap", made, row)


def crossing_with_data(notebook: Notebook) -> None:
    """Crossing FINs that carry payload."""
    with Wire() as wire:
        client, server = wire.open(80, 40204)
        wire.exchange(client, server, REQUEST, REPLY)
        wire.settle()
        wire.hold("client", "server")
        for end in (client, server):
            end.send(b"farewell", socket.MSG_MORE)
            end.shutdown(socket.SHUT_WR)
        wire.until(lambda: len(wire.held) == 2, "both FINs were on their way")
        wire.release()
        wire.hear_end(client)
        wire.hear_end(server)
        client.close()
        server.close()
        wire.settle()
        row = orderly(wire, (40204, 80), "simultaneous", "both")
        row.notes = ["fin-with-data"]
        row.client_bytes, row.server_bytes = len(REQUEST) + 8, len(REPLY) + 8
        row.kernel = wire.at_end(40204, 80)
        made = "MSG_MORE, then shutdown() on both sides: both FINs carry 8 bytes and cross."
        notebook.keep(wire, "simultaneous-with-data.pcap", made, row)


def half_close_used(notebook: Notebook) -> None:
    """The client shuts down its side after the request; the reply comes after that."""
    with Wire() as wire:
        client, server = wire.open(80, 40205)
        client.send(REQUEST)
        client.shutdown(socket.SHUT_WR)
        wire.hear_end(server)
        wire.settle()
        server.send(BIG)
        wire.hear(client, len(BIG))
        server.close()
        wire.hear_end(client)
        client.close()
        wire.settle()
        row = orderly(wire, (40205, 80), "four-way", "client")
        row.notes, row.server_bytes = ["half-close-used"], len(BIG)
        row.kernel = wire.at_end(40205, 80)
        made = "shutdown(SHUT_WR) after the request; then 4000 bytes of reply, then close()."
        notebook.keep(wire, "half-close-used.pcap", made, row)


def fin_with_data(notebook: Notebook) -> None:
    """The reply and the FIN share a segment."""
    with Wire() as wire:
        client, server = wire.open(80, 40206)
        client.send(REQUEST)
        wire.hear(server, len(REQUEST))
        server.send(REPLY, socket.MSG_MORE)
        server.close()
        wire.hear_end(client)
        client.close()
        wire.settle()
        row = orderly(wire, (40206, 80), "three-way", "server")
        row.notes, row.server_bytes = ["fin-with-data"], len(REPLY)
        notebook.keep(wire, "fin-with-data.pcap", "send(MSG_MORE), then close().", row)


def half_closed(notebook: Notebook) -> None:
    """CLOSE-WAIT leak: the server's process never closes; 75 s later another connection speaks.
    A third connection has only just been half closed."""
    with Wire() as wire:
        for host in (wire.client, wire.server):
            host.sysctl(tcp_timestamps=0)
        listener = wire.server.listen(80)
        leak = wire.call(listener, 40207)
        wire.exchange(*leak, REQUEST, REPLY)
        leak[0].shutdown(socket.SHUT_WR)
        wire.hear_end(leak[1])
        wire.settle()
        wire.recorder.skip(75)
        fresh = wire.call(listener, 40208)
        wire.exchange(*fresh, REQUEST, REPLY)
        fresh[0].shutdown(socket.SHUT_WR)
        wire.hear_end(fresh[1])
        wire.settle()
        leaking = told(
            wire,
            (40207, 80),
            "half-closed",
            "client",
            finished=False,
            cause=[Why("close-wait-leak")],
        )
        recent = told(
            wire, (40208, 80), "half-closed", "client", finished=False,
            cause=[Why("capture-ended"), Why("close-wait-leak", most="possible")],
        )  # fmt: skip
        for row, port in ((leaking, 40207), (recent, 40208)):
            row.client_state, row.server_state = "FIN-WAIT-2", "CLOSE-WAIT"
            row.client_fins, row.server_fins = 1, 0
            row.kernel = wire.at_end(port, 80)
        made = "The client shuts down, the server acks and never closes; once more after 75 s."
        clock = "75 s inserted before the second connection"
        notebook.keep(wire, "half-closed.pcap", made, leaking, recent, clock=clock)
        for end in (*leak, *fresh, listener):
            end.close()


def fin_wait_2_expired(notebook: Notebook) -> None:
    """The client closed; the server kept CLOSE-WAIT for a minute, then sent: nobody is there."""
    with Wire() as wire:
        for host in (wire.client, wire.server):
            host.sysctl(tcp_timestamps=0, tcp_fin_timeout=1)
        client, server = wire.open(80, 40209)
        wire.exchange(client, server, REQUEST, REPLY)
        client.close()
        wire.hear_end(server)
        wire.until(lambda: (40209, 80) not in wire.client.states(), "FIN-WAIT-2 had expired")
        wire.recorder.skip(61)
        server.send(b"are you still there?")
        wire.hear_reset(server)
        server.close()
        cause = [Why("fin-wait-2-expired"), Why("close-wait-leak")]
        row = told(wire, (40209, 80), "reset", "client", finished=True, cause=cause)
        row.reset_by, row.reset_form, row.notes = "client", "reply", ["rst-reply"]
        row.client_state = row.server_state = "CLOSED"
        row.client_fins, row.server_fins, row.client_rsts = 1, 0, 1
        made = "close(); FIN-WAIT-2 expires (tcp_fin_timeout = 1); a minute later the server sends."
        clock = "61 s inserted before the server's last payload"
        notebook.keep(wire, "fin-wait-2-expired.pcap", made, row, clock=clock)


def linger2(notebook: Notebook) -> None:
    """TCP_LINGER2 < 0: the client aborts as soon as its FIN is acked."""
    with Wire() as wire:
        client, server = wire.open(80, 40210)
        wire.exchange(client, server, REQUEST, REPLY)
        wire.settle()
        client.setsockopt(socket.IPPROTO_TCP, TCP_LINGER2, -1)
        client.shutdown(socket.SHUT_WR)
        wire.until(lambda: state(client) == "FIN-WAIT-2", "the FIN was acked")
        client.close()
        wire.hear_reset(server)
        server.close()
        row = told(
            wire, (40210, 80), "reset", "client", finished=True, cause=[Why("fin-wait-2-aborted")]
        )
        row.reset_by, row.reset_form, row.notes = "client", "owner", ["rst-owner"]
        row.client_state = row.server_state = "CLOSED"
        made = "shutdown(), then close() with TCP_LINGER2 = -1 in FIN-WAIT-2."
        notebook.keep(wire, "linger2.pcap", made, row)


def zero_window(notebook: Notebook) -> None:
    """The server does not read; the client fills the window and closes; its FIN has to wait."""
    with Wire() as wire:
        with wire.server.listen(80) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client, server = wire.call(listener, 40211)
        payload = (BIG * 2)[:5000]
        client.send(payload)
        wire.until(lambda: wire.last["server"].window == 0, "the window was closed")
        client.close()
        wire.wait(0.9)  # some probes, 0.2 s and doubling
        got = 0
        while got < len(payload):
            got += len(wire.hear(server, min(500, len(payload) - got)))
        wire.hear_end(server)
        server.close()
        wire.settle()
        row = orderly(wire, (40211, 80), "three-way", "client")
        row.client_bytes = len(payload)
        row.notes = ["zero-window", "fin-after-zero-window"]
        made = "close() with 656 bytes behind a zero window; the server reads 0.9 s later."
        notebook.keep(wire, "zero-window.pcap", made, row)


def zero_window_for_ever(notebook: Notebook) -> None:
    """As before, and the server never reads: the FIN never gets on the wire."""
    with Wire() as wire:
        with wire.server.listen(80) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client, server = wire.call(listener, 40212)
        client.send(BIG * 5)
        wire.until(lambda: wire.last["server"].window == 0, "the window was closed")
        client.close()
        wire.wait(2)
        row = told(wire, (40212, 80), "open", "none", finished=False, cause=[])
        row.client_state = row.server_state = "ESTABLISHED"
        row.notes, row.client_fins = ["zero-window", "zero-window-probe"], 0
        row.kernel = wire.at_end(40212, 80)
        remark = "The client's kernel is in FIN-WAIT-1 already; the wire cannot show it."
        made = "close() with data queued behind a zero window; the server never reads."
        notebook.keep(wire, "zero-window-for-ever.pcap", made, row, remark=remark)
        server.close()


EXPERIMENTS = [
    four_way, three_way, crossing, crossing_with_data, half_close_used, fin_with_data, half_closed,
    fin_wait_2_expired, linger2, zero_window, zero_window_for_ever,
]  # fmt: skip
