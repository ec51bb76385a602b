"""What only many connections together show (diagnosis D3, D4)."""

from __future__ import annotations

from finwait.lab.net import linger
from finwait.lab.wire import Wire
from lab.notebook import Notebook
from lab.truth import Group, Why

from .common import REPLY, REQUEST, reset, told


def server_that_always_resets(notebook: Notebook) -> None:
    """30 connections to one server, 0.12 s apart; all are answered, then aborted by SO_LINGER 0."""
    with Wire() as wire:
        listener = wire.server.listen(5432)
        rows = []
        for from_port in range(40701, 40731):
            client, server = wire.call(listener, from_port)
            wire.exchange(client, server, REQUEST, REPLY)
            linger(server, 0)
            server.close()
            wire.hear_reset(client)
            client.close()
            wire.wait(0.12)
            cause = [Why("deliberate-abort", most="likely")]
            row = reset(wire, (from_port, 5432), "server", "owner", cause)
            row.notes += ["server-habit"]
            row.notes_absent = ["reset-burst"]
            rows.append(row)
        made = "30 connections, each answered and then aborted (SO_LINGER 0)."
        group = Group("reset-habit", f"{wire.server_address}:5432", matched=30, total=30)
        notebook.keep(wire, "linger-habit.pcap", made, *rows, groups=[group])
        listener.close()


def listener_closed(notebook: Notebook) -> None:
    """Six connections wait to be accepted when the listener closes; a seventh call is refused."""
    with Wire() as wire:
        listener = wire.server.listen(80)
        ports = range(40741, 40747)
        callers = [
            wire.connected(wire.client.dial(port, (wire.server_address, 80))) for port in ports
        ]
        callers[0].send(REQUEST)
        wire.settle()
        listener.close()
        wire.settle()
        seventh = wire.client.dial(40747, (wire.server_address, 80))
        wire.settle()
        rows = []
        for port in ports:
            row = reset(wire, (port, 80), "server", "owner", [Why("listener-gone", "likely")])
            row.notes += ["reset-burst"]
            row.server_bytes = 0
            rows.append(row)
        refused = told(
            wire, (40747, 80), "refused", "server", finished=True, cause=[Why("port-closed")]
        )
        refused.handshake, refused.reset_by, refused.reset_form = "partial", "server", "reply"
        made = "Six connections in the accept queue, one with a request; the listener closes."
        group = Group("reset-burst", f"{wire.server_address}:80", matched=6, total=7)
        notebook.keep(wire, "listener-closed.pcap", made, *rows, refused, groups=[group])
        for each in (*callers, seventh):
            each.close()


EXPERIMENTS = [server_that_always_resets, listener_closed]
