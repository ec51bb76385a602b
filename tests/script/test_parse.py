"""What the constructs of the language mean."""

from pathlib import Path

import pytest

from finwait.errors import BadScript, CannotOpen
from finwait.script import syntax
from finwait.script.parser import load, parse
from finwait.tcp import Flags

from .trees import bare

START = "0 close(3) = 0\n"
FINWAIT, GOOGLE, NPLAB = syntax.Dialect.FINWAIT, syntax.Dialect.GOOGLE, syntax.Dialect.NPLAB


def last(text: str, dialect: syntax.Dialect = FINWAIT, **defines: str) -> syntax.Event:
    return parse(START + text, "x.pkt", defines, dialect).events[-1]


def call(text: str, dialect: syntax.Dialect = FINWAIT, **defines: str) -> syntax.Call:
    action = last(text, dialect, **defines).action
    assert isinstance(action, syntax.Call)
    return action


def argument(text: str, dialect: syntax.Dialect = FINWAIT, **defines: str) -> syntax.Expr:
    found: syntax.Expr = bare(call(f"+0 f({text}) = 0\n", dialect, **defines).arguments[0])
    return found


def packet(text: str, **defines: str) -> syntax.PacketAction:
    action = last(text, FINWAIT, **defines).action
    assert isinstance(action, syntax.PacketAction)
    return action


def tcp(text: str) -> syntax.TcpBody:
    body = packet(text).body
    assert isinstance(body, syntax.TcpBody)
    return body


def options(text: str) -> tuple[syntax.Option, ...]:
    return tcp(f"+0 > . 1:1(0) ack 1 <{text}>").options or ()


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("5", syntax.Time(syntax.TimeKind.ABSOLUTE, 5_000_000)),
        ("0.25", syntax.Time(syntax.TimeKind.ABSOLUTE, 250_000)),
        ("+1.001", syntax.Time(syntax.TimeKind.RELATIVE, 1_001_000)),
        ("+.01", syntax.Time(syntax.TimeKind.RELATIVE, 10_000)),
        ("+0.1234569", syntax.Time(syntax.TimeKind.RELATIVE, 123_456)),
        ("*", syntax.Time(syntax.TimeKind.ANY)),
        (".1~.2", syntax.Time(syntax.TimeKind.ABSOLUTE, 100_000, 200_000)),
        ("+.1 ~ +.2", syntax.Time(syntax.TimeKind.RELATIVE, 100_000, 200_000)),
    ],
)
def test_times(text: str, time: syntax.Time) -> None:
    assert last(f"{text} > . 1:1(0)").time == time


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("...", syntax.Omitted()),
        ("-7", syntax.Integer(-7, "-7")),
        ("0x0A", syntax.Integer(10, "0x0A")),
        ("SOL_TCP", syntax.Symbol("SOL_TCP")),
        ("ack", syntax.Symbol("ack")),
        ("A|2|B", syntax.Or((syntax.Symbol("A"), syntax.Integer(2, "2"), syntax.Symbol("B")))),
        ('"a" "b"', syntax.String(b"ab")),
        ('"a"...', syntax.String(b"a", more=True)),
        ('"中"', syntax.String("中".encode())),
        (r'"\\\"\n\r\t\f\v\x0a"', syntax.String(b'\\"\n\r\t\f\v\n')),
        ("[]", syntax.Items(())),
        ("[1, [A]]", syntax.Items((syntax.Integer(1, "1"), syntax.Items((syntax.Symbol("A"),))))),
        ("{}", syntax.Struct(())),
        (
            "{..., 5}",
            syntax.Struct(
                (syntax.Field(None, syntax.Omitted()), syntax.Field(None, syntax.Integer(5, "5")))
            ),
        ),
        ("{fd=1}", syntax.Struct((syntax.Field("fd", syntax.Integer(1, "1")),))),
        (
            "{msg_iov(2)=...}",
            syntax.Struct((syntax.Field("msg_iov", syntax.Omitted(), syntax.Integer(2, "2")),)),
        ),
        ('inet_addr("1.2.3.4")', syntax.Function("inet_addr", syntax.String(b"1.2.3.4"))),
        ("htons(5)", syntax.Function("htons", syntax.Integer(5, "5"))),
        (
            "{(label 1, tc 2, [S], ttl 3)}",
            syntax.Struct(
                (
                    syntax.Field(
                        None,
                        syntax.Struct(
                            tuple(
                                syntax.Field(name, syntax.Integer(n, str(n)))
                                for name, n in (("label", 1), ("tc", 2), ("bottom", 1), ("ttl", 3))
                            )
                        ),
                    ),
                )
            ),
        ),
    ],
)
def test_expressions(text: str, value: syntax.Expr) -> None:
    assert argument(text) == value


