"""The real kernel as a stage: it answers as it does, its calls give what libc gives, and it leaves nothing behind."""

import ctypes
import errno
import os
import select
import signal
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from finwait.errors import MissingPrivilege, Misuse
from finwait.kernel import tun
from finwait.kernel.apart import Apart, Ended
from finwait.stage.kernel import open_kernel
from finwait.stage.stage import Setup, SystemCall, Value
from finwait.tcp import Flags

from .kernels import MAPPED, V4, V6, Peer, apart, is_gone, namespaces, needs_kernel

EPOLL_CTL_ADD = 1  # linux/eventpoll.h


@needs_kernel
@pytest.mark.parametrize("setup", [V4, V6, MAPPED], ids=lambda setup: setup.family)
def test_open_talk_and_close(setup: Setup) -> None:
    def play() -> None:
        with open_kernel(setup) as stage:
            peer = Peer(stage)
            listener = peer.listen()
            syn_ack = peer.shake_hands()
            assert syn_ack.flags == Flags.SYN | Flags.ACK
            assert syn_ack.ack == 1
            fd = peer.call("accept", listener, None, None)
            assert stage.local_port(fd) == setup.bind_port
            peer.send(Flags.ACK | Flags.PSH, 1, b"x" * 10)
            assert peer.hear().ack == 11
            got = stage.call(SystemCall("read", (fd, None, 100)))
            assert (got.value, got.out["data"]) == (10, b"x" * 10)
            peer.call("close", fd)
            assert Flags.FIN in peer.hear().flags
            assert not stage.owns(fd)
            times = [captured.at for captured in peer.seen]
            assert times == sorted(times)
            assert times[0] >= 0
            assert times[-1] <= stage.now()

    apart(play)


@needs_kernel
def test_a_call_that_blocks() -> None:
    """begin() comes back while accept() sleeps, and finish() gives what it gave in the end."""

    def play() -> None:
        with open_kernel(V4) as stage:
            peer = Peer(stage)
            listener = peer.listen()
            stage.begin(SystemCall("accept", (listener, None, None)))
            assert stage.finish(stage.now() + 10_000) is None
            peer.shake_hands()
            done = stage.now()
            accepted = stage.finish(stage.now() + 1_000_000)
            assert accepted is not None
            assert accepted.value > listener
            assert accepted.at - done < 50_000

    apart(play)


@needs_kernel
def test_errno_is_the_kernels() -> None:
    def play() -> dict[str, int]:
        with open_kernel(V4) as stage:
            peer = Peer(stage)
            listener = peer.listen()
            calls = {
                "no descriptor": SystemCall("read", (999, None, 1)),
                "not connected": SystemCall("write", (listener, None, 1)),
                "no such option": SystemCall("setsockopt", (listener, socket.IPPROTO_TCP, 9999, [1], 4)),
                "too short": SystemCall("setsockopt", (listener, socket.SOL_SOCKET, socket.SO_REUSEADDR, [1], 1)),
                "twice": SystemCall("bind", (listener, None, None)),
            }  # fmt: skip
            assert all(stage.call(call).value == -1 for call in calls.values())
            with pytest.raises(Misuse, match="no system call fork"):
                stage.call(SystemCall("fork", ()))
            return {name: stage.call(call).errno for name, call in calls.items()}

    assert apart(play) == {
        "no descriptor": errno.EBADF, "not connected": errno.EPIPE, "no such option": errno.ENOPROTOOPT,
        "too short": errno.EINVAL, "twice": errno.EINVAL,
    }  # fmt: skip


@needs_kernel
def test_descriptors_of_every_kind() -> None:
    """poll, epoll, pipe and splice, sendmsg and recvmsg with a control message, options that are structs."""

    def play() -> None:
        with open_kernel(V4) as stage:
            peer = Peer(stage)
            listener = peer.listen()
            peer.shake_hands()
            polled = stage.call(
                SystemCall("poll", ([{"fd": listener, "events": select.POLLIN}], 1, 0))
            )
            assert polled.out["revents"] == [select.POLLIN]
            fd = peer.call("accept", listener, None, None)
            epoll = peer.call("epoll_create", 1)
            peer.call(
                "epoll_ctl",
                epoll,
                EPOLL_CTL_ADD,
                fd,
                {"events": select.EPOLLIN, "fd": fd},
            )
            peer.call("setsockopt", fd, socket.IPPROTO_TCP, 36, [1], 4)  # TCP_INQ
            peer.send(Flags.ACK | Flags.PSH, 1, b"y" * 10)
            peer.hear()
            ready = stage.call(SystemCall("epoll_wait", (epoll, None, 1, 1000)))
            assert ready.out["events"] == [{"events": select.EPOLLIN, "data": fd}]
            message: dict[str, Value] = {"msg_iov": [{"0": None, "1": 4}], "msg_control": []}
            got = stage.call(SystemCall("recvmsg", (fd, message, 0)))
            assert got.out["control"] == [
                {
                    "cmsg_level": socket.IPPROTO_TCP,
                    "cmsg_type": 36,
                    "cmsg_data": (6).to_bytes(4, "little"),
                }
            ]
            ends = stage.call(SystemCall("pipe", ([None, None],))).out["fds"]
            assert isinstance(ends, list)
            assert peer.call("splice", fd, 0, ends[1], 0, 6, 0) == 6
            assert stage.call(SystemCall("read", (ends[0], None, 9))).out["data"] == b"y" * 6
            linger: dict[str, Value] = {"onoff": 1, "linger": 7}
            peer.call("setsockopt", fd, socket.SOL_SOCKET, socket.SO_LINGER, linger, 8)
            asked = SystemCall("getsockopt", (fd, socket.SOL_SOCKET, socket.SO_LINGER, linger, [8]))
            assert stage.call(asked).out == {"value": linger, "length": 8}

    apart(play)


