"""Writes the conformance pack of closings: each closing state × each event × each side, a script each.

    python tools/conformance.py            writes examples/conformance/
    python tools/conformance.py --check    says what would change, and fails if anything would

The scripts are what a stack's author reads and runs, so they are kept in the repository; this file is
the table from which they are made, so that 150 scripts cannot drift apart. Every script walks into its
state by real segments, proves that it is there, has one thing happen, and proves what came of it.
Expectations are those of Linux; where RFC 9293 says otherwise, the script's comment says so and
docs/differences.md has the row.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quietly import quietly

PACK = Path(__file__).resolve().parent.parent / "examples" / "conformance"

PASSIVE = """\
   0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
  +0    setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
  +0    bind(3, ..., ...) = 0
  +0    listen(3, 1) = 0
  +0    < S 0:0(0) win 65535 <mss 1460>
  +0    > S. 0:0(0) ack 1 <...>
  +.01  < . 1:1(0) ack 1 win 65535
  +0    accept(3, ..., ...) = 4
"""
ACTIVE = """\
   0    socket(..., SOCK_STREAM, IPPROTO_TCP) = 4
  +0    fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0
  +0    connect(4, ..., ...) = -1 EINPROGRESS (Operation now in progress)
  +0    > S 0:0(0) <...>
  +.01  < S. 0:0(0) ack 1 win 65535 <mss 1460>
  +0    > . 1:1(0) ack 1
"""
SIDES = {
    "passive": ("The stack under test listened and accepted.", PASSIVE),
    "active": ("The stack under test connected.", ACTIVE),
}
BEYOND = 3_000_000
"""An offset that no window of an unscaled connection reaches (RFC 9293 section 3.1: 65,535 octets)."""
TOLERANCE = "--tolerance_usecs=100000\n"
"""What comes matters here, not when to the millisecond: a busy machine shall not fail a right stack."""


@dataclass(frozen=True)
class Place:
    """A state, how it is reached, and the numbers that hold in it."""

    name: str
    kernel: str
    """Linux's name of the state, as TCP_INFO has it."""
    walk: str
    rcv_nxt: int
    """The number that the peer's next octet takes; its FIN took the one before, if it came."""
    acked: int
    """What the peer has acknowledged so far: 1 is all but the FIN, 2 is the FIN too."""
    snd_nxt: int

    @property
    def alive(self) -> str:
        """Code that proves that the connection still stands in this state."""
        return f"  +0    %{{ assert tcpi_state == {self.kernel}, tcpi_state }}%\n"

    @property
    def answer(self) -> str:
        """The acknowledgment that says what the stack has and wants (RFC 9293 3.10.7.4, first check)."""
        return f"  +0    > . {self.snd_nxt}:{self.snd_nxt}(0) ack {self.rcv_nxt}\n"


SHUTDOWN = "  +0    shutdown(4, SHUT_WR) = 0\n"
FIN_OUT = "  +0    > F. 1:1(0) ack {ack}\n"
FIN_WAIT_1 = SHUTDOWN + FIN_OUT.format(ack=1)
FIN_WAIT_2 = FIN_WAIT_1 + "  +.01  < . 1:1(0) ack 2 win 65535\n"
CLOSE_WAIT = "  +.01  < F. 1:1(0) ack 1 win 65535\n  +0    > . 1:1(0) ack 2\n"
CLOSING = FIN_WAIT_1 + "  +.01  < F. 1:1(0) ack 1 win 65535\n  +0    > . 2:2(0) ack 2\n"
LAST_ACK = CLOSE_WAIT + SHUTDOWN + FIN_OUT.format(ack=2)
TIME_WAIT = FIN_WAIT_2 + "  +.01  < F. 1:1(0) ack 2 win 65535\n  +0    > . 2:2(0) ack 2\n"
TIME_WAIT_BY_CLOSING = CLOSING + "  +.01  < . 2:2(0) ack 2 win 65535\n"

