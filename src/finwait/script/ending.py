"""How a play ends: the state of the socket and why it is in it, and the RSTs that free what is left."""

from contextlib import suppress
from itertools import pairwise
from typing import Final

from finwait.errors import FinwaitError
from finwait.script.config import Config
from finwait.script.constants import STATES
from finwait.script.outcome import Crossing, Endpoint
from finwait.script.packets import reset_for
from finwait.script.sockets import Opening, Socket, Sockets
from finwait.script.timing import SECOND
from finwait.script.traffic import Traffic
from finwait.stage.stage import Stage, SystemCall
from finwait.tcp import Flags
from finwait.verdict.language import Text, duration
from finwait.wire import Tcp

MODULUS: Final = 1 << 32
HALF: Final = 1 << 31
BACKOFF: Final = Text(
    ": the timer backs off, each wait about twice the one before (RFC 6298 section 5.5)",
    "：定时器退避，每次等待约为前一次的两倍（RFC 6298 5.5 节）",
)
PROBE: Final = Text(
    ": the first repeat is a probe of the tail (RFC 8985 section 7), then the timer backs off,"
    " each wait about twice the one before (RFC 6298 section 5.5)",
    "：第一次重传是尾部探测（RFC 8985 第 7 节），此后定时器退避，每次等待约为前一次的两倍（RFC 6298 5.5 节）",
)
NOTHING: Final = Text("", "")


def endpoint(stage: Stage, one: Socket | None, traffic: Traffic) -> Endpoint | None:
    """Tell the state of a socket: by TCP_INFO while it is open, else as its segments show it."""
    if one is None or not one.stream:
        return None
    if one.fd is not None and not one.closed and stage.owns(one.fd):
        with suppress(OSError, FinwaitError):
            info = dict(stage.tcp_info(one.fd))
            number = info.get("tcpi_state", 0)
            if 0 < number < len(STATES):
                return Endpoint(STATES[number], info)
    return Endpoint(Course(traffic.of(one)).state())


def _at_least(number: int, other: int) -> bool:
    return (number - other) % MODULUS < HALF


class Course:
    """What the segments of one connection say of its ends."""

    def __init__(self, crossings: list[Crossing]) -> None:
        self.fins: list[int] = []
        """When the stack sent its FIN: the first time, and again."""
        self.fin_end: int | None = None
        """The live number after that FIN."""
        self.fin_acked_at: int | None = None
        self.peer_fin_at: int | None = None
        """When the peer's FIN came that the stack then acknowledged."""
        self.reset_at: int | None = None
        self.reset_by_stack = False
        self.syn_out = self.syn_in = self.established = False
        self._peer_fins: dict[int, int] = {}
        self._peer_fin_first = False
        for crossing in crossings:
            if isinstance(crossing.packet.body, Tcp):
                self._take(crossing, crossing.packet.body)

    def _take(self, crossing: Crossing, tcp: Tcp) -> None:
        end = (tcp.seq + tcp.length) % MODULUS
        if Flags.RST in tcp.flags:
            self.reset_at, self.reset_by_stack = crossing.at, not crossing.inbound
        elif crossing.inbound:
            self._received(crossing.at, tcp, end)
        else:
            self._sent(crossing.at, tcp, end)

    def _received(self, at: int, tcp: Tcp, end: int) -> None:
        self.syn_in |= Flags.SYN in tcp.flags
        if Flags.FIN in tcp.flags:
            self._peer_fins.setdefault(end, at)
        if Flags.ACK not in tcp.flags:
            return
        self.established |= self.syn_out and self.syn_in
        if self.fin_end is not None and self.fin_acked_at is None and tcp.ack == self.fin_end:
            self.fin_acked_at = at

    def _sent(self, at: int, tcp: Tcp, end: int) -> None:
        self.syn_out |= Flags.SYN in tcp.flags
        if Flags.ACK in tcp.flags and self.peer_fin_at is None:
            taken = [came for number, came in self._peer_fins.items() if _at_least(tcp.ack, number)]
            self.peer_fin_at = min(taken, default=None)
        if Flags.FIN in tcp.flags:
            if not self.fins:
                self.fin_end = end
                self._peer_fin_first = self.peer_fin_at is not None
            self.fins.append(at)

    def state(self) -> str:
        """Name the state of the stack's end (RFC 9293 section 3.3.2)."""
        if self.reset_at is not None:
            return "CLOSED"
        if not self.fins:
            if self.peer_fin_at is not None:
                return "CLOSE-WAIT"
            if self.established:
                return "ESTABLISHED"
            return "SYN-RECEIVED" if self.syn_in else "SYN-SENT" if self.syn_out else "CLOSED"
        if self._peer_fin_first:
            return "LAST-ACK" if self.fin_acked_at is None else "CLOSED"
        if self.fin_acked_at is None:
            return "FIN-WAIT-1" if self.peer_fin_at is None else "CLOSING"
        return "FIN-WAIT-2" if self.peer_fin_at is None else "TIME-WAIT"


