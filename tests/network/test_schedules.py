"""Random manners and faults: nothing is invented, lost or heard twice, and everybody comes to rest."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import finwait
from finwait.network import Closing, Fault, Leave, Link, Manner, Record, play
from finwait.tcp import Flags, State
from finwait.wire import Tcp

from .judge import capture

COUNTS = st.sampled_from([0, 1, 19, 1460, 1461, 5000, 40_000])
TIMES = st.sampled_from([0, 1_000, 30_000, 150_000, 500_000])
PERIODS = st.none() | TIMES

manners = st.builds(
    Manner, says=COUNTS, hears=st.just(0), leaves=st.sampled_from([Leave.CLOSE, Leave.SHUTDOWN]),
    leaves_at=PERIODS, hesitates=TIMES, says_late=st.sampled_from([0, 0, 100, 3000]),
)  # fmt: skip
links = st.builds(
    Link, delay=st.sampled_from([0, 500, 10_000, 90_000]), jitter=st.sampled_from([0, 3_000]),
    loss=st.sampled_from([0.0, 0.05, 0.2]), duplication=st.sampled_from([0.0, 0.1]),
    reordering=st.sampled_from([0.0, 0.1]),
)  # fmt: skip


@given(
    client=manners, server=manners, link=links, seed=st.integers(0, 1 << 32),
    faults=st.dictionaries(st.integers(0, 30), st.sampled_from(Fault), max_size=4),
)  # fmt: skip
@settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_whatever_happens(
    client: Manner, server: Manner, link: Link, seed: int, faults: dict[int, Fault], tmp_path: Path
) -> None:
    closing = Closing("random", "open", "none", client, server)
    played = play(closing, link=link, seed=seed, faults=faults)
    last = {played.paths[end][-1] for end in ("client", "server")}
    assert last <= {State.CLOSED, State.LISTEN}
    answer = played.server
    if answer is not None:
        assert answer.said.startswith(played.client.heard), "octets that nobody said"
        assert played.client.said.startswith(answer.heard), "octets that nobody said"
        quiet = played.client.error is None and answer.error is None
        if (
            quiet
            and played.truth.close in {"four-way", "three-way", "simultaneous"}
            and not resets(played.network.wire)
        ):
            assert played.client.heard == answer.said
            assert answer.heard == played.client.said
    told = list(finwait.analyze(capture(played.network.wire, tmp_path / "x.pcapng")))
    assert told, "a SYN at least was sent"


def resets(wire: list[Record]) -> bool:
    """A RST was sent: then octets may be lost."""
    return any(
        isinstance(body := record.packet.body, Tcp) and Flags.RST in body.flags for record in wire
    )


@pytest.mark.parametrize("who", ["client", "server"])
def test_numbers_are_used_once(who: str) -> None:
    """A sequence number always carries the same octet, however often it is sent."""
    closing = Closing(
        "lossy", "four-way", "client",
        Manner(says=40_000, leaves=Leave.CLOSE), Manner(says=40_000, hesitates=150_000),
    )  # fmt: skip
    played = play(closing, link=Link(loss=0.15, reordering=0.1), seed=3)
    address = played.network.nodes[who].address
    said: dict[int, int | str] = {}
    for record in played.network.wire:
        body = record.packet.body
        if record.packet.src != address or not isinstance(body, Tcp):
            continue
        number = body.seq + (Flags.SYN in body.flags)
        marks: list[int | str] = [*body.payload, *(["FIN"] if Flags.FIN in body.flags else [])]
        for place, mark in enumerate(marks, start=number):
            assert said.setdefault(place, mark) == mark