PLACES = (
    Place("fin-wait-1", "TCP_FIN_WAIT1", FIN_WAIT_1, rcv_nxt=1, acked=1, snd_nxt=2),
    Place("fin-wait-2", "TCP_FIN_WAIT2", FIN_WAIT_2, rcv_nxt=1, acked=2, snd_nxt=2),
    Place("close-wait", "TCP_CLOSE_WAIT", CLOSE_WAIT, rcv_nxt=2, acked=1, snd_nxt=1),
    Place("closing", "TCP_CLOSING", CLOSING, rcv_nxt=2, acked=1, snd_nxt=2),
    Place("last-ack", "TCP_LAST_ACK", LAST_ACK, rcv_nxt=2, acked=1, snd_nxt=2),
    Place("time-wait", "TCP_CLOSE", TIME_WAIT, rcv_nxt=2, acked=2, snd_nxt=2),
    Place("time-wait-by-closing", "TCP_CLOSE", TIME_WAIT_BY_CLOSING, rcv_nxt=2, acked=2, snd_nxt=2),
)
BY_NAME = {place.name: place for place in PLACES}
TIME_WAIT_ISN = 2 + 65535 + 2
"""SND.NXT of the old connection plus Linux's step (tcp_timewait_state_process)."""
BOTH_FINS = ("closing", "last-ack", "time-wait", "time-wait-by-closing")
"""States in which both ends have sent their FIN."""
GONE = "  +0    %{ assert tcpi_state == TCP_CLOSE, tcpi_state }%\n"


@dataclass(frozen=True)
class Play:
    """One script without its walk."""

    place: Place
    event: str
    title: str
    text: str
    walks: bool = False
    """The text has a walk of its own."""
    sides: tuple[str, ...] = tuple(SIDES)


def no_connection(place: Place, seq: int | None = None) -> str:
    """A stray segment finds nobody: RST with the number that the stray's ack names (RFC 9293 3.10.7.1)."""
    at = place.rcv_nxt if seq is None else seq
    return (
        "// Nobody is there any more: a stray segment is answered by a bare RST at its ack.\n"
        f"  +.05  < . {at}:{at}(0) ack {place.snd_nxt} win 65535\n"
        f"  +0    > R {place.snd_nxt}:{place.snd_nxt}(0)\n"
    )


def still_time_wait(place: Place) -> str:
    """TIME-WAIT answers whatever is out of its window; a closed connection would answer with RST."""
    return (
        "// TIME-WAIT holds: what lies outside its window draws its last ACK, no RST.\n"
        f"  +.6   < P. 1:1(0) ack 2 win 65535\n{place.answer}"
    )


def proof(place: Place) -> str:
    """Show that the event did not move the state."""
    return still_time_wait(place) if place.name.startswith("time-wait") else place.alive


def rst_exact(place: Place) -> Iterator[Play]:
    """RFC 9293 3.10.7.4, second check, case 2; RFC 1337 for TIME-WAIT."""
    at = place.rcv_nxt
    rst = f"  +.01  < R {at}:{at}(0) win 0\n"
    if place.name.startswith("time-wait"):
        yield Play(
            place, "rst-exact",
            "A RST at RCV.NXT ends TIME-WAIT early (RFC 9293 3.10.7.4), the assassination of RFC 1337;\n"
            "// Linux with tcp_rfc1337 = 0. With 1 it would be ignored.",
            rst + no_connection(place),
        )  # fmt: skip
        return
    error = "EPIPE" if place.name == "close-wait" else "ECONNRESET"
    told = f"  +0    getsockopt(4, SOL_SOCKET, SO_ERROR, [{error}], [4]) = 0\n"
    yield Play(
        place, "rst-exact",
        "A RST at RCV.NXT resets the connection (RFC 9293 3.10.7.4, RFC 5961 3.2)."
        + (" After the peer's FIN\n// Linux tells the process EPIPE (tcp_reset)." if error == "EPIPE" else ""),
        rst + GONE + told + no_connection(place),
    )  # fmt: skip