def test_calls() -> None:
    found = call("+0...0.5 read(4, ..., 10) = -1 EAGAIN (try  again)")
    assert bare(found) == syntax.Call(
        "read",
        (syntax.Integer(4, "4"), syntax.Omitted(), syntax.Integer(10, "10")),
        syntax.Integer(-1, "-1"),
        "EAGAIN",
        "try again",
        500_000,
    )
    assert call("+0 f() = A|B").arguments == ()
    assert call("+0 f() = 2 (flags O_RDWR)").note == "flags O_RDWR"
    assert call("+0 f() = -1 EPIPE").errno == "EPIPE"
    with pytest.raises(BadScript, match="EPIPE has no words after it"):
        call("+0 f() = -1 EPIPE\n", GOOGLE)


@pytest.mark.parametrize(
    ("text", "flags", "ace"),
    [
        ("-", Flags(0), None),
        (".", Flags.ACK, None),
        ("SEWA", Flags.SYN | Flags.ECE | Flags.CWR | Flags.AE, None),
        ("FP.", Flags.FIN | Flags.PSH | Flags.ACK, None),
        ("F  .", Flags.FIN | Flags.ACK, None),
        ("U", Flags.URG, None),
        ("R.E", Flags.RST | Flags.ACK | Flags.ECE, None),
        ("P5.", Flags.PSH | Flags.ACK, 5),
        ("P.5", Flags.PSH | Flags.ACK, 5),
        (".0", Flags.ACK, 0),
    ],
)
def test_flags(text: str, flags: Flags, ace: int | None) -> None:
    body = tcp(f"+0 > {text} 1:1(0)")
    assert (body.flags, body.ace) == (flags, ace)


def test_flags_need_no_blank_after_them() -> None:
    assert tcp("+0 > S.0:0(0)") == tcp("+0 > S. 0:0(0)")


def test_segments() -> None:
    body = tcp("+0 < 5 > 6 U. 1:11(10) ack 2 win 3 urg 4 [code 1, pen 2] /udp(7 > 8)")
    assert body == syntax.TcpBody(
        Flags.URG | Flags.ACK,
        syntax.Sequence(1, 10),
        ack=2,
        window=3,
        urgent=4,
        ports=(5, 6),
        udp_ports=(7, 8),
        rst_cause=(1, 2),
    )
    assert packet("+0 < . 1:1(0) win 0").direction is syntax.Direction.IN
    assert tcp("+0 > . 1:1(0)").options == ()
    assert tcp("+0 > . 1:1(0) <...>").options is None
    assert tcp("+0 > . 1:1(0)!").seq == syntax.Sequence(1, 0, absolute=True)
    assert tcp("+0 > . ...(5)").seq == syntax.Sequence(0, 5, unchecked=True)
    assert tcp("+0 > . 4294967295:1(2)").seq == syntax.Sequence(4294967295, 2)
    assert tcp("+0 > encap psp spi 0x5 . 1:1(0)").psp_spi == 5
    with pytest.raises(BadScript, match="expected 4294967295:4294967297"):
        last("+0 > . 4294967295:1(2)\n", GOOGLE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mss 1460", [syntax.Option("mss", (1460,))]),
        ("nop,wscale 7", [syntax.Option("nop"), syntax.Option("wscale", (7,))]),
        ("sackOK,eol,eol", [syntax.Option("sackOK"), syntax.Option("eol"), syntax.Option("eol")]),
        (
            "nop,nop,sack 1:2 3:4",
            [syntax.Option("nop"), syntax.Option("nop"), syntax.Option("sack", (1, 2, 3, 4))],
        ),
        (
            "TS val 1 ecr 2,nop,nop",
            [syntax.Option("TS", (1, 2)), syntax.Option("nop"), syntax.Option("nop")],
        ),
        (
            "nop,nop,TS val ... ecr 2!",
            [
                syntax.Option("nop"),
                syntax.Option("nop"),
                syntax.Option("TS", (0, 2), words=("val-any", "ecr-absolute")),
            ],
        ),
        ("FO,nop,nop", [syntax.Option("FO"), syntax.Option("nop"), syntax.Option("nop")]),
        ("FO 0012", [syntax.Option("FO", data=b"\0\x12")]),
        ("FOEXP 00120013", [syntax.Option("FOEXP", data=b"\0\x12\0\x13")]),
        ("exp-FO", [syntax.Option("FOEXP")]),
        ("md5 ab,nop", [syntax.Option("md5", data=b"\xab"), syntax.Option("nop")]),
        (
            "nop,nop,md5 valid",
            [syntax.Option("nop"), syntax.Option("nop"), syntax.Option("md5", words=("valid",))],
        ),
        ("ECN e0b 1 ceb 2,", []),
        (
            "nop,ECN e1b 1 ceb 2 e0b 3",
            [syntax.Option("nop"), syntax.Option("ECN", (1, 2, 3), words=("e1b", "ceb", "e0b"))],
        ),
        ("AccECN0,nop,nop", [syntax.Option("AccECN0"), syntax.Option("nop"), syntax.Option("nop")]),
        (
            "exp-AccECN1 ee1b 5,nop",
            [syntax.Option("exp-AccECN1", (5,), words=("ee1b",)), syntax.Option("nop")],
        ),
        ("exp-tarr 5,nop,nop,nop", [syntax.Option("exp-tarr", (5,)), *[syntax.Option("nop")] * 3]),
        ("gen-9 0102", [syntax.Option("generic", data=b"\1\2", kind=9)]),
        ("exp-0AB1", [syntax.Option("experimental", kind=0xAB1)]),
        ("0204000a", [syntax.Option("raw", data=b"\2\4\0\n")]),
    ],
)
def test_options(text: str, expected: list[syntax.Option]) -> None:
    if not expected:
        with pytest.raises(BadScript):
            options(text)
    else:
        assert options(text) == tuple(expected)


