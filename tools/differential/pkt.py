"""Writes a play as a script, with what the kernel did as the expectation."""

from __future__ import annotations

from finwait.tcp import Flags
from finwait.wire import Tcp

from .play import AT_ONCE, Do, Play
from .trace import LETTERS, Saw, Sent

SECOND = 1_000_000
EBADF = 9
CALLS = {
    "close": "close({fd})", "shutdown-write": "shutdown({fd}, SHUT_WR)", "shutdown-read": "shutdown({fd}, SHUT_RD)",
    "shutdown-both": "shutdown({fd}, SHUT_RDWR)", "write": "send({fd}, ..., {argument}, MSG_NOSIGNAL)",
    "read": "read({fd}, ..., {argument})", "nodelay": "setsockopt({fd}, SOL_TCP, TCP_NODELAY, [1], 4)",
    "linger-0": "setsockopt({fd}, SOL_SOCKET, SO_LINGER, {{onoff=1, linger=0}}, 8)",
    "user-timeout": "setsockopt({fd}, SOL_TCP, TCP_USER_TIMEOUT, [{argument}], 4)",
    "linger2": "setsockopt({fd}, SOL_TCP, TCP_LINGER2, [{argument}], 4)",
}  # fmt: skip
ERRORS = {9: "EBADF", 11: "EAGAIN", 32: "EPIPE", 104: "ECONNRESET", 107: "ENOTCONN", 110: "ETIMEDOUT"}  # fmt: skip
PASSIVE = """\
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 5) = 0
+0 < S 0:0(0) win 65535 <{options}>
+0 > S. 0:0(0) ack 1 <...>
+0 < . 1:1(0) ack 1 win 65535
+.005 accept(3, ..., ...) = 4
+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0"""
ACTIVE = """\
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (in progress)
+0 > S 0:0(0) <...>
+0 < S. 0:0(0) ack 1 win 65535 <{options}>
+0 > . 1:1(0) ack 1"""


def script(play: Play, saws: tuple[Saw, ...], injected: tuple[Tcp | None, ...], isn: int) -> str:
    """Give the text. `injected`: the segment of each step that has one; `isn`: the stack's. Without timestamps only."""
    options = "mss 1460" + (",nop,nop,sackOK" if play.sack else "")
    lines = [f"// seed {play.seed} of tools/differential; > is what the kernel did"]
    lines += (PASSIVE if play.passive else ACTIVE).format(options=options).split("\n")
    now = 0
    for number, saw in enumerate(saws):
        if number:
            step, segment = play.steps[number - 1], injected[number - 1]
            now += step.wait
            if saw.result == (-1, EBADF):
                continue  # closed by then: a script cannot name it
            lines.append(f"{_since(now)} {_action(play, step.action, saw, segment, isn)}")
            now = 0
        gone = 0
        for sent in saw.sent:
            passed = sent.at - saw.at if sent.at - saw.at > AT_ONCE else 0
            lines.append(f"{_since(passed - gone)} > {_sent(sent)}")
            gone = max(gone, passed)
        now = -gone
    return "\n".join(lines) + "\n"


def _since(microseconds: int) -> str:
    return f"+{max(microseconds, 0) / SECOND:.6f}".rstrip("0").rstrip(".")


def _letters(flags: Flags) -> str:
    return "".join(letter for letter, flag in LETTERS if flag in flags) or "-"


def _action(play: Play, action: object, saw: Saw, segment: Tcp | None, isn: int) -> str:
    if segment is not None:
        seq, length = (segment.seq - 1_000_000) % 2**32, len(segment.payload)
        ack = f" ack {(segment.ack - isn) % 2**32}" if Flags.ACK in segment.flags else ""
        numbers = f"{seq}:{(seq + length) % 2**32}({length})"
        return f"< {_letters(segment.flags)} {numbers}{ack} win {segment.window}"
    assert isinstance(action, Do)
    assert saw.result is not None
    value, errno = saw.result
    call = CALLS[action.name].format(fd=4 if play.passive else 3, argument=action.argument)
    return f"{call} = {value}" + (
        f" {ERRORS.get(errno, errno)} (as the kernel)" if value < 0 else ""
    )


def _sent(sent: Sent) -> str:
    """A bare RST has no window that counts."""
    return f"{str(sent).partition(' <')[0]}" + (f" <{sent.options}>" if sent.options else "")
