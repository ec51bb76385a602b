"""A wire that loses: FINs sent again, FINs out of order, ends that fall silent."""

from __future__ import annotations

import socket

from finwait.lab.net import Host, linger, state
from finwait.lab.wire import Wire
from lab.notebook import Notebook
from lab.truth import Why

from .common import ACK, BIG, REPLY, REQUEST, answered, orderly, reset, told

TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT = 4, 5, 6  # linux/tcp.h
TCP_USER_TIMEOUT = 18


def _gone(host: Host, port: int, peer_port: int) -> bool:
    return host.states().get((port, peer_port), "TIME-WAIT") == "TIME-WAIT"


def fin_lost(notebook: Notebook) -> None:
    """The first FIN is lost behind the capture and comes again."""
    with Wire() as wire:
        client, server = answered(wire, 40301)
        wire.lose(lambda side, s: side == "client" and s.fin)
        client.close()
        wire.hear_end(server)
        server.close()
        wire.settle()
        row = orderly(wire, (40301, 80), "three-way", "client")
        row.client_fins, row.server_fins, row.notes = 2, 1, ["fin-retransmitted"]
        row.notes_absent = ["fin-ack-lost", "final-ack-missing", "retransmission"]
        row.kernel = wire.at_end(40301, 80)
        made = "The client's first FIN is lost after the capture saw it."
        notebook.keep(wire, "fin-lost.pcap", made, row)


def fin_ack_lost(notebook: Notebook) -> None:
    """The ACK of the first FIN is lost behind the capture: the FIN comes again for nothing."""
    with Wire(tap="server") as wire:
        client, server = answered(wire, 40302)
        wire.lose(lambda side, s: side == "server" and s.flags == ACK)
        client.close()
        wire.hear_end(server)
        wire.until(lambda: state_of(wire, 40302) == "FIN-WAIT-2", "the FIN was acked")
        server.close()
        wire.settle()
        row = orderly(wire, (40302, 80), "four-way", "client")
        row.client_fins, row.server_fins = 2, 1
        row.notes = ["fin-retransmitted", "fin-ack-lost"]
        row.notes_absent = ["final-ack-missing"]
        row.kernel = wire.at_end(40302, 80)
        made = "The ACK of the client's FIN is lost after the capture saw it."
        notebook.keep(wire, "fin-ack-lost.pcap", made, row)


def state_of(wire: Wire, from_port: int) -> str | None:
    """Where the client's kernel stands with port 80."""
    return wire.client.states().get((from_port, 80))


def last_ack_lost(notebook: Notebook) -> None:
    """The ACK of the second FIN is lost behind the capture: TIME-WAIT acks once more."""
    with Wire() as wire:
        client, server = answered(wire, 40303)
        client.close()
        wire.hear_end(server)
        wire.lose(lambda side, s: side == "client" and s.flags == ACK)
        server.close()
        wire.until(lambda: _gone(wire.server, 80, 40303), "the server had its last ACK")
        wire.settle()
        row = orderly(wire, (40303, 80), "three-way", "client")
        row.client_fins, row.server_fins = 1, 2
        row.notes = ["fin-retransmitted", "fin-ack-lost"]
        row.notes_absent = ["final-ack-missing"]
        row.kernel = wire.at_end(40303, 80)
        made = "The ACK of the server's FIN is lost after the capture saw it."
        notebook.keep(wire, "last-ack-lost.pcap", made, row)


