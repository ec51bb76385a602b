"""An experiment of one's own for `finwait lab`: copy it, change the story, say what you expect, and play it.

    sudo .venv/bin/finwait lab examples/own_experiment.py

If your expectation is wrong, the lab says what the wire and the kernel say instead. That is no failure: it is the lesson.
"""

from finwait.lab.experiment import Expected, Experiment
from finwait.lab.world import World
from finwait.verdict.language import Text


def last_word(world: World) -> None:
    """The server says that it will send no more; the client has one more thing to say."""
    world.connect()  # listen, connect, accept; a request and its reply
    world.server.shutdown()
    world.client.receive_end()
    world.until("server", "FIN-WAIT-2")  # wait for the kernel, not for a clock
    world.client.send(b"thank you\n")
    world.server.receive(10)
    world.settle()
    world.client.close()
    world.server.receive_end()
    world.server.close()
    world.until("client", "")  # no socket any more


EXPERIMENTS = (
    Experiment(
        name="last-word",
        title=Text("The last word", "最后一句话"),
        shows=Text(
            "A FIN ends one direction only: whoever got it may still send.",
            "FIN 只结束一个方向：收到它的一方仍可发送。",
        ),
        story=last_word,
        expected=Expected(
            close="four-way",
            closed_by="server",
            cause="orderly",
            client="CLOSE-WAIT LAST-ACK CLOSED",
            server="FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT",
        ),
    ),
)
