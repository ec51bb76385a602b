"""Numbers of a script and live ones, there and back."""

from hypothesis import given
from hypothesis import strategies as st

from finwait.script.mapping import Numbers
from finwait.script.syntax import Option
from finwait.script.tcp_options import from_wire, split, to_wire
from finwait.tcp import Flags
from finwait.wire import Tcp
from finwait.wire.codec import encode_options

U32 = st.integers(0, 2**32 - 1)


@given(
    U32, U32, U32, U32, st.sampled_from([Flags.ACK, Flags.SYN | Flags.ACK, Flags.FIN | Flags.ACK])
)
def test_what_the_stack_acks_is_what_it_sent(
    remote: int, script: int, live: int, number: int, flags: Flags
) -> None:
    numbers = Numbers(remote, script, live)
    sent = numbers.seq_to_script(number, flags)
    assert numbers.ack_to_live(sent, flags) == number
    assert numbers.ack_to_script(numbers.seq_to_live(number, flags), flags) == number


def test_a_reset_without_ack_keeps_its_zero() -> None:
    numbers = Numbers(1000, 500, 77)
    body = numbers.body_to_script(Tcp(1, 2, 79, 0, Flags.RST), as_ace=False)
    assert (body.seq.start, body.ack) == (2, None)


OPTIONS = [
    Option("mss", (1460,)), Option("wscale", (7,)), Option("sackOK"), Option("nop"),
    Option("sack", (1, 2, 3, 4)), Option("TS", (5, 6)), Option("md5", data=bytes(16)),
    Option("FO"), Option("FO", data=b"\0\1"), Option("FOEXP", data=b"\1\2"),
    Option("ECN", (1, 2), words=("e0b", "ceb")), Option("ECN", (1,), words=("e1b",)),
    Option("generic", data=b"\7", kind=99), Option("experimental", data=b"", kind=0x1234),
]  # fmt: skip


@given(st.lists(st.sampled_from(OPTIONS), max_size=4))
def test_options_there_and_back(options: list[Option]) -> None:
    wire = tuple(one for option in options for one in to_wire(option))
    octets = b"".join(
        bytes([one.kind]) if one.kind < 2 else bytes([one.kind, len(one.data) + 2]) + one.data
        for one in wire
    )
    assert split(octets) == wire
    assert encode_options(wire).startswith(octets)
    assert [from_wire(one) for one in wire] == options
