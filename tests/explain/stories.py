"""Connections made by hand, in the shape in which the core gives them.

Each line of a script is one segment:

    time  >|<  flags  seq  ack  len  win  | client-state server-state | labels

`>` goes from the client to the server. Numbers are relative; both initial sequence numbers are added,
so that they wrap around in the middle of a connection if a story asks for it.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

BITS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128}
EPOCH = 1_700_000_000_000_000_000
CLIENT_ISN, SERVER_ISN = 1_000_000, 7_000_000
CLIENT, SERVER = ("192.0.2.1", 40001), ("198.51.100.80", 8080)


class Step(NamedTuple):
    number: int
    ts: int
    from_client: bool
    seq: int
    ack: int
    flags: int
    window: int
    payload: int
    ttl: int
    ip_id: int
    header: bytes
    data: bytes
    client_state: str
    server_state: str
    labels: Sequence[str]
    refers_to: int
    client_passed: str | None = None
    server_passed: str | None = None
    captured: int = 0
    digest: int = 0


class Story(NamedTuple):
    row: dict[str, object]
    steps: Sequence[Step]
    truncated: int
    client_isn: int | None
    server_isn: int | None
    client_wscale: int | None
    server_wscale: int | None
    replaced: tuple[int, int] | None = None


def header(step: Step, options: bytes = b"") -> bytes:
    ports = (CLIENT[1], SERVER[1]) if step.from_client else (SERVER[1], CLIENT[1])
    offset = (20 + len(options)) // 4
    word = offset << 12 | step.flags
    return (
        struct.pack("!HHIIHHHH", *ports, step.seq, step.ack, word, step.window, 0xBEEF, 0) + options
    )


SYN_OPTIONS = bytes.fromhex("020405b40402080a0000000100000000010303 07".replace(" ", ""))


def story(
    script: str,
    *,
    close: str,
    closed_by: str = "client",
    cause: str = "orderly",
    confidence: str = "certain",
    isn: tuple[int, int] = (CLIENT_ISN, SERVER_ISN),
    truncated: int = 0,
    **columns: object,
) -> Story:
    steps: list[Step] = []
    for number, line in enumerate(filter(None, map(str.strip, script.splitlines())), 1):
        wire, states, labels = (field.strip() for field in line.split("|"))
        at, arrow, letters, seq, ack, length, window = wire.split()
        up = arrow == ">"
        mine, theirs = isn if up else isn[::-1]
        flags = sum(BITS[letter] for letter in letters)
        raw_seq = 0 if seq == "raw0" else (int(seq) + mine) % 2**32
        names, _, refers = labels.partition("#")
        client_state, server_state = states.split()
        step = Step(
            number,
            EPOCH + round(float(at) * 1e9),
            up,
            raw_seq,
            (int(ack) + theirs) % 2**32 if flags & 16 else 0,
            flags,
            int(window),
            int(length),
            64,
            number,
            b"",
            b"x" * min(int(length), 256),
            client_state,
            server_state,
            names.split(),
            int(refers or 0),
        )
        steps.append(step._replace(header=header(step, SYN_OPTIONS if flags & 2 else b"")))
    syns = {s.from_client for s in steps if s.flags & 2}
    row = row_of(steps) | {"close": close, "closed_by": closed_by, "cause": cause}
    row |= {"confidence": confidence} | columns
    known = (isn[0] if True in syns else None, isn[1] if False in syns else None)
    return Story(
        row, steps, truncated, *known, 7 if True in syns else None, 7 if False in syns else None
    )


def row_of(steps: Sequence[Step]) -> dict[str, object]:
    """A row with what can be counted, and the rest at its plainest."""
    first, last = steps[0], steps[-1]
    ends = {
        "client": [s for s in steps if s.from_client],
        "server": [s for s in steps if not s.from_client],
    }
    row: dict[str, object] = {
        "conn": 0,
        "source": "story.pcap",
        "first_ts": first.ts,
        "last_ts": last.ts,
        "client_ip": CLIENT[0],
        "client_port": CLIENT[1],
        "server_ip": SERVER[0],
        "server_port": SERVER[1],
        "client_by": "syn",
        "scope": None,
        "handshake": "complete",
        "finished": True,
        "evidence_for": [],
        "evidence_against": [],
        "notes": [],
        "client_state": last.client_state,
        "server_state": last.server_state,
        "reset_by": "none",
        "reset_form": None,
        "reset_trigger": None,
        "close_frame": None,
        "completeness": 31,
        "zeek_state": "SF",
        "zeek_history": "ShADadFf",
        "duration": (last.ts - first.ts) / 1e9,
        "handshake_rtt": None,
        "idle_before_close": None,
        "close_duration": None,
        "peer_reaction": None,
        "first_frame": first.number,
        "last_frame": last.number,
    }
    for who, sent in ends.items():
        row[f"{who}_packets"] = len(sent)
        row[f"{who}_bytes"] = sum(
            {s.seq: s.payload for s in sent if "keep-alive" not in s.labels}.values()
        )
        row[f"{who}_fins"] = sum(bool(s.flags & 1) for s in sent)
        row[f"{who}_rsts"] = sum(bool(s.flags & 4) for s in sent)
        row[f"{who}_retransmissions"] = row[f"{who}_gap_bytes"] = 0
    return row


OPEN = """
0.000000 > S   0    0 0 64240 | SYN-SENT LISTEN | syn
0.000020 < SA  0    1 0 65160 | SYN-SENT SYN-RECEIVED | syn-ack
0.000037 > A   1    1 0 502   | ESTABLISHED ESTABLISHED | handshake-ack
"""
TALK = """
0.000195 > PA  1    1 19 502  | ESTABLISHED ESTABLISHED | data
0.000205 < A   1   20 0 512   | ESTABLISHED ESTABLISHED | ack
0.000279 < A   1   20 1448 512 | ESTABLISHED ESTABLISHED | data
0.000286 < A   1449 20 1448 512 | ESTABLISHED ESTABLISHED | data
0.000287 < PA  2897 20 104 512 | ESTABLISHED ESTABLISHED | data
0.000308 > A   20 3001 0 552  | ESTABLISHED ESTABLISHED | ack
"""

FOUR_WAY = story(
    OPEN
    + TALK
    + """
