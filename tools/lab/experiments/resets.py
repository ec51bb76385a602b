"""Resets by an end, by a device in between, and resets that end nothing."""

from __future__ import annotations

import socket
from dataclasses import replace

from finwait.lab.net import forget, linger
from finwait.lab.packet import Segment
from finwait.lab.wire import Wire
from lab.notebook import Notebook
from lab.truth import Connection, Why

from .common import ACK, ANY, BIG, FIN, REPLY, REQUEST, RST, SYN, answered, orderly, reset, told

TCP_USER_TIMEOUT = 18  # linux/tcp.h
IDLE = 350.0  # s; a device timeout found in the wild (diagnosis D5: AWS NLB)


def unread_data(notebook: Notebook) -> None:
    """The server reads a part of the request, answers and closes: RST (RFC 2525 2.17). First the
    answer is acked before; then it is still on its way and may be destroyed."""
    for from_port, in_flight in ((40501, False), (40502, True)):
        with Wire(tap="server") as wire:
            client, server = wire.open(80, from_port)
            client.send(BIG * 3)
            wire.hear(server, 100)
            wire.settle()
            if in_flight:
                wire.hold("client")
            server.send(REPLY)
            if not in_flight:
                wire.hear(client, len(REPLY))
                wire.settle()
            server.close()
            wire.settle()
            wire.release()
            wire.settle()
            client.close()
            wire.settle()
            causes = [Why("unread-data", most="likely"), Why("abort")]
            row = reset(wire, (from_port, 80), "server", "owner", causes)
            row.server_fins = row.client_fins = 0
            row.client_bytes = len(BIG) * 3
            absent_or_not = row.notes if in_flight else row.notes_absent
            absent_or_not.append("data-destroyed")
            made = "close() with 11900 bytes unread; the reply was " + (
                "not acked yet." if in_flight else "acked."
            )
            name = "unread-data-reply-in-flight" if in_flight else "unread-data"
            notebook.keep(wire, f"{name}.pcap", made, row)


def linger_zero(notebook: Notebook) -> None:
    """SO_LINGER 0 after an answered request."""
    with Wire() as wire:
        client, server = answered(wire, 40503)
        linger(client, 0)
        client.close()
        wire.settle()
        server.close()
        cause = [Why("abort"), Why("deliberate-abort", most="likely")]
        row = reset(wire, (40503, 80), "client", "owner", cause)
        row.notes_absent = ["data-destroyed", "unanswered-request"]
        notebook.keep(
            wire, "linger-zero.pcap", "SO_LINGER 0 and close(), all read, all acked.", row
        )


def linger_zero_unsent(notebook: Notebook) -> None:
    """SO_LINGER 0 while the reply is on its way: what is not acked is thrown away."""
    with Wire(tap="server") as wire:
        client, server = wire.open(80, 40517)
        client.send(REQUEST)
        wire.hear(server, len(REQUEST))
        wire.settle()
        wire.hold("client")  # no ACK comes back
        server.send(BIG)
        wire.settle(0.01)
        linger(server, 0)
        server.close()
        wire.settle(0.01)
        wire.release()
        wire.settle()
        client.close()
        cause = [Why("abort"), Why("deliberate-abort", most="likely")]
        row = reset(wire, (40517, 80), "server", "owner", cause)
        row.notes += ["data-destroyed"]
        row.notes_absent, row.server_bytes = ["unanswered-request"], len(BIG)
        made = "4000 bytes of reply sent and not acked; SO_LINGER 0, close()."
        notebook.keep(wire, "linger-zero-unsent.pcap", made, row)


def destroyed(notebook: Notebook) -> None:
    """`ss -K`: an administrator has the kernel abort the socket."""
    with Wire() as wire:
        client, server = answered(wire, 40504)
        wire.server.destroy(80, 40504)
        wire.settle()
        cause = [Why("abort"), Why("deliberate-abort", most="likely")]
        row = reset(wire, (40504, 80), "server", "owner", cause)
        notebook.keep(wire, "destroyed.pcap", "ss -K on the server's socket.", row)
        client.close()
        server.close()


