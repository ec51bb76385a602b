"""`finwait analyze` from the outside: what stands where, and with which exit code."""

import csv
import io
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from finwait import _core
from finwait.cli.vocabulary import WORDS

from .command import FOUR_WAY, RECORD_HEADER, ROOT, SEVERAL, finwait, records

# docs/columns.md and the contract: at least these, in this order.
CONTRACT = (
    *("conn", "source", "first_ts", "last_ts", "client_ip", "client_port", "server_ip"),
    *("server_port", "handshake", "close", "closed_by", "finished", "cause", "confidence"),
    *("notes", "client_state", "server_state", "client_packets", "server_packets"),
    *("client_bytes", "server_bytes", "reset_by", "client_fins", "server_fins", "client_rsts"),
    *("server_rsts", "completeness", "zeek_state", "zeek_history"),
)


def told(*arguments: str) -> list[dict[str, object]]:
    done = finwait("analyze", "--format", "ndjson", *arguments)
    assert (done.code, done.err) == (0, "")
    return [json.loads(line) for line in done.out.splitlines()]


def test_the_summary_comes_first_and_then_the_table() -> None:
    done = finwait("analyze", *SEVERAL)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert re.fullmatch(r"\d+ frames read = \d+ used \+ \d+ skipped.*", lines[0])
    assert lines[1].startswith(f"{len(SEVERAL)} connections, ")
    head = next(n for n, line in enumerate(lines) if line.startswith("conn  "))
    assert len(lines) - head - 1 == len(SEVERAL)
    assert "four-way" in lines[head + 1]


def test_ndjson_keeps_the_contract() -> None:
    rows = told(*SEVERAL)
    assert [row["conn"] for row in rows] == list(range(len(SEVERAL)))
    for row in rows:
        assert list(row) == _core.COLUMNS
        assert [key for key in row if key in CONTRACT] == list(CONTRACT)
        for key in ("first_ts", "last_ts"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", str(row[key]))


TIMES = ("first_ts", "last_ts")


def test_every_format_says_the_same(tmp_path: Path) -> None:
    lines = finwait("analyze", "--format", "ndjson", *SEVERAL).out
    rows = [json.loads(line) for line in lines.splitlines()]
    assert json.loads(finwait("analyze", "--format", "json", *SEVERAL).out) == rows
    for suffix in ("ndjson", "json", "parquet", "arrow", "csv", "txt"):
        done = finwait("analyze", "-o", str(tmp_path / f"x.{suffix}"), *SEVERAL)
        assert done.code == 0
        assert "frames read" in done.out
    assert (tmp_path / "x.ndjson").read_text() == lines
    parquet = pyarrow.parquet.read_table(tmp_path / "x.parquet")
    arrow = pa.ipc.open_file(tmp_path / "x.arrow").read_all()
    assert parquet.equals(arrow)
    assert parquet.column_names == _core.COLUMNS
    plain = [name for name in _core.COLUMNS if name not in TIMES]
    assert parquet.select(plain).to_pylist() == [{k: row[k] for k in plain} for row in rows]
    for row, exact in zip(
        rows, parquet.column("first_ts").cast(pa.int64()).to_pylist(), strict=True
    ):
        assert row["first_ts"].endswith(f"{exact % 10**9:09}Z")
    cells = csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text()))
    for row, line in zip(rows, cells, strict=True):
        assert list(line) == _core.COLUMNS
        for key in ("first_ts", "close", "client_ip", "zeek_history"):
            assert line[key] == row[key]
        assert line["notes"] == ";".join(row["notes"])
        assert float(line["duration"]) == row["duration"]
        assert line["reset_form"] == (row["reset_form"] or "")
    assert (tmp_path / "x.txt").read_text().startswith("conn  ")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"x.{suffix}" for suffix in ("ndjson", "json", "parquet", "arrow", "csv", "txt")
    )


