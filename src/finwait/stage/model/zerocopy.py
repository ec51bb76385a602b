"""The error queue of a socket: what tells a user of MSG_ZEROCOPY that its buffers are free (Linux msg_zerocopy.rst).

The model copies, as loopback does, so every notice carries SO_EE_CODE_ZEROCOPY_COPIED.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from finwait.stage.stage import Value

if TYPE_CHECKING:
    from finwait.endpoint import Connection

ORIGIN: Final = 5
"""SO_EE_ORIGIN_ZEROCOPY (linux/errqueue.h)."""
COPIED: Final = 1
"""SO_EE_CODE_ZEROCOPY_COPIED."""
RECVERR: Final = {2: (0, 11), 10: (41, 25)}
"""Family of the socket → level and type of the control message: SOL_IP, IP_RECVERR; SOL_IPV6, IPV6_RECVERR."""


@dataclass(slots=True)
class ErrorQueue:
    """Calls with MSG_ZEROCOPY, counted from 0, and the notices of those that are done."""

    enabled: bool = False
    """SO_ZEROCOPY."""
    sent: int = 0
    """Octets that the socket took, in all."""
    next_call: int = 0
    waiting: list[tuple[int, int]] = field(default_factory=list)
    """Number of a call and how many octets were taken with it."""
    notices: list[tuple[int, int]] = field(default_factory=list)
    """First and last call of each notice that nobody has read."""

    def took(self, octets: int, *, zerocopy: bool) -> None:
        """Note a successful call."""
        self.sent += octets
        if zerocopy and self.enabled and octets:
            self.waiting.append((self.next_call, self.sent))
            self.next_call += 1

    def refresh(self, c: "Connection | None") -> bool:
        """See what was acknowledged meanwhile; says whether there is a new notice, or a greater one."""
        if not self.waiting:
            return False
        held = 0 if c is None else len(c.unsent) + sum(len(sent.data) for sent in c.queue)
        news = False
        while self.waiting and self.waiting[0][1] <= self.sent - held:
            call, _ = self.waiting.pop(0)
            news = True
            if self.notices and self.notices[-1][1] == call - 1:
                self.notices[-1] = (self.notices[-1][0], call)
            else:
                self.notices.append((call, call))
        return news

    def read(self, domain: int) -> Value:
        """Take the oldest notice, as a control message."""
        first, last = self.notices.pop(0)
        level, kind = RECVERR[domain]
        data: Value = {
            "ee_errno": 0,
            "ee_origin": ORIGIN,
            "ee_type": 0,
            "ee_code": COPIED,
            "ee_info": first,
            "ee_data": last,
        }
        return {"cmsg_level": level, "cmsg_type": kind, "cmsg_data": data}
