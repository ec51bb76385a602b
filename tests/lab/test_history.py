"""The kernel's lines read, and put together."""

import pytest

from finwait.lab.history import Event, closing, history, verdict
from finwait.lab.kernel_words import understood
from finwait.lab.leg import Sample
from finwait.lab.reasons import decode

STATE = (
    "          python-4242    [001] ..s2.  1234.567890: inet_sock_set_state: family=AF_INET protocol=IPPROTO_TCP"
    " sport=8080 dport=40001 saddr=198.51.100.1 daddr=192.0.2.1 saddrv6=::ffff:198.51.100.1 daddrv6=::ffff:192.0.2.1"
    " oldstate=TCP_FIN_WAIT1 newstate=TCP_CLOSING"
)
RESET = (
    "          python-4242    [000] .....  1234.567891: tcp_send_reset: skbaddr=0000000000000000 skaddr=00000000a2b3"
    " src=192.0.2.1:40001 dest=198.51.100.1:8080 state=TCP_CLOSE reason=TCP_ABORT_ON_CLOSE"
)
ENDS = {"client": "192.0.2.1:40001", "server": "198.51.100.1:8080"}


def test_lines_of_a_trace() -> None:
    said = understood(STATE, 1_000)
    assert said is not None
    assert (said.at, said.local, said.remote) == (1234567891000, ENDS["server"], ENDS["client"])
    assert (said.old, said.new) == ("FIN-WAIT-1", "CLOSING")
    said = understood(RESET)
    assert said is not None
    assert (said.old, said.new, said.reason) == ("CLOSED", "", "TCP_ABORT_ON_CLOSE")
    assert understood("# tracer: nop") is None


def test_other_connections_are_not_ours() -> None:
    said = understood(STATE)
    assert said is not None
    other = {"client": "192.0.2.1:40002", "server": ENDS["server"]}
    assert not history([said], [], other, traced=True, until=1 << 62)


@pytest.mark.parametrize(
    ("reason", "state", "listener", "means"),
    [
        ("TCP_STATE", "CLOSED", False, "linger-zero"),
        ("TCP_STATE", "CLOSED", True, "listener-closed"),
        ("TCP_STATE", "ESTABLISHED", False, "destroyed"),
        ("TCP_FLAGS", "LISTEN", False, "no-connection"),
        ("SOMETHING_NEW", "CLOSED", False, "SOMETHING_NEW"),
    ],
)
def test_names_mislead_and_are_decoded(reason: str, state: str, listener: bool, means: str) -> None:
    assert decode(reason, state, listener_closed=listener) == means


def test_a_small_socket_is_no_end() -> None:
    """tcp_time_wait: the full socket goes to CLOSE, and sock_diag shows what took over."""
    lines = [
        STATE.replace("TCP_CLOSING", "TCP_FIN_WAIT2"),
        STATE.replace("TCP_FIN_WAIT1", "TCP_FIN_WAIT2").replace("TCP_CLOSING", "TCP_CLOSE").replace("567890", "567895"),
    ]  # fmt: skip
    said = [one for line in lines if (one := understood(line)) is not None]
    samples = [
        Sample(1234567896000, "server", "TIME-WAIT", True),
        Sample(1234600000000, "server", "", True, 1234599000000),
    ]
    events = history(said, samples, ENDS, traced=True, until=1 << 62)
    assert [(event.new, event.by, event.since) for event in events] == [
        ("FIN-WAIT-2", "tracepoint", 0), ("TIME-WAIT", "sock_diag", 0), ("CLOSED", "sock_diag", 1234599000000),
    ]  # fmt: skip


def test_who_acked_first_makes_four_ways_or_three() -> None:
    events = [
        Event(1, "client", "SYN-SENT", "ESTABLISHED"),
        Event(2, "client", "ESTABLISHED", "FIN-WAIT-1"),
        Event(3, "server", "ESTABLISHED", "CLOSE-WAIT"),
        Event(4, "client", "FIN-WAIT-1", "FIN-WAIT-2"),
        Event(5, "server", "CLOSE-WAIT", "LAST-ACK"),
    ]
    assert verdict(events) == ("four-way", "client")
    late = [*events[:3], Event(4, "server", "CLOSE-WAIT", "LAST-ACK"), Event(5, "client", "FIN-WAIT-1", "FIN-WAIT-2")]  # fmt: skip
    assert verdict(late) == ("three-way", "client")


def test_a_reset_that_nobody_heard_closes_nothing() -> None:
    alive = [
        Event(1, "client", "SYN-SENT", "ESTABLISHED"),
        Event(2, "client", "ESTABLISHED", "CLOSED"),
        Event(3, "client", "no socket", "", "NO_SOCKET", "no-socket"),
    ]
    assert verdict(alive) == ("vanished", "none")


def test_the_closing_part_of_a_path() -> None:
    assert closing(["SYN-SENT", "ESTABLISHED", "CLOSE-WAIT"]) == "CLOSE-WAIT"
    assert closing(["CLOSED", "LISTEN", "SYN-RECEIVED", "CLOSED"]) == "SYN-RECEIVED CLOSED"
