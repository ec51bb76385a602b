"""What Zeek's own test suite says about the connections of its traces.

Zeek keeps, for each test, the expected `conn.log` in `testing/btest/Baseline*/TEST/` and the commands
that made it in `testing/btest/TEST.{test,zeek,…}`. This module reads both and pairs each expected
log with the trace it came from. Nothing of Zeek is kept in this repository: the folder is read where it lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ZEEK = re.compile(
    r"\bzeek\b(?P<options>.*?)-r +(?:\"|')?\$\{?TRACES\}?/(?P<trace>[^\s\"']+)(?P<rest>.*)"
)
_OUTPUT = re.compile(
    r"(?:mv +\S*conn\.log|cat +\S*conn\.log *>>?|< *\S*conn\.log *>>?) +(?P<name>\S+)"
)
_CUT = re.compile(r"zeek-cut +(?:-\S+ +)*(?P<columns>[\w. ]+?) *< *\S*conn\.log")
_EXEC = re.compile(r"@TEST-EXEC(?:-FAIL)?: *(.*)")


@dataclass(frozen=True)
class Record:
    """One row of an expected `conn.log`; what the log does not say is None."""

    is_tcp: bool | None
    ends: tuple[str, int, str, int] | None
    state: str | None
    history: str | None


@dataclass(frozen=True)
class Baseline:
    """The expected `conn.log` of one run of Zeek over one trace, its TCP rows only."""

    test: str
    trace: Path
    command: str
    script: str
    records: tuple[Record, ...]

    @property
    def ignores_checksums(self) -> bool:
        """Whether Zeek was told to believe bad checksums (`-C`)."""
        return bool(re.search(r" -\w*C\b", self.command)) or bool(
            re.search(r"ignore_checksums *= *T", self.script)
        )


@dataclass(frozen=True)
class _Run:
    trace: str
    command: str
    columns: tuple[str, ...] = ()


def read(btest: Path) -> Iterator[Baseline]:
    """Every expected log under `btest` that tells a state or a history of TCP connections."""
    tests = _find_tests(btest)
    for log in sorted(btest.glob("Baseline/*/*")):
        if not log.is_file():
            continue
        name = log.parent.name
        test = tests.get(name) or tests.get(re.sub(r"-\d+$", "", name))
        if test is None:
            continue
        script = test.read_text(errors="replace")
        run = _run_behind(script, log.name)
        if run is None:
            continue
        records = tuple(_read_log(log, run.columns))
        trace = btest / "Traces" / run.trace
        if records and trace.exists():
            yield Baseline(f"{name}/{log.name}", trace, run.command, script, records)


def _find_tests(btest: Path) -> dict[str, Path]:
    """Test files by the name of their baseline folder: `core/tcp/x.zeek` is `core.tcp.x`."""
    found: dict[str, Path] = {}
    for path in sorted(btest.rglob("*")):
        parts = path.relative_to(btest).parts
        if parts[0] in {"Traces", "Files"} or parts[0].startswith("Baseline") or not path.is_file():
            continue
        found.setdefault(".".join((*parts[:-1], path.stem)), path)
        found.setdefault(".".join(parts), path)
    return found


def _run_behind(script: str, log: str) -> _Run | None:
    """The run of Zeek that wrote `log`, by the order of the test's commands."""
    last: _Run | None = None
    named: dict[str, _Run] = {}
    for command in _EXEC.findall(script):
        if run := _ZEEK.search(command):
            last = _Run(run["trace"], command)
            if not re.search(r"\.log", command):
                named["conn.log"] = last
        if last is None:
            continue
        cut = _CUT.search(command)
        columns = tuple(cut["columns"].split()) if cut else ()
        for output in _OUTPUT.finditer(command):
            named[output["name"].rsplit("/")[-1]] = _Run(last.trace, last.command, columns)
    return named.get(log) or (last if log.startswith("conn") else None)


def _read_log(log: Path, columns: tuple[str, ...]) -> Iterator[Record]:
    separator, unset = "\t", "-"
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("#fields"):
            columns = tuple(line.split(separator)[1:])
        elif line.startswith("#unset_field"):
            unset = line.split(separator)[-1]
        elif line and not line.startswith("#") and columns:
            values = dict(zip(columns, line.split(separator), strict=False))
            record = _record({k: v for k, v in values.items() if v != unset})
            if record is not None:
                yield record


def _record(values: dict[str, str]) -> Record | None:
    state, history = values.get("conn_state"), values.get("history")
    is_header = history == "history" or state == "conn_state"
    if values.get("proto", "tcp") != "tcp" or is_header or (state is None and history is None):
        return None
    is_tcp = True if "proto" in values else None
    try:
        ends = (
            values["id.orig_h"],
            int(values["id.orig_p"]),
            values["id.resp_h"],
            int(values["id.resp_p"]),
        )
    except (KeyError, ValueError):
        return Record(is_tcp, None, state, history)
    return Record(is_tcp, ends, state, history)
