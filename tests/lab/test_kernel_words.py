"""What kernels of different ages tell. Formats: TP_printk of include/trace/events/{sock,tcp}.h in the sources of each."""

import re
import socket
from dataclasses import replace

import pytest

from finwait.kernel.addresses import ip
from finwait.lab import kernel_words
from finwait.lab.experiments import ALL
from finwait.lab.history import Event, history, verdict
from finwait.lab.judge import NOT_TOLD, from_kernel
from finwait.lab.kernel_words import EVENTS, Said, Tells, TracesLost, understood
from finwait.lab.play import Result
from finwait.lab.report import NO_REASONS, NO_RESETS, missing
from finwait.lab.run import run
from finwait.lab.world import World
from finwait.verdict.language import LANGS

HEAD = "          python-4242    [001] ..s2.  1234.567890: "
FOUR = "sport=8080 dport=40001 saddr=198.51.100.1 daddr=192.0.2.1 saddrv6=::ffff:198.51.100.1 daddrv6=::ffff:192.0.2.1"
SIX = (
    "sport=8080 dport=40001 saddr=0.0.0.0 daddr=0.0.0.0 saddrv6=2001:db8:2::1 daddrv6=2001:db8:1::1"
)
CHANGE = "oldstate=TCP_FIN_WAIT1 newstate=TCP_CLOSING"
ENDS4 = ("198.51.100.1:8080", "192.0.2.1:40001")
ENDS6 = ("[2001:db8:2::1]:8080", "[2001:db8:1::1]:40001")
ADDRESSES = "skbaddr=0000000000000000 skaddr=00000000a2b3c4d5"

CHANGES = [
    ("4.16 to 6.18", f"family=AF_INET protocol=IPPROTO_TCP {FOUR} {CHANGE}", ENDS4),
    ("4.16 to 6.18", f"family=AF_INET6 protocol=IPPROTO_TCP {SIX} {CHANGE}", ENDS6),
    ("fields of 4.15's tcp_set_state", f"{FOUR} {CHANGE}", ENDS4),
    ("fields of 4.15's tcp_set_state", f"{SIX} {CHANGE}", ENDS6),
]
RESETS = [
    ("4.16", FOUR, ENDS4, "", ""),
    ("4.16", SIX, ENDS6, "", ""),
    ("5.4, 5.10", f"{FOUR} state=TCP_ESTABLISHED", ENDS4, "ESTABLISHED", ""),
    ("5.4, 5.10", f"{SIX} state=TCP_CLOSE", ENDS6, "CLOSED", ""),
    ("5.15, 6.1, 6.6", f"family=AF_INET {FOUR} state=TCP_CLOSE_WAIT", ENDS4, "CLOSE-WAIT", ""),
    ("5.15, 6.1, 6.6", f"family=AF_INET6 {SIX} state=TCP_LISTEN", ENDS6, "LISTEN", ""),
    ("6.9", f"{ADDRESSES} family=AF_INET {FOUR} state=TCP_CLOSE", ENDS4, "CLOSED", ""),
    (
        "6.10 without reasons",
        f"{ADDRESSES} src=198.51.100.1:8080 dest=192.0.2.1:40001 state=UNKNOWN",
        ENDS4,
        "no socket",
        "",
    ),
    (
        "6.10 to 6.18",
        f"{ADDRESSES} src=[2001:db8:2::1]:8080 dest=[2001:db8:1::1]:40001 state=UNKNOWN reason=NO_SOCKET",
        ENDS6,
        "no socket",
        "NO_SOCKET",
    ),
]


@pytest.mark.parametrize(("kernel", "fields", "ends"), CHANGES)
def test_a_change_of_state(kernel: str, fields: str, ends: tuple[str, str]) -> None:
    said = understood(f"{HEAD}inet_sock_set_state: {fields}")
    assert said == Said(1234567890000, *ends, "FIN-WAIT-1", "CLOSING"), kernel


@pytest.mark.parametrize(("kernel", "fields", "ends", "state", "reason"), RESETS)
def test_a_reset(kernel: str, fields: str, ends: tuple[str, str], state: str, reason: str) -> None:
    said = understood(f"{HEAD}tcp_send_reset: {fields}")
    assert said == Said(1234567890000, *ends, state, "", reason), kernel


def test_other_protocols_are_not_ours() -> None:
    assert not understood(f"{HEAD}inet_sock_set_state: protocol=IPPROTO_MPTCP {FOUR} {CHANGE}")
    assert not understood(f"{HEAD}tcp_probe: {FOUR}")
    assert not understood("")


def test_a_reset_without_a_reason_is_still_one() -> None:
    """Who sent it counts; what it means is not guessed. The same for aborts of 6.10 and 6.11: NOT_SPECIFIED."""
    ends = {"client": ENDS4[1], "server": ENDS4[0]}
    for reason in ("", "NOT_SPECIFIED"):
        said = [
            Said(1, *ENDS4, "SYN-RECEIVED", "ESTABLISHED"),
            Said(2, *ENDS4[::-1], "SYN-SENT", "ESTABLISHED"),
            Said(3, *ENDS4, "ESTABLISHED", "CLOSED"),
            Said(4, *ENDS4, "CLOSED", "", reason),
            Said(5, *ENDS4[::-1], "ESTABLISHED", "CLOSED"),
        ]
        events = history(said, [], ends, traced=True, until=10)
        (reset,) = [event for event in events if event.reset]
        assert (reset.who, reset.means) == ("server", "")
        assert verdict(events) == ("reset", "server")