0.000366 > FA  20 3001 0 552  | FIN-WAIT-1 ESTABLISHED | fin
0.040725 < A   3001 21 0 512  | FIN-WAIT-2 CLOSE-WAIT | ack acks-fin #10
0.052486 < FA  3001 21 0 512  | FIN-WAIT-2 LAST-ACK | fin
0.052532 > A   21 3002 0 552  | TIME-WAIT CLOSED | ack acks-fin ends-connection #12
""",
    close="four-way",
    close_frame=10,
)
THREE_WAY = story(
    OPEN
    + TALK
    + """
0.000577 > FA  20 3001 0 552  | FIN-WAIT-1 ESTABLISHED | fin
0.000596 < FA  3001 21 0 512  | FIN-WAIT-2 LAST-ACK | fin acks-fin #10
0.000606 > A   21 3002 0 552  | TIME-WAIT CLOSED | ack acks-fin ends-connection #11
""",
    close="three-way",
    close_frame=10,
)
SIMULTANEOUS = story(
    OPEN
    + TALK
    + """
0.000685 < FA  3001 20 0 512  | ESTABLISHED FIN-WAIT-1 | fin
0.000762 > FA  20 3001 0 552  | FIN-WAIT-1 FIN-WAIT-1 | fin crosses-fin #10
0.009344 < A   3002 21 0 512  | FIN-WAIT-2 CLOSING | ack acks-fin #11
0.009448 > A   21 3002 0 552  | TIME-WAIT TIME-WAIT | ack acks-fin ends-connection #10
""",
    close="simultaneous",
    closed_by="both",
    close_frame=10,
)
RST_WITHOUT_FIN = story(
    OPEN
    + TALK
    + """
0.000371 > RA  20 3001 0 552  | CLOSED CLOSED | rst-owner ends-connection
""",
    close="reset",
    cause="abort",
    confidence="likely",
    close_frame=10,
    reset_by="client",
    reset_form="owner",
    evidence_for=["owner-form", "seq-exact", "window-reduced=100"],
    evidence_against=["window-full"],
    notes=["rst-owner"],
)
RST_AFTER_FIN = story(
    OPEN
    + TALK
    + """
0.000445 < FA  3001 20 0 512  | ESTABLISHED FIN-WAIT-1 | fin
0.041927 > A   20 3002 0 552  | CLOSE-WAIT FIN-WAIT-2 | ack acks-fin #10
1.063354 > PA  20 3002 14 552 | CLOSE-WAIT FIN-WAIT-2 | data rst-trigger
1.063388 < R   3002 0 0 0     | CLOSED CLOSED | rst-reply ends-connection #12
""",
    close="reset",
    closed_by="server",
    cause="keepalive-race-stale",
    confidence="certain",
    close_frame=10,
    reset_by="server",
    reset_form="reply",
    reset_trigger=12,
    evidence_for=["reply-form=12", "sent-after-fin-acked-ns=1021427000", "no-request-outstanding"],
    notes=["rst-reply", "unanswered-request"],
)
FIN_AGAIN = story(
    OPEN
    + TALK
    + """
0.000566 < FA  3001 20 0 512  | ESTABLISHED FIN-WAIT-1 | fin
0.000599 > FA  20 3001 0 552  | FIN-WAIT-1 FIN-WAIT-1 | fin crosses-fin #10
0.000628 < A   3002 21 0 512  | FIN-WAIT-2 CLOSING | ack acks-fin #11
0.213931 < FA  3001 21 0 512  | FIN-WAIT-2 CLOSING | fin-retransmission
0.649002 < FA  3001 21 0 512  | FIN-WAIT-2 CLOSING | fin-retransmission
1.481360 < FA  3001 21 0 512  | FIN-WAIT-2 CLOSING | fin-retransmission
3.146509 < FA  3001 21 0 512  | FIN-WAIT-2 CLOSING | fin-retransmission
""",
    close="simultaneous",
    closed_by="both",
    cause="fin-never-acked",
    confidence="likely",
    finished=False,
    close_frame=10,
    evidence_for=["retransmissions=4"],
    notes=["fin-retransmitted", "final-ack-missing"],
)
RACE_CROSSED = story(
    OPEN
    + TALK
    + """
