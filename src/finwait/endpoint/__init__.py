"""A TCP endpoint without I/O: (connection, now, input) → (connection, segments, events, rules).

`Host` is what most users want: sockets, listeners, packets in and out. `step` is one connection alone.
The numbers and choices of systems are profiles: RFC9293, LINUX, FREEBSD.
"""

from finwait.endpoint.calls import (
    Abort,
    Arrival,
    Close,
    Connect,
    Errno,
    Happening,
    IcmpError,
    IcmpKind,
    Input,
    Option,
    Receive,
    Result,
    Send,
    SetOption,
    Shutdown,
    Tick,
)
from finwait.endpoint.connection import Connection, Step, new_connection
from finwait.endpoint.host import Host
from finwait.endpoint.profile import (
    FREEBSD,
    LINUX,
    PROFILES,
    RFC9293,
    Blackhole,
    Profile,
    RstInSynchronized,
    SynInSynchronized,
    SynOptions,
)
from finwait.endpoint.rules import Rule
from finwait.endpoint.sockets import Ends, Handle, Notice, Readiness
from finwait.endpoint.status import Status
from finwait.endpoint.step import listen, step

__all__ = [
    "FREEBSD",
    "LINUX",
    "PROFILES",
    "RFC9293",
    "Abort",
    "Arrival",
    "Blackhole",
    "Close",
    "Connect",
    "Connection",
    "Ends",
    "Errno",
    "Handle",
    "Happening",
    "Host",
    "IcmpError",
    "IcmpKind",
    "Input",
    "Notice",
    "Option",
    "Profile",
    "Readiness",
    "Receive",
    "Result",
    "RstInSynchronized",
    "Rule",
    "Send",
    "SetOption",
    "Shutdown",
    "Status",
    "Step",
    "SynInSynchronized",
    "SynOptions",
    "Tick",
    "listen",
    "new_connection",
    "step",
]
