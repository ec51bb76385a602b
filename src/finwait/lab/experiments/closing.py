"""The five closings of the study."""

from finwait.lab.experiment import Expected, Experiment
from finwait.lab.world import BIG, REQUEST, World
from finwait.verdict.language import Text


def four_way(world: World) -> None:
    """The client closes; the server takes longer than its kernel delays an ACK."""
    world.connect()
    world.client.close()
    world.server.receive_end()
    world.until("client", "FIN-WAIT-2")  # the FIN was acked: by the kernel, not by the program
    world.server.close()
    world.until("server", "")


def three_way(world: World) -> None:
    """The client closes; the server closes at once, so that its FIN carries the ACK."""
    world.connect()
    world.server.begin("recv(), close()", "close_at_end")
    world.client.close()
    world.server.finish()
    world.in_time("server")
    world.until("server", "")


def simultaneous(world: World) -> None:
    """Both close while neither FIN has arrived."""
    world.connect()
    world.settle()
    world.wire_does("holds every packet", "扣住所有报文")
    world.wire.hold("client", "server")
    world.client.close()
    world.server.close()
    world.until_held(2, "both FINs were on their way", "两个 FIN 都已在途")
    world.wire_does("delivers both FINs", "投递两个 FIN")
    world.wire.release()
    world.in_one_go()
    world.until("client", "TIME-WAIT")
    world.until("server", "TIME-WAIT")
    world.settle()


def rst_without_fin(world: World) -> None:
    """The client's process leaves with the reply unread."""
    world.connect(exchange=False)
    world.client.send(REQUEST)
    world.server.receive(len(REQUEST))
    world.server.send(BIG)
    world.settle()  # the reply lies in the client's kernel, acked and unread
    world.client.exit()
    world.server.receive_reset()
    world.until("server", "")


def rst_after_fin(world: World) -> None:
    """The server closes; the client never does, and writes when the server's kernel has forgotten."""
    world.connect()
    world.server.close()
    world.client.receive_end()
    world.until("server", "")  # tcp_fin_timeout is over
    world.client.send(b"one more thing")
    world.until("client", "CLOSED", "")
    world.client.receive_reset()  # the end: who reads does not see a RST that comes after a FIN
    world.client.send(b"and another", may_fail=True)  # EPIPE: who writes does


EXPERIMENTS = (
    Experiment(
        "four-way",
        Text("Four-way close", "四次挥手"),
        Text(
            "One end closes, the other end's kernel acks the FIN by itself, and its program closes later: FIN, ACK, FIN, ACK."
            " Who closed first ends in TIME-WAIT.",
            "一端关闭，另一端的内核自行确认 FIN，其程序稍后才关闭：FIN、ACK、FIN、ACK。先关闭的一端进入 TIME-WAIT。",
        ),
        four_way,
        Expected(
            close="four-way", closed_by="client", cause="orderly",
            client="FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT", server="CLOSE-WAIT LAST-ACK CLOSED",
        ),
    ),
    Experiment(
        "three-way",
        Text("Three-way close", "三次挥手"),
        Text(
            "The second program closes before its kernel's delayed ACK (40 ms) is due, so FIN and ACK share one segment:"
            " three segments instead of four, the same states.",
            "第二个程序在其内核的延迟 ACK（40 毫秒）到期之前就关闭，FIN 与 ACK 合在一个报文段里：三个报文段而不是四个，状态相同。",
        ),
        three_way,
        Expected(
            close="three-way", closed_by="client", cause="orderly",
            client="FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT", server="CLOSE-WAIT LAST-ACK CLOSED",
        ),
    ),
    Experiment(
        "simultaneous",
        Text("Simultaneous close: CLOSING", "同时关闭：CLOSING"),
        Text(
            "Both FINs are on their way at once, so each end gets the other's FIN before the ACK of its own: both pass"
            " CLOSING, and both end in TIME-WAIT (RFC 9293 Figure 13).",
            "两个 FIN 同时在途，每一端都在自己的 FIN 被确认之前收到对方的 FIN：两端都经过 CLOSING，也都进入 TIME-WAIT（RFC 9293 图 13）。",
        ),
        simultaneous,
        Expected(
            close="simultaneous", closed_by="both", cause="orderly",
            client="FIN-WAIT-1 CLOSING TIME-WAIT", server="FIN-WAIT-1 CLOSING TIME-WAIT",
        ),
    ),
    Experiment(
        "rst-without-fin",
        Text("RST without FIN: the process leaves", "没有 FIN 的 RST：进程退出"),
        Text(
            "A process leaves without closing and without reading. Its kernel closes for it, finds unread data, and sends a RST"
            " instead of a FIN (RFC 2525 2.17).",
            "进程没有关闭、没有读取就退出。内核替它关闭，发现还有未读数据，于是发送 RST 而不是 FIN（RFC 2525 2.17）。",
        ),
        rst_without_fin,
        Expected(
            close="reset", closed_by="client", cause="abort",
            client="CLOSED", server="CLOSED",
            reset="client owner", reason="unread-data",
            limit=Text(
                "Closing empties the queue before the RST is made, so its window shows nothing of the unread data: from the wire"
                " it may as well be SO_LINGER 0. Only the kernel's reason tells.",
                "关闭时内核先清空接收队列再构造 RST，窗口里看不出未读数据：从线路上看也可能是 SO_LINGER 0。只有内核的原因能说明。",
            ),
        ),
    ),
    Experiment(
        "rst-after-fin",
        Text("FIN answered and never followed, then RST", "FIN 得到确认却没有下文，随后 RST"),
        Text(
            "The server's FIN is acked by the client's kernel, but the client's program never closes: FIN-WAIT-2 here, CLOSE-WAIT"
            " there. After tcp_fin_timeout (60 s by default, 1 s here) the server's kernel forgets, and what the client then sends"
            " meets a RST.",
            "服务器的 FIN 被客户端内核确认，但客户端程序始终不关闭：这边 FIN-WAIT-2，那边 CLOSE-WAIT。"
            "tcp_fin_timeout（默认 60 秒，这里 1 秒）之后服务器内核将其遗忘，客户端此后发送的数据得到 RST。",
        ),
        rst_after_fin,
        Expected(
            close="reset", closed_by="server", cause="data-after-close",
            client="CLOSE-WAIT CLOSED", server="FIN-WAIT-1 FIN-WAIT-2 CLOSED",
            reset="server reply", reason="no-connection",
        ),
        sysctl={"tcp_fin_timeout": 1},
    ),
)  # fmt: skip
