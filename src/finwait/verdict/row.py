"""One connection as the core judges it, under the name that the telling uses."""

from finwait.capture.connection import Connection as Row
from finwait.capture.connection import end

__all__ = ["Row", "end"]
