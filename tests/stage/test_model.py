"""The model stage as a process on it sees it: descriptors, errno, sleeping, time, shell lines."""

from ipaddress import ip_address

import pytest

from finwait.errors import Misuse
from finwait.stage.model import Model, open_model
from finwait.stage.model.numbers import ERRNO
from finwait.stage.stage import Captured, Result, Setup, SystemCall, Value
from finwait.tcp import Flags
from finwait.wire import Packet, Tcp, TcpOption, Udp

LOCAL, REMOTE = ip_address("192.168.0.1"), ip_address("192.0.2.1")
SETUP = Setup("ipv4", LOCAL, LOCAL, REMOTE, 16, 24)
STREAM, TCP, NONBLOCK = 1, 6, 0o4000
SECOND = 1_000_000


def do(stage: Model, name: str, *arguments: Value) -> Result:
    return stage.call(SystemCall(name, arguments))


def expect(result: Result, value: int, errno: str = "") -> None:
    assert (result.value, result.errno) == (value, ERRNO[errno] if errno else 0)


def sent(stage: Model, until: int | None = None) -> Tcp:
    found = stage.sniff(stage.now() if until is None else until)
    assert isinstance(found, Captured)
    assert isinstance(found.packet.body, Tcp)
    return found.packet.body


def arrive(stage: Model, port: int, flags: Flags, seq: int, ack: int = 0, data: int = 0) -> None:
    mss = (TcpOption(2, (1000).to_bytes(2, "big")),) if flags & Flags.SYN else ()
    body = Tcp(port, 8080, seq, ack, flags, 32000, options=mss, payload=bytes(data))
    stage.inject(Packet(REMOTE, LOCAL, body))


def listening(profile: str = "linux") -> tuple[Model, int]:
    stage = open_model(SETUP, profile)
    fd = do(stage, "socket", None, STREAM, TCP).value
    expect(do(stage, "setsockopt", fd, 1, 2, [1], 4), 0)
    expect(do(stage, "bind", fd, None, None), 0)
    expect(do(stage, "listen", fd, 1), 0)
    return stage, fd


def accepted(profile: str = "linux") -> tuple[Model, int, int, int]:
    """Give the stage, the fd, the peer's port and our first number."""
    stage, fd = listening(profile)
    port = stage.ephemeral_port()
    arrive(stage, port, Flags.SYN, 0)
    iss = sent(stage).seq
    arrive(stage, port, Flags.ACK, 1, iss + 1)
    child = do(stage, "accept", fd, None, None)
    assert child.value > fd
    return stage, child.value, port, iss


def test_lowest_descriptor_first_and_ebadf_after_close() -> None:
    stage = open_model(SETUP, "linux")
    fds = [do(stage, "socket", None, STREAM, TCP).value for _ in range(3)]
    assert fds == [3, 4, 5]
    expect(do(stage, "close", 4), 0)
    expect(do(stage, "close", 4), -1, "EBADF")
    assert not stage.owns(4)
    assert do(stage, "socket", None, STREAM, TCP).value == 4


def test_nonblocking_calls_say_so() -> None:
    stage, fd = listening()
    expect(do(stage, "fcntl", fd, 3), 2)
    expect(do(stage, "fcntl", fd, 4, 2 | NONBLOCK), 0)
    expect(do(stage, "fcntl", fd, 3), 2 | NONBLOCK)
    expect(do(stage, "accept", fd, None, None), -1, "EAGAIN")


def test_a_sleeping_accept_returns_when_the_handshake_ends() -> None:
    stage, fd = listening()
    stage.begin(SystemCall("accept", (fd, None, None)))
    assert stage.finish(SECOND) is None
    assert stage.now() == SECOND
    arrive(stage, 40000, Flags.SYN, 0)
    iss = sent(stage).seq
    stage.advance(SECOND + 300)
    arrive(stage, 40000, Flags.ACK, 1, iss + 1)
    result = stage.finish(2 * SECOND)
    assert result is not None
    assert (result.value, result.at) == (fd + 1, SECOND + 300)


