"""FINs that are lost, late, answered by half, or by nobody."""

from finwait.lab.experiment import Expected, Experiment
from finwait.lab.packet import Flags, Segment
from finwait.lab.world import BIG, REPLY, REQUEST, World
from finwait.verdict.language import Text

SOL_SOCKET, SO_KEEPALIVE, IPPROTO_TCP, TCP_KEEPIDLE = 1, 9, 6, 4
"""linux/tcp.h, asm-generic/socket.h"""
MINUTE = 61
"""Seconds: a little longer than what finwait waits for before it speaks of a leak."""


def is_fin(segment: Segment) -> bool:
    """Say whether a segment has FIN."""
    return segment.fin


def is_bare_ack(segment: Segment) -> bool:
    """Say whether a segment is an ACK and nothing else."""
    return segment.flags == Flags.ACK and not segment.payload


def half_close(world: World) -> None:
    """The client shuts down its sending side after the request; the reply comes after that."""
    world.connect(exchange=False)
    world.client.send(REQUEST)
    world.client.shutdown()
    world.server.receive_end()
    world.until("client", "FIN-WAIT-2")
    world.server.send(BIG)
    world.client.receive(len(BIG))
    world.settle()
    world.server.close()
    world.client.receive_end()
    world.client.close()
    world.until("server", "")


def fin_lost(world: World) -> None:
    """The first FIN is lost, and comes again."""
    world.connect()
    world.settle()
    world.lose("client", is_fin, "loses the client's FIN", "丢失客户端的 FIN")
    world.server.begin("recv(), close()", "close_at_end")
    world.client.close()
    world.server.finish()
    world.in_time("server")
    world.until("server", "")


def fin_ack_lost(world: World) -> None:
    """The ACK of the first FIN is lost; the FIN comes again for nothing."""
    world.connect()
    world.settle()
    world.lose("server", is_bare_ack, "loses the ACK of the FIN", "丢失对 FIN 的 ACK")
    world.client.close()
    world.server.receive_end()
    world.until("client", "FIN-WAIT-2")
    world.server.close()
    world.until("server", "")


def last_ack_lost(world: World) -> None:
    """The ACK of the second FIN is lost: TIME-WAIT is there to send it once more."""
    world.connect()
    world.settle()
    world.client.close()
    world.server.receive_end()
    world.until("client", "FIN-WAIT-2")
    world.lose("client", is_bare_ack, "loses the last ACK", "丢失最后的 ACK")
    world.server.close()
    world.until("server", "")


def fin_out_of_order(world: World) -> None:
    """The FIN overtakes the data before it."""
    world.connect()
    world.settle()
    world.wire_does("holds the client's packets", "扣住客户端的报文")
    world.wire.hold("client")
    world.client.send(REQUEST)
    world.client.close()
    world.until_held(2, "data and FIN were on their way", "数据与 FIN 都已在途")
    world.wire_does("delivers them in the wrong order", "以相反的顺序投递")
    world.wire.release(lambda held: held[::-1])
    world.in_one_go()
    world.server.receive_end()
    world.until("client", "FIN-WAIT-2")
    world.server.close()
    world.until("server", "")


def fin_unanswered(world: World) -> None:
    """A FIN that nobody acks, until the kernel gives up."""
    world.connect()
    world.settle()
    world.wire_does("loses everything from now on", "此后丢失一切")
    world.wire.cut()
    world.client.close()
    world.until("client", "")


def last_ack_unanswered(world: World) -> None:
    """The second FIN is never acked: what the first closer sends is lost."""
    world.connect()
    world.settle()
    world.client.close()
    world.server.receive_end()
    world.until("client", "FIN-WAIT-2")
    world.wire_does("loses everything of the client from now on", "此后丢失客户端的一切")
    world.wire.cut(lambda side, segment: side == "client")
    world.server.close()
    world.until("server", "")