def test_no_connection_is_valid_in_every_format(tmp_path: Path) -> None:
    none = ["--where", "false", FOUR_WAY]
    assert finwait("analyze", "--format", "ndjson", *none).out == ""
    assert json.loads(finwait("analyze", "--format", "json", *none).out) == []
    assert len(finwait("analyze", "--format", "csv", *none).out.splitlines()) == 1
    for suffix in ("parquet", "arrow"):
        assert finwait("analyze", "-o", str(tmp_path / f"x.{suffix}"), *none).code == 0
    assert pyarrow.parquet.read_table(tmp_path / "x.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("close = 'simultaneous'", 2),
        ("close LIKE '%way' AND server_port = 8080", 2),
        ("list_contains(notes, 'rst-owner')", 1),
        ("first_ts > TIMESTAMPTZ '2020-01-01 00:00:00Z' AND duration < 3600", 6),
        ("first_ts < now() + INTERVAL 99 YEARS AND last_ts > '2020-01-01'", 6),
        ("reset_form IS NULL", 4),
        ("true -- a comment", 6),
        # what a person reads in the head of the table
        ("closed_by = 'client' AND sure = 'certain' AND lasted_s < 1", 2),
        ("client = '192.0.2.1:40001' AND server LIKE '%:8080'", 1),
        ("time >= '2020-01-01' AND idle_s IS NOT NULL", 6),
    ],
)
def test_where_is_a_condition_over_the_columns(condition: str, count: int) -> None:
    assert len(told("--where", condition, *SEVERAL)) == count


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("closed = 1", "no column 'closed': did you mean close"),
        ("how = 'reset'", "no column 'how': did you mean close?"),
        ("qqq = 1", "no column 'qqq'"),
        ("close =", "syntax error"),
        ("by = 'client'", "by is a word of SQL: write closed_by"),
        ("", "--where"),
        ("true; drop table x", "--where"),
        ("true order by conn", "--where"),
        ("true, false", "--where"),
        ("true) union select (1", "syntax error"),
        ("conn + 1", "is a condition"),
        ("count(*) > 1", "aggregate"),
        ("(select count(*) from read_csv('/etc/hostname')) > 0", "disabled by configuration"),
        ("close = getenv('HOME')", "getenv"),
    ],
)
def test_a_bad_condition_is_misuse(condition: str, said: str) -> None:
    done = finwait("analyze", "--where", condition, "no such file.pcap")
    assert done.code == 1
    assert said in done.err
    assert "finwait catalogue columns" in done.err or "is a condition" in done.err
    assert "server_retransmissions" not in done.err, "no list of all columns"
    assert "no such file" not in done.err, "told before anything is read"
    assert done.out == ""
    assert "nanobind" not in done.err


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("close = 'rst'", "close never has the word 'rst': did you mean reset?"),
        ("'RESET' <> close", "'RESET': did you mean reset?\nit is one of four-way, three-way"),
        ("closed_by='foo'", "'foo'\nit is one of client, server, both, none"),
        ("closed_by = 'reset'", "that is a word of close"),
        ("sure IN ('certain', 'sure')", "confidence never has the word 'sure'"),
        ("client_state = 'FIN_WAIT_2' -- so ss has it", "did you mean FIN-WAIT-2?"),
        (
            "list_contains(notes, 'retransmitted')",
            "did you mean syn-retransmitted or fin-retransmitted",
        ),
        ("list_has_any(notes, ['rst-owner', 'rst'])", "notes never has the word 'rst'"),
        ("cause = 'timeout'", "keepalive-timeout?\n`finwait catalogue cause` lists"),
    ],
)
def test_a_word_that_a_column_never_has_is_told_and_still_legal(condition: str, said: str) -> None:
    done = finwait("analyze", "--format", "ndjson", "--where", condition, *SEVERAL)
    assert done.code == 0
    assert said in done.err
    piped = finwait("analyze", "-q", "--where", condition, "-", stdin=Path(FOUR_WAY).read_bytes())
    assert (piped.code, piped.err) == (0, done.err)


@pytest.mark.parametrize(
    "condition",
    [
        "close = 'reset' OR 'four-way' = close",
        "upper(close) = 'RESET'",
        "close LIKE 'r%'",
        "close = concat('re', 'set')",
        "source = 'rst' AND client_ip <> 'foo'",
        "reset_form IS NULL OR reset_form = ''",
        "list_contains(notes, 'rst-owner')",
        "(SELECT 'close = ''rst''') <> close",
    ],
)
def test_nothing_is_told_of_what_may_be_meant(condition: str) -> None:
    done = finwait("analyze", "--where", condition, *SEVERAL)
    assert (done.code, done.err) == (0, "")


def test_every_column_of_words_is_known_with_all_its_words() -> None:
    captures = [str(path) for path in (ROOT / "tests/captures").glob("*.pcap*")]
    table = pa.table(_core.analyze(captures))
    words = {field.name for field in table.schema if pa.types.is_dictionary(field.type)}
    assert words - {"source"} | {"notes"} == set(WORDS)
    for column, known in WORDS.items():
        said = table.column(column).to_pylist()
        seen = {word for one in said for word in (one if isinstance(one, list) else [one])}
        assert seen - {None} <= set(known)


def test_a_dash_is_standard_output() -> None:
    plain = finwait("analyze", "--format", "ndjson", FOUR_WAY).out
    assert finwait("analyze", "--format", "ndjson", "-o", "-", FOUR_WAY).out == plain != ""
    picture = finwait("explain", FOUR_WAY, "0", "--svg", "-").out
    assert picture.startswith("<svg")
    assert picture.rstrip().endswith("</svg>")
    assert not Path("-").exists()