def final_ack_missing(notebook: Notebook) -> None:
    """No ACK of the second FIN reaches the capture: LAST-ACK for as long as it lasts."""
    with Wire(tap="server") as wire:
        client, server = answered(wire, 40304)
        client.close()
        wire.hear_end(server)
        wire.cut(lambda side, s: side == "client")
        server.close()
        wire.wait(1.5)
        row = told(
            wire, (40304, 80), "three-way", "client", finished=False,
            cause=[Why("fin-never-acked"), Why("orderly")],
        )  # fmt: skip
        row.client_state, row.server_state = "FIN-WAIT-1 or FIN-WAIT-2 or TIME-WAIT", "LAST-ACK"
        row.client_fins, row.notes = 1, ["fin-retransmitted", "final-ack-missing"]
        row.kernel = wire.at_end(40304, 80)
        made = "Every segment of the client after its FIN is lost before the capture."
        notebook.keep(wire, "final-ack-missing.pcap", made, row)


def fin_out_of_order(notebook: Notebook) -> None:
    """The FIN overtakes the data before it."""
    with Wire(tap="server") as wire:
        client, server = answered(wire, 40305)
        wire.hold("client")
        client.send(REQUEST)
        client.close()
        wire.until(lambda: len(wire.held) == 2, "data and FIN were on their way")
        wire.release(lambda held: held[::-1])
        wire.hear_end(server)
        server.close()
        wire.settle()
        row = orderly(wire, (40305, 80), "four-way", "client")
        row.client_bytes, row.client_fins = 2 * len(REQUEST), 1
        row.notes = ["fin-out-of-order"]
        row.notes_absent = ["fin-retransmitted", "data-after-fin"]
        row.kernel = wire.at_end(40305, 80)
        made = "15 bytes and the FIN behind them arrive in the wrong order."
        notebook.keep(wire, "fin-out-of-order.pcap", made, row)


def crossing_and_lost(notebook: Notebook) -> None:
    """FINs cross and the server's is lost; what it sends again acks, but it crossed all the same."""
    with Wire(tap="server") as wire:
        client, server = answered(wire, 40306)
        wire.lose(lambda side, s: side == "server" and s.fin)
        wire.hold("client")
        client.close()
        server.close()
        wire.until(lambda: wire.held, "the client's FIN was on its way")
        wire.release()
        wire.until(lambda: state_of(wire, 40306) == "TIME-WAIT", "both FINs were acked")
        wire.settle()
        row = orderly(wire, (40306, 80), "simultaneous", "both")
        row.client_fins, row.server_fins = 1, 2
        row.notes = ["fin-retransmitted"]
        row.kernel = wire.at_end(40306, 80)
        remark = "The client never was in CLOSING: of the first FIN it heard nothing."
        made = "Both close; the server's FIN is lost behind the capture and comes again."
        notebook.keep(wire, "simultaneous-fin-lost.pcap", made, row, remark=remark)


def fin_unanswered(notebook: Notebook) -> None:
    """A FIN that nobody acks, until tcp_orphan_retries (4) are used up."""
    with Wire() as wire:
        wire.client.sysctl(tcp_orphan_retries=4)
        client, server = answered(wire, 40307)
        wire.cut()
        client.close()
        wire.until(lambda: _gone(wire.client, 40307, 80), "the kernel gave up")
        row = told(
            wire, (40307, 80), "fin-unanswered", "client", finished=False,
            cause=[Why("fin-never-acked")],
        )  # fmt: skip
        row.client_state, row.server_state = "FIN-WAIT-1", "ESTABLISHED"
        row.notes, row.server_fins = ["fin-retransmitted"], 0
        row.kernel = wire.at_end(40307, 80)
        made = "All is lost from before the FIN on; the kernel gives up in silence."
        notebook.keep(wire, "fin-unanswered.pcap", made, row)
        server.close()


def vanished(notebook: Notebook) -> None:
    """Data sent again and again, then nothing: TCP_USER_TIMEOUT ends in silence."""
    with Wire() as wire:
        client, server = answered(wire, 40308)
        client.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 4000)
        wire.cut()
        client.send(REQUEST)
        wire.until(lambda: state(client) == "CLOSED", "the kernel gave up")
        client.close()
        row = told(
            wire, (40308, 80), "vanished", "none", finished=False, cause=[Why("peer-silent")]
        )
        row.client_state = row.server_state = "ESTABLISHED"
        row.client_bytes, row.notes = 2 * len(REQUEST), ["retransmission", "unanswered-request"]
        made = "All is lost from before the second request on; TCP_USER_TIMEOUT = 4 s."
        notebook.keep(wire, "vanished.pcap", made, row)
        server.close()


