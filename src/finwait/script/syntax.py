"""The syntax tree of a script: what is written, as written. Nothing here knows a live number.

All times are integer microseconds. Sequence numbers are those of the script (absolute in a SYN,
relative elsewhere); turning them into live ones is the runner's work. A node that an error can name
carries its position.
"""

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TypeAlias

from finwait.tcp import Flags


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where something stands in the file; both count from 1."""

    line: int
    column: int


NOWHERE = Position(0, 0)


class Dialect(StrEnum):
    """Whose quirks to keep where the two references differ or where both have a bug; FINWAIT: what an author means."""

    FINWAIT = "finwait"
    GOOGLE = "google"
    NPLAB = "nplab"


# --- time ---


class TimeKind(Enum):
    """How an event's time is written."""

    ABSOLUTE = "T"
    RELATIVE = "+T"
    ANY = "*"


@dataclass(frozen=True, slots=True)
class Time:
    """When an event happens: `T`, `+T`, `*`, `T~T` or `+T~+T`."""

    kind: TimeKind
    start: int = 0
    """Microseconds, from the start of the script or from the anchor (ANY: 0)."""
    end: int | None = None
    """The end of a range, in the same base."""


# --- expressions: arguments and results of system calls ---


@dataclass(frozen=True, slots=True)
class Omitted:
    """`...`: the tool supplies the value."""


@dataclass(frozen=True, slots=True)
class Integer:
    """A number, decimal or hexadecimal."""

    value: int
    text: str = ""
    """As written: a fast-open cookie keeps its leading zeros."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name such as SO_REUSEADDR; resolved when the script runs."""

    name: str
    at: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class String:
    """A string after its escapes were read; `more` for `"abc"...`."""

    value: bytes
    more: bool = False


@dataclass(frozen=True, slots=True)
class Or:
    """`A|B|…`."""

    parts: "tuple[Expr, ...]"


@dataclass(frozen=True, slots=True)
class Items:
    """`[a, b, …]`."""

    items: "tuple[Expr, ...]"


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a struct literal: `name=value`, `name(argument)=value`, or a bare value (name None)."""

    name: str | None
    value: "Expr"
    argument: "Expr | None" = None


@dataclass(frozen=True, slots=True)
class Struct:
    """`{…}`."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """`inet_addr("…")`, `inet6_addr("…")`, `htonl(N)`."""

    name: str
    argument: "Expr"


Expr: TypeAlias = Omitted | Integer | Symbol | String | Or | Items | Struct | Function


# --- packets ---


class Direction(Enum):
    """Which way a packet goes, seen from the stack under test."""

    IN = "<"
    """Injected into the stack."""
    OUT = ">"
    """Expected from the stack."""


@dataclass(frozen=True, slots=True)
class IpInfo:
    """What is said of the IP header; None means not said: a default inbound, unchecked outbound."""

    ecn: str | None = None
    """noecn, ect0, ect1, ce, or ect01 (either ECT, outbound only)."""
    tos: int | None = None
    """The whole octet."""
    dscp: int | None = None
    """The upper six bits."""
    ttl: int | None = None
    flow_label: int | None = None


@dataclass(frozen=True, slots=True)
class Encapsulation:
    """A header outside the packet: ipv4, ipv6, gre, mpls. Its words are kept as written."""

    kind: str
    text: str
    ip: IpInfo = IpInfo()


@dataclass(frozen=True, slots=True)
class Option:
    """A TCP option. `name` as in the language's reference: mss, wscale, sackOK, nop, eol, sack, TS, md5, FO, FOEXP,
    ECN, AccECN0, AccECN1, generic, experimental, raw, exp-AccECN0, exp-AccECN1, exp-tarr.
    """

    name: str
    numbers: tuple[int, ...] = ()
    """mss and wscale: one; TS: val, ecr; sack: left, right, left, right, …; ECN: counters in the order of `words`."""
    data: bytes | None = None
    """The octets of md5, FO, generic, experimental or raw; None where nothing was given."""
    kind: int | None = None
    """Of a generic option: its kind; of an experimental one: its ExID."""
    words: tuple[str, ...] = ()
    """Names of the counters of ECN and AccECN, `valid` of md5, `val-any` of `TS val ...`, `ecr-absolute` of `ecr N!`."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """`start:end(length)`; an end that is not start+length is refused by the parser."""

    start: int
    length: int
    absolute: bool = False
    """`!`: the live number itself, not mapped."""
    unchecked: bool = False
    """`...(len)`: only the length is said."""


@dataclass(frozen=True, slots=True)
class TcpBody:
    """A TCP segment."""

    flags: Flags
    seq: Sequence
    ack: int | None = None
    window: int | None = None
    """The 16-bit field of the header, never scaled."""
    urgent: int | None = None
    options: tuple[Option, ...] | None = ()
    """None is `<...>`: not checked. Empty means exactly none."""
    ace: int | None = None
    """AccECN's counter where a digit says it (RFC 9768): the bits AE, CWR, ECE together."""
    ports: tuple[int, int] | None = None
    udp_ports: tuple[int, int] | None = None
    """`/udp(S > D)`."""
    psp_spi: int | None = None
    rst_cause: tuple[int, int | None] | None = None
    """`[code N, pen N]`: the diagnostic payload of a RST."""


