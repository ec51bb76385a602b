"""The control bits of a TCP header."""

from enum import IntFlag


class Flags(IntFlag):
    """Header bits (RFC 9293 section 3.1; AE: RFC 9768 section 3.1), numbered as they lie in octets 12 and 13."""

    FIN = 0x001
    SYN = 0x002
    RST = 0x004
    PSH = 0x008
    ACK = 0x010
    URG = 0x020
    ECE = 0x040
    CWR = 0x080
    AE = 0x100

    def words(self) -> str:
        """Name the set bits as RFC 9293 writes a CTL field, ACK last: `SYN,ACK`; `none` for no bit."""
        names = [flag.name for flag in Flags if flag in self and flag.name]
        names.sort(key=lambda name: name == "ACK")
        return ",".join(names) or "none"
