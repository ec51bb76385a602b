"""RSTs: who sends them, and why."""

from dataclasses import replace

from finwait.lab.experiment import Expected, Experiment
from finwait.lab.packet import Flags
from finwait.lab.world import BIG, REQUEST, World
from finwait.verdict.language import Text

IPPROTO_TCP, TCP_LINGER2 = 6, 8
"""linux/tcp.h"""


def unread(world: World) -> None:
    """The server reads a part of a long request, answers and closes."""
    world.connect(exchange=False)
    world.client.send(BIG * 3)
    world.server.receive(100)
    world.settle()
    world.server.send(b"413 too large\n")
    world.client.receive(14)
    world.settle()
    world.server.close()
    world.client.receive_reset()
    world.until("client", "", "CLOSED")


def linger_zero(world: World) -> None:
    """SO_LINGER 0, then close()."""
    world.connect()
    world.settle()
    world.client.linger(0)
    world.client.close()
    world.server.receive_reset()


def killed(world: World) -> None:
    """The server's process is killed; everything is read."""
    world.connect()
    world.settle()
    world.server.kill()
    world.client.receive_end()
    world.until("server", "FIN-WAIT-2")
    world.client.close()
    world.until("client", "")


def destroyed(world: World) -> None:
    """An administrator has the kernel abort the server's socket."""
    world.connect()
    world.settle()
    world.destroy("server")
    world.client.receive_reset()


def abort_in_close_wait(world: World) -> None:
    """The client closes; the server answers by RST instead of a FIN."""
    world.connect()
    world.client.shutdown()
    world.server.receive_end()
    world.until("client", "FIN-WAIT-2")
    world.server.linger(0)
    world.server.close()
    world.client.receive_reset()


def linger2(world: World) -> None:
    """TCP_LINGER2 < 0: close() in FIN-WAIT-2 aborts."""
    world.connect()
    world.settle()
    world.client.option("TCP_LINGER2", IPPROTO_TCP, TCP_LINGER2, -1)
    world.client.shutdown()
    world.until("client", "FIN-WAIT-2")
    world.client.close()
    world.until("server", "CLOSED", "")


def race_crossed(world: World) -> None:
    """The server closes an idle connection while the next request is on its way."""
    world.connect()
    world.wait(0.5)
    world.wire_does("holds every packet", "扣住所有报文")
    world.wire.hold("client", "server")
    world.client.send(REQUEST)
    world.server.close()
    world.until_held(2, "FIN and request were on their way", "FIN 与请求都已在途")
    world.wire_does("delivers request and FIN", "投递请求与 FIN")
    world.wire.release()
    world.in_one_go()
    world.client.receive_reset()
    world.settle()


def race_stale(world: World) -> None:
    """The client uses a pooled connection after its kernel acked the server's FIN."""
    world.connect()
    world.wait(0.5)
    world.server.close()
    world.until("server", "FIN-WAIT-2")
    world.wait(0.2)
    world.client.send(REQUEST)
    world.until("client", "CLOSED", "")
    world.client.receive_reset()


def data_after_close(world: World) -> None:
    """The client has enough and closes in the middle of a reply."""
    world.connect(exchange=False)
    world.client.send(REQUEST)
    world.server.receive(len(REQUEST))
    world.server.send(BIG)
    world.client.receive(len(BIG))
    world.client.close()
    world.until("client", "FIN-WAIT-2")
    world.server.send(BIG)
    world.until("server", "CLOSED", "")


def lost_state(world: World) -> None:
    """The server's machine loses power; the client does not know and sends."""
    world.connect()
    world.settle()
    world.server.forget()
    world.client.send(REQUEST)
    world.until("client", "CLOSED", "")
    world.client.receive_reset()


def injected(world: World) -> None:
    """A device in between resets the client in the server's name; the server goes on sending."""
    world.connect()
    world.client.send(REQUEST)
    world.server.receive(len(REQUEST))
    world.settle()
    world.wire.cut(lambda side, segment: side == "client" and segment.rst)
    world.wire_does("loses every RST of the client", "丢失客户端的所有 RST")
    last = world.wire.last["server"]
    lie = replace(
        last, seq=last.end, ack=0, flags=Flags.RST, window=0, options=b"", payload=b"", ttl=113
    )
    world.wire_does(
        "injects a RST in the server's name, TTL 113", "以服务器的名义注入 RST，TTL 113"
    )
    world.wire.inject(lie, to="client")
    world.server.send(BIG)
    world.settle()
    world.client.receive_reset()


