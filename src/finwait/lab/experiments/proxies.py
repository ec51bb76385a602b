"""Half-closes through a proxy: a FIN that has to travel from one connection to the other."""

from select import select
from socket import SHUT_WR, socket

from finwait.lab.experiment import Expected, Experiment, Through
from finwait.lab.world import REPLY, REQUEST, World
from finwait.verdict.language import Text

CHUNK = 65536


def breaks_half_close(client: socket, server: socket) -> None:
    """A proxy as many are written: when one end is done, everything is."""
    while True:
        for one in select([client, server], [], [])[0]:
            data = one.recv(CHUNK)
            if not data:
                client.close()
                server.close()
                return
            other = server if one is client else client
            other.sendall(data)


def keeps_half_close(client: socket, server: socket) -> None:
    """A proxy that passes the end of one direction on, and keeps the other."""
    talking = [client, server]
    while talking:
        for one in select(talking, [], [])[0]:
            other = server if one is client else client
            data = one.recv(CHUNK)
            if data:
                other.sendall(data)
            else:
                talking.remove(one)
                other.shutdown(SHUT_WR)
    client.close()
    server.close()


def _asks(world: World) -> None:
    """The client sends a request, and says by a FIN that this was all; the server reads both."""
    world.connect(exchange=False)
    world.client.send(
        REQUEST, more=True
    )  # it waits for the FIN, and goes out in one segment with it
    world.client.shutdown()
    world.server.receive_end()


def half_close_broken(world: World) -> None:
    """The proxy closes both its connections at the client's FIN; the reply meets nobody."""
    _asks(world)
    world.client.receive_end()  # of a reply that never comes
    world.proxy.finish()
    world.in_time("server")  # as which the client sees the proxy
    world.client.close()
    world.until("proxy", "FIN-WAIT-2")
    world.server.send(REPLY)
    world.until("server", "CLOSED", "")


def half_close_kept(world: World) -> None:
    """The proxy passes the client's FIN on; the reply comes back, and then the server's FIN."""
    _asks(world)
    world.server.send(REPLY)
    world.client.receive(len(REPLY))
    world.settle()
    world.server.close()
    world.client.receive_end()
    world.proxy.finish()
    world.client.close()
    world.until("server", "")


FIRST, SECOND = "FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT", "CLOSE-WAIT LAST-ACK CLOSED"
ORDERLY = Expected(
    close="four-way",
    closed_by="client",
    cause="orderly",
    client=FIRST,
    server=SECOND,
)

EXPERIMENTS = (
    Experiment(
        "half-close-broken", Text("A proxy that breaks half-closes", "破坏半关闭的代理"),
        Text(
            "The client sends its request and a FIN: no more from me, now the reply. The proxy takes that FIN for the end of"
            " everything and closes both connections. So the client gets a FIN instead of its reply; and the server, which is still"
            " at work, sends the reply to a socket that nobody has: a RST. Each side sees only its own leg, and blames the other.",
            "客户端发送请求和 FIN：我说完了，等待应答。代理把这个 FIN 当作一切的结束，关闭两个连接。于是客户端得到的是 FIN 而不是应答；"
            "仍在工作的服务器把应答发给一个已无人持有的套接字：RST。每一方只看到自己的一侧，并归咎于对方。",
        ),
        half_close_broken,
        Expected(
            close="three-way", closed_by="client", cause="half-close-broken",
            client=FIRST, server=SECOND,
        ),
        through=Through(
            breaks_half_close,
            Expected(
                close="reset", closed_by="client", cause="data-after-close",
                client="FIN-WAIT-1 FIN-WAIT-2 CLOSED", server="CLOSE-WAIT CLOSED",
                reset="client reply", reason="data-in-fin-wait-2",
            ),
        ),
    ),
    Experiment(
        "half-close-kept", Text("A proxy that keeps half-closes", "保持半关闭的代理"),
        Text(
            "The same conversation through a proxy that ends only the direction that ended: shutdown(SHUT_WR) on the other leg. The FIN"
            " travels to the server, the reply travels back, and then the server's FIN.",
            "同样的对话，代理只结束已结束的那个方向：在另一侧 shutdown(SHUT_WR)。FIN 传到服务器，应答传回来，然后是服务器的 FIN。",
        ),
        half_close_kept, ORDERLY, through=Through(keeps_half_close, ORDERLY),
    ),
)  # fmt: skip