@pytest.mark.parametrize(
    ("text", "info"),
    [
        ("(ect0)", syntax.IpInfo(ecn="ect0")),
        ("[ect01]", syntax.IpInfo(ecn="ect01")),
        ("(ecn ce, ttl 3)", syntax.IpInfo(ecn="ce", ttl=3)),
        ("(tos 0x10, flowlabel 0x5)", syntax.IpInfo(tos=16, flow_label=5)),
        ("(class 0x10, hlim 5)", syntax.IpInfo(tos=16, ttl=5)),
        ("(dscp af42, noecn)", syntax.IpInfo(dscp=36, ecn="noecn")),
        ("(dscp 0x3f)", syntax.IpInfo(dscp=63)),
        ("(dscp voice-admit)", syntax.IpInfo(dscp=44)),
    ],
)
def test_ip_headers(text: str, info: syntax.IpInfo) -> None:
    assert packet(f"+0 > {text} . 1:1(0)").ip == info


def test_outer_headers() -> None:
    text = "+0 < ipv4 (ttl 3) 192.0.2.1 > 192.0.2.2: gre: mpls (label 1, tc 0, [S], ttl 2): . 1:1(0) win 0"
    kinds = [(header.kind, header.text, header.ip.ttl) for header in packet(text).outer]
    assert kinds == [
        ("ipv4", "192.0.2.1 > 192.0.2.2", 3),
        ("gre", "", None),
        ("mpls", "(label 1, tc 0, [S], ttl 2)", None),
    ]
    gre = packet("+0 < gre flags [key present], sum 0, off 0, key = 5, seq 0 : . 1:1(0) win 0")
    assert gre.outer[0].text == "flags 8192, sum 0, off 0, key 5, seq 0"


def test_other_protocols() -> None:
    assert packet("+0 < udp 5 > 6 (10)").body == syntax.UdpBody(10, (5, 6))
    assert packet("+0 < udplite (10, 8)").body == syntax.UdpBody(10, None, 8)
    assert packet("+0 < icmp unreachable CODE", CODE="host_unknown").body == syntax.IcmpBody(
        "unreachable", "host_unknown"
    )
    quoted = packet("+0 < icmp unreachable frag_needed mtu 9 id 8 [1:3(2) /udp(5 > 6)]").body
    assert quoted == syntax.IcmpBody(
        "unreachable",
        "frag_needed",
        mtu=9,
        ident=8,
        quoted_protocol="tcp",
        quoted_seq=syntax.Sequence(1, 2),
        quoted_udp_ports=(5, 6),
    )
    assert packet("+0 < [1:3(2)] icmp redirect").body == packet("+0 < icmp redirect [1:3(2)]").body
    assert packet("+0 < icmp type_9 code_8 [udplite (5, 6)]").body == syntax.IcmpBody(
        "type_9", "code_8", quoted_protocol="udplite", quoted_length=5, quoted_coverage=6
    )


def test_commands_and_code() -> None:
    script = parse("`a\nb`\n0 `c` +0 %{ \t assert x \n}% `d`", "x.pkt")
    assert script.init == syntax.Shell("a\nb")
    assert script.cleanup == syntax.Shell("d")
    assert [event.action for event in script.events] == [
        syntax.Shell("c"),
        syntax.Code("assert x \n", syntax.Position(3, 15)),
    ]


