"""Random plays on a bad network, with strangers and bad captures: what is said happened, or is said to be open.

The truth is what the network did with each packet, and which packet is which object in memory; compare sees octets.
"""

import random
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import event, given, settings
from hypothesis import strategies as st

import finwait
from finwait.compare import Comparison
from finwait.network import Link, closings, play
from finwait.tcp import Flags
from finwait.wire import Packet, Tcp, pcapng

CLOSINGS = closings()
MINUTE = 60_000_000
OPEN = {"outside", "unclear", "missed", "doubled"}
"""What claims nothing about the network."""
ENDS = ("client", "server")
Key = tuple[str, int, int, int, int | None]


@dataclass(frozen=True)
class Forgery:
    """A segment that a stranger puts in."""

    to: str
    flags: Flags
    payload: int
    place: float
    """When, as a part of what the end sees."""
    shift: int
    """How far its number is from the next that the end expects."""


@dataclass
class Truth:
    """What each frame of both captures is, by its number from 1."""

    frames: dict[str, list[Packet]] = field(default_factory=dict)
    forged: set[int] = field(default_factory=set)
    """Objects that nobody sent."""
    sent: set[int] = field(default_factory=set)
    arrived: set[int] = field(default_factory=set)


forgeries = st.builds(
    Forgery,
    st.sampled_from(ENDS),
    st.sampled_from([Flags.RST, Flags.RST | Flags.ACK, Flags.ACK, Flags.FIN | Flags.ACK, Flags.PSH | Flags.ACK]),
    st.sampled_from([0, 0, 7]),
    st.floats(0.1, 1.0),
    st.sampled_from([0, 0, 1, 100, -50]),
)  # fmt: skip
links = st.builds(
    Link,
    delay=st.sampled_from([200, 10_000, 80_000]),
    jitter=st.sampled_from([0, 100, 5_000]),
    loss=st.sampled_from([0.0, 0.02, 0.1, 0.3]),
    duplication=st.sampled_from([0.0, 0.1]),
    reordering=st.sampled_from([0.0, 0.1]),
)


def _key(packet: Packet, client: object) -> Key:
    tcp = packet.body
    assert isinstance(tcp, Tcp)
    flags = tcp.flags & (Flags.SYN | Flags.FIN | Flags.RST)
    span = 0 if Flags.RST in tcp.flags else tcp.length
    who = "client" if packet.src == client else "server"
    ack = None if span or Flags.ACK not in tcp.flags else tcp.ack
    return who, tcp.seq, len(tcp.payload), int(flags), ack


def _forged(
    forgery: Forgery, seen: list[tuple[int, Packet]], me: object
) -> tuple[int, Packet] | None:
    """Make it of what the end got before."""
    before = seen[: max(1, int(len(seen) * forgery.place))]
    like = next((p for _, p in reversed(before) if p.dst == me), None)
    if like is None:
        return None
    tcp = like.body
    assert isinstance(tcp, Tcp)
    body = replace(
        tcp,
        seq=(tcp.seq + tcp.length + forgery.shift) % 2**32,
        flags=forgery.flags,
        ack=tcp.ack if Flags.ACK in forgery.flags else 0,
        options=(),
        payload=b"forged!"[: forgery.payload],
    )
    return before[-1][0] + 37, replace(like, body=body, ttl=like.ttl + 5)


def _clock(at: int, end: str, ppm: float) -> int:
    """The server's clock is ahead, and may run faster."""
    return at + 77_000_000 + int(at * ppm * 1e-6) if end == "server" else at


