"""TLS closed with and without its own goodbye (diagnosis D12, RFC 8446 6.1)."""

from __future__ import annotations

import socket
import ssl
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from finwait.lab.net import Net, linger
from finwait.lab.wire import Wire
from lab.notebook import Notebook
from lab.truth import Why

from .common import REPLY, REQUEST, orderly, reset


class _Session:
    """TLS over a socket that never blocks: bytes go through memory."""

    def __init__(self, context: ssl.SSLContext, on: socket.socket, *, server: bool) -> None:
        self.socket = on
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_side=server)

    def flush(self) -> None:
        if self._out.pending:
            self.socket.send(self._out.read())

    def fill(self) -> None:
        with suppress(BlockingIOError):
            self._in.write(self.socket.recv(65536))

    def attempt(self, step: str, *values: object) -> bool:
        """Takes one step of TLS as far as it goes; True when it is done."""
        self.fill()
        try:
            getattr(self.tls, step)(*values)
        except ssl.SSLWantReadError:
            return False
        finally:
            self.flush()
        return True


def _contexts(version: ssl.TLSVersion) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Client's and server's, with a certificate made on the spot."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    for context in (client, server):
        context.minimum_version = context.maximum_version = version
    with tempfile.TemporaryDirectory() as home:
        key, certificate = Path(home, "key"), Path(home, "certificate")
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ]
        command += [
            "-nodes",
            "-subj",
            "/CN=server.example",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ]
        subprocess.run(command, check=True, capture_output=True)
        server.load_cert_chain(certificate, key)
    return client, server


def _conversation(
    net: Net, ends: tuple[socket.socket, socket.socket], version: ssl.TLSVersion, goodbye: bool
) -> None:
    """Handshake, request, reply; then, if `goodbye`, close_notify in both directions."""
    contexts = _contexts(version)
    client = _Session(contexts[0], ends[0], server=False)
    server = _Session(contexts[1], ends[1], server=True)
    done: dict[str, bool] = {}

    def both() -> bool:
        for name, session in (("client", client), ("server", server)):
            done[name] = done.get(name) or session.attempt("do_handshake")
        return all(done.values())

    net.until(both, "the TLS handshake was done")
    net.until(lambda: client.attempt("write", REQUEST), "the request was written")
    net.until(lambda: server.attempt("read", len(REQUEST)), "the request was read")
    net.until(lambda: server.attempt("write", REPLY), "the reply was written")
    net.until(lambda: client.attempt("read", len(REPLY)), "the reply was read")
    if goodbye:
        server.attempt("unwrap")
        net.until(lambda: client.attempt("unwrap"), "the client said goodbye")
        net.until(lambda: server.attempt("unwrap"), "the server heard it")
    net.settle()


def tls(notebook: Notebook) -> None:
    """TLS 1.2 and 1.3, each with and without close_notify before the FIN."""
    versions = {"12": ssl.TLSVersion.TLSv1_2, "13": ssl.TLSVersion.TLSv1_3}
    for number, (name, version) in enumerate(versions.items()):
        for goodbye in (True, False):
            with Wire() as wire:
                from_port = 40801 + 2 * number + goodbye
                ends = wire.open(443, from_port)
                _conversation(wire, ends, version, goodbye)
                ends[1].close()
                wire.hear_end(ends[0])
                ends[0].close()
                wire.settle()
                row = orderly(wire, (from_port, 443), "three-way", "server")
                row.notes = ["tls"]
                if goodbye:
                    row.notes_absent = ["tls-no-close-notify"]
                else:
                    row.notes += ["tls-no-close-notify"]
                    row.cause = [Why("tls-truncated")]
                made = f"TLS 1.{name[1]}, closed {'with' if goodbye else 'without'} close_notify."
                file = f"tls{name}-{'close-notify' if goodbye else 'truncated'}.pcap"
                notebook.keep(wire, file, made, row)


def tls_reset(notebook: Notebook) -> None:
    """TLS 1.3 ended by a RST, after close_notify (nothing is lost) and without it."""
    for goodbye in (True, False):
        with Wire() as wire:
            from_port = 40806 if goodbye else 40805
            ends = wire.open(443, from_port)
            _conversation(wire, ends, ssl.TLSVersion.TLSv1_3, goodbye)
            linger(ends[1], 0)
            ends[1].close()
            wire.hear_reset(ends[0])
            ends[0].close()
            aborted = [Why("abort"), Why("deliberate-abort", most="likely")]
            cause = aborted if goodbye else [Why("tls-truncated"), *aborted]
            row = reset(wire, (from_port, 443), "server", "owner", cause)
            row.notes += ["tls"]
            made = f"TLS 1.3, SO_LINGER 0 {'after' if goodbye else 'without'} close_notify."
            file = f"tls13-reset-{'after-close-notify' if goodbye else 'truncated'}.pcap"
            notebook.keep(wire, file, made, row)


EXPERIMENTS = [tls, tls_reset]
