"""Two kernels on a plain veth pair, captured by tcpdump: nothing of ours touches a packet."""

from __future__ import annotations

import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from finwait.lab.net import CLIENT4, CLIENT6, SERVER4, SERVER6, Host, Net
from finwait.lab.record import Recorder

DISCARD = 9  # the port of the marker that ends a capture (RFC 863)


class Cable(Net):
    """tcpdump runs on the server's side with `options`, such as `-i any -y LINUX_SLL`.

    bridge: the server's address sits on a bridge over its end of the cable, so that `any` sees
    every packet twice. offload: leave checksums and cutting to the "card", as most machines do.
    """

    def __init__(
        self, options: str = "-i cable", *, six: bool = False, bridge: bool = False,
        offload: bool = False,
    ) -> None:  # fmt: skip
        self.client_address, self.server_address = (CLIENT6, SERVER6) if six else (CLIENT4, SERVER4)
        self.client, self.server = Host(self.client_address), Host(self.server_address)
        here, there = self.client.namespace, self.server.namespace
        here.ip(f"link add cable type veth peer name cable netns {there.path}")
        device = "cable"
        if bridge:
            device = "bridge"
            there.ip("link add bridge type bridge forward_delay 0")
            there.ip("link set cable master bridge")
            there.ip("link set cable up")
        for host, name in ((self.client, "cable"), (self.server, device)):
            if not six:
                host.namespace.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
            if not offload:
                host.namespace.whole_packets("cable")
            host.namespace.ip(f"link set {name} up")
            length = 128 if six else 32
            host.namespace.ip(f"address add {host.address}/{length} dev {name}" + " nodad" * six)
            host.namespace.ip(f"route add {'::/0' if six else '0.0.0.0/0'} dev {name}")
        self._tcpdump(options)

    def _tcpdump(self, options: str) -> None:
        self._home = tempfile.TemporaryDirectory()
        self._file = Path(self._home.name, "capture")
        command = ["tcpdump", *options.split(), "-n", "-U", "--immediate-mode"]
        # In immediate mode each packet takes a whole snap length of the buffer, here 16 MiB.
        command += ["-B", "16384", "-w", str(self._file), f"tcp or (udp port {DISCARD})"]
        with self.server.namespace.entered():
            self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self._process.stderr or ():
            if "listening on" in line:
                return
        raise OSError("tcpdump did not start")

    def step(self, timeout: float) -> bool:
        """Let time pass: packets move by themselves."""
        time.sleep(min(timeout, 0.001))
        return False

    def stop(self) -> None:
        """Ends the capture once everything sent before is in it; then `recorder` holds it."""
        marker = b"the capture ends here"
        with self.client.namespace.entered():
            sender = socket.socket(self.client.family, socket.SOCK_DGRAM)
        with sender:
            sender.sendto(marker, (self.server_address, DISCARD))
        self.until(lambda: marker in self._file.read_bytes(), "tcpdump had written everything")
        self._process.terminate()
        _, told = self._process.communicate()
        if "\n0 packets dropped by kernel" not in told:
            raise OSError(f"tcpdump lost packets: {told.strip()}")
        self.recorder = _read(self._file.read_bytes(), without=marker)

    def close(self) -> None:
        """End tcpdump and let go of everything."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._home.cleanup()
        self.client.namespace.close()
        self.server.namespace.close()


def _read(capture: bytes, without: bytes) -> Recorder:
    """Reads tcpdump's own pcap (µs, this machine's byte order)."""
    recorder = Recorder(struct.unpack("=I", capture[20:24])[0])
    at = 24
    while at < len(capture):
        seconds, micros, length, wire = struct.unpack("=IIII", capture[at : at + 16])
        data = capture[at + 16 : at + 16 + length]
        if without not in data:
            recorder.add(data, seconds * 10**9 + micros * 1000, wire)
        at += 16 + length
    return recorder
