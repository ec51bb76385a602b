"""Packets of every kind, for Hypothesis."""

from ipaddress import IPv4Address, IPv6Address

from hypothesis import strategies as st

from finwait.tcp import Flags
from finwait.wire import Icmp, Packet, Tcp, TcpOption, Udp

ports = st.integers(0, 0xFFFF)
numbers = st.integers(0, 0xFFFFFFFF)
payloads = st.binary(max_size=40)

options = st.one_of(
    st.just(TcpOption(1)),
    st.builds(lambda mss: TcpOption(2, mss.to_bytes(2, "big")), ports),
    st.builds(lambda shift: TcpOption(3, bytes([shift])), st.integers(0, 14)),
    st.just(TcpOption(4)),
    st.builds(TcpOption, st.integers(2, 255), st.binary(max_size=6)),
)


def room(chosen: list[TcpOption]) -> tuple[TcpOption, ...]:
    """As many as a header holds, padded with NOP to whole words."""
    kept: list[TcpOption] = []
    size = 0
    for option in chosen:
        length = 1 if option.kind < 2 else len(option.data) + 2
        if size + length <= 40:
            kept.append(option)
            size += length
    return (*kept, *[TcpOption(1)] * (-size % 4))


segments = st.builds(
    Tcp, ports, ports, numbers, numbers, st.integers(0, 0x1FF).map(Flags), ports, ports,
    st.lists(options, max_size=8).map(room), payloads, st.integers(0, 7),
)  # fmt: skip
messages = st.builds(Icmp, st.integers(0, 255), st.integers(0, 255), numbers, payloads)
bodies = st.one_of(segments, st.builds(Udp, ports, ports, payloads), messages)


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    """A packet of either family."""
    body, octet = draw(bodies), st.integers(0, 255)
    if draw(st.booleans()):
        src, dst = (IPv6Address(draw(st.integers(0, (1 << 128) - 1))) for _ in range(2))
        return Packet(
            src, dst, body, draw(octet), draw(octet), flow_label=draw(st.integers(0, 0xFFFFF))
        )
    src4, dst4 = (IPv4Address(draw(numbers)) for _ in range(2))
    return Packet(
        src4, dst4, body, draw(octet), draw(octet), ident=draw(ports),
        dont_fragment=draw(st.booleans()),
    )  # fmt: skip
