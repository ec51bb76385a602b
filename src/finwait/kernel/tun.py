"""A TUN device: IP packets in and out by a file descriptor, and the kernel's own time of each that goes out."""

import ctypes
import fcntl
import os
import select
import socket
import struct
import time
from dataclasses import dataclass
from typing import Final

from finwait.errors import CannotOpen, MissingPrivilege, said_in_chinese

DEVICE: Final = "/dev/net/tun"
NAME: Final = "tun0"
"""Scripts name it (`tc qdisc add dev tun0 …`)."""
TUNSETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
OFFLOADS: Final = 0x01 | 0x02 | 0x04 | 0x08
"""TUN_F_CSUM, TSO4, TSO6, TSO_ECN (linux/if_tun.h): segments leave the stack uncut, as the reference sees them."""
VIRTIO_HEADER: Final = 10
"""struct virtio_net_hdr: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset."""
GSO_NONE, GSO_TCPV4, GSO_TCPV6 = 0, 1, 4
ETH_P_ALL: Final = 0x0003
PACKET_OUTGOING: Final = 4
"""linux/if_packet.h: the kernel sent it; what we inject comes as PACKET_HOST."""
SO_TIMESTAMPNS: Final = 35
SIOCETHTOOL: Final = 0x8946
"""linux/sockios.h"""
ETHTOOL_SSET: Final = 2
ETHTOOL_CMD: Final = "=IIIHBBBBBBIIHBBIII"
"""struct ethtool_cmd (linux/ethtool.h): the speed's low half is the fourth member, its high half the thirteenth."""
LARGEST: Final = 1 << 17
SNIFF_BUFFER: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A packet that the kernel sent."""

    at: int
    """Nanoseconds of CLOCK_REALTIME, taken by the kernel."""
    octets: bytes


def _refused(error: OSError) -> MissingPrivilege:
    return MissingPrivilege(
        f"{DEVICE}: {error.strerror}: run as root, or --stage model",
        f"{DEVICE}：{said_in_chinese(error)}：请以 root 运行，或使用 --stage model",
    )


class Tun:
    """A device in the namespace of the calling thread."""

    def __init__(self) -> None:
        try:
            self.fd = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError as error:
            raise CannotOpen(
                DEVICE,
                "no TUN devices here: modprobe tun, or --stage model",
                "这里没有 TUN 设备：modprobe tun，或使用 --stage model",
            ) from error
        except PermissionError as error:
            raise _refused(error) from error
        try:
            mode = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", NAME.encode(), mode))
            fcntl.ioctl(self.fd, TUNSETVNETHDRSZ, struct.pack("i", VIRTIO_HEADER))
            fcntl.ioctl(self.fd, TUNSETOFFLOAD, OFFLOADS)
        except OSError as error:
            os.close(self.fd)
            raise _refused(error) from error
        self._sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)

    def sniff_from_now(self) -> None:
        """Begin to note what goes out; the device has to be up."""
        sniffer = self._sniffer
        sniffer.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SNIFF_BUFFER)
        sniffer.bind((NAME, ETH_P_ALL))
        sniffer.setblocking(False)

    def set_speed(self, megabits: int) -> None:
        """Say how fast the device is, before it is up: TCP reads it then. Raises OSError."""
        command = struct.pack(
            ETHTOOL_CMD, ETHTOOL_SSET, 0, 0, megabits & 0xFFFF, 1, 0, 0, 0, 0, 0, 0, 0, megabits >> 16, 0, 0, 0, 0, 0
        )  # fmt: skip
        buffer = ctypes.create_string_buffer(command)
        request = struct.pack("16sP16x", NAME.encode(), ctypes.addressof(buffer))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, SIOCETHTOOL, request)

    def inject(self, octets: bytes, gso: tuple[int, int, int] | None = None) -> None:
        """Hand a packet to the kernel; `gso`: type, length of its headers, segment size."""
        kind, headers, size = gso or (GSO_NONE, 0, 0)
        os.write(self.fd, struct.pack("<BBHHHH", 0, kind, headers, size, 0, 0) + octets)

    def sniff(self, timeout: float) -> Sniffed | None:
        """Give the next packet that the kernel sent, waiting at most `timeout` seconds."""
        end = time.monotonic() + timeout
        while True:
            sniffed = self._take()
            if sniffed is not None:
                return sniffed
            left = end - time.monotonic()
            if left <= 0:
                return None
            select.select([self._sniffer], [], [], left)

    def _take(self) -> Sniffed | None:
        """Take the next that is there, and let the device know that it went out (so that its buffers are free again)."""
        while True:
            try:
                octets, notes, _, place = self._sniffer.recvmsg(LARGEST, 64)
            except BlockingIOError:
                return None
            if place[2] != PACKET_OUTGOING:
                continue
            self._drain()
            at = time.time_ns()
            for _level, kind, data in notes:
                if kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", data[:16])
                    at = seconds * 1_000_000_000 + nanoseconds
            return Sniffed(at, octets)

    def _drain(self) -> None:
        try:
            while os.read(self.fd, LARGEST):
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        """The device goes away."""
        self._sniffer.close()
        os.close(self.fd)