5.000500 < FA  3001 20 0 512  | ESTABLISHED FIN-WAIT-1 | fin
5.000540 > PA  20 3001 19 552 | ESTABLISHED FIN-WAIT-1 | data rst-trigger
5.000560 < R   3001 0 0 0     | CLOSED CLOSED | rst-reply ends-connection #11
5.000580 > A   39 3002 0 552  | CLOSED CLOSED | after-close
5.000590 < R   3002 0 0 0     | CLOSED CLOSED | rst-reply #13
""",
    close="reset",
    closed_by="server",
    cause="keepalive-race-crossed",
    confidence="likely",
    close_frame=10,
    reset_by="server",
    reset_form="reply",
    reset_trigger=11,
    idle_before_close=5.000213,
    evidence_for=[
        "idle-gap-ns=5000213000",
        "sent-before-fin-arrived=11",
        "same-gap=312",
        "server-connections=340",
    ],
    notes=["rst-reply", "rst-repeated", "data-destroyed", "idle-constant"],
)
REFUSED = story(
    """
0.000000 > S   0 0 0 64240 | SYN-SENT LISTEN | syn rst-trigger
0.000012 < RA  raw0 1 0 0  | CLOSED CLOSED | rst-reply ends-connection #1
""",
    close="refused",
    closed_by="server",
    cause="port-closed",
    confidence="certain",
    handshake="partial",
    close_frame=2,
    reset_by="server",
    reset_form="reply",
    reset_trigger=1,
    notes=["rst-reply"],
)
UNANSWERED = story(
    """
0.000000 > S   0 0 0 64240 | SYN-SENT LISTEN | syn
1.020000 > S   0 0 0 64240 | SYN-SENT LISTEN | syn syn-retransmission #1
3.036000 > S   0 0 0 64240 | SYN-SENT LISTEN | syn syn-retransmission #2
""",
    close="unanswered",
    closed_by="none",
    cause="no-answer",
    confidence="certain",
    handshake="partial",
    finished=False,
    evidence_for=["retransmissions=2"],
    notes=["syn-retransmitted"],
)
VANISHED = story(
    OPEN
    + TALK
    + """
1.000000 > PA  20 3001 19 552 | ESTABLISHED ESTABLISHED | data
1.210000 > PA  20 3001 19 552 | ESTABLISHED ESTABLISHED | retransmission
1.630000 > PA  20 3001 19 552 | ESTABLISHED ESTABLISHED | retransmission
2.470000 > PA  20 3001 19 552 | ESTABLISHED ESTABLISHED | retransmission
""",
    close="vanished",
    closed_by="none",
    cause="peer-silent",
    confidence="likely",
    finished=False,
    evidence_for=["retransmissions=3", "silence-ns=60000000000"],
    notes=["retransmission", "unanswered-request"],
)
CHALLENGED = story(
    OPEN
    + """
0.000195 > PA  1    1 19 502  | ESTABLISHED ESTABLISHED | data
0.000205 < A   1   20 0 512   | ESTABLISHED ESTABLISHED | ack
0.100000 < R   101  0 0 0     | ESTABLISHED ESTABLISHED | rst-reply rst-ignored
0.100020 > A   20   1 0 502   | ESTABLISHED ESTABLISHED | challenge-ack #6
0.200000 < PA  1   20 100 512 | ESTABLISHED ESTABLISHED | data
0.200040 > A   20 101 0 502   | ESTABLISHED ESTABLISHED | ack
""",
    close="open",
    closed_by="none",
    cause="capture-ended",
    finished=False,
    notes=["rst-challenged", "challenge-ack"],
)
MIDSTREAM = story(
    """
0.000195 > PA  1    1 19 502  | ESTABLISHED ESTABLISHED | data
0.000205 < PA  1   20 100 512 | ESTABLISHED ESTABLISHED | data
0.000366 > FA  20 101 0 502   | FIN-WAIT-1 ESTABLISHED | fin
0.000396 < FA  101 21 0 512   | FIN-WAIT-2 LAST-ACK | fin acks-fin #3
0.000426 > A   21 102 0 502   | TIME-WAIT CLOSED | ack acks-fin ends-connection #4
""",
    close="three-way",
    close_frame=3,
    client_by="port",
    handshake="missing",
    isn=(4_294_967_290, 123),
    notes=["midstream"],
)
STORIES: dict[str, Story] = {
    "four-way": FOUR_WAY,
    "three-way": THREE_WAY,
    "simultaneous": SIMULTANEOUS,
    "rst-without-fin": RST_WITHOUT_FIN,
    "rst-after-fin": RST_AFTER_FIN,
    "fin-again": FIN_AGAIN,
    "race-crossed": RACE_CROSSED,
    "refused": REFUSED,
    "unanswered": UNANSWERED,
    "vanished": VANISHED,
    "challenged": CHALLENGED,
    "midstream": MIDSTREAM,
}