def rst_elsewhere(place: Place) -> Iterator[Play]:
    """RFC 5961 3.2: in the window but not exact draws a challenge ACK; outside, silence."""
    inside, right = place.rcv_nxt + 10, place.rcv_nxt + BEYOND
    in_window = f"  +.01  < R {inside}:{inside}(0) win 0\n"
    if place.name.startswith("time-wait"):
        yield Play(
            place, "rst-in-window",
            "A RST inside the window, but not at RCV.NXT, does not end TIME-WAIT. RFC 5961 3.2 would have a\n"
            "// challenge ACK; Linux drops it without a word (tcp_timewait_state_process).",
            in_window + still_time_wait(place),
        )  # fmt: skip
    else:
        yield Play(
            place, "rst-in-window",
            "A RST inside the window, but not at RCV.NXT, draws a challenge ACK and ends nothing (RFC 5961 3.2).",
            in_window + place.answer + place.alive,
        )  # fmt: skip
    yield Play(
        place, "rst-right-of-window",
        "A RST right of the window is dropped without an answer (RFC 9293 3.10.7.4, first check).",
        f"  +.01  < R {right}:{right}(0) win 0\n" + proof(place),
    )  # fmt: skip
    left = place.rcv_nxt - 2
    if left < 0:  # a number before the peer's initial one: written with its wrap
        left += 1 << 32
    yield Play(
        place, "rst-left-of-window",
        "A RST left of the window is dropped without an answer (RFC 9293 3.10.7.4, first check).",
        f"  +.01  < R {left}:{left}(0) win 0\n" + proof(place),
    )  # fmt: skip


def syn(place: Place) -> Iterator[Play]:
    """RFC 9293 3.10.7.4, fourth check, as RFC 5961 4.2 has it."""
    if place.name.startswith("time-wait"):
        yield Play(
            place, "syn-old",
            "A SYN with an old number in TIME-WAIT draws the last ACK, not a new connection (RFC 9293 3.10.7.4).",
            "  +.01  < S 1:1(0) win 65535 <mss 1460>\n" + place.answer + still_time_wait(place),
        )  # fmt: skip
        new = "  +.01  < S 1000:1000(0) win 65535 <mss 1460>\n"
        yield Play(
            place, "syn-new",
            "A SYN above all that came begins a new connection, since somebody listens (RFC 9293 3.6.1, RFC 1122\n"
            "// 4.2.2.13). Linux draws its number 65,537 above the old connection's last (tcp_timewait_state_process).",
            f"{new}  +0    > S. {TIME_WAIT_ISN}:{TIME_WAIT_ISN}(0) ack 1001 <...>\n",
            sides=("passive",),
        )  # fmt: skip
        yield Play(
            place, "syn-new",
            "A SYN above all that came, but nobody listens: TIME-WAIT draws its last ACK (RFC 9293 3.10.7.4).",
            new + place.answer + still_time_wait(place),
            sides=("active",),
        )  # fmt: skip
        return
    inside, right = place.rcv_nxt + 10, place.rcv_nxt + BEYOND
    for event, at, where in (
        ("syn-in-window", inside, "inside"),
        ("syn-right-of-window", right, "right of"),
    ):
        yield Play(
            place, event,
            f"A SYN {where} the window draws a challenge ACK and ends nothing (RFC 5961 4.2).",
            f"  +.01  < S {at}:{at}(0) win 65535 <mss 1460>\n" + place.answer + place.alive,
        )  # fmt: skip


def data_old(place: Place) -> Iterator[Play]:
    """RFC 9293 3.10.7.4, first check: not acceptable, so an ACK says where we are."""
    yield Play(
        place, "data-old",
        "Octets that came before draw an ACK and nothing else (RFC 9293 3.10.7.4, first check).",
        "  +.01  < P. 1:11(10) ack 1 win 65535\n"
        "  +0    > . 1:1(0) ack 11\n"
        "  +0    read(4, ..., 100) = 10\n"
        + shift(place)
        + "  +.05  < P. 1:11(10) ack 1 win 65535\n"
        + f"  +0    > . {place.snd_nxt}:{place.snd_nxt}(0) ack {place.rcv_nxt + 10}\n"
        + (place.alive if not place.name.startswith("time-wait") else ""),
        walks=True,
    )  # fmt: skip


def shift(place: Place) -> str:
    """The walk of a place after ten octets of the peer: every number of the peer's is ten higher."""
    moved = place.walk
    for old, new in (
        ("ack 1\n", "ack 11\n"), ("ack 2\n", "ack 12\n"),
        ("< . 1:1", "< . 11:11"), ("< F. 1:1", "< F. 11:11"), ("< . 2:2", "< . 12:12"),
    ):  # fmt: skip
        moved = moved.replace(old, new)
    return moved


