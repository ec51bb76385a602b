"""Connections that do not open, or open in an unusual way."""

from __future__ import annotations

import socket

from finwait.lab.net import state
from finwait.lab.stub import MSS, Peer, Stub
from finwait.lab.wire import Wire
from lab.notebook import Notebook
from lab.truth import Why

from .common import ACK, BIG, REPLY, REQUEST, RST, SYN, orderly, told

TCP_FASTOPEN = 23  # linux/tcp.h
MSG_FASTOPEN = 0x20000000  # linux/socket.h


def refused(notebook: Notebook) -> None:
    """A SYN to a port where nothing listens."""
    for six in (False, True):
        with Wire(six=six) as wire:
            caller = wire.client.dial(40101, (wire.server_address, 81))
            wire.hear_reset(caller)
            caller.close()
            row = told(
                wire, (40101, 81), "refused", "server", finished=True, cause=[Why("port-closed")]
            )
            row.handshake, row.reset_by, row.reset_form = "partial", "server", "reply"
            row.client_state = row.server_state = "CLOSED"
            row.client_bytes = row.server_bytes = row.client_rsts = 0
            row.server_rsts, row.notes_absent = 1, ["syn-retransmitted"]
            made = "Nothing listens on the port; the kernel answers by RST."
            notebook.keep(wire, "refused-six.pcap" if six else "refused.pcap", made, row)


def unanswered(notebook: Notebook) -> None:
    """SYNs that all get lost: tcp_syn_retries = 2."""
    with Wire() as wire:
        wire.client.sysctl(tcp_syn_retries=2, tcp_syn_linear_timeouts=0)
        wire.cut()
        caller = wire.client.dial(40102, (wire.server_address, 443))
        wire.until(lambda: state(caller) == "CLOSED", "the kernel gave up")
        caller.close()
        row = told(
            wire, (40102, 443), "unanswered", "none", finished=False, cause=[Why("no-answer")]
        )
        row.handshake, row.notes = "partial", ["syn-retransmitted"]
        row.client_state, row.server_state = "SYN-SENT", "CLOSED or LISTEN"
        notebook.keep(wire, "unanswered.pcap", "Every packet is lost.", row)


def backlog_full(notebook: Notebook) -> None:
    """A second SYN that a full accept queue (backlog 0) drops in silence."""
    with Wire() as wire:
        wire.client.sysctl(tcp_syn_retries=1, tcp_syn_linear_timeouts=0)
        listener = wire.server.listen(80, backlog=0)
        first = wire.connected(wire.client.dial(40103, (wire.server_address, 80)))
        second = wire.client.dial(40104, (wire.server_address, 80))
        wire.until(lambda: state(second) == "CLOSED", "the kernel gave up")
        waiting = told(
            wire, (40103, 80), "open", "none", finished=False, cause=[Why("capture-ended")]
        )
        waiting.client_state = waiting.server_state = "ESTABLISHED"
        waiting.kernel = wire.at_end(40103, 80)
        dropped = told(
            wire, (40104, 80), "unanswered", "none", finished=False, cause=[Why("no-answer")]
        )
        dropped.handshake, dropped.notes = "partial", ["syn-retransmitted"]
        dropped.client_state, dropped.server_state = "SYN-SENT", "CLOSED or LISTEN"
        made = "listen(0), nobody accepts: the first connection fills the queue."
        notebook.keep(wire, "backlog-full.pcap", made, waiting, dropped)
        for each in (listener, first, second):
            each.close()


def handshake_abandoned(notebook: Notebook) -> None:
    """The caller closes before the SYN-ACK comes; its kernel knows no such socket any more."""
    with Wire() as wire:
        listener = wire.server.listen(80)
        wire.hold("server")
        caller = wire.client.dial(40105, (wire.server_address, 80))
        wire.until(lambda: wire.held, "the SYN-ACK was on its way")
        caller.close()
        wire.release()
        wire.settle()
        row = told(
            wire, (40105, 80), "handshake-reset", "client", finished=True,
            cause=[Why("handshake-abandoned")],
        )  # fmt: skip
        row.handshake, row.reset_by, row.reset_form = "partial", "client", "reply"
        row.client_state = row.server_state = "CLOSED"
        row.client_rsts, row.server_rsts = 1, 0
        made = "close() in SYN-SENT while the SYN-ACK is on its way."
        notebook.keep(wire, "handshake-abandoned.pcap", made, row)
        listener.close()


def handshake_rejected(notebook: Notebook) -> None:
    """A server of our own sends SYN-ACK and, before the ACK can come, RST."""
    with Stub(kernel_is_client=True) as stub:
        peer = Peer(stub, 80, 40106, 5_000_000)
        caller = stub.host.dial(40106, (stub.server_address, 80))
        peer.take(lambda s: s.syn, "the SYN came")
        peer.send(SYN | ACK, options=MSS)
        peer.send(RST | ACK, window=0)
        stub.settle()
        caller.close()
        row = told(
            stub, (40106, 80), "handshake-reset", "server", finished=True,
            cause=[Why("handshake-rejected")],
        )  # fmt: skip
        row.handshake, row.reset_by = "partial or complete", "server"
        row.client_state = row.server_state = "CLOSED"
        made = "A peer of our own sends SYN-ACK and RST back to back."
        notebook.keep(stub, "handshake-rejected.pcap", made, row)