def abort_in_close_wait(notebook: Notebook) -> None:
    """The client closes; the server answers by RST instead of a FIN."""
    with Wire() as wire:
        client, server = answered(wire, 40505)
        client.shutdown(socket.SHUT_WR)
        wire.hear_end(server)
        wire.settle()
        linger(server, 0)
        server.close()
        wire.settle()
        client.close()
        row = reset(
            wire, (40505, 80), "server", "owner", [Why("abort-in-close-wait")], first="client"
        )
        row.client_fins, row.server_fins = 1, 0
        notebook.keep(wire, "abort-in-close-wait.pcap", "SO_LINGER 0 in CLOSE-WAIT.", row)


def peer_lost_state(notebook: Notebook) -> None:
    """The server forgets the connection as a crashed machine would; what the client then sends
    draws a RST."""
    with Wire() as wire:
        client, server = answered(wire, 40506)
        forget(server)
        client.send(REQUEST)
        wire.hear_reset(client)
        cause = [Why("peer-lost-state"), Why("middlebox-idle-timeout", most="possible")]
        row = reset(wire, (40506, 80), "server", "reply", cause)
        row.server_rsts, row.client_fins, row.server_fins = 1, 0, 0
        made = "The server's socket vanishes without a word (TCP_REPAIR)."
        notebook.keep(wire, "peer-lost-state.pcap", made, row)
        client.close()


def _answer(asked: Segment) -> Segment:
    """The RST by which a stack without a socket answers a segment (RFC 9293 section 3.5.2)."""
    return replace(asked, src=asked.dst, dst=asked.src, sport=asked.dport, dport=asked.sport,
                   seq=asked.ack, ack=0, flags=RST, window=0, payload=b"")  # fmt: skip


def _forged(segment: Segment, **changes: object) -> Segment:
    """A bare RST after the last segment of a side; `changes` turn it into another lie."""
    plain = replace(segment, seq=segment.end, ack=0, flags=RST, window=0, options=b"", payload=b"")
    return replace(plain, **changes)  # type: ignore[arg-type]


def injected_reset(notebook: Notebook) -> None:
    """A stranger resets the client in the server's name (another TTL, no timestamps, three guesses
    at the number), and the server goes on sending."""
    with Wire() as wire:
        client, server = wire.open(80, 40507)
        wire.exchange(client, server, REQUEST, REPLY)
        client.send(REQUEST)
        wire.hear(server, len(REQUEST))
        wire.settle()
        wire.cut(lambda side, s: side == "client" and s.rst)
        lie = _forged(wire.last["server"], ttl=113, ip_id=54321)
        for ahead in (0, 1460, 2920):
            wire.inject(replace(lie, seq=lie.seq + ahead), to="client")
        server.send(BIG)
        wire.settle()
        client.close()
        row = told(
            wire, (40507, 80), "reset", "server or none", finished=True,
            cause=[Why("injected-reset", "likely")],
        )  # fmt: skip
        row.reset_by, row.client_state = "server", "CLOSED"
        row.evidence = ["ttl-differs", "data-after-reset"]
        made = "Three RSTs in the server's name, TTL 113 against 64; then its 4000 bytes arrive."
        notebook.keep(wire, "injected-reset.pcap", made, row)
        server.close()


def injected_both_ways(notebook: Notebook) -> None:
    """A stranger resets both ends right after the request; captured where the stranger sits."""
    with Wire() as wire:
        client, server = wire.open(80, 40508)
        client.send(REQUEST)
        wire.hear(server, len(REQUEST))
        wire.settle()
        ends = wire.last["server"], wire.last["client"]
        wire.inject(_forged(ends[0], flags=RST | ACK, ack=ends[0].ack, ttl=250), to="client")
        wire.inject(
            _forged(ends[1], flags=RST | ACK, ack=ends[1].ack, ttl=250), to="server", seen=True
        )
        wire.settle()
        for end in (client, server):
            end.close()
        row = told(
            wire, (40508, 80), "reset", "server or client or none", finished=True,
            cause=[Why("injected-reset", "likely")],
        )  # fmt: skip
        row.client_state = row.server_state = "CLOSED"
        row.reset_by, row.notes = ANY, ["rst-both-sides"]
        row.evidence = ["ttl-differs", "resets-both-ends"]
        row.client_rsts = row.server_rsts = 1
        made = "RST+ACK to both ends with the right numbers, TTL 250 against 64, no timestamps."
        notebook.keep(wire, "injected-both-ways.pcap", made, row)