def data_new(place: Place) -> Iterator[Play]:
    """New octets: wanted while the peer has not closed; after its FIN there can be none (3.10.7.4, seventh)."""
    at = place.rcv_nxt
    data = f"  +.01  < P. {at}:{at + 10}(10) ack {place.acked} win 65535\n"
    if place.name in {"fin-wait-1", "fin-wait-2"}:
        yield Play(
            place, "data-new",
            "We have closed, the peer has not: its octets are taken and acked (half-close, RFC 9293 3.6.1).",
            data
            + f"  +0~+.2 > . {place.snd_nxt}:{place.snd_nxt}(0) ack {at + 10}\n"
            + "  +0    read(4, ..., 100) = 10\n" + place.alive,
        )  # fmt: skip
    elif place.name.startswith("time-wait"):
        yield Play(
            place, "data-new",
            "After the peer's FIN there can be no octets: TIME-WAIT answers with its last ACK (RFC 9293 3.10.7.4).",
            data + place.answer + still_time_wait(place),
        )  # fmt: skip
    else:
        yield Play(
            place, "data-new",
            "After the peer's FIN there can be no octets: they are dropped (RFC 9293 3.10.7.4, seventh check).",
            data + "  +.1   `true`\n" + place.alive,
        )  # fmt: skip


def closed_and_data(place: Place) -> Iterator[Play]:
    """RFC 1122 4.2.2.13: nobody can read any more, so the data is refused by a RST."""
    if place.name not in {"fin-wait-1", "fin-wait-2"}:
        return
    closed = place.walk.replace("shutdown(4, SHUT_WR)", "close(4)")
    seq = place.snd_nxt if place.name == "fin-wait-2" else place.acked
    yield Play(
        place, "data-after-close",
        "close() leaves nobody to read: octets that come then draw a RST (RFC 1122 4.2.2.13, RFC 2525 2.17).",
        closed + f"  +.01  < P. 1:11(10) ack {place.acked} win 65535\n  +0    > R {seq}:{seq}(0)\n"
        + no_connection(place, 11),
        walks=True,
    )  # fmt: skip


def ack_too_high(place: Place) -> Iterator[Play]:
    """RFC 9293 3.10.7.4, fifth check; RFC 5961 5.2."""
    at, beyond = place.rcv_nxt, place.snd_nxt + 100
    ack = f"  +.01  < . {at}:{at}(0) ack {beyond} win 65535\n"
    if place.name.startswith("time-wait"):
        return
    yield Play(
        place, "ack-too-high",
        "An ACK of what was never sent is answered by an ACK and dropped (RFC 9293 3.10.7.4, fifth check).",
        ack + place.answer + place.alive,
    )  # fmt: skip


def fin_again(place: Place) -> Iterator[Play]:
    """The peer has not seen our ACK of its FIN and sends it again (RFC 9293 3.10.7.4, eighth check)."""
    if place.name in {"fin-wait-1", "fin-wait-2"}:
        return
    again = f"  +.05  < F. 1:1(0) ack {place.acked} win 65535\n"
    yield Play(
        place, "fin-again",
        "The peer's FIN again: it has missed our ACK, so we ack once more (RFC 9293 3.10.7.4).",
        again + place.answer + proof(place),
    )  # fmt: skip


