"""Ends that fall silent."""

from finwait.lab.experiment import Expected, Experiment
from finwait.lab.world import REQUEST, World
from finwait.verdict.language import Text

SOL_SOCKET, SO_KEEPALIVE, IPPROTO_TCP = 1, 9, 6
TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT = 4, 5, 6, 18
"""linux/tcp.h, asm-generic/socket.h"""


def user_timeout(world: World) -> None:
    """Data that nobody acks, until TCP_USER_TIMEOUT."""
    world.connect()
    world.settle()
    world.client.option("TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 1500)
    world.wire_does("loses everything from now on", "此后丢失一切")
    world.wire.cut()
    world.client.send(REQUEST)
    world.until("client", "CLOSED", "")
    world.client.receive_reset()


def keepalive(world: World) -> None:
    """Keep-alive probes that nobody answers."""
    world.connect()
    world.settle()
    world.client.option("TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 1)
    world.client.option("TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 1)
    world.client.option("TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 2)
    world.client.option("SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1)
    world.wire_does("loses everything of the client from now on", "此后丢失客户端的一切")
    world.wire.cut(lambda side, segment: side == "client")
    world.until("client", "CLOSED", "")
    world.settle()
    world.client.receive_reset()


SILENT = Text(
    "Giving up sends nothing: no packet shows it.", "放弃不发送任何东西：没有报文能显示。"
)

EXPERIMENTS = (
    Experiment(
        "user-timeout", Text("TCP_USER_TIMEOUT", "TCP_USER_TIMEOUT"),
        Text(
            "Data are sent again and again without an answer; after TCP_USER_TIMEOUT (1.5 s here) the kernel gives up with ETIMEDOUT"
            " and sends nothing: no FIN, no RST.",
            "数据一再重传而无应答；TCP_USER_TIMEOUT（这里 1.5 秒）之后内核放弃，ETIMEDOUT，什么也不发送：没有 FIN，也没有 RST。",
        ),
        user_timeout,
        Expected(
            close="vanished", closed_by="none", cause="peer-silent",
            client="", server="",
            kernel_client="CLOSED",
            limit=SILENT,
        ),
    ),
    Experiment(
        "keepalive-death", Text("Keep-alive finds nobody", "保活探测无人应答"),
        Text(
            "An idle connection is probed; when TCP_KEEPCNT probes are unanswered the kernel does send a RST, in case somebody"
            " still listens.",
            "空闲连接被探测；TCP_KEEPCNT 次探测无应答后，内核会发送 RST，以防对方仍在监听。",
        ),
        keepalive,
        Expected(
            close="reset", closed_by="client", cause="keepalive-timeout",
            client="CLOSED", server="CLOSED",
            reset="client owner", reason="keepalive",
            kernel_server="-",
            limit=Text("The RST is lost as well: the server's kernel knows of nothing.", "RST 也丢失了：服务器内核毫不知情。"),
        ),
    ),
)  # fmt: skip
