"""Connections that do not open, or that nobody accepts."""

from finwait.lab.experiment import Expected, Experiment
from finwait.lab.packet import Flags, Segment
from finwait.lab.world import World
from finwait.verdict.language import Text

SETTINGS = {"tcp_syn_retries": 1, "tcp_syn_linear_timeouts": 0}


def refused(world: World) -> None:
    """A SYN to a port where nothing listens."""
    world.client.connect(world.to, world.from_port, may_fail=True)


def unanswered(world: World) -> None:
    """SYNs that all get lost."""
    world.wire_does("loses everything", "丢失一切")
    world.wire.cut()
    world.client.connect(world.to, world.from_port, may_fail=True)


def rejected(world: World) -> None:
    """A firewall in front of a port that listens: it keeps the SYN, and answers by RST in the server's name."""
    world.server.listen(world.port)
    world.wire_does("a firewall lets nothing of the client through", "防火墙不放行客户端的任何报文")
    world.wire.cut(lambda side, segment: side == "client")
    world.client.begin("connect()", "connect", *world.to, world.from_port, 0, may_fail=True)
    world.until_sent("client", lambda segment: segment.syn, "the SYN had come", "SYN 已经到达")
    syn = world.wire.last["client"]
    answer = Segment(
        *(syn.dst, syn.src, syn.dport, syn.sport),
        0,
        syn.end,
        Flags.RST | Flags.ACK,
        window=0,
        ttl=62,
    )
    world.wire_does("the firewall answers by RST, TTL 62", "防火墙以 RST 应答，TTL 62")
    world.wire.inject(answer, to="client")
    world.client.finish()


def abandoned(world: World) -> None:
    """The caller gives up before the SYN-ACK comes."""
    world.server.listen(world.port)
    world.wire_does("holds the server's packets", "扣住服务器的报文")
    world.wire.hold("server")
    world.client.call(world.to, world.from_port)
    world.until_held(1, "the SYN-ACK was on its way", "SYN-ACK 已在途")
    world.client.close()
    world.wire_does("delivers the SYN-ACK", "投递 SYN-ACK")
    world.wire.release()
    world.settle()


def listener_closed(world: World) -> None:
    """Nobody accepts until the backlog is full, and the listener closes."""
    world.server.listen(world.port, backlog=4)  # which has room for five
    for number in range(4, -1, -1):
        world.client.connect(world.to, world.from_port + number)
    world.settle()
    world.server.close_listener()
    world.client.receive_reset()


def queue_full(world: World) -> None:
    """The accept queue has room for one, and nobody accepts: the next SYN is dropped."""
    world.server.listen(world.port, backlog=0)
    world.client.connect(world.to, world.from_port + 1)
    world.settle()
    world.client.connect(world.to, world.from_port, may_fail=True)


def overflow(world: World) -> None:
    """The accept queue fills while a handshake is under way: its ACK comes when there is no room any more."""
    world.server.listen(world.port)
    world.client.connect(world.to, world.from_port + 1)
    world.wire_does("holds the client's packets", "扣住客户端的报文")
    world.wire.hold("client")
    world.client.call(world.to, world.from_port)
    world.until_held(1, "the SYN was on its way", "SYN 已在途")
    world.wire.release()
    world.wire.hold("client")
    world.until_held(1, "the ACK was on its way", "ACK 已在途")
    world.server.backlog(0)  # the first connection, which nobody accepts, fills it
    world.wire_does("delivers the ACK", "投递 ACK")
    world.wire.release()
    world.settle()


def simultaneous_open(world: World) -> None:
    """Both call each other, and their SYNs cross."""
    world.wire_does("holds every packet", "扣住所有报文")
    world.wire.hold("client", "server")
    world.client.call(world.to, world.from_port)
    world.server.call((world.wire.client_address, world.from_port), world.port)
    world.until_held(2, "both SYNs were on their way", "两个 SYN 都已在途")
    world.wire_does("delivers both SYNs", "投递两个 SYN")
    world.wire.release()
    world.until("client", "ESTABLISHED")
    world.until("server", "ESTABLISHED")
    world.exchange()
    world.client.close()
    world.server.receive_end()
    world.until("client", "FIN-WAIT-2")
    world.server.close()
    world.until("server", "")