def test_a_refused_connect_says_so_to_who_sleeps() -> None:
    stage = open_model(SETUP, "linux")
    fd = do(stage, "socket", None, STREAM, TCP).value
    stage.begin(SystemCall("connect", (fd, None, None)))
    syn = sent(stage)
    back = Tcp(8080, syn.src_port, 0, syn.seq + 1, Flags.RST | Flags.ACK)
    stage.inject(Packet(REMOTE, LOCAL, back))
    result = stage.finish(stage.now())
    assert result is not None
    expect(result, -1, "ECONNREFUSED")


def test_closing_walks_to_time_wait() -> None:
    stage, fd, port, iss = accepted()
    expect(do(stage, "close", fd), 0)
    fin = sent(stage)
    assert fin.flags == Flags.FIN | Flags.ACK
    arrive(stage, port, Flags.FIN | Flags.ACK, 1, iss + 2)
    assert sent(stage).ack == 2
    stage.advance(stage.now() + 61 * SECOND)
    arrive(stage, port, Flags.ACK, 2, iss + 2)
    assert sent(stage).flags == Flags.RST, "nothing is left of it after TIME-WAIT"


def test_reading_and_writing_around_a_fin() -> None:
    stage, fd, port, iss = accepted()
    arrive(stage, port, Flags.FIN | Flags.ACK, 1, iss + 1, data=10)
    expect(do(stage, "ioctl", fd, 0x541B, [0]), 0)
    assert do(stage, "ioctl", fd, 0x541B, [0]).out["value"] == 10
    expect(do(stage, "read", fd, 0, 100), -1, "EFAULT")
    expect(do(stage, "read", fd, None, 100), 10)
    expect(do(stage, "read", fd, None, 100), 0)
    expect(do(stage, "shutdown", fd, 1), 0)
    expect(do(stage, "write", fd, None, 1), -1, "EPIPE")
    assert stage.tcp_info(fd)["tcpi_state"] == 9  # LAST-ACK


def test_linger_waits_in_virtual_time() -> None:
    stage, fd, _, _ = accepted()
    expect(do(stage, "setsockopt", fd, 1, 13, {"onoff": 1, "linger": 2}, 8), 0)
    assert do(stage, "getsockopt", fd, 1, 13, None, [8]).out["value"] == {"onoff": 1, "linger": 2}
    result = do(stage, "close", fd)
    assert result.at == stage.now() == 2 * SECOND


def test_poll_and_edges_of_epoll() -> None:
    stage, fd, port, iss = accepted()
    epoll = do(stage, "epoll_create", 1).value
    event: Value = {"events": 0x1 | 0x4 | 1 << 31, "fd": fd}
    expect(do(stage, "epoll_ctl", epoll, 1, fd, event), 0)
    told = do(stage, "epoll_wait", epoll, None, 1, 0)
    assert told.out["events"] == [{"events": 4, "data": fd, "fd": fd}]
    expect(do(stage, "epoll_wait", epoll, None, 1, 0), 0)
    arrive(stage, port, Flags.ACK, 1, iss + 1, data=10)
    told = do(stage, "epoll_wait", epoll, None, 1, -1)
    assert told.out["events"] == [{"events": 5, "data": fd, "fd": fd}]
    before = stage.now()
    polled = do(stage, "poll", [{"fd": fd, "events": 0x2}], 1, 50)
    expect(polled, 0)
    assert polled.at == before + 50_000


def test_a_datagram_for_nobody_is_unreachable() -> None:
    stage = open_model(SETUP, "linux")
    fd = do(stage, "socket", None, 2, 17).value
    expect(do(stage, "bind", fd, None, None), 0)
    stage.inject(Packet(REMOTE, LOCAL, Udp(9, 8080, b"abc")))
    assert do(stage, "recv", fd, None, 10, 0).out["data"] == b"abc"
    stage.inject(Packet(REMOTE, LOCAL, Udp(9, 8081, b"abc")))
    found = stage.sniff(0)
    assert found is not None
    assert found.packet.dst == REMOTE


