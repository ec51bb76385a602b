"""TLS, closed with and without its own goodbye (RFC 8446 6.1)."""

import subprocess

from finwait.lab.experiment import Expected, Experiment
from finwait.lab.world import World
from finwait.verdict.language import Text

CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server.example"
    " -keyout /dev/stdout -out /dev/stdout"
)


def _conversation(world: World) -> None:
    """Handshake, request, reply."""
    made = subprocess.run(CERTIFICATE.split(), check=True, capture_output=True)
    world.connect(exchange=False)
    world.server.tls(made.stdout, server=True)
    world.client.tls()
    world.server.finish()
    world.exchange()
    world.settle()


def _closes(world: World) -> None:
    """The server closes, the client closes later."""
    world.server.close()
    world.client.receive_end()
    world.until("server", "FIN-WAIT-2")
    world.client.close()
    world.until("client", "")


def with_goodbye(world: World) -> None:
    """close_notify in both directions, then FINs."""
    _conversation(world)
    world.server.begin("close_notify", "goodbye")
    world.client.do("close_notify", "goodbye")
    world.server.finish()
    _closes(world)


def without_goodbye(world: World) -> None:
    """FINs alone."""
    _conversation(world)
    # OpenSSL would answer the bare FIN by an alert, and that would draw a RST
    world.client.do(Text("leaves TLS", "离开 TLS"), "plain")
    _closes(world)


CLIENT, SERVER = "CLOSE-WAIT LAST-ACK CLOSED", "FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT"

EXPERIMENTS = (
    Experiment(
        "tls-close-notify", Text("TLS with close_notify", "TLS，带 close_notify"),
        Text(
            "TLS has a goodbye of its own before the FIN: whoever reads it knows that nothing was cut off.",
            "TLS 在 FIN 之前有自己的告别：读到它就知道没有内容被截断。",
        ),
        with_goodbye,
        Expected(
            close="four-way", closed_by="server", cause="orderly",
            client=CLIENT, server=SERVER,
        ),
        need="openssl",
    ),
    Experiment(
        "tls-truncated", Text("TLS without close_notify", "TLS，没有 close_notify"),
        Text(
            "A FIN without close_notify may come from anybody: a reply without a length could be cut off unseen (truncation).",
            "没有 close_notify 的 FIN 可能来自任何人：没有长度的应答可能被悄悄截断。",
        ),
        without_goodbye,
        Expected(
            close="four-way", closed_by="server", cause="tls-truncated",
            client=CLIENT, server=SERVER,
        ),
        need="openssl",
    ),
)  # fmt: skip
