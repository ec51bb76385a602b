"""Who has an address already, as the kernel of this namespace sees it."""

import json
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any, Final

from finwait.errors import Misuse
from finwait.kernel import addresses
from finwait.wire import Address

OWN: Final = "is this machine's own address", "是本机自己的地址"
ALONE: Final = (
    "has a route of its own already, by {}: another peer is there",
    "已有自己的路由（{}）：那里有另一个对端",
)
GATEWAY: Final = "is the gateway of {}", "是 {} 的网关"
BROADCAST: Final = "is the broadcast address of {}", "是 {} 的广播地址"
NEIGHBOUR: Final = "is a host that {} has heard of", "是 {} 上已知的邻居主机"
"""In English and in Chinese; {} is a device."""
LIVES: Final = frozenset({"REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT"})
"""States of a neighbour whose link address is known (linux/neighbour.h)."""


def is_local(address: Address) -> bool:
    """Say whether the kernel of this namespace has this address."""
    if address.is_loopback:
        return True
    # Not by bind(): where no address was ever given, the kernel takes any for a broadcast (__inet_dev_addr_type).
    return bool(addresses.shown(f"-o address show to {address}"))


def check_free(peer: Address, kernel: Address) -> None:
    """See that a device can have these two ends. Raises Misuse.

    Of other hosts gateways and neighbours are known: a route to the peer would cut this machine off from them, and from what is behind.
    """
    if is_local(peer):
        raise _taken(peer, OWN, "")
    for end in (peer,) if is_local(kernel) else (peer, kernel):
        for known, what, device in _known(end.version):
            if known == str(end):
                raise _taken(peer, what, device, None if end == peer else kernel)


def shaded(peer: Address, kernel: Address) -> tuple[str, str] | None:
    """Say, in English and Chinese, which network of this machine these two ends of a device are taken out of; None if of none."""
    ends = (peer,) if is_local(kernel) else (peer, kernel)
    for route in _routes(peer.version):
        direct = "dev" in route and "gateway" not in route and route.get("type", "unicast") == "unicast"  # fmt: skip
        if not direct or route["dst"] == "default":
            continue
        known = ip_network(route["dst"])
        inside = [str(end) for end in ends if end in known]
        if inside and known.prefixlen < known.max_prefixlen:
            where = f"{known} ({route['dev']})"
            return (
                f"{' and '.join(inside)} may be other hosts' addresses, in {where}: they are not reached while the peer is there",
                f"{'、'.join(inside)} 位于 {where} 中，可能属于其他主机：对端存在期间无法到达它们",
            )
    return None


def _routes(version: int) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(
        addresses.shown(f"-{version} -j route show table all") or "[]"
    )
    return told


def _known(version: int) -> Iterator[tuple[str, tuple[str, str], str]]:
    """Give each single address that the routes know: what it is there, and on which device."""
    for route in _routes(version):
        for hop in (route, *route.get("nexthops", ())):
            if "gateway" in hop:
                yield hop["gateway"], GATEWAY, hop["dev"]
        if route.get("type", "unicast") in {"unicast", "broadcast"} and "dev" in route:
            what = BROADCAST if route.get("type") == "broadcast" else ALONE
            yield route["dst"], what, route["dev"]
    for one in json.loads(addresses.shown(f"-{version} -j neighbour show") or "[]"):
        if LIVES & set(one.get("state", ())):
            yield one["dst"], NEIGHBOUR, one["dev"]


def _taken(peer: Address, what: tuple[str, str], device: str, beside: Address | None = None) -> Misuse:  # fmt: skip
    english, chinese = (one.format(device) for one in what)
    if beside is None:
        return Misuse(
            f"{peer} {english}; choose an address that nobody has, such as 198.51.100.1",
            f"{peer} {chinese}；请选择无人使用的地址，例如 198.51.100.1",
        )
    return Misuse(
        f"{beside}, which the kernel would have beside the peer at {peer}, {english};"
        " choose another address for the peer, such as 198.51.100.1",
        f"对端位于 {peer} 时内核使用 {beside}，而它{chinese}；请为对端选择别的地址，例如 198.51.100.1",
    )
