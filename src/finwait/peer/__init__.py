"""A peer that ends its connections in a chosen way, so that somebody's own client or server can be tested against it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from finwait.peer.background import Peer

__all__ = ["peer"]

AT = "192.0.2.1:8080"
"""RFC 5737: an address that nobody has."""
BODY = 1000
"""Octets of a reply."""


def peer(
    close: str = "three-way",
    *,
    on: str = AT,
    connect: str | None = None,
    after: str | int | None = None,
    reply: bytes | int = BODY,
    private: bool = False,
    pcap: str | None = None,
) -> "Peer":
    """Make a context manager: within it, the peer is there, and every connection with it ends as `close` says.

    close: a name of `finwait peer --list`. on: where the peer is; it listens there, unless `connect`
    gives the address of a server on this machine: then `Peer.connect` begins a connection to it.
    after: connect, request, half, reply, octets (500) or a time (`"200ms"`), if not the moment that
    belongs to `close`. reply: the body, or its octets. private: the calling thread moves into a network
    namespace of its own meanwhile, and what it starts there, too. pcap: keep the packets here.

    It needs Linux with TUN devices and CAP_NET_ADMIN, or with `private` user namespaces.
    Raises Misuse, MissingPrivilege, CannotOpen on entering; warns where `on` lies in a network of this machine.
    """
    from finwait.peer.background import Peer

    return Peer(close, on=on, connect=connect, after=after, reply=reply, private=private, pcap=pcap)
