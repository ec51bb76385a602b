"""The last states: drawn as the packets have them, and told with what no packet shows."""

from pathlib import Path

import pytest

import finwait
from finwait.picture.ladder import Arrow
from finwait.verdict.language import Lang

CAPTURES = Path(__file__).parents[1] / "captures"
EXAMPLES = Path(__file__).parents[2] / "examples"


def explained(name: str, connection: int = 0) -> finwait.Explanation:
    path = CAPTURES / f"{name}.pcap"
    return finwait.explain(path if path.exists() else EXAMPLES / path.name, connection)


def told(name: str, connection: int, lang: Lang) -> str:
    """All of its text, without the breaks of lines: those stand anywhere in Chinese."""
    return "".join(explained(name, connection).text(lang).split())


@pytest.mark.parametrize(
    ("name", "connection", "client", "server"),
    [
        ("unanswered", 0, ("SYN-SENT", "CLOSED"), ("CLOSED",)),
        ("fin-unanswered", 0, ("FIN-WAIT-1", "CLOSED"), ("ESTABLISHED", "CLOSE-WAIT")),
        (
            "final-ack-missing",
            0,
            ("FIN-WAIT-2", "CLOSED", "TIME-WAIT"),
            ("LAST-ACK", "CLOSED"),
        ),
        (
            "simultaneous-fin-never-acked",
            0,
            ("FIN-WAIT-2", "CLOSED", "TIME-WAIT"),
            ("CLOSING", "CLOSED"),
        ),
        ("vanished", 0, ("ESTABLISHED", "CLOSED"), ("ESTABLISHED",)),
        ("keepalive-timeout", 0, ("CLOSED",), ("CLOSED", "ESTABLISHED")),
        ("time-wait-assassinated", 0, ("CLOSED",), ("CLOSED", "TIME-WAIT")),
        ("time-wait-refused", 1, ("SYN-SENT", "CLOSED"), ("TIME-WAIT", "CLOSED")),
        ("backlog-full", 0, ("ESTABLISHED",), ("ESTABLISHED", "SYN-RECEIVED")),
        ("half-closed", 0, ("FIN-WAIT-2", "CLOSED"), ("CLOSE-WAIT",)),
        ("four-way", 0, ("TIME-WAIT", "CLOSED"), ("CLOSED",)),
        ("rst-without-fin", 0, ("CLOSED",), ("CLOSED",)),
    ],
)
def test_the_states_that_are_left_open(
    name: str, connection: int, client: tuple[str, ...], server: tuple[str, ...]
) -> None:
    explanation = explained(name, connection)
    assert explanation.last_states("client") == client
    assert explanation.last_states("server") == server
    assert explanation.data()["last_states"] == {"client": list(client), "server": list(server)}


@pytest.mark.parametrize(
    ("name", "lang", "said"),
    [
        ("unanswered", "en", "SYN-SENT until it gives up. Linux does that without a word after"),
        ("unanswered", "zh", "直到放弃为止"),
        ("fin-unanswered", "en", "(net.ipv4.tcp_orphan_retries), and is in CLOSED then."),
        ("fin-unanswered", "en", "The server is in CLOSE-WAIT, not in ESTABLISHED, if the FIN of"),
        ("final-ack-missing", "en", "is in FIN-WAIT-2 unless the FIN of frame"),
        ("final-ack-missing", "zh", "除非第"),
        ("keepalive-timeout", "en", "in ESTABLISHED, not in CLOSED, if the RST of frame"),
        ("keepalive-timeout", "en", "at the client at once, and at the server if it gets there"),
        ("keepalive-timeout", "en", "whether the server got this RST no packet shows"),
        ("keepalive-timeout", "zh", "服务器是否收到这个 RST，没有报文能说明"),
        ("keepalive-timeout", "zh", "若能到达，也丢弃服务器的"),
        ("time-wait-assassinated", "en", "any more if net.ipv4.tcp_rfc1337 is 0, Linux's default"),
        ("time-wait-assassinated", "en", "If it is 1, the RST was ignored"),
        ("time-wait-assassinated", "zh", "如果为 1，RST 被忽略"),
        ("backlog-full", "en", "did not reach it or found its accept queue full"),
        ("half-closed", "en", "net.ipv4.tcp_fin_timeout (60 s), and is in CLOSED then"),
    ],
)
def test_what_no_packet_shows_is_said(name: str, lang: Lang, said: str) -> None:
    assert "".join(said.split()) in told(name, 0, lang)


@pytest.mark.parametrize("name", ["four-way", "three-way", "rst-without-fin", "simultaneous"])
def test_where_the_packets_show_all_nothing_is_doubted(name: str) -> None:
    assert "What no packet shows" not in explained(name).text("en")