@needs_kernel
def test_tcp_info_is_what_ss_shows() -> None:
    """The judge is iproute2: `ss -tin` asks the kernel by another way (sock_diag)."""

    def play() -> tuple[dict[str, int], str]:
        with open_kernel(V4) as stage:
            peer = Peer(stage)
            listener = peer.listen()
            peer.shake_hands()
            fd = peer.call("accept", listener, None, None)
            peer.call("write", fd, None, 500)
            peer.hear()
            info = dict(stage.tcp_info(fd))
            return info, stage.shell("ss -tinm state established").output

    info, shown = apart(play)
    words = dict(word.split(":", 1) for word in shown.split() if ":" in word)
    assert float(words["rto"]) == info["tcpi_rto"] / 1000
    for theirs, name in [
        ("cwnd", "snd_cwnd"), ("mss", "snd_mss"), ("pmtu", "pmtu"), ("unacked", "unacked"), ("advmss", "advmss"),
        ("segs_out", "segs_out"), ("rcv_ssthresh", "rcv_ssthresh"), ("bytes_sent", "bytes_sent"),
        ("data_segs_out", "data_segs_out"), ("snd_wnd", "snd_wnd"),
    ]:  # fmt: skip
        assert int(words[theirs]) == info[f"tcpi_{name}"], name
    assert info["tcpi_state"] == 1
    assert f"rb{info['SK_MEMINFO_RCVBUF']}" in words["skmem"]


@needs_kernel
def test_shell_lines_know_their_parent(tmp_path: Path) -> None:
    def play() -> None:
        stage = open_kernel(
            Setup("ipv4", V4.local, V4.gateway, V4.remote, 16, 24, folder=str(tmp_path))
        )
        said = stage.shell(
            "echo $PPID $PACKETDRILL_PID; pwd; ls /sys/class/net >/dev/null; ip -br link show tun0"
        )
        me, folder, device = said.output.splitlines()
        assert me.split() == [str(os.getpid())] * 2
        assert folder == str(tmp_path)
        assert device.startswith("tun0")
        assert stage.shell("exit 3").status == 3
        stage.close()

    apart(play)


@needs_kernel
@pytest.mark.parametrize("whom", ["the player", "its parent"])
def test_nothing_is_left_when_killed(whom: str) -> None:
    """SIGKILL in the middle of a blocking call: the namespace ends, and the device with it."""
    tell, said = os.pipe()

    def play() -> None:
        stage = open_kernel(V4)
        listener = Peer(stage).listen()
        stage.begin(SystemCall("accept", (listener, None, None)))
        os.write(said, f"{os.getpid()} {Path('/proc/thread-self/ns/net').readlink()}".encode())
        signal.pause()

    def parent() -> None:
        Apart(play)
        signal.pause()

    top = Apart(play if whom == "the player" else parent)
    player, home = os.read(tell, 100).decode().split()
    ended = os.pidfd_open(int(player))
    assert home in namespaces()
    top.stop()
    assert is_gone(home)
    assert select.select([ended], [], [], 10)[0]
    os.close(ended)
    os.close(tell)
    os.close(said)


@needs_kernel
def test_many_at_once() -> None:
    """The same addresses and ports, each in its own namespace."""

    def play() -> int:
        with open_kernel(V4) as stage:
            peer = Peer(stage)
            listener = peer.listen()
            peer.shake_hands()
            peer.call("accept", listener, None, None)
            stage.advance(stage.now() + 100_000)
            return stage.lateness

    plays = [Apart(play) for _ in range(12)]
    assert len([one.answer(30) for one in plays]) == 12


def become_nobody() -> None:
    """As a program is that somebody without rights started: readable to itself."""
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE


@needs_kernel
@pytest.mark.skipif(os.geteuid() != 0, reason="to open /dev/net/tun to all takes root")
def test_who_is_not_root_plays_in_a_user_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    def play() -> None:
        become_nobody()
        with open_kernel(V4) as stage:
            peer = Peer(stage)
            listener = peer.listen()
            peer.shake_hands()
            fd = peer.call("accept", listener, None, None)
            stage.begin(SystemCall("read", (fd, None, 10)))
            peer.send(Flags.ACK, 1, b"abc")
            got = stage.finish(stage.now() + 1_000_000)
            assert got is not None
            assert got.out["data"] == b"abc"
            assert stage.shell("sysctl -w net.ipv4.tcp_sack=0").status == 0

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        device = Path(folder, "tun")
        os.mknod(device, stat.S_IFCHR, os.makedev(10, 200))  # as udev has it: open to all
        device.chmod(0o666)
        monkeypatch.setattr(tun, "DEVICE", str(device))
        apart(play)


def test_without_privilege_the_way_out_is_told() -> None:
    """Who is not root gets a user namespace, or a sentence that says what to do instead."""

    def play() -> str:
        if os.geteuid() == 0:
            become_nobody()
        try:
            open_kernel(V4).close()
        except MissingPrivilege as error:
            return str(error)
        return "--stage model is not needed"

    assert "--stage model" in apart(play)


def test_work_apart_raises_here_what_it_raises_there() -> None:
    def fails() -> None:
        raise MissingPrivilege("no")

    with pytest.raises(MissingPrivilege, match="no"):
        apart(fails)
    with pytest.raises(Ended) as ended:
        Apart(signal.pause).answer(0.05)
    assert ended.value.late
