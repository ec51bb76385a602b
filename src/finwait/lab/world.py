"""The world of one experiment: two hosts, two programs, the wire between, and everybody's words."""

import os
from collections.abc import Callable
from typing import Final, Literal, get_args

from finwait.errors import Misuse
from finwait.lab.calls import Words
from finwait.lab.clock import now
from finwait.lab.experiment import WHO, Experiment
from finwait.lab.leg import Leg
from finwait.lab.lines import Lines
from finwait.lab.net import DELAYED_ACK, STATES
from finwait.lab.packet import Segment
from finwait.lab.programs import Program
from finwait.lab.proxy import Proxy
from finwait.lab.remote import Outcome, TooLate
from finwait.lab.wire import Side, Wire
from finwait.verdict.language import Lang, Text
from finwait.verdict.spelling import meant, near

PORT: Final = 8080
REQUEST, REPLY = b"may I have it?\n", b"here it is, and nothing more.\n"
BIG: Final = bytes(97 + place % 26 for place in range(4000))
"""Three segments of abc…z."""

Who = Literal["client", "server", "proxy"]
Step = tuple[int, str, str]
"""When (nanoseconds of CLOCK_REALTIME), who (client, server, proxy, wire), and what."""


PORTS: Final = 8
"""Client's ports that an experiment has for itself."""


def own_addresses(six: bool) -> tuple[tuple[str, str, str], int]:
    """Give addresses (client, server, proxy) and a client port that no other experiment of this machine has now, by the process id.

    Tracepoints tell of every namespace at once; by their ends the kernel's words are known for ours.
    """
    row, host = divmod(os.getpid(), 253)
    port = 40000 + PORTS * (row % 2500)
    if six:
        nets = ("2001:db8:1", "2001:db8:2", "2001:db8:3")  # RFC 3849
        client, server, proxy = (f"{net}::{host + 1:x}" for net in nets)
    else:
        nets = ("192.0.2", "198.51.100", "203.0.113")  # RFC 5737
        client, server, proxy = (f"{net}.{host + 1}" for net in nets)
    return (client, server, proxy), port


