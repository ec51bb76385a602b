"""The rules of TCP that a step can fire, each with where it is written. A step returns those that it followed."""

from enum import Enum


class Rule(Enum):
    """Name → source: a section of RFC 9293, another RFC with its section, or a kernel symbol."""

    def __init__(self, source: str, meaning: str) -> None:
        self.source = source
        self.meaning = meaning

    OPEN_ACTIVE = ("3.10.1", "OPEN sends a SYN")
