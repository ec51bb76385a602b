"""What finwait says of captures whose truth is known, because we made them on a real kernel.

The truth stands in `tests/captures/truth.toml` and `examples/truth.toml`, written by the makers
beside them and never by finwait. A word in a row reads "A or B" where the wire allows both.
"""

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from finwait import _core
from finwait.verdict import entries
from lab.truth import CONFIDENCES, Capture, Connection, Group, from_toml

ROOT = Path(__file__).parent.parent
FOLDERS = [ROOT / "examples", ROOT / "tests" / "captures"]
TRUTH = [
    (folder / capture.file, capture)
    for folder in FOLDERS
    for capture in from_toml((folder / "truth.toml").read_text())
]
CAPTURES = [pytest.param(*each, id=each[0].name) for each in TRUTH]
ROWS = [row for _, capture in TRUTH for row in capture.connections]

# Compared as they stand, where the row has them.
WORDS = ("handshake", "close", "closed_by", "finished", "reset_by", "reset_form")
STATES = ("client_state", "server_state")
COUNTS = (
    "client_bytes",
    "server_bytes",
    "client_fins",
    "server_fins",
    "client_rsts",
    "server_rsts",
)

Row = dict[str, object]


def differences(truth: Connection, row: Row) -> list[str]:
    """What the row says otherwise than the truth, one line each."""
    wrong = []
    for key in WORDS + STATES + COUNTS:
        right = getattr(truth, key)
        if not fits(right, row[key]):
            wrong.append(f"{key}: {row[key]}, in truth {right}")
    if truth.cause and (complaint := judge_cause(truth, row)):
        wrong.append(complaint)
    notes = as_list(row["notes"])
    wrong += [f"note {note} is missing" for note in truth.notes if note not in notes]
    wrong += [f"note {note} is wrong" for note in truth.notes_absent if note in notes]
    evidence = {str(each).partition("=")[0] for each in as_list(row["evidence_for"])}
    wrong += [f"evidence {slug} is missing" for slug in truth.evidence if slug not in evidence]
    return wrong


def fits(right: object, said: object) -> bool:
    """True if what was said is one of what is right."""
    if right is None or right == "any":
        return True
    if isinstance(right, str):
        return said in right.split(" or ")
    return right == said


def judge_cause(truth: Connection, row: Row) -> str | None:
    """What is wrong with the cause or with how sure it is told."""
    for why in truth.cause:
        if why.slug == row["cause"]:
            said = CONFIDENCES.index(str(row["confidence"]))
            if CONFIDENCES.index(why.least) <= said <= CONFIDENCES.index(why.most):
                return None
            return f"{why.slug} is {row['confidence']}, in truth {why.least} to {why.most}"
    return f"cause: {row['cause']}, in truth {' or '.join(why.slug for why in truth.cause)}"


def told(group: Group, groups: list[Row]) -> bool:
    """True if one of the groups is this one."""
    for row in groups:
        server = f"{row['server_ip']}:{row['server_port']}"
        told = (row["kind"], server, row["matched"], row["total"])
        gap = row["gap_s"]
        if told != (group.kind, group.server, group.matched, group.total):
            continue
        if group.gap_s is not None and gap != pytest.approx(group.gap_s, rel=0.2):
            continue
        if group.reused in (None, row["reused"]):
            return True
    return False


def as_list(value: object) -> list[object]:
    """A list column."""
    assert isinstance(value, list)
    return value


def ends(truth: Connection) -> frozenset[str]:
    """Both ends, in no order: which is the client may be what is got wrong."""
    return frozenset((truth.client, truth.server))


def said_ends(row: Row) -> tuple[str, str]:
    """Client and server as the truth spells them."""
    names = []
    for who in ("client", "server"):
        address = str(row[f"{who}_ip"])
        names.append(f"{f'[{address}]' if ':' in address else address}:{row[f'{who}_port']}")
    return names[0], names[1]