def first_fin(place: Place) -> Iterator[Play]:
    """The FIN that the other end owes us."""
    if place.name == "fin-wait-1":
        yield Play(
            place, "fin",
            "The peer's FIN does not ack ours: the two crossed, CLOSING (RFC 9293 3.6, Figure 13).",
            "  +.01  < F. 1:1(0) ack 1 win 65535\n  +0    > . 2:2(0) ack 2\n" + BY_NAME["closing"].alive,
        )  # fmt: skip
        yield Play(
            place, "fin-that-acks",
            "The peer's FIN acks ours: three segments close, straight to TIME-WAIT (RFC 9293 Figure 5, note 2).",
            "  +.01  < F. 1:1(0) ack 2 win 65535\n  +0    > . 2:2(0) ack 2\n" + GONE
            + still_time_wait(BY_NAME["time-wait"]),
        )  # fmt: skip
        yield Play(
            place, "fin-with-data",
            "The last octets and the FIN in one segment, crossing ours: both are acked, CLOSING (RFC 9293 3.6).",
            "  +.01  < FP. 1:11(10) ack 1 win 65535\n  +0    > . 2:2(0) ack 12\n"
            + BY_NAME["closing"].alive + "  +0    read(4, ..., 100) = 10\n  +0    read(4, ..., 100) = 0\n",
        )  # fmt: skip
        yield Play(
            place, "fin-before-data",
            "A FIN that comes before its octets waits: the state moves when the gap is filled (RFC 9293 3.10.7.4).",
            "  +.01  < F. 11:11(0) ack 1 win 65535\n  +0    > . 2:2(0) ack 1\n" + place.alive
            + "  +.01  < P. 1:11(10) ack 1 win 65535\n  +0    > . 2:2(0) ack 12\n" + BY_NAME["closing"].alive,
        )  # fmt: skip
    if place.name == "fin-wait-2":
        yield Play(
            place, "fin",
            "The peer's FIN ends the wait: TIME-WAIT (RFC 9293 3.6, Figure 12).",
            "  +.01  < F. 1:1(0) ack 2 win 65535\n  +0    > . 2:2(0) ack 2\n" + GONE
            + still_time_wait(BY_NAME["time-wait"]),
        )  # fmt: skip
    if place.name == "close-wait":
        yield Play(
            place, "close",
            "The process closes at last: our FIN, LAST-ACK, and after its ACK nothing is left (RFC 9293 Figure 5).",
            "  +0    read(4, ..., 100) = 0\n  +.1   close(4) = 0\n  +0    > F. 1:1(0) ack 2\n"
            "  +.01  < . 2:2(0) ack 2 win 65535\n" + no_connection(BY_NAME["last-ack"]),
        )  # fmt: skip
        yield Play(
            place, "write",
            "CLOSE-WAIT may still send: the other direction is open (half-close, RFC 9293 3.6.1).",
            "  +0    write(4, ..., 100) = 100\n  +0    > P. 1:101(100) ack 2\n"
            "  +.01  < . 2:2(0) ack 101 win 65535\n" + place.alive,
        )  # fmt: skip


def ack_of_fin(place: Place) -> Iterator[Play]:
    """RFC 9293 3.10.7.4, fifth check: what the ACK of our FIN does in each state."""
    at = place.rcv_nxt
    ack = f"  +.01  < . {at}:{at}(0) ack 2 win 65535\n"
    if place.name == "fin-wait-1":
        yield Play(
            place, "ack-of-fin", "Our FIN is acked: FIN-WAIT-2 (RFC 9293 3.10.7.4, fifth check).",
            ack + BY_NAME["fin-wait-2"].alive,
        )  # fmt: skip
    if place.name == "closing":
        yield Play(
            place, "ack-of-fin", "Our FIN is acked: TIME-WAIT (RFC 9293 Figure 13).",
            ack + GONE + still_time_wait(BY_NAME["time-wait"]),
        )  # fmt: skip
        yield Play(
            place, "ack-of-fin-in-fin",
            "The peer's FIN again, and now it acks ours: TIME-WAIT. The repeated FIN itself draws no ACK from Linux\n"
            "// (tcp_rcv_state_process leaves at the ACK); the next repeat does.",
            "  +.01  < F. 1:1(0) ack 2 win 65535\n" + GONE
            + "  +.05  < F. 1:1(0) ack 2 win 65535\n  +0    > . 2:2(0) ack 2\n",
        )  # fmt: skip
    if place.name == "last-ack":
        yield Play(
            place, "ack-of-fin", "Our FIN is acked: CLOSED, and no TIME-WAIT (RFC 9293 Figure 5).",
            ack + GONE + no_connection(place),
        )  # fmt: skip
    if place.name in BOTH_FINS[:2]:
        yield Play(
            place, "ack-old",
            "An ACK that does not cover our FIN changes nothing (RFC 9293 3.10.7.4, fifth check).",
            f"  +.01  < . {at}:{at}(0) ack 1 win 65535\n" + place.alive,
        )  # fmt: skip


