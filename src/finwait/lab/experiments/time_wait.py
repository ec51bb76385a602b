"""TIME-WAIT: what it is for, and what ends it early."""

from dataclasses import replace

from finwait.lab.experiment import Expected, Experiment
from finwait.lab.packet import Flags
from finwait.lab.world import REQUEST, World
from finwait.verdict.language import Text


def _server_closes_first(world: World) -> None:
    world.connect()
    world.server.close()
    world.client.receive_end()
    world.until("server", "FIN-WAIT-2")
    world.client.close()
    world.until("client", "")
    world.until("server", "TIME-WAIT")


def reuse(world: World) -> None:
    """The client calls again from the same port while the server holds TIME-WAIT."""
    _server_closes_first(world)
    world.again()
    world.dial()
    world.exchange()
    world.client.close()
    world.server.receive_end()
    world.until("client", "FIN-WAIT-2")
    world.server.close()
    world.until("server", "")


def expires(world: World) -> None:
    """Nothing comes for 60 s."""
    _server_closes_first(world)
    world.until("server", "", limit=90)


def refused(world: World) -> None:
    """The client calls with a number below the old connection's: it is answered by an ACK of the old connection."""
    _server_closes_first(world)
    world.again()
    begun = len(world.wire.packets)
    old = (world.wire.last["client"].seq - 100_000) % (1 << 32)
    world.client.call_at(old, world.to, world.from_port)
    world.until_sent(
        "client",
        lambda segment: segment.rst and _resets(world, begun) > 1,
        "the SYN was refused twice",
        "SYN 已被拒绝两次",
    )
    world.settle()


def _resets(world: World, begun: int) -> int:
    return sum(p.segment.rst for p in world.wire.packets[begun:])


def assassination(world: World) -> None:
    """A RST with the right number meets TIME-WAIT."""
    _server_closes_first(world)
    last = world.wire.last["client"]
    world.wire_does("injects an exact RST", "注入序号准确的 RST")
    rst = replace(last, seq=last.end, ack=0, flags=Flags.RST, window=0, options=b"", payload=b"")
    world.wire.inject(rst, to="server", seen=True)
    world.settle()


def late_data(world: World) -> None:
    """A copy of the request that was under way for long meets TIME-WAIT."""
    _server_closes_first(world)
    first = next(p.segment for p in world.wire.packets if p.segment.payload == REQUEST)
    world.wire_does("delivers a late copy of the request", "投递迟到的请求副本")
    world.wire.cut(lambda side, segment: side == "server")  # the ACK would draw a RST of the client
    world.wire.inject(first, to="server", seen=True)
    world.settle()


CLIENT, SERVER = "CLOSE-WAIT LAST-ACK CLOSED", "FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT"