@pytest.mark.parametrize(("path", "capture"), CAPTURES)
def test_verdicts_are_true(path: Path, capture: Capture) -> None:
    analysis = _core.analyze([str(path)])
    assert not analysis.faults
    rows = analysis.records()
    wrong = []
    for truth in capture.connections:
        same = [row for row in rows if frozenset(said_ends(row)) == ends(truth)]
        if not same:
            wrong.append(f"{truth.client} > {truth.server} is missing")
            continue
        rows.remove(same[0])
        if said_ends(same[0]) != (truth.client, truth.server):
            wrong.append(f"{truth.client} is the client, not {said_ends(same[0])[0]}")
        wrong += [f"{truth.client}: {line}" for line in differences(truth, same[0])]
    wrong += [
        f"{group} is missing" for group in capture.groups if not told(group, analysis.groups())
    ]
    wrong += [f"one too many: {said_ends(row)} {row['close']} {row['cause']}" for row in rows]
    assert not wrong, f"{capture.made}\n" + "\n".join(wrong)


def test_every_capture_has_its_truth() -> None:
    files = {path for folder in FOLDERS for path in folder.glob("*.pcap*")}
    assert files == {path for path, _ in TRUTH}


def test_truth_speaks_the_words_of_the_catalogue() -> None:
    known = {kind: set(entries(kind)) for kind in ("close", "cause", "note")}
    for row in ROWS:
        assert {why.slug for why in row.cause} <= known["cause"]
        assert {*row.notes, *row.notes_absent} <= known["note"]
        assert set(row.close.split(" or ")) - {"any"} <= known["close"]


def test_every_close_and_every_cause_has_a_capture() -> None:
    closes = {word for row in ROWS for word in row.close.split(" or ")}
    causes = {why.slug for row in ROWS for why in row.cause}
    assert set(entries("close")) <= closes
    assert set(entries("cause")) <= causes


CLOSINGS = [row for row in ROWS if row.close in {"four-way", "three-way", "simultaneous"}]


@pytest.mark.parametrize("row", CLOSINGS, ids=lambda row: f"{row.client} {row.close}")
def test_closings_agree_with_the_kernel(row: Connection) -> None:
    said = [word.partition(": ")[2] for word in row.kernel]
    if row.close == "simultaneous":
        assert "FIN-WAIT-1 > CLOSING" in said
        return
    assert "FIN-WAIT-1 > CLOSING" not in said
    acked, second = "FIN-WAIT-1 > FIN-WAIT-2", "CLOSE-WAIT > LAST-ACK"
    if acked in said and second in said:  # two kernels, and both told
        # The FIN that carries the ACK leaves before the other side hears that its own was acked.
        assert (said.index(acked) < said.index(second)) is (row.close == "four-way")


@pytest.fixture(scope="module")
def flags_by_tshark(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, list[list[str]]]:
    """For each capture, one (source port, FIN, RST) a segment. All are merged, each an interface of
    its own, because starting tshark takes longer than reading them."""
    if shutil.which("tshark") is None or shutil.which("mergecap") is None:
        pytest.skip("tshark and mergecap are not installed")
    merged = tmp_path_factory.mktemp("merged") / "all.pcapng"
    paths = [path for path, _ in TRUTH]
    subprocess.run(["mergecap", "-I", "none", "-w", str(merged), *map(str, paths)], check=True)
    command = ["tshark", "-r", str(merged), "-T", "fields", "-e", "frame.interface_id"]
    command += ["-e", "tcp.srcport", "-e", "tcp.flags.fin", "-e", "tcp.flags.reset"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    flags: dict[Path, list[list[str]]] = {path: [] for path in paths}
    for line in shown.splitlines():
        number, *rest = line.split("\t")
        flags[paths[int(number)]].append(rest)
    return flags


@pytest.mark.parametrize(("path", "capture"), CAPTURES)
def test_counts_of_the_truth_agree_with_tshark(
    path: Path, capture: Capture, flags_by_tshark: dict[Path, list[list[str]]]
) -> None:
    if path.stem.startswith("any-"):
        return  # tshark counts copies of a packet: see the row's remark
    flags = flags_by_tshark[path]
    assert flags
    fins = Counter(port for port, fin, _ in flags if fin in {"1", "True"})
    rsts = Counter(port for port, _, rst in flags if rst in {"1", "True"})
    for side in ("client", "server"):
        for count, what in ((fins, "fins"), (rsts, "rsts")):
            rows = [
                (getattr(row, side), getattr(row, f"{side}_{what}")) for row in capture.connections
            ]
            if None in (number for _, number in rows):
                continue
            ports = {end.rpartition(":")[2] for end, _ in rows}
            assert sum(number for _, number in rows) == sum(count[port] for port in ports)