def test_what_may_have_been_a_reset_is_not_known_where_not_all_are_told() -> None:
    events = [
        Event(1, "client", "SYN-SENT", "ESTABLISHED"),
        Event(2, "client", "ESTABLISHED", "CLOSED"),
    ]
    assert verdict(events) == ("vanished", "none")
    assert verdict(events, resets_told=False) == ("", "none")
    told = from_kernel(events, Tells(states=True), {"client": "CLOSED", "server": "CLOSED"})
    assert [told.short(lang) for lang in LANGS] == [NOT_TOLD.say(lang) for lang in LANGS]


NAMES = ("four-way", "rst-without-fin", "refused", "keepalive-race-crossed", "half-close-broken", "time-wait-refused",
         "handshake-abandoned", "injected-reset")  # fmt: skip
"""Each kind of RST, and none."""


def played(names: tuple[str, ...]) -> dict[str, Result]:
    found = {}
    for experiment, ending in run([ALL[name] for name in names], "en", 2):
        assert isinstance(ending, Result), ending
        found[experiment.name] = ending
        if not ending.legs[0].row.tells.states:
            pytest.skip("tracefs is not permitted here")
        assert ending.same, [each.en for leg in ending.legs for each in leg.row.differences]
    return found


def test_a_kernel_without_tcp_send_reset(lab: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """States are compared; of resets it says that they are not told."""
    del lab
    monkeypatch.setattr(kernel_words, "EVENTS", (EVENTS[0], "tcp/there_is_no_such_event"))
    found = played(NAMES)
    for result in found.values():
        for leg in result.legs:
            assert leg.row.tells == Tells(states=True)
            assert missing(leg.row.tells) == NO_RESETS
            assert not any(event.reset for event in leg.events)
    assert found["four-way"].legs[0].row.kernel.close == "four-way"
    assert not found["rst-without-fin"].legs[0].row.kernel.close


def test_a_kernel_that_tells_no_reasons(lab: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As before 6.10: a RST of a full socket is told, without a reason, others are not."""
    del lab

    class Old(kernel_words.KernelWords):
        def _enabled(self, event: str) -> str:
            return super()._enabled(event).replace("reason=", "")

        def read(self) -> list[Said]:
            full = re.compile("^(?!TIME-WAIT|no socket)")
            return [
                replace(one, reason="") for one in super().read() if one.new or full.match(one.old)
            ]

    monkeypatch.setattr("finwait.lab.play.KernelWords", Old)
    found = played(NAMES)
    for result in found.values():
        for leg in result.legs:
            assert leg.row.tells == Tells(states=True, resets=True)
            assert missing(leg.row.tells) == NO_REASONS
            assert not any(event.reason or event.means for event in leg.events)
    kernel = found["rst-without-fin"].legs[0].row.kernel
    assert (kernel.close, kernel.closed_by, kernel.cause) == ("reset", "client", "")


def test_a_state_that_is_written_otherwise_is_not_read(
    lab: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown form counts as no word at all: the table of sockets is asked then."""
    del lab
    monkeypatch.setattr(kernel_words, "NEEDED", (*kernel_words.NEEDED, "something_else="))
    ((_, ending),) = run([ALL["four-way"]], "en")
    assert isinstance(ending, Result)
    assert ending.legs[0].row.tells == Tells()
    assert ending.same


def amid_others(world: World) -> None:
    """A four-way close, after two hundred connections of others in another namespace of the machine."""
    ip("link set lo up")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(200):
            with socket.create_connection(listener.getsockname()):
                listener.accept()[0].close()
    ALL["four-way"].story(world)


def test_words_that_were_overwritten_are_no_silence(
    lab: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A buffer that was too small is told; the rest of it is not judged."""
    del lab
    monkeypatch.setattr(kernel_words, "BUFFER", 4)  # a page for each CPU
    monkeypatch.setattr(kernel_words, "FILTER", "dport >= 0")
    ((_, ending),) = run([replace(ALL["four-way"], story=amid_others)], "en")
    if isinstance(ending, Result) and not ending.legs[0].row.tells.states:
        pytest.skip("tracefs is not permitted here")
    assert isinstance(ending, TracesLost), ending


def test_what_others_do_meanwhile_fills_no_buffer(
    lab: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel tells of every namespace; only this experiment's ports, and listeners, come into its buffer."""
    del lab
    monkeypatch.setattr(kernel_words, "BUFFER", 16)
    ((_, ending),) = run([replace(ALL["four-way"], story=amid_others)], "en")
    assert isinstance(ending, Result), ending
    assert ending.same
