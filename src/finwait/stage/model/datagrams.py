"""UDP, as far as scripts about TCP need it: send, receive, port unreachable (RFC 768, RFC 1122 section 4.1)."""

from collections.abc import Iterator
from ipaddress import ip_address

from finwait.stage.model.arguments import remote
from finwait.stage.model.descriptors import UdpSocket
from finwait.stage.model.numbers import AF_UNSPEC
from finwait.stage.model.outcome import Failed, done
from finwait.stage.model.world import World
from finwait.stage.stage import Result, Value
from finwait.wire import Address, Icmp, Packet, Udp

FIRST_PORT = 32768
UDP_PROTOCOL = 17
UNREACHABLE_V4, PORT_V4 = 3, 3
UNREACHABLE_V6, PORT_V6 = 1, 4
"""RFC 792, RFC 4443 section 3.1."""


def sockets(world: World) -> Iterator[UdpSocket]:
    """Every UDP socket."""
    return (one for one in world.descriptors if isinstance(one, UdpSocket))


def bind(world: World, held: UdpSocket) -> Result:
    """Give it the script's own end. EINVAL, EADDRINUSE."""
    if held.port:
        raise Failed("EINVAL")
    if any(other.port == world.setup.bind_port for other in sockets(world)):
        raise Failed("EADDRINUSE")
    held.local, held.port = world.setup.local, world.setup.bind_port
    return done()


def connect(world: World, held: UdpSocket, address: Value) -> Result:
    """Choose its peer, or none."""
    if isinstance(address, int) and address == AF_UNSPEC:
        held.peer = None
        return done()
    held.peer = remote(world)
    _ensure_bound(world, held)
    return done()


def _ensure_bound(world: World, held: UdpSocket) -> None:
    if held.local is None:
        held.local = world.setup.local
    if not held.port:
        taken = {other.port for other in sockets(world)}
        held.port = next(port for port in range(FIRST_PORT, 65536) if port not in taken)


def send(world: World, held: UdpSocket, data: bytes, to: tuple[Address, int] | None) -> Result:
    """Send a datagram. EDESTADDRREQ, or the error that an ICMP message left."""
    if held.error is not None:
        error, held.error = held.error, None
        raise Failed(error)
    peer = to or held.peer
    if peer is None:
        raise Failed("EDESTADDRREQ")
    _ensure_bound(world, held)
    ttl = world.profile.ttl if held.ttl is None else held.ttl
    body = Udp(held.port, peer[1], data)
    world.send(Packet(held.local or world.setup.local, peer[0], body, ttl=ttl, tos=held.tos))
    return done(len(data))


def arrive(world: World, packet: Packet) -> None:
    """Take a datagram; answer one for nobody by port unreachable."""
    body = packet.body
    if not isinstance(body, Udp) or packet.dst != world.setup.local:
        return
    for held in sockets(world):
        fits = held.peer is None or held.peer == (packet.src, body.src_port)
        if held.port == body.dst_port and fits:
            held.received.append(body.payload)
            return
    v6 = packet.dst.version == 6
    kind, code = (UNREACHABLE_V6, PORT_V6) if v6 else (UNREACHABLE_V4, PORT_V4)
    world.send(
        Packet(
            packet.dst,
            packet.src,
            Icmp(kind, code, payload=_quote(packet, body)),
            ttl=world.profile.ttl,
        )
    )


def _quote(packet: Packet, body: Udp) -> bytes:
    """The IP header and eight octets of what it answers, checksums left out."""
    length = 8 + len(body.payload)
    header = b"".join(n.to_bytes(2, "big") for n in (body.src_port, body.dst_port, length, 0))
    ends = packet.src.packed + packet.dst.packed
    if packet.dst.version == 6:
        return (
            bytes((0x60, 0, 0, 0)) + length.to_bytes(2, "big") + bytes((17, packet.ttl)) + ends
        ) + header
    total = (20 + length).to_bytes(2, "big")
    return (
        bytes((0x45, packet.tos)) + total + bytes((0, 0, 0, 0, packet.ttl, 17, 0, 0)) + ends
    ) + header


def hear_icmp(world: World, packet: Packet) -> None:
    """A hard error about a datagram of a connected socket is told at its next call (RFC 1122 section 4.1.3.3)."""
    icmp = packet.body
    if not isinstance(icmp, Icmp):
        return
    v6 = packet.src.version == 6
    quote, header = icmp.payload, 40 if v6 else 20
    if len(quote) < header + 4 or quote[6 if v6 else 9] != UDP_PROTOCOL:
        return
    if (icmp.type, icmp.code) != ((UNREACHABLE_V6, PORT_V6) if v6 else (UNREACHABLE_V4, PORT_V4)):
        return
    source = int.from_bytes(quote[header : header + 2], "big")
    target = int.from_bytes(quote[header + 2 : header + 4], "big")
    peer = ip_address(quote[24:40] if v6 else quote[16:20])
    for held in sockets(world):
        if held.port == source and held.peer == (peer, target):
            held.error = "ECONNREFUSED"