def gave_up(notebook: Notebook) -> None:
    """Data sent again without an answer; then the application loses patience: SO_LINGER 0."""
    with Wire() as wire:
        client, server = answered(wire, 40309)
        wire.cut()
        client.send(REQUEST)
        wire.wait(3)
        linger(client, 0)
        client.close()
        wire.settle()
        row = reset(wire, (40309, 80), "client", "owner", [Why("gave-up")])
        row.notes += ["retransmission"]
        made = "The second request and all its repeats are lost; after 3 s SO_LINGER 0 and close()."
        notebook.keep(wire, "gave-up.pcap", made, row)
        server.close()


def keepalive_timeout(notebook: Notebook) -> None:
    """Keep-alive probes without an answer; the kernel aborts."""
    with Wire() as wire:
        client, server = answered(wire, 40310)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ((TCP_KEEPIDLE, 1), (TCP_KEEPINTVL, 1), (TCP_KEEPCNT, 3)):
            client.setsockopt(socket.IPPROTO_TCP, option, value)
        wire.until(lambda: state(client) == "ESTABLISHED", "it stood")
        wire.cut(lambda side, s: side == "client")
        wire.until(lambda: state(client) == "CLOSED", "the kernel gave up")
        wire.settle()
        client.close()
        row = reset(wire, (40310, 80), "client", "owner", [Why("keepalive-timeout")])
        row.notes += ["keep-alive"]
        row.notes_absent = ["retransmission"]
        made = "Nothing gets through; keep-alive 1 s, every 1 s, 3 times."
        notebook.keep(wire, "keepalive-timeout.pcap", made, row)
        server.close()


def keepalive_answered(notebook: Notebook) -> None:
    """Keep-alive probes that are answered; then both close."""
    with Wire() as wire:
        client, server = wire.open(80, 40311)
        wire.exchange(client, server, REQUEST, REPLY)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ((TCP_KEEPIDLE, 1), (TCP_KEEPINTVL, 1), (TCP_KEEPCNT, 3)):
            client.setsockopt(socket.IPPROTO_TCP, option, value)
        wire.wait(2.5)
        server.close()
        wire.hear_end(client)
        client.close()
        wire.settle()
        row = orderly(wire, (40311, 80), "three-way", "server")
        row.client_bytes, row.notes = len(REQUEST), ["keep-alive"]
        row.notes_absent = ["retransmission", "spurious-retransmission"]
        made = "Keep-alive after 1 s, answered twice; then close() on both sides."
        notebook.keep(wire, "keep-alive.pcap", made, row)


def data_lost(notebook: Notebook) -> None:
    """Payload lost behind the capture and sent again; else an orderly life."""
    with Wire() as wire:
        client, server = wire.open(80, 40312)
        wire.lose(lambda side, s: side == "client" and bool(s.payload))
        client.send(BIG)
        wire.hear(server, len(BIG))
        client.close()
        wire.hear_end(server)
        server.close()
        wire.settle()
        row = orderly(wire, (40312, 80), "three-way", "client")
        row.client_bytes, row.notes = len(BIG), ["retransmission"]
        row.notes_absent = ["fin-retransmitted", "capture-gap"]
        notebook.keep(wire, "data-lost.pcap", "The first segment of three is lost.", row)


EXPERIMENTS = [
    fin_lost, fin_ack_lost, last_ack_lost, final_ack_missing, fin_out_of_order, crossing_and_lost,
    fin_unanswered, vanished, gave_up, keepalive_timeout, keepalive_answered, data_lost,
]  # fmt: skip