def test_sort_and_limit() -> None:
    by_length = told("--sort", "-duration", *SEVERAL)
    lengths = [float(str(row["duration"])) for row in by_length]
    assert lengths == sorted(lengths, reverse=True)
    assert told("--sort", "-duration", "--limit", "2", *SEVERAL) == by_length[:2]
    assert told("--limit", "0", *SEVERAL) == []
    assert [row["conn"] for row in told("--limit", "3", *SEVERAL)] == [0, 1, 2]
    absent_last = [row["reset_form"] for row in told("--sort", "-reset_form,conn", *SEVERAL)]
    assert absent_last == ["reply", "owner", None, None, None, None]


@pytest.mark.parametrize(
    ("seen", "columns"),
    [
        ("by", "closed_by"),
        ("-lasted_s,time", "-duration,first_ts"),
        ("-client", "-client_ip,-client_port"),
        ("sure,-idle_s,server", "confidence,-idle_before_close,server_ip,server_port"),
    ],
)
def test_sort_knows_what_the_table_shows(seen: str, columns: str) -> None:
    assert told("--sort", seen, *SEVERAL) == told("--sort", columns, *SEVERAL)


def test_a_column_to_sort_by_is_guessed() -> None:
    done = finwait("analyze", "--sort", "client_por", FOUR_WAY)
    assert done.code == 1
    assert "--sort: no column 'client_por': did you mean client_port" in done.err
    assert "`finwait catalogue columns` lists the columns" in done.err
    assert "did you mean cause?" in finwait("analyze", "--sort", "why", FOUR_WAY).err


def test_a_column_of_the_table_is_named_where_a_format_has_it_not() -> None:
    done = finwait("analyze", "--format", "csv", "--columns", "conn,client", FOUR_WAY)
    assert done.code == 1
    assert "only the table has client; csv has client_ip client_port" in done.err


def test_columns_are_chosen_in_order() -> None:
    [row] = told("--columns", "close,conn", FOUR_WAY)
    assert list(row.items()) == [("close", "four-way"), ("conn", 0)]
    done = finwait("analyze", "--format", "csv", "--columns", "close,conn", FOUR_WAY)
    assert list(csv.reader(io.StringIO(done.out))) == [["close", "conn"], ["four-way", "0"]]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--nonsense", FOUR_WAY],
        ["--format", "xml", FOUR_WAY],
        ["--limit", "-1", FOUR_WAY],
        ["--columns", "colour", FOUR_WAY],
        ["--columns", "conn,conn", FOUR_WAY],
        ["--columns", "", FOUR_WAY],
        ["--format", "csv", "--columns", "client", FOUR_WAY],
        ["--sort", "colour", FOUR_WAY],
        ["--sort", "notes", FOUR_WAY],
        ["--sort", "", FOUR_WAY],
        ["-o", "x.unknown", FOUR_WAY],
        ["-", "-"],
        ["--lang", "fr", FOUR_WAY],
    ],
    ids=" ".join,
)
def test_misuse_is_code_1_and_says_so_on_stderr(arguments: list[str]) -> None:
    done = finwait("analyze", *arguments)
    assert done.code == 1
    assert done.err
    assert done.out == ""
    assert "Traceback" not in done.err


def test_a_missing_file_is_code_3() -> None:
    done = finwait("analyze", "no such file.pcap", FOUR_WAY)
    assert done.code == 3
    assert done.err.startswith("finwait: no such file.pcap: ")
    assert "four-way" in done.out, "the other capture is told"


def test_an_output_that_cannot_be_written_is_code_3(tmp_path: Path) -> None:
    done = finwait("analyze", "-o", str(tmp_path / "no" / "x.csv"), FOUR_WAY)
    assert done.code == 3
    assert f"no folder {tmp_path / 'no'}" in done.err
    full = Path("/dev/full")
    if full.exists():
        done = finwait("analyze", "-o", str(full), "--format", "csv", FOUR_WAY)
        assert (done.code, "No space left" in done.err) == (3, True)


def test_a_file_that_cannot_be_read_is_no_capture_without_tcp(tmp_path: Path) -> None:
    done = finwait("analyze", "no such file.pcap")
    assert (done.code, done.out) == (3, "")
    assert done.err.count("\n") == 1
    kept = tmp_path / "yesterday.csv"
    kept.write_text("what stood there")
    done = finwait("analyze", "-o", str(kept), "no such file.pcap")
    assert (done.code, done.out) == (3, "")
    assert kept.read_text() == "what stood there"
    assert json.loads(finwait("analyze", "--format", "json", "no such file.pcap").out) == []