class World:
    """What a story is told in.

    `client` and `server` are the programs, `wire` can lose, hold, reorder and invent packets. With a proxy between them there
    are two `legs`, and `wire` is that of the client's. `heard` is called for each step as it happens.
    """

    def __init__(
        self, experiment: Experiment, lang: Lang, heard: Callable[[Step], None] = lambda step: None
    ) -> None:
        self.port = PORT
        self.steps: list[Step] = []
        self.turns: list[int] = []
        """When each further connection between the same ends began."""
        self._lang, self._heard = lang, heard
        self.legs, self.from_port = _legs(experiment)
        self.wire = self.legs[0].wire
        self._lines = Lines([leg.wire for leg in self.legs])
        for leg in self.legs:
            for host in leg.hosts().values():
                host.sysctl(**experiment.sysctl)
        self.client = Program("client", self.wire.client, self._lines, self._note)
        self.server = Program("server", self.legs[-1].wire.server, self._lines, self._note)
        self._proxy: Proxy | None = None
        if experiment.through is not None:
            near, far = self.legs
            self._proxy = Proxy(experiment.through.code, (near, far), self._lines, self._note)

    @property
    def proxy(self) -> Proxy:
        """The program between client and server. Raises Misuse if the experiment has none."""
        if self._proxy is None:
            raise Misuse(
                "no proxy here: the experiment says `through`", "这里没有代理：实验需要 `through`"
            )
        return self._proxy

    # --- what happens ---

    @property
    def to(self) -> tuple[str, int]:
        """Whom the client calls: the server, or the proxy."""
        return self.wire.server_address, self.port

    def connect(self, *, exchange: bool = True, receive_buffer: int = 0) -> None:
        """The usual beginning: listen, connect, accept; then a request and its reply, read by both."""
        self.server.listen(self.port, receive_buffer=receive_buffer)
        if self._proxy is not None:
            self._proxy.begin()
        self.dial()
        if exchange:
            self.exchange()

    def dial(self) -> None:
        """Connect to the listener, and accept."""
        self.client.connect(self.to, self.from_port)
        self.server.accept()

    def exchange(self) -> None:
        """One request and its reply, read by both."""
        self.client.send(REQUEST)
        self.server.receive(len(REQUEST))
        self.server.send(REPLY)
        self.client.receive(len(REPLY))

    def again(self) -> None:
        """What follows is another connection between the same ends."""
        self.turns.append(now())

    def destroy(self, who: Side) -> None:
        """Have the kernel abort the connection, as an administrator does with `ss -K` (SOCK_DESTROY)."""
        leg = self.legs[0 if who == "client" else -1]
        ports = leg.from_port, leg.port
        leg.hosts()[who].destroy(*(ports if who == "client" else ports[::-1]))
        self._note(who, "ss -K: SOCK_DESTROY")

    def wire_does(self, en: str, zh: str) -> None:
        """Say what the wire is about to do."""
        self._note("wire", Text(en, zh))

    def lose(self, side: Side, match: Callable[[Segment], bool], en: str, zh: str) -> None:
        """Lose the next segment of this side that matches."""
        self.wire.lose(lambda who, segment: who == side and match(segment))
        self.wire_does(en, zh)

    # --- waiting ---

    def until(self, who: Who, *states: str, limit: float = 30.0) -> None:
        """Wait until the kernel of this end has the connection in one of these states; "" is no socket at all.

        proxy: the end of its connection with the server. Raises Misuse if there is no such end or state.
        """
        _known(who, *get_args(Who))
        for state in states:
            _known(state, *filter(None, STATES), "")
        leg = self.legs[0 if who == "client" else -1]
        side: Side = "server" if who == "server" else "client"
        what = Text(
            f"the {who} was {' or '.join(state or 'gone' for state in states)}",
            f"{WHO[who].zh}{' 或 '.join(f'处于 {state}' if state else '的套接字消失' for state in states)}",
        )
        self._lines.until(lambda: leg.state(side) in states, what, limit)

    def until_sent(
        self,
        who: Side,
        match: Callable[[Segment], bool],
        what: str,
        zh: str = "",
        limit: float = 30.0,
    ) -> None:
        """Wait until the last segment that this end sent matches; `what`, `zh`: what is waited for, in words."""
        self._lines.until(
            lambda: (last := self.wire.last.get(who)) is not None and match(last),
            Text(what, zh or what),
            limit,
        )

    def until_held(self, count: int, what: str, zh: str = "") -> None:
        """Wait until the wire holds so many packets back; `what`, `zh`: what is waited for, in words."""
        self._lines.until(lambda: len(self.wire.held) >= count, Text(what, zh or what))

    @property
    def awaited(self) -> Text | None:
        """What the story waits for now, in words."""
        return self._lines.awaited

    def stands(self) -> Text:
        """Where both ends are now, in words."""
        legs: dict[Side, Leg] = {"client": self.legs[0], "server": self.legs[-1]}
        states = {who: leg.state(who) for who, leg in legs.items()}
        return Text(
            ", ".join(f"the {who} is {state or 'gone'}" for who, state in states.items()),
            "，".join(
                WHO[who].zh + (f"处于 {state}" if state else "没有套接字")
                for who, state in states.items()
            ),
        )

    def settle(self, quiet: float = DELAYED_ACK) -> None:
        """Wait until nothing has moved for so long: longer than an ACK is delayed."""
        self._lines.settle(quiet)

    def wait(self, seconds: float) -> None:
        """Let time pass, where time itself is the subject."""
        self._lines.wait(seconds)

    def in_time(self, who: Side) -> None:
        """Make sure that, on the client's wire, this end's FIN carried the ACK of the other's FIN. Raises TooLate if its kernel had acked before.

        It does after 40 ms (kernel: TCP_DELACK_MIN), which on a busy machine may be over before the program closes.
        """
        packets = self.wire.packets
        fin = next(p for p in packets if p.sender != who and p.segment.fin and p.delivered)
        after = (p.segment for p in packets if p.sender == who and p.sent > fin.delivered)
        first = next((segment for segment in after if segment.ack == fin.segment.end), None)
        if first is None or not first.fin:
            self._note(
                who,
                Text(
                    "its kernel acked by itself: too late, once more",
                    "其内核已自行确认：太迟，再来一次",
                ),
            )
            raise TooLate(
                "this machine is too busy: the program closed only after its kernel had acked (40 ms)",
                "这台机器太忙：程序关闭时，其内核已经确认（40 毫秒）",
            )

    def in_one_go(self) -> None:
        """Make sure that neither kernel sent anything twice while the wire held it. Raises TooLate if one did.

        It does after 200 ms (kernel: TCP_RTO_MIN), and then the capture shows a repetition that is not the subject.
        """
        sent = [
            (packet.sender, packet.segment.seq)
            for packet in self.wire.packets
            if not packet.forged and packet.segment.end != packet.segment.seq
        ]
        if len(set(sent)) < len(sent):
            self._note(
                "wire",
                Text("a kernel has sent again: too late, once more", "内核已重传：太迟，再来一次"),
            )
            raise TooLate(
                "this machine is too busy: a kernel sent again (after 200 ms) what the wire held for a moment",
                "这台机器太忙：线路只扣住片刻的报文，内核已经重传（200 毫秒后）",
            )

    # --- what is noted ---

    def _note(self, who: str, words: Words, outcome: Outcome | None = None) -> None:
        text = words if isinstance(words, str) else words.say(self._lang)
        gave = outcome.say(self._lang) if outcome else ""
        step = (now(), who, f"{text} → {gave}" if gave else text)
        self.steps.append(step)
        self._heard(step)
        self.sample()

    def sample(self) -> None:
        """Ask every kernel where its connection stands, and note what changed."""
        for leg in self.legs:
            leg.sample()

    def close(self) -> None:
        """End everything: first the wires, so that the end of the programs is not heard."""
        for leg in self.legs:
            leg.close()
        self._lines.close()
        self.client.stop()
        self.server.stop()
        if self._proxy is not None:
            self._proxy.stop()


def _known(word: str, *known: str) -> None:
    """Raise Misuse for a word that is never: to wait for it would be in vain."""
    if word not in known:
        hint = meant(near(word, known))
        there = ", ".join(dict.fromkeys(one or '""' for one in known))
        raise Misuse(
            f"no {word!r}{hint.en}; there are {there}", f"没有 {word!r}{hint.zh}；可用的有 {there}"
        )


def _legs(experiment: Experiment) -> tuple[tuple[Leg, ...], int]:
    """Make the hosts and the wires between them; gives the client's port, too."""
    (client, server, proxy), port = own_addresses(experiment.six)
    six, tap = experiment.six, experiment.tap
    if experiment.through is None:
        wire = Wire(
            six=six, tap="server" if tap == "server" else "client", addresses=(client, server)
        )
        return (Leg(wire, port, PORT),), port
    near = Wire(six=six, tap="server", addresses=(client, proxy))
    far = Wire(six=six, tap="client", addresses=(proxy, server))
    return (Leg(near, port, PORT), Leg(far, port + 1, PORT)), port
