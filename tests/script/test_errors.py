"""Errors as a person reads them: place, what was found, what could stand there, the line, a caret under it."""

import pytest

from finwait.errors import BadScript
from finwait.script.automaton import tables
from finwait.script.expected import in_words
from finwait.script.parser import parse

START = "0 close(3) = 0\n"


def error(text: str) -> str:
    with pytest.raises(BadScript) as caught:
        parse(text, "x.pkt")
    return str(caught.value)


SHOWN = [
    (
        "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\nclose(3) = 0",
        "x.pkt:2:1: there is no time before this system call; expected a time such as 0 or +.1\nclose(3) = 0\n^",
    ),
    (
        START + "+0 > S. 0:0(0) ack 1 wni 5",
        """\
x.pkt:2:22: found wni; expected a time such as 0, +.1 or 0.2~0.3, a `command`, the end of the script, urg, win, `/`, `<` or `[`
+0 > S. 0:0(0) ack 1 wni 5
                     ^^^""",
    ),
    (
        START + "+0 > . ack 5",
        """\
x.pkt:2:8: found ack; expected a sequence such as 1:1001(1000)
+0 > . ack 5
       ^^^""",
    ),
    (
        START + "\t+0\t< S 0:0(0)",
        "x.pkt:2:7: a segment that goes into the stack (<) must say its window;"
        " expected win N after its sequence and ack numbers\n\t+0\t< S 0:0(0)\n\t  \t  ^",
    ),
    (
        START + "/* 中文 */ +0 > . 1:5(3)",
        """\
x.pkt:2:19: 1 and 3 octets do not end at 5; expected 1:4(3)
/* 中文 */ +0 > . 1:5(3)
                    ^""",
    ),
    (
        START + "+0 > . 1:1(0) <mss 1460,nop>",
        """\
x.pkt:2:28: these options take 5 octets, which is no multiple of 4; expected 3 more: nop,nop,nop
+0 > . 1:1(0) <mss 1460,nop>
                           ^""",
    ),
    (
        START + "+0 < icmp unreachabel",
        """\
x.pkt:2:11: unreachabel is not an ICMP type; expected unreachable or type_N
+0 < icmp unreachabel
          ^^^^^^^^^^^""",
    ),
    (
        START + "+0 write（3, ..., 1) = 1",
        """\
x.pkt:2:9: found （, which is full-width: write (; expected `(`
+0 write（3, ..., 1) = 1
        ^^""",
    ),
    (
        "0 close(3) = 0",
        "",
    ),
    (
        START + "`sysctl -a`\n+0 close(3) = 0",
        """\
x.pkt:2:1: only the first and the last thing may be a command without a time
`sysctl -a`
^""",
    ),
    (
        "# not a comment\n" + START,
        """\
x.pkt:1:1: found #; expected #ifdef NAME, #endif or a comment, which begins with //
# not a comment
^""",
    ),
    (
        START + "+0 > SX. 0:0(0)",
        """\
x.pkt:2:7: X is not a TCP flag; expected F, S, R, P, . (ACK), U, E, W, A, a digit from 0 to 7 or - for no flag
+0 > SX. 0:0(0)
      ^""",
    ),
    (
        "",
        "x.pkt:1:1: the script ends here; expected a time such as 0, +.1 or 0.2~0.3, a `command` or an --option",
    ),
    (
        START + "+0 close(3 // here\n\n",
        "x.pkt:2:11: the script ends here; expected `)`, `,` or `|`\n+0 close(3 // here\n          ^",
    ),
    (
        "5 close(3) = 0",
        "x.pkt:1:1: the first event is not at time 0; expected 0 or +0\n5 close(3) = 0\n^",
    ),
    (
        START + "+2 close(4) = 0\n1 close(5) = 0",
        "x.pkt:3:1: time goes backwards: the event before is not earlier than 2\n1 close(5) = 0\n^",
    ),
    ("--nonsense\n" + START, "x.pkt:1:1: --nonsense is not an option\n--nonsense\n^^^^^^^^^^"),
    ("--mtu\n" + START, "x.pkt:1:1: --mtu needs a value, as in --name=value\n--mtu\n^^^^^"),
    (
        "--debug=1\n" + START,
        "x.pkt:1:1: --debug takes no value\n--debug=1\n^^^^^^^^^",
    ),
    (
        "--local_ip=192.0.2\n" + START,
        "x.pkt:1:1: --local_ip cannot be 192.0.2\n--local_ip=192.0.2\n^^^^^^^^^^^^^^^^^^",
    ),
    (
        "--mtu=no\n" + START,
        "x.pkt:1:1: --mtu is no, which is not a number from 68 to 65535\n--mtu=no\n^^^^^^^^",
    ),
    (
        START + "--mtu=1500",
        "x.pkt:2:1: found --mtu=1500: options stand before everything else; expected a time such as 0,"
        " +.1 or 0.2~0.3, a `command`, words in brackets, a name, the end of the script or `|`\n--mtu=1500\n^^^^^^^^^^",
    ),
]