def test_positions() -> None:
    event = parse("/* 中\n */\t0 close(3) =\n  0 // 中\n", "x.pkt").events[0]
    assert (event.at, event.end) == (syntax.Position(2, 5), syntax.Position(3, 4))


def test_options_of_a_script() -> None:
    script = parse('--mtu=1500\n--strict_segments\n--init_scripts = "a,b c"\n' + START, "x.pkt")
    assert [(option.name, option.value) for option in script.options] == [
        ("mtu", "1500"),
        ("strict_segments", None),
        ("init_scripts", "a,b c"),
    ]
    assert script.options[2].at == syntax.Position(3, 1)


def test_defines() -> None:
    script = parse('--define=A=B\n--define="C=5"\n0 f(A, C, "A", E) = C', "x", {"C": "0x7"})
    assert isinstance(script.events[0].action, syntax.Call)
    assert bare(script.events[0].action.arguments) == (
        syntax.Symbol("B"),
        syntax.Integer(7, "0x7"),  # the caller's wins
        syntax.String(b"A"),
        syntax.Symbol("E"),
    )
    assert script.defines == {"A": "B", "C": "0x7"}
    assert argument("X", X='"a\\n"') == syntax.String(b"a\n")
    assert last("+0 X", X="`ls`").action == syntax.Shell("ls")
    assert argument("X", X="010") == syntax.Integer(10, "010")
    assert argument("X", GOOGLE, X="010") == syntax.Integer(8, "8")
    assert tcp("+0 > S 0:0(0)").flags == packet("+0 > X 0:0(0)", X="S").body.flags  # type: ignore[union-attr]
    assert argument("A", A="B", B="C") == syntax.Symbol("B")
    with pytest.raises(BadScript, match="X is defined as a b"):
        argument("X", X="a b")


def names(text: str, **extra: object) -> list[str]:
    script = parse(text, "x.pkt", **extra)  # type: ignore[arg-type]
    return [event.action.name for event in script.events if isinstance(event.action, syntax.Call)]


def test_conditions() -> None:
    text = "--define=MINE=1\n#ifdef Linux\n0 a() = 0\n#endif\n#ifdef FreeBSD\n0 b() = 0\n#endif\n#ifdef MINE\n0 c() = 0\n#endif"
    assert names(text) == ["a", "c"]
    assert names(text, systems=["FreeBSD"]) == ["b", "c"]
    with pytest.raises(BadScript, match="found #"):
        names(text, dialect=GOOGLE)


@pytest.mark.parametrize(
    "text",
    [
        "#ifdef X",
        "#ifdef Linux\n" + START,
        START + "#endif",
        "#ifdef Linux\n#ifdef Linux\n#endif\n" + START,
        "#ifdef X\n#ifdef Linux\n#endif\n" + START,
        "#ifdef\n" + START,
    ],
)
def test_conditions_that_are_wrong(text: str) -> None:
    with pytest.raises(BadScript, match="#ifdef"):
        parse(text, "x.pkt")


def test_quirks_are_kept_where_asked() -> None:
    """`\\\\` and `\\"` are form feeds for google's tool, which also wants a line after a comment and no CR."""
    assert argument(r'"\\\""', GOOGLE) == syntax.String(b"\f\f")
    assert argument(r'"\\\""', NPLAB) == syntax.String(b'\\"')
    for dialect in (GOOGLE, NPLAB):
        for text in ("// end", "+0 close(3) = 0\r\n"):
            with pytest.raises(BadScript):
                last(text, dialect)
        assert parse("5 close(3) = 0\n1 close(3) = 0\n", "x", dialect=dialect).events[0].time.start
    with pytest.raises(BadScript, match="not at time 0"):
        parse("5 close(3) = 0", "x")


def test_windows_files(tmp_path: Path) -> None:
    path = tmp_path / "x.pkt"
    path.write_bytes(b"\xef\xbb\xbf// \xe4\xb8\xad\r\n0 `a\r\nb`\r\n")
    assert load(path).events[0].action == syntax.Shell("a\nb")


def test_octets_that_are_no_utf8_pass(tmp_path: Path) -> None:
    path = tmp_path / "x.pkt"
    path.write_bytes(b'// \xff\n0 f("\xfe") = 0')
    action = load(path).events[0].action
    assert isinstance(action, syntax.Call)
    assert action.arguments == (syntax.String(b"\xfe"),)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(CannotOpen):
        load(tmp_path / "none.pkt")


def test_the_tree_knows_its_source() -> None:
    script = parse(START, "x.pkt")
    assert isinstance(script, syntax.Script)
    assert (script.path, script.text) == ("x.pkt", START)
    assert bare(script.events[0]).at == syntax.NOWHERE
