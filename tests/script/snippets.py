"""Small scripts, with what we and the C packetdrill (google) say of them; where we differ, on purpose, the reason."""

from typing import NamedTuple


class Snippet(NamedTuple):
    text: str
    ours: bool
    google: bool
    why: str = ""


START = "0 close(3) = 0\n"


def agreed(verdict: bool, *texts: str) -> list[Snippet]:
    return [Snippet(START + text, verdict, verdict) for text in texts]


def wider(why: str, *texts: str) -> list[Snippet]:
    """What we take and google's tool refuses."""
    return [Snippet(START + text, True, False, why) for text in texts]


def stricter(why: str, *texts: str) -> list[Snippet]:
    """What we refuse and google's tool takes when it only parses."""
    return [Snippet(START + text, False, True, why) for text in texts]


ACCEPTED = agreed(
    True,
    "+0 close(3) = 0",
    "+.1 close(3) = 0",
    "1 close(3) = 0",
    "+0...0.01 read(3, ..., 10) = 10",
    "0...0.01 read(3, ..., 10) = 10",
    "* > . 1:1(0) ack 1",
    "0.1~0.2 > . 1:1(0) ack 1",
    "+.1~+.2 > . 1:1(0) ack 1",
    "+0 > . 1:1(0)",
    "+0 < . 1:1(0) win 5",
    "+0 < S 0:0(0) win 5 <mss 1460,sackOK,nop,nop,nop,wscale 7>",
    "+0 > S. 0:0(0) ack 1 <...>",
    "+0 > - 1:1(0)",
    "+0 > SEWA 0:0(0)",
    "+0 > P5. 1:1(0)",
    "+0 > .5 1:1(0)",
    "+0 > F.5 1:1(0)",
    "+0 > FF. 1:1(0)",
    "+0 > F . 1:1(0)",
    "+0 > . 1:1(0) ack 1 <nop,nop,sack 1:2 3:4>",
    "+0 > . 1:1(0) ack 1 <nop,nop,TS val 1 ecr 2>",
    "+0 > . 1:1(0) <FO 0123456789abcdef,nop,nop>",
    "+0 > . 1:1(0) <FO,nop,nop>",
    "+0 > . 1:1(0) <FOEXP 01020304>",
    "+0 > . 1:1(0) <ECN e0b 1 ceb 2 e1b 3,nop>",
    "+0 > . 1:1(0) <md5 000102030405060708090a0b0c0d0e0f,nop,nop>",
    "+0 > [noecn] . 1:1(0)",
    "+0 > (ect0) . 1:1(0)",
    "+0 > [ect01] . 1:1(0)",
    "+0 > (tos 0x10) . 1:1(0)",
    "+0 > (ttl 3) . 1:1(0)",
    "+0 > (ect0, flowlabel 0x5) . 1:1(0)",
    "+0 < 5 > 6 . 1:1(0) win 3",
    "+0 < . 1:1(0) win 3 urg 4",
    "+0 < udp (1000)",
    "+0 > udp 5 > 6 (10)",
    "+0 < icmp unreachable",
    "+0 < icmp unreachable frag_needed mtu 1400 [1:1001(1000)]",
    "+0 < icmp echo_request id 5",
    "+0 < icmp type_3 code_4 [udp (5)]",
    "+0 < icmp unreachable net_unreachable [raw (20)]",
    "+0 < ipv4 192.0.2.1 > 192.0.2.2 : gre : . 1:1(0) win 1",
    "+0 < mpls (label 16, tc 0, [S], ttl 64) : . 1:1(0) win 1",
    "+0 < gre flags [none], sum 0, off 0, key 1, seq 0 : . 1:1(0) win 1",
    "+0 write(3, ..., 10) = -1 EPIPE (Broken pipe)",
    "+0 fcntl(3, F_GETFL) = 0x02 (flags O_RDWR)",
    "+0 f(A|B|C, [1, 2], [], -5, 0xff) = 0",
    '+0 f("a" "b", "c"...) = 0',
    "+0 f({onoff=1, linger=2}, {fd=3, events=POLLIN, revents=0}, {..., 10}) = 0",
    '+0 f({sa_family=AF_INET, sin_port=htons(5), sin_addr=inet_addr("1.2.3.4")}) = 0',
    "+0 f({msg_name(...)=..., msg_iov(1)=[{..., 5}], msg_flags=0}, 0) = 0",
    "+0 f({cmsg_level=1, cmsg_type=2, cmsg_data=3}, {scm_sec=0,scm_nsec=0}) = 0",
    "+0 f({events=EPOLLIN, fd=3}, {events=EPOLLIN, u64=3}) = 0",
    "+0 f({TCP_NLA_X=5, TCP_NLA_Y=...}) = 0",
    "+0 f({(label 16, tc 0, [S], ttl 64)}) = 0",
    '+0 f(inet6_addr("::1")) = 0',
    "+0 `true`",
    "+0 `a\nb \\` c`",
    "+0 %{ print(1) }%",
    "+0 %{\n中文 = 1\n}%",
    "`cleanup`",
    "// 注释\n",
    "/* a\n * b */",
    "+0 close(3) = 0 +0 close(4) = 0",
    "+0 > . 4294967295:4294967295(0)",
)