def story(traffic: Traffic, state: Endpoint | None, lasted: int) -> tuple[Text, ...]:
    """Say why the socket under test is where it is."""
    one = traffic.sockets.under_test
    if one is None or state is None:
        return (Text("there is no TCP socket yet", "还没有 TCP 套接字"),)
    course = Course(traffic.of(one))
    told: list[Text] = []
    if course.fins and course.fin_end is not None:
        number = one.numbers.seq_to_script(course.fin_end, Flags.ACK)
        told += _fins(course, number)
        if course.fin_acked_at is None:
            told.append(
                Text(
                    f"no ACK of {number} ever came, and only that ends {state.state}",
                    f"始终没有 ack {number} 到来，而只有它能结束 {state.state}",
                )
            )
        else:
            at = _time(course.fin_acked_at)
            told.append(Text(f"the FIN was acknowledged at {at.en}", f"FIN 在 {at.zh} 得到确认"))
    if course.peer_fin_at is not None:
        at = _time(course.peer_fin_at)
        told.insert(
            0 if not course.fins else 1,
            Text(f"the peer's FIN came at {at.en}", f"对端的 FIN 在 {at.zh} 到达"),
        )
    told += _waits(state.state)
    del lasted
    return tuple(told)


def _time(at: int) -> Text:
    return Text(f"{at / SECOND:.3f} s", f"{at / SECOND:.3f} 秒")


def _fins(course: Course, number: int) -> list[Text]:
    first, *again = course.fins
    at = _time(first)
    told = [
        Text(
            f"the FIN was sent at {at.en}; it takes the number {number - 1}",
            f"FIN 在 {at.zh} 发出，占用序号 {number - 1}",
        )
    ]
    if again:
        gaps = [(b - a) / SECOND for a, b in zip(course.fins, again, strict=False)]
        times = ", ".join(f"{t / SECOND:.3f}" for t in again)
        waits = {lang: ", ".join(duration(gap, lang) for gap in gaps) for lang in ("en", "zh")}
        why = _backing_off(gaps)
        told.append(
            Text(
                f"it was sent again at {times} s, after {waits['en']}{why.en}",
                f"又在 {times} 秒重传，间隔 {waits['zh']}{why.zh}",
            )
        )
    return told


def _backing_off(gaps: list[float]) -> Text:
    """Say that the waits double, if they do; the first may be that of another timer."""
    if _doubles(gaps):
        return BACKOFF
    return PROBE if _doubles(gaps[1:]) else NOTHING


def _doubles(gaps: list[float]) -> bool:
    return len(gaps) > 1 and all(
        1.7 < late / max(early, 1e-6) < 2.3 for early, late in pairwise(gaps)
    )


def _waits(state: str) -> list[Text]:
    match state:
        case "FIN-WAIT-2":
            return [Text("the peer has sent no FIN", "对端没有发送 FIN")]
        case "CLOSE-WAIT":
            return [Text("the application has not closed its end", "应用程序尚未关闭本端")]
        case "TIME-WAIT":
            return [Text("it waits 2 MSL", "正在等待 2 MSL")]
        case "SYN-SENT":
            return [Text("no SYN-ACK came", "没有收到 SYN-ACK")]
        case "SYN-RECEIVED":
            return [Text("the SYN-ACK was not acknowledged", "SYN-ACK 未得到确认")]
    return []


def free(stage: Stage, sockets: Sockets, config: Config) -> None:
    """Close every descriptor that is open, then send a RST for each connection whose ports are known.

    What a stage cannot do any more is left to its end.
    """
    for one in sockets.all:
        if one.fd is not None and not one.closed and stage.owns(one.fd):
            with suppress(OSError, FinwaitError):
                stage.call(SystemCall("close", (one.fd,)))
        if one.opening in {Opening.NEW, Opening.BOUND, Opening.LISTENING}:
            continue
        packet = reset_for(one, config.setup, config.dialect)
        if packet is not None:
            with suppress(OSError, FinwaitError):
                stage.inject(packet)