@pytest.mark.parametrize(
    ("command", "status", "applicable"),
    [
        ("sysctl -q net.ipv4.tcp_sack=0", 0, True),
        ("sysctl -w net.inet.tcp.insecure_rst=1", 0, True),
        ('sysctl -q net.ipv4.tcp_rmem="4096 540000 $((15*1024*1024))" > /dev/null 2>&1', 0, True),
        (
            "set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0 \\\n /proc/sys/net/ipv4/tcp_sack=0",
            0,
            True,
        ),
        ("sysctl -q net.ipv4.tcp_mtu_probing=2", 0, False),
        ("sysctl -q net.ipv4.no_such_thing=2", 0, False),
        ("rm -rf /nowhere", 0, False),
        ("tc qdisc add dev tun0 root netem loss 1%", 0, False),
        ("tc qdisc add dev tun0 root pfifo limit 0", 0, True),
        ("tcpdrop -s TIME_WAIT", 1, True),
        ("sockstat -4 -P tcp -s | grep packetdril | grep -c TIME_WAIT | grep 0", 0, True),
        ("sockstat -4 -P tcp -s | grep packetdril | grep -c TIME_WAIT | grep 1", 1, True),
    ],
)
def test_shell_lines_are_honoured_or_refused(command: str, status: int, applicable: bool) -> None:
    result = open_model(SETUP, "freebsd").shell(command)
    assert (result.status, result.applicable) == (status, applicable), result.output


def test_sysctls_act_and_are_put_back() -> None:
    stage = open_model(SETUP, "linux")
    stage.shell("../common/set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0")
    do(stage, "socket", None, STREAM, TCP)
    stage.begin(SystemCall("connect", (3, None, None)))
    assert 8 not in {option.kind for option in sent(stage).options}
    restored = stage.shell("/tmp/sysctl_restore_1.sh")  # noqa: S108 - a name that a script says
    assert restored.status == 0
    do(stage, "socket", None, STREAM, TCP)
    expect(do(stage, "fcntl", 4, 4, NONBLOCK), 0)
    expect(do(stage, "connect", 4, None, None), -1, "EINPROGRESS")
    assert 8 in {option.kind for option in sent(stage).options}


def test_misuse_is_told() -> None:
    with pytest.raises(Misuse, match="no profile 'beos'"):
        open_model(SETUP, "beos")
    with pytest.raises(Misuse, match="no system call 'fork'"):
        do(open_model(SETUP, "linux"), "fork")


def test_zerocopy_is_told_when_all_is_acknowledged() -> None:
    stage, fd, port, iss = accepted()
    expect(do(stage, "setsockopt", fd, 1, 60, [1], 4), 0)
    message: Value = {"msg_name": None, "msg_iov": [{"0": None, "1": 0}], "msg_flags": 0}
    for _ in range(2):
        expect(do(stage, "send", fd, None, 1000, 0x4000000), 1000)
    expect(do(stage, "recvmsg", fd, message, 0x2000), -1, "EAGAIN")
    arrive(stage, port, Flags.ACK, 1, iss + 2001)
    polled = do(stage, "poll", [{"fd": fd, "events": 0}], 1, 0)
    assert polled.out["revents"] == [8]
    control = do(stage, "recvmsg", fd, message, 0x2000).out["control"]
    assert isinstance(control, list)
    assert isinstance(control[0], dict)
    told = control[0]["cmsg_data"]
    assert isinstance(told, dict)
    assert (told["ee_info"], told["ee_data"]) == (0, 1)


def test_nstat_counts_since_it_was_last_asked() -> None:
    stage, _, _, _ = accepted()
    assert stage.shell("nstat > /dev/null").status == 0
    assert stage.shell("nstat | grep TcpExtOutOfWindowIcmps > /dev/null").status == 1
    assert not stage.shell("nstat | grep TcpExtSomethingElse").applicable