@pytest.mark.parametrize(
    ("lang", "said", "not_said"),
    [
        (
            "en",
            (
                "(server) answered the SYN for an earlier connection only; refused by TIME-WAIT",
                "It ends nothing: frame 14 has the old numbers again.",
                "No SYN-ACK had come, so the client sends the SYN again",
                "only its ACKs for the earlier connection (frames 11 and 14)",
                "By the verdict the server holds TIME-WAIT of an earlier connection",
                "The RST of frame 15 ends it early if it arrives",
            ),
            (
                "never answered",
                "Nobody holds TIME-WAIT",
                "No answer to the SYN had come",
                "Nothing comes back",
                "the connection lived on",
                "slow or lossy",
            ),
        ),
        (
            "zh",
            (
                "只以早先连接的名义回应了 SYN",
                "它不起任何作用：第 14 帧仍带有旧号码",
                "SYN-ACK 始终没有来",
                "只有它为早先连接发出的 ACK（第 11、14 帧）",
                "服务器持有的是这两端之间早先连接的 TIME-WAIT",
            ),
            ("毫无回应", "没有任何一端持有", "没有得到任何回应", "没有任何回应"),
        ),
    ],
)
def test_a_syn_that_time_wait_refuses(
    lang: Lang, said: tuple[str, ...], not_said: tuple[str, ...]
) -> None:
    """Headline, ladder, story and TIME-WAIT tell one thing."""
    text = told("time-wait-refused", 1, lang)
    assert not [each for each in said if "".join(each.split()) not in text]
    assert not [each for each in not_said if "".join(each.split()) in text]
    explanation = explained("time-wait-refused", 1)
    assert {s.server_state for s in explanation.segments} == {"TIME-WAIT"}
    assert explanation.ladder(lang).right.state == "TIME-WAIT"
    assert explanation.time_wait.holder == "server"


def test_the_picture_says_what_decides_whether_time_wait_ends() -> None:
    explanation = explained("time-wait-assassinated")
    said: tuple[tuple[Lang, str], ...] = (
        ("en", "CLOSED if tcp_rfc1337 is 0"),
        ("zh", "tcp_rfc1337 为 0 时 CLOSED"),
    )
    for lang, words in said:
        last = explanation.ladder(lang).rows[-1]
        assert isinstance(last, Arrow)
        assert words in last.labels


@pytest.mark.parametrize(
    ("frame", "said", "not_said"),
    [
        (11, "does not ack this SYN", "everything of the client up to"),
        (11, "in an earlier connection, which it still holds", "The segment takes none itself"),
        (
            12,
            "would end the earlier connection that the server still holds",
            "not the one expected",
        ),
        (15, "would end the earlier connection that the server still holds", "ends nothing"),
    ],
)
def test_the_pages_of_its_segments_say_so_too(frame: int, said: str, not_said: str) -> None:
    page = " ".join(explained("time-wait-refused", 1).segment_text(frame, "en").split())
    assert said in page
    assert not_said not in page


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "It does end that connection: frame 14 takes the SYN."),
        ("zh", "它确实结束了那个连接：第 14 帧接受了 SYN"),
    ],
)
def test_a_rst_that_ends_the_earlier_connection(lang: Lang, said: str) -> None:
    """The SYN-ACK that follows is no challenge ACK, and the RST did not end nothing."""
    text = told("time-wait-killed", 1, lang)
    assert "".join(said.split()) in text
    explanation = explained("time-wait-killed", 1)
    labels = {label for step in explanation.segments for label in step.labels}
    assert not labels & {"challenge-ack", "rst-ignored"}
    assert not {"rst-challenged", "challenge-ack"} & set(explanation.row.notes)
    assert "rst-ignored" not in {note.slug for note in explanation.verdict(lang).notes}


def test_each_old_answer_draws_its_own_rst() -> None:
    ladder = explained("time-wait-refused", 1).ladder("en")
    rows = {row.frame: row.labels for row in ladder.rows if isinstance(row, Arrow)}
    assert rows[12] == ("RST, REPLY form (#11)", "ends nothing")
    assert rows[15] == ("RST, REPLY form (#14)",), "what came of it is not known"


@pytest.mark.parametrize(
    ("lang", "said"),
    [("en", "The server does not take this ACK"), ("zh", "服务器没有接受这个 ACK")],
)
def test_a_server_that_resets_the_ack_of_its_syn_never_was_established(
    lang: Lang, said: str
) -> None:
    explanation = explained("listener-closed-in-handshake")
    moves = [move for item in explanation.story for move in item.moves if move[0] == "server"]
    assert moves == [("server", "LISTEN", "SYN-RECEIVED"), ("server", "SYN-RECEIVED", "CLOSED")]
    assert "".join(said.split()) in told("listener-closed-in-handshake", 0, lang)