REFUSED = agreed(
    False,
    "+0 > . 1:5(0)",
    "+0 > . 1:1001(999)",
    "+0 < . 1:1(0)",
    "+0 > . 1:1(0) <mss 5,nop>",
    "+0 > . 1:1(0) <sack 1:2 3:4 5:6 7:8,TS val 1 ecr 2>",
    "+0 > X 1:1(0)",
    "+0 > SE5. 1:1(0)",
    "+0 > .5E 1:1(0)",
    "+0 > . 1:1(0) win 65536",
    "+0 > . 1:1(0) ack 4294967296",
    "+0 > . 1:1(0) ack -1",
    "+0 > . 4294967296:4294967296(0)",
    "+0 > . 1:65537(65536)",
    "+0 > . 1:1(0) <mss 65536>",
    "+0 > . 1:1(0) <wscale 256,nop>",
    "+0 < . 1:1(0) win 5 <...>",
    "+0 < [ect01] . 1:1(0) win 5",
    "+0 > (tos 0x100) . 1:1(0)",
    "+0 > (flowlabel 0x100000) . 1:1(0)",
    "* < . 1:1(0) win 5",
    "* close(3) = 0",
    "+0~+1 close(3) = 0",
    "+.2~+.1 > . 1:1(0)",
    "+0 < icmp nonsense",
    "+0 < icmp unreachable nonsense",
    "+0 < icmp unreachable mtu 5",
    "+0 < udp (65536)",
    "+0 < 70000 > 6 . 1:1(0) win 3",
    "-1 close(3) = 0",
    "+0 close(3)",
    "+0 close(3) =",
    "+0 close 3 = 0",
    "+0 close(3 = 0",
    "+0 close(,) = 0",
    "+0 > . 1:1",
    "+0 > . 1:1(0) <nonsense>",
    "+0 > . 1:1(0) <>",
    "+0",
    "# no comment",
    "/* no end",
    '+0 f("no end) = 0',
    "+0 %{ no end",
    "--mtu=1500",
    "`twice`\n`untimed`",
    "1. close(3) = 0",
    '+0 f(inet6_addr("nonsense")) = 0',
    "+0 < ipv4 192.0.2 > 192.0.2.2 : . 1:1(0) win 1",
    "+0 > . 1:1(0) <FO 012>",
    "+0 < icmp unreachable [raw (7)]",
)

DIFFERENT = [
    *wider(
        "nplab's dialect",
        "+0 > R. 0:0(0)! ack 1",
        "+0 > . ...(100) ack 1",
        "+0 > . 1:1(0) ack 1 /udp(5 > 6)",
        "+0 > (ttl 3, tos 0x5) . 1:1(0)",
        "+0 > (dscp af11) . 1:1(0)",
        "+0 > (hlim 3) . 1:1(0)",
        "+0 > . 1:1(0) <exp-FO 01020304>",
        "+0 > . 1:1(0) <AccECN0 ee0b 1,nop,nop,nop>",
        "+0 > . 1:1(0) <gen-9 0102>",
        "+0 > . 1:1(0) <md5 valid,nop,nop>",
        "+0 > . 1:1(0) <nop,nop,TS val ... ecr 5!>",
        "+0 > . 1:1(0) <01010101>",
        "+0 < udplite (10, 8)",
        "+0 f(htonl(5)) = 0",
        "#ifdef Linux\n#endif",
        "+0 < icmp time_exceeded ttl_exceeded_in_transit",
        "+0 > . 1:1(0) <nop,nop,SACK 1:2>",
    ),
    *wider("a comment at the end needs no line after it", "// end"),
    *wider("an error says enough without its words", "+0 write(3, ..., 1) = -1 EPIPE"),
    *wider("lines may end as on Windows", "+0 close(3) = 0\r\n+0 close(4) = 0"),
    *wider("numbers wrap (RFC 9293 section 3.4)", "+0 > . 4294967295:1(2)"),
    *wider("words of a note are free", "+0 fcntl(3, F_GETFL) = 2 (O_RDWR|O_NONBLOCK)"),
    *wider("which family plays is not known yet", "+0 < icmp packet_too_big mtu 1280"),
    *wider("any number may be written in either base", "+0 > (tos 16) . 1:1(0)"),
    *wider("members of a struct in any order", "+0 f({linger=2, onoff=1}) = 0"),
    *wider("keywords are keywords only in their place", "+0 f(ack, win, fd) = 0"),
    *wider("flags come in any order", "+0 > .F 1:1(0)", "+0 > 5. 1:1(0)"),
    *stricter("seen when it runs", '+0 f("\\q") = 0'),
    *stricter("an octet above 127 ends a script for google's lexer", "中文"),
    *stricter("time goes backwards", "+5 close(3) = 0\n1 close(3) = 0"),
    *stricter("no such function", "+0 f(a=1) = 0"),
    *agreed(False, "+0 f({events0, fd=4}) = 0", "+0 f({EVENTS=0, fd=4}) = 0"),
    *stricter("no address", '+0 f(inet_addr("nonsense")) = 0'),
]

SNIPPETS = [*ACCEPTED, *REFUSED, *DIFFERENT]