def listener_closed_in_handshake(notebook: Notebook) -> None:
    """The listener closes between SYN-ACK and ACK: the ACK finds nobody."""
    with Wire() as wire:
        listener = wire.server.listen(80)
        wire.hold("client")
        caller = wire.client.dial(40107, (wire.server_address, 80))
        wire.until(lambda: wire.held, "the SYN was on its way")
        wire.release()
        wire.hold("client")
        wire.until(lambda: wire.held, "the ACK was on its way")
        listener.close()
        wire.release()
        wire.settle()
        caller.close()
        row = told(
            wire, (40107, 80), "reset or handshake-reset", "server", finished=True,
            cause=[Why("listener-gone"), Why("handshake-rejected", most="likely")],
        )  # fmt: skip
        row.reset_by, row.reset_form, row.notes = "server", "reply", ["rst-reply"]
        row.client_state = row.server_state = "CLOSED"
        made = "close() of the listener while the ACK of the handshake is on its way."
        notebook.keep(wire, "listener-closed-in-handshake.pcap", made, row)


def simultaneous_open(notebook: Notebook) -> None:
    """Both kernels call each other, and their SYNs cross (RFC 9293 Figure 7)."""
    with Wire() as wire:
        wire.hold("client", "server")
        one = wire.client.dial(40108, (wire.server_address, 179))
        other = wire.server.dial(179, (wire.client_address, 40108))
        wire.until(lambda: len(wire.held) == 2, "both SYNs were on their way")
        wire.release()
        wire.connected(one)
        wire.connected(other)
        wire.exchange(one, other, REQUEST, REPLY)
        one.close()
        wire.hear_end(other)
        other.close()
        wire.settle()
        row = orderly(wire, (40108, 179), "three-way", "client")
        row.notes = ["simultaneous-open"]
        notebook.keep(wire, "simultaneous-open.pcap", "Two calls that cross.", row)


def fast_open(notebook: Notebook) -> None:
    """TCP Fast Open (RFC 7413): the second SYN carries the request."""
    with Wire() as wire:
        wire.client.sysctl(tcp_fastopen=1)
        wire.server.sysctl(tcp_fastopen=2)
        listener = wire.server.endpoint()
        listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 8)
        listener.bind((wire.server_address, 80))
        listener.listen(8)
        rows = []
        for from_port in (40109, 40110):
            caller = wire.client.endpoint()
            caller.bind((wire.client_address, from_port))
            try:
                caller.sendto(REQUEST, MSG_FASTOPEN, (wire.server_address, 80))
            except BlockingIOError:  # no cookie yet: an ordinary SYN that asks for one
                wire.connected(caller)
                caller.send(REQUEST)
            server = wire.accept(listener)
            wire.hear(server, len(REQUEST))
            server.send(REPLY)
            wire.hear(caller, len(REPLY))
            caller.close()
            wire.hear_end(server)
            server.close()
            wire.settle()
            row = orderly(wire, (from_port, 80), "three-way", "client")
            row.client_bytes, row.server_bytes = len(REQUEST), len(REPLY)
            rows.append(row)
        rows[0].notes_absent, rows[1].notes = ["data-with-syn"], ["data-with-syn"]
        made = "TCP Fast Open: the first connection fetches a cookie, the second uses it."
        notebook.keep(wire, "fast-open.pcap", made, *rows)
        listener.close()


def syn_lost(notebook: Notebook) -> None:
    """The first SYN is lost, and the first SYN-ACK of a second connection."""
    with Wire() as wire:
        wire.client.sysctl(tcp_syn_linear_timeouts=0)
        rows = []
        for from_port, loser in ((40111, "client"), (40112, "server")):
            wire.lose(lambda side, s, loser=loser: side == loser and s.syn)  # type: ignore[misc]
            client, server = wire.open(80, from_port)
            wire.exchange(client, server, REQUEST, REPLY)
            server.close()
            wire.hear_end(client)
            client.close()
            wire.settle()
            row = orderly(wire, (from_port, 80), "three-way", "server")
            row.notes = ["syn-retransmitted"]
            rows.append(row)
        made = "The first SYN is lost after the capture; then a first SYN-ACK before it."
        notebook.keep(wire, "syn-lost.pcap", made, *rows)


def never_spoke(notebook: Notebook) -> None:
    """A connection that opens, says 4000 bytes and is still open when the capture ends."""
    with Wire() as wire:
        client, server = wire.open(80, 40113)
        client.send(BIG)
        wire.hear(server, len(BIG))
        wire.settle()
        row = told(wire, (40113, 80), "open", "none", finished=False, cause=[Why("capture-ended")])
        row.client_state = row.server_state = "ESTABLISHED"
        row.client_bytes, row.server_bytes = len(BIG), 0
        row.kernel = wire.at_end(40113, 80)
        notebook.keep(wire, "open.pcap", "The capture ends first.", row)
        client.close()
        server.close()


EXPERIMENTS = [
    refused, unanswered, backlog_full, handshake_abandoned, handshake_rejected,
    listener_closed_in_handshake, simultaneous_open, fast_open, syn_lost, never_spoke,
]  # fmt: skip