def test_a_summary_of_a_part_says_so() -> None:
    done = finwait("analyze", "no such file.pcap", FOUR_WAY)
    assert done.out.splitlines()[1] == "not all could be read: see the warnings for where and why"
    assert "not all" not in finwait("analyze", FOUR_WAY).out


def test_quiet() -> None:
    done = finwait("analyze", "-q", FOUR_WAY, "no such file.pcap")
    assert done.out.startswith("conn  ")
    assert len(done.out.splitlines()) == 2
    assert "no such file.pcap" in done.err, "what went wrong is told all the same"
    assert finwait("analyze", "-q", "-", stdin=Path(FOUR_WAY).read_bytes()).out.startswith("conn  ")


def test_a_broken_capture_is_code_2_and_told_up_to_the_break(tmp_path: Path) -> None:
    head, frames = records(FOUR_WAY)
    broken = tmp_path / "broken.pcap"
    whole = head + b"".join(frames)
    broken.write_bytes(whole + frames[0][:RECORD_HEADER] + b"cut")
    done = finwait("analyze", "--format", "ndjson", str(broken))
    assert done.code == 2
    assert json.loads(done.out)["close"] == "four-way"
    assert re.match(rf"finwait: {broken}: offset {len(whole)}: ", done.err)
    # A broken capture outweighs a missing one.
    assert finwait("analyze", "no such file.pcap", str(broken)).code == 2


def test_no_capture_at_all_is_code_2(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("this is no capture, but long enough to look like one\n" * 9)
    done = finwait("analyze", str(text))
    assert done.code == 2
    assert str(text) in done.err


def pieces(folder: Path) -> list[str]:
    """One capture in three files whose names do not tell their order."""
    head, frames = records(FOUR_WAY)
    for name, part in (("b", frames[:5]), ("c", frames[5:12]), ("a", frames[12:])):
        (folder / f"{name}.pcap").write_bytes(head + b"".join(part))
    return [str(folder / f"{name}.pcap") for name in "bca"]


def test_pieces_are_several_captures_unless_joined(tmp_path: Path) -> None:
    paths = pieces(tmp_path)
    assert len(told(*paths)) == 3
    [whole] = told(FOUR_WAY)
    for joined in (told("--joined", *paths), told(str(tmp_path))):
        [row] = joined
        assert row | {"source": 0, "first_frame": 0, "last_frame": 0, "close_frame": 0} == whole | {
            "source": 0,
            "first_frame": 0,
            "last_frame": 0,
            "close_frame": 0,
        }
        assert row["source"] == paths[0]


def test_stats_are_json(tmp_path: Path) -> None:
    stats = tmp_path / "stats.json"
    finwait("analyze", "--stats", str(stats), *SEVERAL)
    said = json.loads(stats.read_text())
    assert said["frames"] == said["used"] + sum(said["skipped"].values())
    assert said["connections"] == sum(o["connections"] for o in said["outcomes"]) == len(SEVERAL)
    assert said["faults"] == []


@pytest.mark.parametrize(
    ("env", "arguments", "chinese"),
    [
        ({"LC_ALL": "zh_CN.UTF-8"}, [], True),
        ({"LC_ALL": "", "LANG": "zh_TW.UTF-8"}, [], True),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, [], False),
        ({"LC_ALL": "", "LC_MESSAGES": "zh_CN", "LANG": "en_US.UTF-8"}, [], True),
        ({"LC_ALL": "zh_CN.UTF-8"}, ["--lang", "en"], False),
        ({}, ["--lang", "zh"], True),
        ({}, ["--lang=zh"], True),
    ],
)
def test_the_language(env: dict[str, str], arguments: list[str], *, chinese: bool) -> None:
    env = {"PYTHONUTF8": "1"} | env
    told_so = finwait("analyze", *arguments, FOUR_WAY, env=env)
    assert ("四次挥手" in told_so.out) == chinese
    assert ("four-way close" in told_so.out) != chinese
    assert ("抓包" in finwait("analyze", *arguments, "--help", env=env).out) == chinese


def test_the_group_takes_the_language_too() -> None:
    assert "四次挥手" in finwait("--lang", "zh", "analyze", FOUR_WAY, env={"PYTHONUTF8": "1"}).out


def test_help_lists_every_verb_with_an_example_and_the_exit_codes() -> None:
    done = finwait("--help")
    assert done.code == 0
    for verb in ("analyze", "explain", "catalogue"):
        assert f"finwait {verb} " in done.out
        said = finwait(verb, "--help").out
        assert f"finwait {verb} " in said
        assert "Exit codes:" in said


def test_version() -> None:
    assert finwait("--version").out == "finwait 0.1.0\n"


def test_other_files_in_a_directory_are_counted() -> None:
    done = finwait("analyze", "-q", str(Path(FOUR_WAY).parent))
    assert done.code == 0
    assert "files in the directory are no captures" in done.err