def firewall_rejects(notebook: Notebook) -> None:
    """A firewall at the server's host answers the client in the server's name (same TTL); the server knows nothing of it."""
    with Wire() as wire:
        client, server = wire.open(80, 40523)
        wire.exchange(client, server, REQUEST, REPLY)
        wire.settle()
        wire.cut(lambda side, s: side == "client")
        client.send(REQUEST)
        wire.until(lambda: wire.last["client"].payload == REQUEST, "the request was sent")
        wire.inject(_answer(wire.last["client"]), to="client")
        wire.hear_reset(client)
        wire.wait(0.4)
        server.send(REPLY)
        wire.wait(0.6)
        wire.mend()
        wire.hear_reset(server)
        client.close()
        row = told(
            wire, (40523, 80), "reset", "server", finished=True, cause=[Why("injected-reset", "likely")],
        )  # fmt: skip
        row.reset_by, row.reset_form = "server", "reply"
        row.client_state = row.server_state = "CLOSED"
        row.evidence = ["spoke-after-reset-ns", "data-after-reset"]
        made = "A firewall answers a request by RST with the server's TTL; 0.4 s later the server sends, until a RST comes to it."
        notebook.keep(wire, "firewall-rejects.pcap", made, row)
        server.close()


def middlebox_resets_both(notebook: Notebook) -> None:
    """D5 (a): after 350 s idle a device resets both ends, unprompted."""
    with _untimed() as wire:
        client, server = answered(wire, 40509, 443)
        wire.recorder.skip(IDLE)
        ends = wire.last["server"], wire.last["client"]
        wire.inject(_forged(replace(ends[0], seq=ends[1].ack, payload=b"")), to="client")
        wire.inject(_forged(replace(ends[1], seq=ends[1].end, payload=b"")), to="server", seen=True)
        wire.settle()
        client.close()
        server.close()
        row = _forgotten(wire, 40509, "reset")
        row.closed_by, row.reset_by = "server or client or none", "server or client or none"
        row.cause.append(Why("injected-reset"))
        row.notes, row.client_state, row.server_state = ["rst-both-sides"], "CLOSED", "CLOSED"
        made = "A RST to each end after 350 s of silence, with the right numbers."
        notebook.keep(wire, "middlebox-resets-both.pcap", made, row, clock=f"{IDLE} s inserted")


def middlebox_answers(notebook: Notebook) -> None:
    """D5 (b): the first request after 350 s idle is answered by a device's RST."""
    with _untimed() as wire:
        client, server = answered(wire, 40510, 443)
        wire.recorder.skip(IDLE)
        wire.cut(lambda side, s: side == "client")
        client.send(REQUEST)
        wire.until(lambda: wire.last["client"].payload == REQUEST, "the request was sent")
        wire.settle(0.02)
        wire.inject(_answer(wire.last["client"]), to="client")
        wire.hear_reset(client)
        client.close()
        row = _forgotten(wire, 40510, "reset")
        row.cause.append(Why("peer-lost-state"))
        row.closed_by, row.reset_by, row.reset_form = "server", "server", "reply"
        row.client_state, row.notes = "CLOSED", ["rst-reply"]
        made = "The request after 350 s of silence never arrives; a device answers it by RST."
        notebook.keep(wire, "middlebox-answers.pcap", made, row, clock=f"{IDLE} s inserted")
        server.close()


def middlebox_swallows(notebook: Notebook) -> None:
    """D5 (c): the first request after 350 s idle and all its repeats are dropped in silence."""
    with _untimed() as wire:
        client, server = answered(wire, 40511, 443)
        client.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 3000)
        wire.recorder.skip(IDLE)
        wire.cut(lambda side, s: side == "client")
        client.send(REQUEST)
        wire.wait(3.5)
        client.close()
        row = _forgotten(wire, 40511, "vanished")
        row.cause.append(Why("peer-silent"))
        row.closed_by, row.finished, row.notes = "none", False, ["retransmission"]
        row.client_state = row.server_state = "ESTABLISHED"
        made = "What the client sends after 350 s of silence is dropped; TCP_USER_TIMEOUT = 3 s."
        notebook.keep(wire, "middlebox-swallows.pcap", made, row, clock=f"{IDLE} s inserted")
        server.close()


def _untimed() -> Wire:
    """A wire for captures whose clock is moved: TCP timestamps would contradict it."""
    wire = Wire()
    for host in (wire.client, wire.server):
        host.sysctl(tcp_timestamps=0)
    return wire