def played(number: int, link: Link, seed: int, strangers: list[Forgery], holes: float, idents: bool, ppm: float, folder: Path, mirror: tuple[str, int] = ("", 0)) -> tuple[Comparison, Truth, object]:  # fmt: skip
    """Play a closing, write what both ends saw, and compare it. `mirror`: the end whose capture has each packet again, so many microseconds later."""
    network = play(CLOSINGS[number], link=link, seed=seed, until=2 * MINUTE).network
    dice = random.Random(seed)
    truth = Truth()
    named: dict[int, Packet] = {}
    paths = []
    me = {end: network.nodes[end].address for end in ENDS}
    for end in ENDS:
        seen = []
        for record in network.nodes[end].seen:
            packet = record.packet
            if idents and id(packet) not in named:
                named[id(packet)] = replace(packet, ident=len(named) + 1)
            packet = named.setdefault(id(packet), packet)
            (truth.sent if packet.src == me[end] else truth.arrived).add(id(packet))
            if dice.random() >= holes:
                seen.append((record.at, packet))
                if end == mirror[0]:
                    seen.append((record.at + mirror[1], packet))
        seen.sort(key=lambda one: one[0])
        for forgery in strangers:
            made = _forged(forgery, seen, me[end]) if forgery.to == end and seen else None
            if made is not None:
                seen.append(made)
                seen.sort(key=lambda one: one[0])
                truth.forged.add(id(made[1]))
        truth.frames[end] = [packet for _, packet in seen]
        path = folder / f"{end}.pcapng"
        path.write_bytes(
            b"".join(pcapng.write([(_clock(at, end, ppm), packet) for at, packet in seen]))
        )
        paths.append(path)
    truth.frames["kept"] = list(named.values())  # so that no address is used twice
    return finwait.compare(*paths), truth, me["client"]


def check(result: Comparison, truth: Truth, client: object) -> None:
    """Compare what is said with what happened, segment by segment."""
    frames = {"A": truth.frames["client"], "B": truth.frames["server"]}
    lost, forged, said = (
        _happened(truth, client),
        _strange(truth, client),
        _said(result, frames, client),
    )
    # without holes nothing is passed over: what was lost or put in is said, or said to be open
    unsaid = (lost + forged) - sum(said.values(), Counter())
    again = {key for key in unsaid if lost[key] and (forged[key] or _twice(key, truth, client))}
    alone = [*(["A"] * len(result.only_a)), *(["B"] * len(result.only_b))]
    elsewhere = {_key(p, client) for where in alone for p in frames[where]}
    copies = sum(sum(one.copies.values()) + one.resegmented for one in result.connections)
    left = sum(n for key, n in unsaid.items() if key not in again | elsewhere)
    assert left <= copies or not result.connections, f"{unsaid} is not said\n{result.text()}"


def no_lies(result: Comparison, truth: Truth, client: object) -> None:
    """See that what is claimed of the network happened there."""
    frames = {"A": truth.frames["client"], "B": truth.frames["server"]}
    lost, forged, said = (
        _happened(truth, client),
        _strange(truth, client),
        _said(result, frames, client),
    )
    for kind, happened in (("lost", lost), ("injected", forged)):
        for key, count in said[kind].items():
            assert count <= happened[key], (
                f"{key}: {kind} {happened[key]}, not {count}\n{result.text()}"
            )
    for key in said["changed"]:  # nothing changes a segment here: it was lost, and another put in
        assert forged[key], f"{key} was not changed\n{result.text()}"


def _happened(truth: Truth, client: object) -> Counter[Key]:
    """What was sent and never arrived."""
    kept = truth.frames["kept"]
    return Counter(
        _key(p, client) for p in kept if id(p) in truth.sent and id(p) not in truth.arrived
    )


def _strange(truth: Truth, client: object) -> Counter[Key]:
    """What nobody sent."""
    both = (*truth.frames["client"], *truth.frames["server"])
    return Counter(_key(p, client) for p in both if id(p) in truth.forged)


def _said(result: Comparison, frames: dict[str, list[Packet]], client: object) -> dict[str, Counter[Key]]:  # fmt: skip
    said: dict[str, Counter[Key]] = defaultdict(Counter)
    for one in result.connections:
        for d in one.differences:
            packet = frames["A"][d.a - 1] if d.a is not None else frames["B"][(d.b or 0) - 1]
            said[d.kind][_key(packet, client)] += 1
            event(d.kind)
    return said


