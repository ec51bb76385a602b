"""Packets to and from connections: whose a segment is, what answers one that is nobody's (RFC 9293 sections 3.10.7, 3.9.2)."""

from dataclasses import replace
from typing import TYPE_CHECKING

from finwait.endpoint import icmp_wire, listening
from finwait.endpoint.calls import Arrival, Happening
from finwait.endpoint.connection import Connection, Step, new_connection
from finwait.endpoint.cookie import cookie_for
from finwait.endpoint.negotiate import layout, read_options
from finwait.endpoint.profile import Blackhole, SynOptions
from finwait.endpoint.sockets import Ends, Entry, Socket
from finwait.endpoint.step import step
from finwait.tcp import Flags, Segment, Seq, State
from finwait.tcp.seq import MODULUS
from finwait.wire import Address, Icmp, Packet, Tcp

if TYPE_CHECKING:
    from finwait.endpoint.host import Host

ECT_0 = 2
"""RFC 3168 section 5."""


def default_isn(ends: Ends, now: int) -> int:
    """RFC 9293 section 3.4.1's clock of 4 µs, and a sum over the ends that keeps tuples apart. No secret: no host on a network."""
    mixed = (
        int(ends.local) * 31 + int(ends.remote) * 17 + ends.local_port * 40503 + ends.remote_port
    )
    return (now // 4 + mixed * 2654435761) % MODULUS


# --- out ---


def packet(host: "Host", entry: Entry, segment: Segment) -> Packet:
    """Dress a segment of a connection for the wire."""
    c = entry.connection
    tos = c.settings.tos
    if c.ecn and segment.payload and c.state.synchronized:
        tos |= ECT_0
    ttl = host.profile.ttl if c.settings.ttl is None else c.settings.ttl
    return dress(host, entry.ends, segment, entry.udp_ports, ttl=ttl, tos=tos)


def dress(
    host: "Host",
    ends: Ends,
    segment: Segment,
    udp_ports: tuple[int, int] | None,
    *,
    ttl: int,
    tos: int = 0,
) -> Packet:
    """Build the packet of a segment that goes from the local end to the remote one."""
    tcp = Tcp(
        ends.local_port,
        ends.remote_port,
        segment.seq.value,
        segment.ack.value,
        segment.flags,
        segment.window,
        segment.urgent,
        layout(segment.options, segment.flags, host.profile.syn_options),
        segment.payload,
    )
    return Packet(
        ends.local,
        ends.remote,
        tcp,
        ttl=ttl,
        tos=tos,
        dont_fragment=ends.local.version == 4,
        udp_ports=udp_ports,
    )


def source_for(host: "Host", remote: Address) -> Address | None:
    """Give the first address of the peer's family."""
    return next((mine for mine in host.addresses if mine.version == remote.version), None)


def port_taken(host: "Host", held: Socket, address: Address | None, port: int) -> bool:
    """Say whether another socket or connection stands in the way of bind()."""
    for other in host.sockets.values():
        if other is held or not other.open or other.port != port:
            continue
        same = address is None or other.address is None or other.address == address
        polite = held.settings.reuse_address and other.settings.reuse_address
        if same and (other.listener is not None or not polite):
            return True
    if held.settings.reuse_address:
        return False
    return any(ends.local_port == port for ends in host.entries)


def fresh(host: "Host", held: Socket, ends: Ends, now: int, *, udp: bool = False) -> Connection:
    """Make the control block of a new connection of a socket."""
    c = new_connection(
        host.profile,
        iss=Seq(host.isn(ends, now) % MODULUS),
        settings=held.settings,
        ipv6=ends.local.version == 6,
    )
    c.mtu = host.mtu - (host.profile.udp_overhead if udp else 0)
    c.ts_offset = host.ts_offset
    c.device_full = host.device_full
    return c


# --- in ---


def arrive(host: "Host", now: int, found: Packet) -> None:
    """Find whose a packet is."""
    if found.dst not in host.addresses:
        return
    body = found.body
    if isinstance(body, Icmp):
        quoted = icmp_wire.read(found, body)
        entry = host.entries.get(quoted.ends) if quoted else None
        if quoted and entry:
            host.run(now, entry, quoted.error)
        return
    if not isinstance(body, Tcp):
        return
    segment = Segment(
        Seq(body.seq),
        Seq(body.ack),
        body.flags,
        body.window,
        body.payload,
        body.urgent,
        read_options(body.options),
    )
    ends = Ends(found.dst, body.dst_port, found.src, body.src_port)
    udp = found.udp_ports[::-1] if found.udp_ports else None
    if udp and udp[0] != host.udp_port:
        return
    _give(host, now, ends, Arrival(segment, found.tos & 3), udp)


def _give(
    host: "Host", now: int, ends: Ends, arrival: Arrival, udp: tuple[int, int] | None
) -> None:
    entry = host.entries.get(ends)
    listener = listener_for(host, ends)
    if entry is None or entry.udp_ports != udp:
        if listener is not None and entry is None:
            _to_listener(host, now, listener, ends, arrival, udp=udp)
        else:
            _to_nobody(host, now, ends, arrival, udp)
        return
    if _overflows(host, entry, arrival.segment):
        return
    if entry.connection.state is State.TIME_WAIT and listener is not None:
        _to_time_wait(host, now, entry, listener, arrival)
        return
    host.run(now, entry, arrival)


def listener_for(host: "Host", ends: Ends) -> Socket | None:
    """Find who listens at the local end: a bound address goes before any address."""
    best = None
    for socket in host.sockets.values():
        if socket.listener is None or socket.port != ends.local_port:
            continue
        if socket.address == ends.local:
            return socket
        if socket.address is None and (socket.family == 6 or ends.local.version == 4):
            best = socket
    return best


def _overflows(host: "Host", entry: Entry, segment: Segment) -> bool:
    """The ACK that would establish a child is dropped while nobody accepts (Linux tcp_check_req, listen_overflow)."""
    c = entry.connection
    if c.state is not State.SYN_RECEIVED or entry.listener is None or c.fast_open_child:
        return False
    listener = host.sockets[entry.listener].listener
    if listener is None or not listening.is_full(listener) or segment.has(Flags.RST):
        return False
    return (
        segment.has(Flags.ACK) and not segment.has(Flags.SYN) and not host.profile.abort_on_overflow
    )


def _to_listener(
    host: "Host",
    now: int,
    socket: Socket,
    ends: Ends,
    arrival: Arrival,
    *,
    udp: tuple[int, int] | None,
) -> None:
    """Let a listener look at a segment; a child begins if it is a SYN."""
    listener = socket.listener
    if listener is None:
        return
    segment = arrival.segment
    opens = segment.has(Flags.SYN) and not segment.flags & (Flags.ACK | Flags.RST)
    if opens and listening.is_full(listener):
        return
    template = fresh(host, socket, ends, now, udp=udp is not None)
    template.state = listener.connection.state
    if opens:
        _offer_fast_open(host, socket, template, ends, segment)
    done = step(template, now, arrival)
    if done.connection.state is not State.SYN_RECEIVED:
        host.count(done.rules, done.edges)
        for answer in done.segments:
            host.put(_reply(host, ends, answer, udp))
        return
    entry = Entry(ends, template, None, socket.handle, udp)
    host.entries[ends] = entry
    listener.waiting.append(ends)
    host.run(now, entry, arrival)
    if entry.connection.fast_open_child:
        listening.ready(host, entry)


def _offer_fast_open(
    host: "Host", socket: Socket, template: Connection, ends: Ends, segment: Segment
) -> None:
    """Look at the cookie of a SYN (RFC 7413 section 4.2.2)."""
    profile, options = host.profile, segment.options
    if not profile.fast_open_server:
        return
    if not (socket.settings.fast_open_queue or profile.fast_open_every_listener):
        return
    if profile.fast_open_without_cookie and segment.payload:
        template.fast_open_child = True
        return
    if options.fast_open is None:
        return
    template.fast_open_experimental = options.fast_open_experimental
    good = cookie_for(host.fast_open_key, ends.remote, ends.local)
    if options.fast_open == good:
        template.fast_open_child = True
    else:
        template.fast_open_answer = good


def _to_time_wait(host: "Host", now: int, entry: Entry, socket: Socket, arrival: Arrival) -> None:
    """A SYN may begin anew in the place of a connection in TIME-WAIT."""
    old = entry.socket
    template = fresh(host, socket, entry.ends, now, udp=entry.udp_ports is not None)
    if socket.listener is None:
        return
    template.state = socket.listener.connection.state
    before = entry.connection
    host.run(now, entry, replace(arrival, fresh=template))
    if entry.connection.state is State.SYN_RECEIVED:
        again = Entry(entry.ends, entry.connection, None, socket.handle, entry.udp_ports)
        host.entries[entry.ends] = again
        socket.listener.waiting.append(entry.ends)
        if old is not None:
            # who still holds the old socket sees a connection that is over
            over = replace(before, time_wait_at=None)
            entry.connection = over


def _to_nobody(
    host: "Host", now: int, ends: Ends, arrival: Arrival, udp: tuple[int, int] | None
) -> None:
    """3.10.7.1: there is no connection, not even a listener."""
    segment = arrival.segment
    if host.profile.blackhole is Blackhole.ALL:
        return
    if host.profile.blackhole is Blackhole.SYN and segment.has(Flags.SYN):
        return
    nobody = new_connection(host.profile, ipv6=ends.local.version == 6)
    done = step(nobody, now, arrival)
    host.count(done.rules, done.edges)
    for answer in done.segments:
        host.put(_reply(host, ends, answer, udp))


def _reply(host: "Host", ends: Ends, answer: Segment, udp: tuple[int, int] | None) -> Packet:
    """Dress a RST of the stack itself; in FreeBSD a connection there, or a listener, lends it its TTL and TOS (tcp_respond)."""
    entry, listener = host.entries.get(ends), listener_for(host, ends)
    settings = entry.connection.settings if entry else listener.settings if listener else None
    ttl, tos = host.profile.ttl, 0
    if settings is not None and host.profile.syn_options is SynOptions.FREEBSD:
        ttl, tos = settings.ttl or ttl, settings.tos
    return dress(host, ends, answer, udp, ttl=ttl, tos=tos)


# --- afterwards ---


def follow(host: "Host", entry: Entry, done: Step) -> None:
    """Carry out what a step means for the queues and the demultiplexer."""
    c = done.connection
    if c.learnt_cookie and not entry.cookie_kept:
        entry.cookie_kept = True
        host.cookies[entry.ends.remote] = (
            c.learnt_cookie,
            c.learnt_mss,
            c.fast_open_experimental,
        )
    if Happening.CONNECTED in done.events:
        listening.ready(host, entry)
        if c.fast_open_tried and not c.learnt_cookie and host.profile.fast_open_gives_up:
            host.fast_open_refused.add(entry.ends.remote)
    if c.state not in {State.CLOSED, State.LISTEN}:
        return
    if host.entries.get(entry.ends) is entry:
        del host.entries[entry.ends]
    socket = host.sockets.get(entry.listener) if entry.listener is not None else None
    if socket and socket.listener and entry.ends in socket.listener.waiting:
        socket.listener.waiting.remove(entry.ends)