EXPERIMENTS = (
    Experiment(
        "time-wait-reuse", Text("TIME-WAIT gives way to a new connection", "TIME-WAIT 让位于新连接"),
        Text(
            "A SYN above the old connection's numbers cannot be an old one: TIME-WAIT ends and the new connection opens (RFC 9293"
            " 3.10.7.4, RFC 6191).",
            "序号高于旧连接的 SYN 不可能是旧的：TIME-WAIT 结束，新连接打开（RFC 9293 3.10.7.4，RFC 6191）。",
        ),
        reuse,
        Expected(
            close="four-way", closed_by="client", cause="orderly",
            client="FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT", server="CLOSE-WAIT LAST-ACK CLOSED",
            connection=1,
        ),
    ),
    Experiment(
        "time-wait-refused", Text("TIME-WAIT refuses an old SYN", "TIME-WAIT 拒绝旧的 SYN"),
        Text(
            "A SYN with an old number is answered by an ACK of the old connection; the caller answers that by RST, which with"
            " tcp_rfc1337 1 ends nothing, and tries again in vain. (Without timestamps: a later one would let the SYN through.)",
            "旧序号的 SYN 得到旧连接的 ACK；呼叫方以 RST 回应。tcp_rfc1337 为 1 时它不起作用，再次尝试也是徒劳。"
            "（不使用时间戳：更晚的时间戳会让 SYN 通过。）",
        ),
        refused,
        Expected(
            close="unanswered", closed_by="none", cause="time-wait-reuse-refused",
            client="SYN-SENT", server="TIME-WAIT",
            reason="bad-ack",
            connection=1, kernel_server="-",
            limit=Text(
                "Whose numbers the ACK has no packet of this connection says: that the server holds TIME-WAIT is a conclusion. Its kernel"
                " says nothing new of it, for it has held that since the first connection.",
                "ACK 的号码属于谁，本连接的报文没有说明：服务器持有 TIME-WAIT 是推断。其内核对此没有新的说法，因为它从第一个连接起就一直持有。",
            ),
        ),
        sysctl={"tcp_rfc1337": 1, "tcp_timestamps": 0},
    ),
    Experiment(
        "time-wait-assassination", Text("TIME-WAIT assassination", "TIME-WAIT 被暗杀"),
        Text(
            "An exact RST ends TIME-WAIT early (RFC 1337), as long as tcp_rfc1337 is 0, the default.",
            "序号准确的 RST 会提前结束 TIME-WAIT（RFC 1337），只要 tcp_rfc1337 为默认值 0。",
        ),
        assassination,
        Expected(
            close="four-way", closed_by="server", cause="orderly",
            client=CLIENT, server=f"{SERVER} CLOSED",
        ),
        sysctl={"tcp_rfc1337": 0},
    ),
    Experiment(
        "time-wait-survives", Text("The same with tcp_rfc1337", "同上，开启 tcp_rfc1337"),
        Text("With tcp_rfc1337 1 the RST is ignored, and TIME-WAIT stays.", "tcp_rfc1337 为 1 时 RST 被忽略，TIME-WAIT 保留。"),
        assassination,
        Expected(
            close="four-way", closed_by="server", cause="orderly",
            client=CLIENT, server=f"{SERVER} CLOSED",
            kernel_server=SERVER,
            limit=Text(
                "Whether the RST ended TIME-WAIT depends on a setting of the host: the packets are the same.",
                "RST 是否结束 TIME-WAIT 取决于主机的设置：报文完全相同。",
            ),
        ),
        sysctl={"tcp_rfc1337": 1},
    ),
    Experiment(
        "late-data", Text("Late data in TIME-WAIT", "TIME-WAIT 中的迟到数据"),
        Text(
            "A late copy of old data draws an ACK and changes nothing. Without TIME-WAIT it could fall into the next connection.",
            "迟到的旧数据副本得到一个 ACK，什么也不改变。没有 TIME-WAIT，它可能落入下一个连接。",
        ),
        late_data,
        Expected(
            close="four-way", closed_by="server", cause="orderly",
            client=CLIENT, server=SERVER,
        ),
        tap="server",
    ),
    Experiment(
        "time-wait-expires", Text("TIME-WAIT runs out", "TIME-WAIT 到期"),
        Text(
            "After 60 s without an old segment the kernel forgets (TCP_TIMEWAIT_LEN, fixed when Linux was built; RFC 9293 has 2 MSL ="
            " 4 min).",
            "60 秒内没有旧报文段到来，内核便将其遗忘（TCP_TIMEWAIT_LEN，编译 Linux 时固定；RFC 9293 为 2 MSL = 4 分钟）。",
        ),
        expires,
        Expected(
            close="four-way", closed_by="server", cause="orderly",
            client=CLIENT, server=SERVER,
            kernel_server=f"{SERVER} CLOSED",
            limit=Text("The end of TIME-WAIT sends nothing: no packet shows it.", "TIME-WAIT 的结束不发送任何东西：没有报文能显示。"),
        ),
        long=True, time_limit=600.0,
    ),
)  # fmt: skip