ABORTED = Text(
    "Unread data, SO_LINGER 0 and SOCK_DESTROY give the same RST: from one connection on the wire they cannot be told apart.",
    "未读数据、SO_LINGER 0 与 SOCK_DESTROY 产生相同的 RST：仅凭线路上的一个连接无法区分。",
)

EXPERIMENTS = (
    Experiment(
        "unread-data", Text("close() with unread data", "关闭时仍有未读数据"),
        Text(
            "The server answers before it has read the whole request, and closes: RST. An answer that is still on its way can be"
            " destroyed (the upload that never sees its 413).",
            "服务器没有读完请求就应答并关闭：RST。仍在途中的应答可能因此丢失（上传者看不到 413）。",
        ),
        unread,
        Expected(
            close="reset", closed_by="server", cause="abort",
            client="CLOSED", server="CLOSED",
            reset="server owner", reason="unread-data",
            limit=ABORTED,
        ),
        tap="server",
    ),
    Experiment(
        "linger-zero", Text("SO_LINGER 0", "SO_LINGER 为 0"),
        Text(
            "With SO_LINGER on and 0 seconds, close() aborts: RST at once, what is unsent is thrown away, nobody waits in"
            " TIME-WAIT. The kernel calls it TCP_STATE.",
            "开启 SO_LINGER 且为 0 秒时，close() 即中止：立刻发送 RST，未发送的数据被丢弃，没有人进入 TIME-WAIT。内核称之为 TCP_STATE。",
        ),
        linger_zero,
        Expected(
            close="reset", closed_by="client", cause="abort",
            client="CLOSED", server="CLOSED",
            reset="client owner", reason="linger-zero",
            limit=ABORTED,
        ),
    ),
    Experiment(
        "kill-9", Text("kill -9: an orderly close", "kill -9：正常关闭"),
        Text(
            "A killed process cannot close, but its kernel can: with everything read it sends a FIN, and on the wire the"
            " connection closes as if the program had.",
            "被杀死的进程无法关闭，但内核可以：数据已读完时它发送 FIN，线路上看起来就像程序自己关闭一样。",
        ),
        killed,
        Expected(
            close="four-way", closed_by="server", cause="orderly",
            client="CLOSE-WAIT LAST-ACK CLOSED", server="FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT",
        ),
    ),
    Experiment(
        "destroyed", Text("SOCK_DESTROY (ss -K)", "SOCK_DESTROY（ss -K）"),
        Text(
            "The kernel aborts the socket from outside. The RST looks like that of SO_LINGER 0; only the state in the kernel's"
            " reason (ESTABLISHED, not CLOSED) tells them apart.",
            "内核从外部中止套接字。RST 与 SO_LINGER 0 的相同；只有内核原因中的状态（ESTABLISHED 而非 CLOSED）能区分。",
        ),
        destroyed,
        Expected(
            close="reset", closed_by="server", cause="abort",
            client="CLOSED", server="CLOSED",
            reset="server owner", reason="destroyed",
            limit=ABORTED,
        ),
        need="ss",
    ),
    Experiment(
        "abort-in-close-wait", Text("RST from CLOSE-WAIT", "CLOSE-WAIT 中的 RST"),
        Text(
            "The client closed and waits in FIN-WAIT-2; the server answers by RST instead of a FIN.",
            "客户端已关闭，在 FIN-WAIT-2 中等待；服务器以 RST 而不是 FIN 回应。",
        ),
        abort_in_close_wait,
        Expected(
            close="reset", closed_by="client", cause="abort-in-close-wait",
            client="FIN-WAIT-1 FIN-WAIT-2 CLOSED", server="CLOSE-WAIT CLOSED",
            reset="server owner", reason="linger-zero",
        ),
    ),
    Experiment(
        "linger2", Text("TCP_LINGER2 < 0 in FIN-WAIT-2", "FIN-WAIT-2 中 TCP_LINGER2 < 0"),
        Text(
            "With TCP_LINGER2 < 0 the kernel does not wait for the other FIN: close() in FIN-WAIT-2 sends a RST.",
            "TCP_LINGER2 < 0 时内核不等待对方的 FIN：在 FIN-WAIT-2 中 close() 会发送 RST。",
        ),
        linger2,
        Expected(
            close="reset", closed_by="client", cause="fin-wait-2-aborted",
            client="FIN-WAIT-1 FIN-WAIT-2 CLOSED", server="CLOSE-WAIT CLOSED",
            reset="client owner", reason="linger2",
        ),
    ),
    Experiment(
        "keepalive-race-crossed", Text("Keep-alive race: crossed", "保活竞争：交错"),
        Text(
            "The server closes an idle connection while a request is on its way. Nobody did anything wrong, and nobody can avoid"
            " it: the request must be repeated.",
            "服务器关闭空闲连接时，请求已经在途。谁都没有错，谁也无法避免：请求必须重发。",
        ),
        race_crossed,
        Expected(
            close="reset", closed_by="server", cause="keepalive-race-crossed",
            client="CLOSE-WAIT CLOSED", server="FIN-WAIT-1 CLOSED",
            reset="server reply", reason="data-after-close",
        ),
    ),
    Experiment(
        "keepalive-race-stale", Text("Keep-alive race: stale", "保活竞争：陈旧"),
        Text(
            "The FIN had arrived and was acked; the client's pool did not look, and used the connection all the same.",
            "FIN 已经到达并被确认；客户端的连接池没有查看，照样使用了该连接。",
        ),
        race_stale,
        Expected(
            close="reset", closed_by="server", cause="keepalive-race-stale",
            client="CLOSE-WAIT CLOSED", server="FIN-WAIT-1 FIN-WAIT-2 CLOSED",
            reset="server reply", reason="data-in-fin-wait-2",
        ),
    ),
    Experiment(
        "data-after-close", Text("Data after close()", "close() 之后的数据"),
        Text(
            "close() closes both directions. What the server still sends meets nobody: RST from FIN-WAIT-2, though the FIN said"
            " only that the client sends no more.",
            "close() 关闭两个方向。服务器继续发送的数据无人接收：FIN-WAIT-2 发出 RST，尽管 FIN 只表示客户端不再发送。",
        ),
        data_after_close,
        Expected(
            close="reset", closed_by="client", cause="data-after-close",
            client="FIN-WAIT-1 FIN-WAIT-2 CLOSED", server="CLOSE-WAIT CLOSED",
            reset="client reply", reason="data-in-fin-wait-2",
        ),
    ),
    Experiment(
        "peer-lost-state", Text("The server lost power", "服务器断电"),
        Text(
            "A machine that lost the connection answers by RST whatever comes for it (RFC 9293 Figure 10): a half-open"
            " connection.",
            "丢失了连接的机器对到来的一切都以 RST 应答（RFC 9293 图 10）：半打开连接。",
        ),
        lost_state,
        Expected(
            close="reset", closed_by="server", cause="peer-lost-state",
            client="CLOSED", server="CLOSED",
            reset="server reply", reason="no-connection",
        ),
    ),
    Experiment(
        "injected-reset", Text("A RST from a device in between", "来自中间设备的 RST"),
        Text(
            "A firewall resets the client in the server's name. Its TTL differs, and the server goes on sending after \"its\" RST:"
            " the server's kernel says nothing of a RST.",
            "防火墙以服务器的名义重置客户端。TTL 不同，而且服务器在“自己的”RST 之后仍继续发送：服务器内核从未说过发送 RST。",
        ),
        injected,
        Expected(
            close="reset", closed_by="server", cause="injected-reset",
            client="CLOSED", server="CLOSED",
            reset="server reply",
            kernel_close="vanished", kernel_closed_by="none", kernel_server="-",
            limit=Text(
                "The server's kernel sent no RST, and so says nothing of a reset. It stays in ESTABLISHED, because the client's RSTs,"
                " which the capture shows, are lost before they reach it.",
                "服务器内核没有发送 RST，因此不会提到复位。它仍处于 ESTABLISHED，因为抓包中客户端的那些 RST 在到达它之前就丢失了。",
            ),
        ),
    ),
)  # fmt: skip