@pytest.mark.parametrize(("text", "shown"), SHOWN, ids=lambda text: text[-30:])
def test_what_an_error_says(text: str, shown: str) -> None:
    if shown:
        assert error(text) == shown
    else:
        parse(text, "x.pkt")


WRONG = [
    ("+0 > sctp: DATA[]", "found sctp, a protocol that finwait does not speak"),
    ("+0 > SE5. 0:0(0)", "say the same bits twice"),
    ("+0 > .5E 0:0(0)", "say the same bits twice"),
    ("+0 > (tos 0x5, ect0) . 1:1(0)", "said already"),
    ("+0 > (ttl 5, ttl 5) . 1:1(0)", "said already"),
    ("+0 < (ect01) . 1:1(0) win 5", "ect01 is only for packets that the stack sends"),
    ("+0 < . 1:1(0) win 5 <...>", "<...> is only for packets that the stack sends"),
    ("* < . 1:1(0) win 5", "`*` is only for packets that the stack sends"),
    ("+0~+1 `ls`", "a range of time is only for packets"),
    ("+1~+0 > . 1:1(0)", "ends before it begins"),
    ("-1 close(3) = 0", "not negative"),
    ("99999999999999 close(3) = 0", "too far away"),
    (
        "+0 > . 1:1(0) win 70000",
        "the window 70000 is out of range; expected a number from 0 to 65535",
    ),
    ("+0 > . 1:1(0) <sack 1:2 3:4 5:6 7:8,TS val 1 ecr 2>", "take 44 octets"),
    ("+0 > . 1:1(0) <FO 123>", "not a cookie"),
    ("+0 > . 1:1(0) <md5 0102030405060708090a0b0c0d0e0f1011>", "at most 16"),
    ("+0 > . 1:1(0) <ECN ceb 5>", "no counters in the order ceb"),
    ("+0 > . 1:1(0) <gen-256>", "gen-N with N up to 255"),
    ("+0 > . 1:1(0) <MSS 5>", "found 5; expected `>`"),
    ("+0 > . 1:1(0) <MSS>", "MSS is not a TCP option; expected mss"),
    ("+0 < icmp unreachable mtu 5", "mtu goes with"),
    ("+0 < icmp echo_reply net_unknown", "net_unknown is not a code of echo_reply"),
    ("+0 > . 1:65536(65535)", "do not fit into a packet"),
    ("+0 > (dscp af19) . 1:1(0)", "af19 is not a DSCP"),
    ("+0 f(0x10000000000000000) = 0", "more than 64 bits"),
    ("+0 f({1, fd=3}) = 0", "all members of a struct are named or none"),
    ("+0 f({onof=1, linger=0}) = 0", "onof is no member of a struct; expected onoff"),
    ("+0 f(g(1)) = 0", "g is no function"),
    ('+0 f(inet_addr("1.2.3")) = 0', "does not know the address 1.2.3"),
    ("+0 f(inet_addr(5)) = 0", "takes an address"),
    (r'+0 f("\x5") = 0', "is not an escape"),
    ("+0 < ipv4 ::1 > ::2 : . 1:1(0) win 5", "::1 is not an IPv4 address"),
    ('+0 f("a) = 0', "has no closing"),
    ("+0 `a", "has no closing"),
    ("+0 %{ a", "has no `}%`"),
    ("/* a", "has no `*/`"),
    ("+0 f(" + "[" * 300 + "]" * 300 + ") = 0", "nested too deeply"),
    ("+0 > encap psp spi 0x100000000 . 1:1(0)", "out of range"),
]


@pytest.mark.parametrize(("text", "part"), WRONG, ids=lambda text: text[:40])
def test_what_is_refused(text: str, part: str) -> None:
    said = error(START + text)
    assert part in said
    assert said.startswith("x.pkt:2:")


def test_a_program_can_use_it() -> None:
    with pytest.raises(BadScript) as caught:
        parse(START + "+0 > . 1:1(0) win", "x.pkt")
    found = caught.value
    assert (found.path, found.line, found.column) == ("x.pkt", 2, 18)
    assert found.expected == ("a number",)
    assert found.source == "+0 > . 1:1(0) win"


def test_no_name_of_a_terminal_is_shown() -> None:
    """Whatever is expected in whatever state, it is said in words of the language."""
    literals = set(tables().literals.values())
    for row in tables().rows:
        terminals = frozenset(name for name in row if name in literals | set(tables().terminals))
        for words in in_words(terminals, ""):
            assert not (
                words.isupper() and len(words) > 2 and words not in {"GREV0", "FOEXP", "ECN"}
            ), words


def test_long_lines_are_cut_around_the_place() -> None:
    said = error(START + "+0 f(" + "a, " * 500 + "?) = 0").splitlines()
    assert said[1].startswith("…")
    assert len(said[1]) < 110
    assert said[1][said[2].index("^")] == "?"