EXPERIMENTS = (
    Experiment(
        "refused", Text("Refused", "被拒绝"),
        Text(
            "Nothing listens on the port: the kernel answers the SYN by RST at once, and connect() fails with ECONNREFUSED.",
            "端口上没有监听：内核立刻以 RST 应答 SYN，connect() 失败，ECONNREFUSED。",
        ),
        refused,
        Expected(
            close="refused", closed_by="server", cause="port-closed",
            client="SYN-SENT CLOSED", server="",
            reset="server reply", reason="no-socket",
        ),
    ),
    Experiment(
        "port-rejected", Text("Refused by a firewall", "被防火墙拒绝"),
        Text(
            "The port does listen; a firewall with a rule that resets (REJECT with tcp-reset) answers in the server's name. connect()"
            " fails with ECONNREFUSED, as if nothing listened, and the server never knows.",
            "端口其实在监听；防火墙按“重置”规则（REJECT，tcp-reset）以服务器的名义应答。connect() 失败，ECONNREFUSED，"
            "如同没有监听，而服务器毫不知情。",
        ),
        rejected,
        Expected(
            close="refused", closed_by="server", cause="port-closed",
            client="SYN-SENT CLOSED", server="",
            reset="server reply",
            kernel_close="unanswered", kernel_closed_by="none",
            limit=Text(
                "The server's kernel saw no SYN and sent no RST. From this call alone the wire cannot show it: the TTL of the RST (62)"
                " differs from the server's (64), but no packet of the server is there to compare it with.",
                "服务器内核没有见到 SYN，也没有发送 RST。仅凭这一次呼叫，线路上看不出来：RST 的 TTL（62）与服务器的（64）不同，"
                "但没有服务器的报文可供比较。",
            ),
        ),
    ),
    Experiment(
        "unanswered", Text("Unanswered", "无应答"),
        Text(
            "No answer at all: the SYN is repeated tcp_syn_retries times (6 by default, 1 here), then connect() fails with ETIMEDOUT.",
            "完全没有应答：SYN 重传 tcp_syn_retries 次（默认 6 次，这里 1 次），然后 connect() 失败，ETIMEDOUT。",
        ),
        unanswered,
        Expected(
            close="unanswered", closed_by="none", cause="no-answer",
            client="SYN-SENT", server="",
            kernel_client="SYN-SENT CLOSED",
            limit=Text("Giving up sends nothing.", "放弃不发送任何东西。"),
        ),
        sysctl=SETTINGS,
    ),
    Experiment(
        "handshake-abandoned", Text("The caller gave up", "呼叫方已放弃"),
        Text(
            "The client closes in SYN-SENT; the SYN-ACK that comes later finds no socket and draws a RST.",
            "客户端在 SYN-SENT 中关闭；随后到来的 SYN-ACK 找不到套接字，得到 RST。",
        ),
        abandoned,
        Expected(
            close="handshake-reset", closed_by="client", cause="handshake-abandoned",
            client="SYN-SENT CLOSED", server="SYN-RECEIVED CLOSED",
            reset="client reply", reason="no-socket",
        ),
    ),
    Experiment(
        "listener-closed", Text("The listener closes with a full backlog", "backlog 已满时监听套接字关闭"),
        Text(
            "The kernel finished the handshakes, no program accepted; when the listener closes, everybody who waits in its queue is"
            " reset. Of five connections the last is shown.",
            "内核完成了握手，但没有程序 accept；监听套接字关闭时，队列中等待的连接全部被重置。这里显示五个连接中的最后一个。",
        ),
        listener_closed,
        Expected(
            close="reset", closed_by="server", cause="listener-gone",
            client="CLOSED", server="CLOSED",
            reset="server owner", reason="listener-closed",
            connection=4,
        ),
    ),
    Experiment(
        "accept-queue-full", Text("Accept queue full: the SYN is dropped", "accept 队列已满：丢弃 SYN"),
        Text(
            "A full accept queue drops new SYNs in silence, as if the packet were lost; tcp_abort_on_overflow changes nothing here.",
            "accept 队列满时新的 SYN 被默默丢弃，如同丢包；tcp_abort_on_overflow 在此不起作用。",
        ),
        queue_full,
        Expected(
            close="unanswered", closed_by="none", cause="no-answer",
            client="SYN-SENT", server="",
            kernel_client="SYN-SENT CLOSED", connection=1,
            limit=Text("Giving up sends nothing.", "放弃不发送任何东西。"),
        ),
        sysctl={**SETTINGS, "tcp_abort_on_overflow": 1},
    ),
    Experiment(
        "accept-queue-overflow", Text("Accept queue overflows in the handshake", "握手途中 accept 队列溢出"),
        Text(
            "The queue fills between SYN and ACK. With tcp_abort_on_overflow 0 the ACK is ignored: the client thinks that it is"
            " connected, the server does not.",
            "队列在 SYN 与 ACK 之间填满。tcp_abort_on_overflow 为 0 时 ACK 被忽略：客户端以为已连接，服务器并不认为。",
        ),
        overflow,
        Expected(
            close="open", closed_by="none", cause="capture-ended",
            client="", server="",
            connection=1, kernel_server="SYN-RECEIVED",
            limit=Text("The ACK arrived, and the kernel ignored it: no packet shows that.", "ACK 已到达，但被内核忽略：没有报文能显示。"),
        ),
    ),
    Experiment(
        "accept-queue-overflow-reset", Text("The same with tcp_abort_on_overflow", "同上，开启 tcp_abort_on_overflow"),
        Text(
            "With tcp_abort_on_overflow 1 the ACK that finds the queue full is answered by RST.",
            "tcp_abort_on_overflow 为 1 时，遇到队列已满的 ACK 会得到 RST。",
        ),
        overflow,
        Expected(
            close="reset", closed_by="server", cause="handshake-rejected",
            client="CLOSED", server="SYN-RECEIVED CLOSED",
            reset="server reply", reason="overflow",
            connection=1,
            limit=Text(
                "An ACK and its RST: the server did not take the connection. Whether its queue was full or its listener gone, no packet"
                " shows.",
                "一个 ACK 与它引来的 RST：服务器没有接下这个连接。是队列已满还是监听套接字已消失，报文不能显示。",
            ),
        ),
        sysctl={"tcp_abort_on_overflow": 1},
    ),
    Experiment(
        "simultaneous-open", Text("Simultaneous open", "同时打开"),
        Text(
            "Both ends call, and the SYNs cross: both pass SYN-SENT and SYN-RECEIVED, and one connection comes of it (RFC 9293"
            " Figure 7).",
            "两端同时呼叫，SYN 交错：双方都经过 SYN-SENT 与 SYN-RECEIVED，得到一个连接（RFC 9293 图 7）。",
        ),
        simultaneous_open,
        Expected(
            close="four-way", closed_by="client", cause="orderly",
            client="FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT", server="CLOSE-WAIT LAST-ACK CLOSED",
        ),
    ),
)  # fmt: skip