def _forgotten(wire: Wire, from_port: int, close: str) -> Connection:
    cause = [Why("middlebox-idle-timeout")]
    return told(wire, (from_port, 443), close, "none", finished=True, cause=cause)


def rst_out_of_window(notebook: Notebook) -> None:
    """A RST far out of window ends nothing (RFC 9293 3.10.7.4); both go on and close."""
    _harmless(notebook, 40512, "rst-ignored", 3_000_000, RST)


def rst_challenged(notebook: Notebook) -> None:
    """A RST in window but not exact draws a challenge ACK (RFC 5961 3.2); both go on and close."""
    _harmless(notebook, 40513, "rst-challenged", 1000, RST)


def syn_in_connection(notebook: Notebook) -> None:
    """A SYN inside the connection draws a challenge ACK (RFC 5961 4.2); both go on and close."""
    _harmless(notebook, 40514, "syn-in-connection", 1000, SYN)


def _harmless(notebook: Notebook, from_port: int, slug: str, ahead: int, flags: int) -> None:
    with Wire(tap="server") as wire:
        client, server = answered(wire, from_port)
        last = wire.last["client"]
        lie = _forged(last, seq=(last.end + ahead) % (1 << 32), flags=RST if flags == RST else SYN)
        wire.inject(lie, to="server")
        wire.settle()
        wire.exchange(client, server, REQUEST, REPLY)
        client.close()
        wire.hear_end(server)
        server.close()
        wire.settle()
        row = orderly(wire, (from_port, 80), "three-way", "client")
        row.client_bytes, row.server_bytes = 2 * len(REQUEST), 2 * len(REPLY)
        row.notes = [slug] if slug == "rst-ignored" else [slug, "challenge-ack"]
        row.client_rsts = 1 if flags == RST else 0
        row.kernel = wire.at_end(from_port, 80)
        made = f"A forged {'RST' if flags == RST else 'SYN'}, {ahead} beyond the next number."
        notebook.keep(wire, f"{slug}.pcap", made, row)


def fin_then_rst(notebook: Notebook) -> None:
    """A FIN and, with the same number, a RST, as one system sends on ^C (kernel: tcp_reset_check
    takes it)."""
    with Wire(tap="server") as wire:
        client, server = answered(wire, 40515)
        last = wire.last["client"]
        wire.cut()
        fin = replace(last, seq=last.end, flags=FIN | ACK, payload=b"")
        wire.inject(fin, to="server")
        wire.settle()
        wire.inject(_forged(last, seq=last.end), to="server")
        wire.settle()
        row = told(wire, (40515, 80), "reset", "client", finished=True, cause=[])
        row.reset_by, row.server_state, row.client_fins, row.client_rsts = "client", "CLOSED", 1, 1
        made = "FIN and 60 ms later RST, both with the same number."
        notebook.keep(wire, "fin-then-rst.pcap", made, row)
        client.close()
        server.close()


def rst_with_data(notebook: Notebook) -> None:
    """A RST that carries a diagnostic text (RFC 9293 3.10.7.4 allows it; RFC 1122 4.2.2.12)."""
    with Wire() as wire:
        client, server = answered(wire, 40516)
        last = wire.last["server"]
        text = b"overloaded, come back later"
        lie = _forged(last, flags=RST | ACK, ack=last.ack, payload=text, window=last.window)
        wire.inject(lie, to="client")
        wire.hear_reset(client)
        wire.settle()
        row = told(wire, (40516, 80), "reset", "server", finished=True, cause=[])
        row.reset_by, row.client_state, row.server_rsts = "server", "CLOSED", 1
        row.notes, row.server_bytes = ["rst-with-data"], len(REPLY)
        notebook.keep(wire, "rst-with-data.pcap", "RST+ACK with 27 bytes of text.", row)
        client.close()
        server.close()


EXPERIMENTS = [
    unread_data, linger_zero, linger_zero_unsent, destroyed, abort_in_close_wait, peer_lost_state, injected_reset,
    firewall_rejects, injected_both_ways, middlebox_resets_both, middlebox_answers, middlebox_swallows,
    rst_out_of_window, rst_challenged, syn_in_connection, fin_then_rst, rst_with_data,
]  # fmt: skip
