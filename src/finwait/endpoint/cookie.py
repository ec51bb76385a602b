"""Fast open cookies of a listener (RFC 7413 section 4.1.2), made as Linux makes them, so that a script may know them."""

from typing import Final

from finwait.wire import Address

KEY: Final = bytes(16)
"""Until somebody sets another (Linux draws one at random, which a reproducible host must not)."""
MASK: Final = 2**64 - 1
START: Final = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
"""SipHash's initial state (Aumasson and Bernstein, 2012, section 2)."""


def cookie_for(key: bytes, peer: Address, mine: Address) -> bytes:
    """Give a peer's cookie, eight octets: SipHash of both addresses (Linux __tcp_fastopen_cookie_gen_cipher)."""
    return siphash(key, peer.packed + mine.packed).to_bytes(8, "little")


def read_key(text: str) -> bytes:
    """Read net.ipv4.tcp_fastopen_key: four words of hexadecimal digits. Raises ValueError."""
    words = text.split(",", maxsplit=1)[0].split("-")
    if len(words) != 4:
        raise ValueError(text)
    return b"".join(int(word, 16).to_bytes(4, "little") for word in words)


def siphash(key: bytes, data: bytes) -> int:
    """SipHash-2-4 of `data` under a key of 16 octets."""
    k = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    v = [start ^ k[place & 1] for place, start in enumerate(START)]
    whole = len(data) // 8 * 8
    last = int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56
    words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, whole, 8)]
    for word in (*words, last):
        v[3] ^= word
        _round(v)
        _round(v)
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(4):
        _round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _turned(word: int, places: int) -> int:
    return (word << places | word >> (64 - places)) & MASK


def _round(v: list[int]) -> None:
    v[0] = (v[0] + v[1]) & MASK
    v[1] = _turned(v[1], 13) ^ v[0]
    v[0] = _turned(v[0], 32)
    v[2] = (v[2] + v[3]) & MASK
    v[3] = _turned(v[3], 16) ^ v[2]
    v[0] = (v[0] + v[3]) & MASK
    v[3] = _turned(v[3], 21) ^ v[0]
    v[2] = (v[2] + v[1]) & MASK
    v[1] = _turned(v[1], 17) ^ v[2]
    v[2] = _turned(v[2], 32)
