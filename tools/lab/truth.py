"""What is known about a connection because of how it was made. Never what finwait says of it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from typing import TypeAlias

CONFIDENCES = ("possible", "likely", "certain")

Value: TypeAlias = "str | bool | int | float | list[str] | list[dict[str, str]]"


@dataclass(frozen=True)
class Why:
    """A cause that may be told, and how sure one may be of it."""

    slug: str
    least: str = "possible"
    most: str = "certain"


@dataclass
class Connection:
    """The truth about one connection. A field that is None is not compared: the wire, as captured,
    leaves more than one right answer. "A or B": both are right; "any": not compared. States are
    RFC 9293's. An empty `cause` is not compared.
    """

    client: str
    server: str
    close: str
    closed_by: str
    finished: bool
    cause: list[Why]
    handshake: str = "complete"
    reset_by: str = "none"
    reset_form: str | None = None
    client_state: str | None = None
    server_state: str | None = None
    client_bytes: int | None = None
    server_bytes: int | None = None
    client_fins: int | None = None
    server_fins: int | None = None
    client_rsts: int | None = None
    server_rsts: int | None = None
    notes: list[str] = field(default_factory=list)
    notes_absent: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    kernel: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """What repeats across connections of one server, as `Analysis.groups` tells it."""

    kind: str
    server: str
    matched: int
    total: int
    gap_s: float | None = None  # seconds; told within a fifth
    reused: int | None = None


@dataclass
class Capture:
    """One file, how it was made, and its connections in the order of their first segments."""

    file: str
    made: str
    connections: list[Connection]
    groups: list[Group] = field(default_factory=list)
    clock: str = ""
    remark: str = ""


def to_toml(captures: list[Capture], heading: str) -> str:
    """All rows as TOML; `heading` is put on top as a comment."""
    lines = [f"# {line}".rstrip() for line in heading.strip().splitlines()]
    for capture in captures:
        lines += [
            "",
            "[[capture]]",
            f"file = {_value(capture.file)}",
            f"made = {_value(capture.made)}",
        ]
        lines += [
            f"{key} = {_value(text)}"
            for key in ("clock", "remark")
            if (text := getattr(capture, key))
        ]
        for group in capture.groups:
            lines += ["", "[[capture.group]]", *_rows(group)]
        for connection in capture.connections:
            lines += ["", "[[capture.connection]]", *_rows(connection)]
    return "\n".join(lines) + "\n"


def _rows(of: Connection | Group) -> list[str]:
    rows = []
    for item in fields(of):
        value = getattr(of, item.name)
        if value is None or (value == [] and item.name != "cause"):
            continue
        if item.name == "cause":
            value = [{"slug": why.slug, "least": why.least, "most": why.most} for why in value]
        rows.append(f"{item.name} = {_value(value)}")
    return rows


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, list):
        items = [_table(item) if isinstance(item, dict) else _value(item) for item in value]
        if sum(map(len, items)) > 80:
            return "[\n" + "".join(f"    {item},\n" for item in items) + "]"
        return "[" + ", ".join(items) + "]"
    return repr(value)


def _table(table: dict[str, str]) -> str:
    return "{ " + ", ".join(f"{key} = {_value(value)}" for key, value in table.items()) + " }"


def from_toml(text: str) -> list[Capture]:
    """The rows that `to_toml` wrote."""
    captures = []
    for table in tomllib.loads(text).get("capture", []):
        connections = []
        for row in table.pop("connection", []):
            row["cause"] = [Why(**why) for why in row["cause"]]
            connections.append(Connection(**row))
        groups = [Group(**row) for row in table.pop("group", [])]
        captures.append(Capture(connections=connections, groups=groups, **table))
    return captures