@dataclass(frozen=True, slots=True)
class UdpBody:
    """`udp (len)`, `udplite (len, coverage)`."""

    length: int
    ports: tuple[int, int] | None = None
    coverage: int | None = None
    """Of UDP-Lite; None for UDP."""


@dataclass(frozen=True, slots=True)
class IcmpBody:
    """`icmp TYPE CODE mtu N id N [quoted]`. Names are kept: which numbers they have depends on the family."""

    type: str
    code: str | None = None
    mtu: int | None = None
    ident: int | None = None
    quoted_protocol: str | None = None
    """tcp, udp, udplite, raw, or None if nothing is quoted."""
    quoted_seq: Sequence | None = None
    """Of quoted TCP."""
    quoted_length: int | None = None
    """Of quoted UDP or UDP-Lite: its payload; of raw: the whole ICMP message, header included."""
    quoted_coverage: int | None = None
    """Of quoted UDP-Lite."""
    quoted_udp_ports: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class PacketAction:
    """`<` or `>` and a packet."""

    direction: Direction
    body: TcpBody | UdpBody | IcmpBody
    ip: IpInfo = IpInfo()
    outer: tuple[Encapsulation, ...] = ()


# --- the other actions ---


@dataclass(frozen=True, slots=True)
class Call:
    """`name(args) = result ERRNO (note)`; blocking if `until` is said."""

    name: str
    arguments: tuple[Expr, ...]
    result: Expr
    errno: str | None = None
    note: str = ""
    until: int | None = None
    """`...T`: when it is to return, in the base of the event's time."""


@dataclass(frozen=True, slots=True)
class Shell:
    """A back-quoted command."""

    command: str


@dataclass(frozen=True, slots=True)
class Code:
    """`%{ … }%`: Python that asserts."""

    text: str
    at: Position = NOWHERE
    """Where its first line stands, for tracebacks."""


Action: TypeAlias = PacketAction | Call | Shell | Code


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the play."""

    time: Time
    action: Action
    at: Position = NOWHERE
    """Where its time stands."""
    end: Position = NOWHERE
    """After its last token."""


@dataclass(frozen=True, slots=True)
class ScriptOption:
    """`--name` or `--name=value` at the head of a script."""

    name: str
    value: str | None = None
    at: Position = NOWHERE


@dataclass(frozen=True, slots=True)
class Script:
    """A whole file."""

    path: str
    text: str
    """The source, for reports that show a line."""
    options: tuple[ScriptOption, ...]
    init: Shell | None
    events: tuple[Event, ...]
    cleanup: Shell | None
    defines: dict[str, str] = field(default_factory=dict)
    """`-D` and `--define`, as the parser applied them."""