def zero_window(world: World) -> None:
    """The server does not read; the client's FIN has to wait behind its zero window."""
    world.connect(exchange=False, receive_buffer=4096)
    world.client.send((BIG * 2)[:5000])
    world.until_sent(
        "server", lambda segment: segment.window == 0, "the window was closed", "窗口已关闭"
    )
    world.client.close()
    world.until("client", "FIN-WAIT-1")
    world.server.receive(5000)
    world.server.receive_end()
    world.until("client", "FIN-WAIT-2", "TIME-WAIT")
    world.server.close()
    world.until("server", "")


def leak(world: World) -> None:
    """The client closes its side; the server's program never does."""
    world.connect()
    world.client.shutdown()
    world.server.receive_end()
    world.until("client", "FIN-WAIT-2")
    world.settle()


def leak_lasts(world: World) -> None:
    """The same, until the client's kernel asks whether somebody is there: the server's kernel says yes, its program nothing."""
    world.connect()
    world.client.option("TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, MINUTE)
    world.client.option("SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1)
    world.client.shutdown()
    world.server.receive_end()
    world.until("client", "FIN-WAIT-2")
    world.settle()
    begun = len(world.wire.packets)
    world.until_sent(
        "server",
        lambda segment: any(p.sender == "server" for p in world.wire.packets[begun:]),
        "the server's kernel had answered the probe",
        "服务器内核已回应探测",
        limit=2 * MINUTE,
    )
    world.settle()


def orphan(world: World) -> None:
    """The client closes and is gone; the server never closes; the kernel does not wait for ever."""
    world.connect()
    world.client.close()
    world.server.receive_end()
    world.until("client", "")


def held(world: World) -> None:
    """The client only shuts down: its kernel waits as long as its program lives."""
    world.connect()
    world.client.shutdown()
    world.server.receive_end()
    world.until("client", "FIN-WAIT-2")
    world.wait(1.5)  # tcp_fin_timeout is 1 s, and does not count here
    world.server.send(REPLY)
    world.client.receive(len(REPLY))
    world.settle()
    world.server.close()
    world.until("server", "")


FIRST, SECOND = "FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT", "CLOSE-WAIT LAST-ACK CLOSED"
HELD_BACK = Text(
    "The kernel is in FIN-WAIT-1 as soon as the program closes; on the wire that begins with the FIN, which a zero window holds"
    " back until the server reads.",
    "程序一关闭，内核就进入 FIN-WAIT-1；在线路上它从 FIN 开始，而零窗口会把 FIN 一直扣到服务器读取为止。",
)

EXPERIMENTS = (
    Experiment(
        "half-close", Text("Half-close with a reply after it", "半关闭之后仍有应答"),
        Text(
            "shutdown(SHUT_WR) closes one direction only: the client is in FIN-WAIT-2 and still receives, the server is in"
            " CLOSE-WAIT and still sends.",
            "shutdown(SHUT_WR) 只关闭一个方向：客户端处于 FIN-WAIT-2 仍可接收，服务器处于 CLOSE-WAIT 仍可发送。",
        ),
        half_close,
        Expected(
            close="four-way", closed_by="client", cause="orderly",
            client=FIRST, server=SECOND,
        ),
    ),
    Experiment(
        "fin-lost", Text("The FIN is lost", "FIN 丢失"),
        Text("A FIN takes a sequence number, so it is sent again like data.", "FIN 占用一个序号，因此像数据一样会重传。"),
        fin_lost,
        Expected(
            close="three-way", closed_by="client", cause="orderly",
            client=FIRST, server=SECOND,
        ),
    ),
    Experiment(
        "fin-ack-lost", Text("The ACK of the FIN is lost", "对 FIN 的 ACK 丢失"),
        Text(
            "The server has the FIN already; what comes again draws another ACK.", "服务器已经收到 FIN；重传的 FIN 再次得到 ACK。"
        ),
        fin_ack_lost,
        Expected(
            close="four-way", closed_by="client", cause="orderly",
            client=FIRST, server=SECOND,
        ),
        tap="server",
    ),
    Experiment(
        "last-ack-lost", Text("The last ACK is lost", "最后的 ACK 丢失"),
        Text(
            "Nobody acks the last ACK. That is what TIME-WAIT is for: the FIN comes again, and somebody is there to ack it.",
            "没有人确认最后的 ACK。TIME-WAIT 正是为此存在：FIN 会再来一次，总得有人来确认。",
        ),
        last_ack_lost,
        Expected(
            close="four-way", closed_by="client", cause="orderly",
            client=FIRST, server=SECOND,
        ),
    ),
    Experiment(
        "fin-out-of-order", Text("The FIN overtakes data", "FIN 先于数据到达"),
        Text(
            "A FIN that arrives before the data in front of it changes no state: CLOSE-WAIT begins when the gap is filled.",
            "先于数据到达的 FIN 不改变状态：补齐缺口之后才进入 CLOSE-WAIT。",
        ),
        fin_out_of_order,
        Expected(
            close="four-way", closed_by="client", cause="orderly",
            client=FIRST, server=SECOND,
        ),
        tap="server",
    ),
    Experiment(
        "fin-unanswered", Text("A FIN that nobody answers", "无人应答的 FIN"),
        Text(
            "The kernel sends the FIN again: once as a tail loss probe, then by its retransmission timer with doubling gaps, and gives"
            " up in silence: no RST. tcp_orphan_retries counts no packets but sets a time, (2^(n+1) - 1) × 0.2 s from the timer's first"
            " repeat: 1.4 s here (n = 2), 102 s by default (8). The first timeout after that is the last. The server knows of nothing.",
            "内核重传 FIN：先是一次尾部丢失探测，然后由重传定时器以倍增的间隔重传，最后默默放弃：没有 RST。tcp_orphan_retries 不是报文的个数，"
            "而是一段时间：从定时器的第一次重传算起 (2^(n+1) - 1) × 0.2 秒，这里为 1.4 秒（n = 2），默认 102 秒（8）。此后的第一次超时就是最后一次。服务器毫不知情。",
        ),
        fin_unanswered,
        Expected(
            close="fin-unanswered", closed_by="client", cause="fin-never-acked",
            client="FIN-WAIT-1", server="",
            kernel_client="FIN-WAIT-1 CLOSED",
            limit=Text("The kernel gives up without a word: no packet shows it.", "内核一声不响地放弃：没有任何报文能显示。"),
        ),
        sysctl={"tcp_orphan_retries": 2},
    ),
    Experiment(
        "last-ack-unanswered", Text("LAST-ACK that nobody acks", "无人确认的 LAST-ACK"),
        Text(
            "The client gets the server's FIN and acks it from TIME-WAIT, again and again, but every ACK is lost. The server repeats its"
            " FIN from LAST-ACK, for as long as a FIN that nobody answers, and gives up in silence.",
            "客户端收到了服务器的 FIN，并在 TIME-WAIT 中一次次确认，但每个 ACK 都丢失了。服务器在 LAST-ACK 中重传 FIN，时间与无人应答的 FIN 相同，然后默默放弃。",
        ),
        last_ack_unanswered,
        Expected(
            close="four-way", closed_by="client", cause="fin-never-acked",
            client="FIN-WAIT-1 FIN-WAIT-2", server="CLOSE-WAIT LAST-ACK",
            kernel_server=SECOND, kernel_client=FIRST,
            limit=Text(
                "Captured at the server: whether the client got the FIN no packet shows. The kernel's giving up neither.",
                "抓包在服务器一侧：客户端是否收到 FIN，没有报文能显示；内核放弃也一样。",
            ),
        ),
        sysctl={"tcp_orphan_retries": 2}, tap="server",
    ),
    Experiment(
        "zero-window", Text("A FIN behind a zero window", "零窗口后面的 FIN"),
        Text(
            "The server does not read, its window is closed, and the client closes: the FIN waits behind the data until there is"
            " room again.",
            "服务器不读取，窗口已关闭，此时客户端关闭：FIN 排在数据之后，一直等到有空间为止。",
        ),
        zero_window,
        Expected(
            close="four-way", closed_by="client", cause="orderly",
            client=FIRST, server=SECOND,
            limit=HELD_BACK,
        ),
    ),
    Experiment(
        "close-wait-leak", Text("CLOSE-WAIT leak", "CLOSE-WAIT 泄漏"),
        Text(
            "CLOSE-WAIT waits for a program, not for the network: if it never closes, the socket stays for ever. No sysctl helps.",
            "CLOSE-WAIT 等待的是程序而不是网络：程序永不关闭，套接字就永远留着。没有任何 sysctl 能帮忙。",
        ),
        leak,
        Expected(
            close="half-closed", closed_by="client", cause="capture-ended",
            client="FIN-WAIT-1 FIN-WAIT-2", server="CLOSE-WAIT",
            limit=Text(
                "Whether the program has forgotten to close or is still at work: a leak and a half-close in use begin alike, and this"
                " capture ends too soon to tell. finwait speaks of a leak when nothing has come for 60 s (close-wait-leak-lasts). On the"
                " host, ss -tnp state close-wait names the process at once; a socket that is still there minutes later is leaked.",
                "程序是忘了关闭，还是仍在工作：泄漏与使用中的半关闭开头相同，这次抓包结束得太早，无法区分。60 秒没有任何数据之后，finwait 才称之为泄漏"
                "（close-wait-leak-lasts）。在主机上，ss -tnp state close-wait 立刻就能指出进程；几分钟后套接字仍在，就是泄漏。",
            ),
        ),
    ),
    Experiment(
        "close-wait-leak-lasts", Text("CLOSE-WAIT leak, a minute later", "CLOSE-WAIT 泄漏，一分钟之后"),
        Text(
            "A minute after the FIN the server's program has said nothing and closed nothing; its kernel still answers keep-alive"
            " probes, so the socket is there, in CLOSE-WAIT. Now it may be called a leak.",
            "FIN 之后一分钟，服务器的程序什么也没说，也没有关闭；其内核仍回应保活探测，可见套接字还在，处于 CLOSE-WAIT。现在可以称之为泄漏。",
        ),
        leak_lasts,
        Expected(
            close="half-closed", closed_by="client", cause="close-wait-leak",
            client="FIN-WAIT-1 FIN-WAIT-2", server="CLOSE-WAIT",
        ),
        long=True, time_limit=600.0,
    ),
    Experiment(
        "fin-wait-2-orphan", Text("FIN-WAIT-2 without a process times out", "没有进程的 FIN-WAIT-2 超时"),
        Text(
            "After close() nobody could read any more, so the kernel keeps FIN-WAIT-2 for tcp_fin_timeout only (60 s by default,"
            " 1 s here). The server stays in CLOSE-WAIT.",
            "close() 之后再也没有人能读取，因此内核只把 FIN-WAIT-2 保留 tcp_fin_timeout（默认 60 秒，这里 1 秒）。服务器留在 CLOSE-WAIT。",
        ),
        orphan,
        Expected(
            close="half-closed", closed_by="client", cause="capture-ended",
            client="FIN-WAIT-1 FIN-WAIT-2", server="CLOSE-WAIT",
            kernel_client="FIN-WAIT-1 FIN-WAIT-2 CLOSED",
            limit=Text("The timeout sends nothing: no packet shows it.", "超时不发送任何东西：没有报文能显示。"),
        ),
        sysctl={"tcp_fin_timeout": 1},
    ),
    Experiment(
        "fin-wait-2-held", Text("FIN-WAIT-2 held by shutdown()", "由 shutdown() 保持的 FIN-WAIT-2"),
        Text(
            "After shutdown() the program still holds the socket, so tcp_fin_timeout does not count: data that come later are taken.",
            "shutdown() 之后程序仍持有套接字，tcp_fin_timeout 不起作用：后来的数据照样接收。",
        ),
        held,
        Expected(
            close="four-way", closed_by="client", cause="orderly",
            client=FIRST, server=SECOND,
        ),
        sysctl={"tcp_fin_timeout": 1},
    ),
)  # fmt: skip
