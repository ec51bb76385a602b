"""The kernel's reasons for a RST, decoded: their names alone mislead (SO_LINGER 0 shows as TCP_STATE).

Measured on Linux 6.18 and read in net/ipv4/tcp.c, tcp_ipv4.c (tcp_send_active_reset, tcp_v4_send_reset) of 6.12.
"""

from typing import Final, NamedTuple

from finwait.verdict.language import Text


class Reason(NamedTuple):
    """What a reason means."""

    text: Text
    causes: frozenset[str]
    """Causes of finwait that say the same."""


def _causes(*slugs: str) -> frozenset[str]:
    return frozenset(slugs)


RACES: Final = (
    "keepalive-race-crossed",
    "keepalive-race-stale",
    "data-after-close",
    "half-close-broken",
)
ABORTS: Final = (
    "deliberate-abort",
    "abort",
    "abort-in-close-wait",
    "fin-wait-2-aborted",
    "handshake-abandoned",
    "gave-up",
    "tls-truncated",
    "handshake-rejected",
)

REASONS: Final[dict[str, Reason]] = {
    "unread-data": Reason(
        Text("close() with unread data", "关闭时仍有未读数据"), _causes("unread-data", "abort", "abort-in-close-wait", "fin-wait-2-aborted"),
    ),
    "linger-zero": Reason(
        Text("close() with SO_LINGER 0, or disconnect", "SO_LINGER 为 0 的 close()，或断开"), _causes(*ABORTS),
    ),
    "destroyed": Reason(
        Text("aborted from outside (SOCK_DESTROY)", "被外部强制中止（SOCK_DESTROY）"), _causes(*ABORTS, "unread-data"),
    ),
    "listener-closed": Reason(
        Text("the listener closed before it was accepted", "尚未 accept，监听套接字已关闭"), _causes("listener-gone"),
    ),
    "linger2": Reason(
        Text("TCP_LINGER2 < 0 in FIN-WAIT-2", "FIN-WAIT-2 中 TCP_LINGER2 < 0"), _causes("fin-wait-2-aborted", "fin-wait-2-expired"),
    ),
    "data-after-close": Reason(
        Text("data came after close()", "close() 之后收到数据"), _causes(*RACES, "fin-wait-2-aborted"),
    ),
    "data-in-fin-wait-2": Reason(
        Text("data came to FIN-WAIT-2 without a process", "无进程的 FIN-WAIT-2 收到数据"), _causes(*RACES),
    ),
    "no-connection": Reason(
        Text("no such connection; the port still listens", "没有这个连接；端口仍在监听"),
        _causes(*RACES, "fin-wait-2-expired", "peer-lost-state", "gave-up", "handshake-rejected"),
    ),
    "no-socket": Reason(
        Text("no socket at all", "没有对应的套接字"),
        _causes(*RACES, "port-closed", "fin-wait-2-expired", "peer-lost-state", "gave-up", "handshake-abandoned",
            "time-wait-reuse-refused", "listener-gone"),
    ),
    "keepalive": Reason(Text("keep-alive probes unanswered", "保活探测无应答"), _causes("keepalive-timeout")),
    "overflow": Reason(
        Text("the accept queue is full (tcp_abort_on_overflow)", "accept 队列已满（tcp_abort_on_overflow）"),
        _causes("handshake-rejected"),
    ),
    "bad-ack": Reason(
        Text("an ACK that fits nothing", "无法接受的 ACK"), _causes("time-wait-reuse-refused", "peer-lost-state", "port-reused"),
    ),
}  # fmt: skip


MEANS: Final[dict[tuple[str, str], str]] = {
    ("TCP_ABORT_ON_CLOSE", ""): "unread-data",
    ("TCP_STATE", "CLOSED"): "linger-zero",
    ("TCP_STATE", ""): "destroyed",
    ("TCP_ABORT_ON_LINGER", ""): "linger2",
    ("TCP_ABORT_ON_DATA", ""): "data-after-close",
    ("TCP_TIMEWAIT_SOCKET", ""): "data-in-fin-wait-2",
    ("TCP_FLAGS", "LISTEN"): "no-connection",
    ("NO_SOCKET", ""): "no-socket",
    ("INVALID_SYN", "LISTEN"): "overflow",  # tcp_check_req, embryonic_reset
    ("TCP_KEEPALIVE_TIMEOUT", ""): "keepalive",
    ("TCP_INVALID_ACK_SEQUENCE", ""): "bad-ack",
    ("TCP_TOO_OLD_ACK", ""): "bad-ack",
    ("TCP_ACK_UNSENT_DATA", ""): "bad-ack",
}
"""By reason, and by the state that the tracepoint names where that decides; "" is any other state."""


def decode(reason: str, state: str, *, listener_closed: bool = False) -> str:
    """Say what a reason of `tcp_send_reset` means: a slug of REASONS, or the reason itself if it is not known here.

    state: the one that the tracepoint names. listener_closed: a listener of the same end closed just before.
    """
    means = MEANS.get((reason, state)) or MEANS.get((reason, ""), reason)
    return "listener-closed" if means == "linger-zero" and listener_closed else means
