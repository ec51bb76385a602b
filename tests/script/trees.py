"""Random trees of scripts, and trees without their positions."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

from hypothesis import strategies as st

from finwait.script import icmp, syntax
from finwait.script.build_calls import COUNTED, MEMBERS
from finwait.script.build_options import COUNTERS, SPACE, wire_length
from finwait.tcp import Flags


def bare(node: Any) -> Any:
    """A tree without positions and source."""
    if isinstance(node, syntax.Position):
        return syntax.NOWHERE
    if isinstance(node, syntax.Script):
        node = replace(node, path="", text="", defines={})
    if isinstance(node, tuple):
        return tuple(map(bare, node))
    if is_dataclass(node) and not isinstance(node, type):
        return replace(node, **{f.name: bare(getattr(node, f.name)) for f in fields(node)})
    return node


u8, u16, u32 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32))
u24 = st.integers(0, 2**24 - 1)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
microseconds = st.integers(0, 10**12)
ports = st.none() | st.tuples(u16, u16)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


# --- expressions ---

members = st.sampled_from([*sorted(MEMBERS), "TCP_NLA_BUSY"])
numbers = st.integers(-(2**63), 2**63).map(lambda n: syntax.Integer(n, str(n))) | u32.map(
    lambda n: syntax.Integer(n, hex(n))
)
symbols = names.map(syntax.Symbol)
strings = st.builds(syntax.String, st.binary(max_size=6), st.booleans())
functions = st.sampled_from(
    [
        syntax.Function("inet_addr", syntax.String(b"192.0.2.1")),
        syntax.Function("inet6_addr", syntax.String(b"2001:db8::1")),
        syntax.Function("htonl", syntax.Integer(1, "1")),
    ]
)
leaves = st.just(syntax.Omitted()) | numbers | symbols | strings | functions


def structs(values: st.SearchStrategy[Any]) -> st.SearchStrategy[syntax.Struct]:
    counted = st.builds(
        syntax.Field, st.sampled_from(sorted(COUNTED)), values, numbers | st.just(syntax.Omitted())
    )
    named = st.builds(syntax.Field, members, values) | counted
    bare = st.builds(syntax.Field, st.none(), values)
    lists = st.lists(named, max_size=3) | st.lists(bare, max_size=3)
    return lists.map(lambda fields: syntax.Struct(tuple(fields)))


expressions = st.recursive(
    leaves,
    lambda inner: (
        st.builds(syntax.Items, st.lists(inner, max_size=3).map(tuple))
        | structs(inner)
        | st.builds(syntax.Or, st.lists(symbols | numbers, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=8,
)
words = st.lists(st.sampled_from(["Broken", "pipe", "管道", "O_RDWR|O_NONBLOCK"]), min_size=1).map(
    " ".join
)


@st.composite
def calls(draw: st.DrawFn) -> syntax.Call:
    values = numbers | symbols
    return syntax.Call(
        name=draw(names),
        arguments=tuple(draw(st.lists(expressions, max_size=4))),
        result=draw(
            values | st.builds(syntax.Or, st.lists(values, min_size=2, max_size=3).map(tuple))
        ),
        errno=draw(maybe(names)),
        note=draw(st.just("") | words),
        until=draw(maybe(microseconds)),
    )


# --- packets ---

octets = st.binary(min_size=1, max_size=16)
simple_options = st.one_of(
    st.sampled_from(
        [
            syntax.Option("nop"),
            syntax.Option("eol"),
            syntax.Option("sackOK"),
            syntax.Option("FO"),
            syntax.Option("FOEXP"),
        ]
    ),
    u16.map(lambda n: syntax.Option("mss", (n,))),
    u8.map(lambda n: syntax.Option("wscale", (n,))),
    st.lists(st.tuples(u32, u32), min_size=1, max_size=4).map(
        lambda blocks: syntax.Option("sack", tuple(edge for block in blocks for edge in block))
    ),
    st.tuples(u32, u32).map(lambda pair: syntax.Option("TS", pair)),
    u32.map(lambda ecr: syntax.Option("TS", (0, ecr), words=("val-any", "ecr-absolute"))),
    octets.map(lambda data: syntax.Option("md5", data=data)),
    st.just(syntax.Option("md5", words=("valid",))),
    octets.map(lambda data: syntax.Option("FO", data=data)),
    octets.map(lambda data: syntax.Option("FOEXP", data=data)),
    st.sampled_from([syntax.Option("exp-tarr"), syntax.Option("exp-tarr", (5,))]),
    st.builds(lambda k, d: syntax.Option("generic", data=d, kind=k), u8, maybe(octets)),
    st.builds(lambda k, d: syntax.Option("experimental", data=d, kind=k), u16, maybe(octets)),
)


@st.composite
def counters(draw: st.DrawFn) -> syntax.Option:
    name = draw(st.sampled_from(sorted(COUNTERS)))
    order = draw(st.sampled_from(COUNTERS[name]))
    count = draw(st.integers(1 if name == "ECN" else 0, 3))
    return syntax.Option(name, tuple(draw(u24) for _ in range(count)), words=order[:count])


@st.composite
def option_lists(draw: st.DrawFn) -> tuple[syntax.Option, ...]:
    if draw(st.integers(0, 9)) == 0:
        return (syntax.Option("raw", data=draw(st.binary(min_size=1, max_size=10)) * 4),)
    chosen: list[syntax.Option] = []
    for option in draw(st.lists(simple_options | counters(), max_size=4)):
        if sum(map(wire_length, (*chosen, option))) <= SPACE:
            chosen.append(option)
    while sum(map(wire_length, chosen)) % 4:
        chosen.append(syntax.Option("nop"))
    return tuple(chosen)


@st.composite
def sequences(draw: st.DrawFn) -> syntax.Sequence:
    if draw(st.booleans()):
        return syntax.Sequence(0, draw(st.integers(0, 65000)), unchecked=True)
    return syntax.Sequence(draw(u32), draw(st.integers(0, 65000)), absolute=draw(st.booleans()))


@st.composite
def segments(draw: st.DrawFn, inward: bool) -> syntax.TcpBody:
    flags = Flags(draw(st.integers(0, 0x1FF)))
    ace = None
    if flags and draw(st.booleans()):
        flags &= ~(Flags.AE | Flags.CWR | Flags.ECE)
        ace = draw(st.integers(0, 7)) if flags else None
    return syntax.TcpBody(
        flags=flags,
        seq=draw(sequences()),
        ack=draw(maybe(u32)),
        window=draw(u16 if inward else maybe(u16)),
        urgent=draw(maybe(u16)),
        options=draw(option_lists() if inward else maybe(option_lists())),
        ace=ace,
        ports=draw(ports),
        udp_ports=draw(ports),
        psp_spi=draw(maybe(u32)),
        rst_cause=draw(maybe(st.tuples(u16, u32))),
    )


@st.composite
def icmp_messages(draw: st.DrawFn) -> syntax.IcmpBody:
    types = {**icmp.V4, **icmp.V6}
    name = draw(st.sampled_from([*types, "type_9"]))
    codes = sorted(types[name].codes) if name in types else []
    code = draw(st.sampled_from([None, "code_7", *codes]))
    takes_mtu = name in {"packet_too_big", "router_advertisement", "type_9"} or code in {
        "frag_needed",
        "code_7",
    }
    what: dict[str, Any] = draw(
        st.sampled_from([{}, {"quoted_protocol": "udp"}, {"quoted_protocol": "tcp"}])
    )
    if what.get("quoted_protocol") == "udp":
        what = {
            "quoted_protocol": draw(st.sampled_from(["udp", "raw"])),
            "quoted_length": draw(st.integers(8, 0xFFFF)),
        }
        if draw(st.booleans()):
            what = {**what, "quoted_protocol": "udplite", "quoted_coverage": draw(u16)}
    elif what:
        what = {**what, "quoted_seq": draw(sequences()), "quoted_udp_ports": draw(ports)}
    return syntax.IcmpBody(
        name,
        code,
        mtu=draw(maybe(u16)) if takes_mtu else None,
        ident=draw(maybe(u16)),
        **what,
    )


@st.composite
def ip_infos(draw: st.DrawFn, inward: bool) -> syntax.IpInfo:
    marks = ["noecn", "ect0", "ect1", "ce"] + ([] if inward else ["ect01"])
    whole = draw(st.booleans())
    return syntax.IpInfo(
        ecn=None if whole else draw(maybe(st.sampled_from(marks))),
        tos=draw(maybe(u8)) if whole else None,
        dscp=None if whole else draw(maybe(st.integers(0, 63))),
        ttl=draw(maybe(u8)),
        flow_label=draw(maybe(st.integers(0, 2**20 - 1))),
    )


outer_headers = st.sampled_from(
    [
        syntax.Encapsulation("ipv4", "192.0.2.1 > 192.0.2.2", syntax.IpInfo(ttl=3)),
        syntax.Encapsulation("ipv6", "2001:db8:: > 2001:db8::1"),
        syntax.Encapsulation("gre", ""),
        syntax.Encapsulation("gre", "flags 8192, sum 0, off 0, key 7, seq 0"),
        syntax.Encapsulation("mpls", "(label 16, tc 1, ttl 64) (label 1, tc 0, [S], ttl 9)"),
    ]
)


@st.composite
def packets(draw: st.DrawFn, inward: bool | None = None) -> syntax.PacketAction:
    into = draw(st.booleans()) if inward is None else inward
    return syntax.PacketAction(
        syntax.Direction.IN if into else syntax.Direction.OUT,
        draw(segments(into) | st.builds(syntax.UdpBody, u16, ports, maybe(u16)) | icmp_messages()),
        draw(ip_infos(into)),
        tuple(draw(st.lists(outer_headers, max_size=2))),
    )


# --- scripts ---

shell_text = st.text(st.characters(exclude_characters="`\\\r", codec="utf-8"), max_size=20)
code_text = st.text(st.characters(exclude_characters="}\r", codec="utf-8"), max_size=20).map(
    lambda text: text.strip(" \t")
)


@st.composite
def scripts(draw: st.DrawFn) -> syntax.Script:
    events = [syntax.Event(syntax.Time(syntax.TimeKind.ABSOLUTE), draw(calls()))]
    for _ in range(draw(st.integers(0, 5))):
        action: Any = draw(
            calls()
            | packets()
            | st.builds(syntax.Shell, shell_text)
            | st.builds(syntax.Code, code_text)
        )
        kinds = [syntax.TimeKind.RELATIVE]
        end = None
        start = draw(microseconds)
        if isinstance(action, syntax.PacketAction) and action.direction is syntax.Direction.OUT:
            kinds.append(syntax.TimeKind.ANY)
            end = draw(maybe(st.integers(start, 10**12 + 1)))
        kind = draw(st.sampled_from(kinds))
        time = syntax.Time(kind) if kind is syntax.TimeKind.ANY else syntax.Time(kind, start, end)
        events.append(syntax.Event(time, action))
    return syntax.Script(
        path="",
        text="",
        options=tuple(
            draw(
                st.lists(
                    st.sampled_from(
                        [
                            syntax.ScriptOption("mtu", "1500"),
                            syntax.ScriptOption("strict_segments"),
                            syntax.ScriptOption("init_scripts", "a b,//c"),
                            syntax.ScriptOption("define", 'CC="reno"'),
                            syntax.ScriptOption("remote_ip", "2001:db8::1/32"),
                        ]
                    )
                )
            )
        ),
        init=draw(maybe(st.builds(syntax.Shell, shell_text))),
        events=tuple(events),
        cleanup=draw(maybe(st.builds(syntax.Shell, shell_text))),
    )