def _twice(key: Key, truth: Truth, client: object) -> bool:
    """Tell whether copies of this arrived that nothing tells from those that were lost."""
    both = (*truth.frames["client"], *truth.frames["server"])
    return sum(_key(p, client) == key for p in both) > 2


def no_wrong_proof(result: Comparison, truth: Truth, *, holes: bool) -> None:
    """See that every proof holds; with holes, every one that is called certain."""
    frames = {"A": truth.frames["client"], "B": truth.frames["server"]}
    for proof in result.proofs:
        packet = frames[proof.where][proof.frame - 1]
        event(proof.kind)
        if holes and proof.confidence != "certain":
            continue
        if proof.kind == "rst-injected":
            assert id(packet) in truth.forged, result.text()
        elif proof.kind == "rst-genuine":
            assert id(packet) not in truth.forged, result.text()
        else:
            tcp = packet.body
            assert isinstance(tcp, Tcp)
            assert id(packet) in truth.sent, result.text()
            assert id(packet) not in truth.arrived, result.text()
            last = (tcp.seq + tcp.length - 1) % 2**32
            for other in truth.frames["kept"]:
                body = other.body
                assert isinstance(body, Tcp)
                same = other.src == packet.src and id(other) in truth.arrived
                if same and Flags.RST not in tcp.flags:
                    assert (last - body.seq) % 2**32 >= body.length, result.text()


def _words(result: Comparison) -> Counter[tuple[str, str, str]]:
    """What is said, whichever capture comes first."""
    said = Counter(
        (d.kind, d.sender, d.name) for one in result.connections for d in one.differences
    )
    return said + Counter((p.kind, p.sender, p.confidence) for p in result.proofs)


plays = {
    "number": st.integers(0, len(CLOSINGS) - 1), "link": links, "seed": st.integers(0, 2**20),
    "idents": st.booleans(), "ppm": st.sampled_from([0.0, 0.0, 60.0]),
}  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(strangers=st.lists(forgeries, max_size=3), **plays)
def test_what_the_link_did_is_what_is_said(
    number: int, link: Link, seed: int, strangers: list[Forgery], idents: bool, ppm: float
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        result, truth, client = played(
            number, link, seed, strangers, 0.0, idents, ppm, Path(folder)
        )
    no_lies(result, truth, client)
    no_wrong_proof(result, truth, holes=False)
    check(result, truth, client)


@settings(max_examples=150, deadline=None)
@given(end=st.sampled_from(ENDS), apart=st.sampled_from([1, 60, 90, 3000]), **plays)
def test_a_mirror_port_makes_nothing_up(
    number: int, link: Link, seed: int, idents: bool, ppm: float, end: str, apart: int
) -> None:
    """One capture has every packet twice: what is called lost was, and no proof is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        result, truth, client = played(
            number, link, seed, [], 0.0, idents, ppm, Path(folder), (end, apart)
        )
    no_lies(result, truth, client)
    no_wrong_proof(result, truth, holes=False)


@settings(max_examples=150, deadline=None)
@given(holes=st.sampled_from([0.03, 0.2]), strangers=st.lists(forgeries, max_size=2), **plays)
def test_bad_captures_prove_nothing_wrong(
    number: int,
    link: Link,
    seed: int,
    strangers: list[Forgery],
    idents: bool,
    ppm: float,
    holes: float,
) -> None:
    """Holes that nothing shows may make a segment look lost or put in. What is certain does not rest on them, and what
    numbers show to have passed is said to be missed."""
    with tempfile.TemporaryDirectory() as folder:
        result, truth, _ = played(number, link, seed, strangers, holes, idents, ppm, Path(folder))
        back = finwait.compare(result.b, result.a)
    assert _words(back) == _words(result), f"{result.text()}\n{back.text()}"
    no_wrong_proof(result, truth, holes=True)