def timeout(place: Place) -> Iterator[Play]:
    """RFC 6298: what is not acked is sent again, later and later; RFC 5482: until the user's patience ends."""
    if place.name in {"fin-wait-1", "closing", "last-ack"}:
        fin = f"> F. 1:1(0) ack {place.rcv_nxt}\n"
        quiet = "{start} " + fin
        again = "".join(
            quiet.format(start=start) for start in ("  +.2~+.5", "  +.3~+.9", "  +.6~+1.8")
        )
        yield Play(
            place, "timeout",
            "Nobody acks our FIN: it is sent again, after ever longer waits (RFC 9293 3.10.8, RFC 6298 5.5).",
            again + place.alive,
        )  # fmt: skip
        yield Play(
            place, "user-timeout",
            "TCP_USER_TIMEOUT: after so long without an ACK the connection is given up, without a RST (RFC 5482,\n"
            "// Linux tcp_write_timeout).",
            "  +0    setsockopt(4, IPPROTO_TCP, TCP_USER_TIMEOUT, [600], 4) = 0\n"
            + "".join(quiet.format(start=start) for start in ("  +.2~+.5", "  +.2~+.9"))
            + "  +2    getsockopt(4, SOL_SOCKET, SO_ERROR, [ETIMEDOUT], [4]) = 0\n" + GONE,
        )  # fmt: skip
    if place.name == "fin-wait-2":
        closed = place.walk.replace(
            SHUTDOWN,
            "  +0    setsockopt(4, IPPROTO_TCP, TCP_LINGER2, [1], 4) = 0\n  +0    close(4) = 0\n",
        )
        yield Play(
            place, "timeout",
            "Nobody holds the socket any more, and TCP_LINGER2 bounds the wait for the peer's FIN to a second:\n"
            "// then it is forgotten (Linux tcp_fin_timeout; RFC 9293 would wait for ever).",
            closed + "  +2    < F. 1:1(0) ack 2 win 65535\n  +0    > R 2:2(0)\n",
            walks=True,
        )  # fmt: skip
        yield Play(
            place, "held",
            "The process still holds the socket (shutdown, not close): FIN-WAIT-2 has no timer and waits.",
            "  +2    `true`\n" + place.alive
            + "  +0    < F. 1:1(0) ack 2 win 65535\n  +0    > . 2:2(0) ack 2\n",
        )  # fmt: skip


EVENTS = (
    first_fin, fin_again, ack_of_fin, ack_too_high, rst_exact, rst_elsewhere, syn,
    data_new, closed_and_data, data_old, timeout,
)  # fmt: skip


def plays() -> Iterator[Play]:
    """Every script of the pack, without sides."""
    for place in PLACES:
        for event in EVENTS:
            yield from event(place)


def script(play: Play, side: str) -> str:
    """The text of one script."""
    who, opening = SIDES[side]
    arrived = "" if play.walks else play.place.walk + play.place.alive
    state = play.place.name.upper().replace("-BY-CLOSING", ", reached through CLOSING")
    return (
        f"// {state}: {play.event.replace('-', ' ')}. {who}\n"
        f"// {play.title}\n"
        f"// Made by tools/conformance.py from its table.\n{TOLERANCE}\n{opening}\n"
        + (f"// Into {state}.\n{arrived}\n" if arrived else "")
        + f"// What happens, and what comes of it.\n{play.text}"
    )


def pack() -> dict[str, str]:
    """Every file of the pack by its name below PACK."""
    return {
        f"{play.place.name}/{play.event}-{side}.pkt": script(play, side)
        for play in plays()
        for side in play.sides
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    wanted = pack()
    kept = {str(path.relative_to(PACK)): path.read_text() for path in PACK.rglob("*.pkt")}
    stale = {name for name in wanted.keys() | kept.keys() if wanted.get(name) != kept.get(name)}
    if check:
        print(*sorted(stale), sep="\n", end="\n" if stale else "")
        return bool(stale)
    for name in stale:
        path = PACK / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name])
        else:
            path.unlink()
    print(f"{len(wanted)} scripts, {len(stale)} written")
    return 0


if __name__ == "__main__":
    sys.exit(quietly(main))
