"""What applications see is what docs/peer.md says they see."""

import pytest

import peer_table
from finwait.peer.ending import endings

from .test_live import needs_tun

CLIENTS = [
    *[("socket", close) for close in ("three-way", "reset-half-way", "reset-after-fin", "linger-data", "refuse")],
    *[("http.client", close) for close in ("three-way", "close-first", "truncate", "reset", "injected-reset")],
    *[("asyncio", close) for close in ("simultaneous", "truncate", "reset")],
    *[("curl", close) for close in ("four-way", "truncate", "reset", "refuse")],
    *[("Java HttpClient", close) for close in ("reset", "truncate", "refuse")],
]  # fmt: skip
PROXIES = [
    (peer_table.PROXY, close) for close in ("three-way", "truncate", "reset", "refuse", "silent")
]
SERVERS = [("socket", "reset"), ("socket", "truncate"), ("asyncio", "linger-data"), ("nginx", "simultaneous")]  # fmt: skip
TEXT = peer_table.DOCUMENT.read_text(encoding="utf-8")


def documented(kind: str) -> dict[tuple[str, str], str]:
    """(application, close) → what the document says."""
    return peer_table.documented(kind, TEXT)


def here(asked: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(app, close) for app, close in asked if peer_table.is_there(app)]


@needs_tun
@pytest.mark.parametrize(("app", "close"), here(CLIENTS))
def test_clients(app: str, close: str) -> None:
    said, _ = peer_table.client(app, close)
    assert said == documented("clients")[app, close]


@needs_tun
@pytest.mark.parametrize(("app", "close"), here(PROXIES))
def test_proxies(app: str, close: str) -> None:
    said, _ = peer_table.client(app, close)
    assert said == documented("proxies")[app, close]


@needs_tun
@pytest.mark.parametrize(("app", "close"), here(SERVERS))
def test_servers(app: str, close: str) -> None:
    said, _ = peer_table.server(app, close)
    assert said == documented("servers")[app, close]


def test_what_is_not_measured_stays() -> None:
    for kind in peer_table.APPLICATIONS:
        before = documented(kind)
        head, _, *rows = peer_table.rows(kind, ["none of them"], before)
        again = {
            (app, row[0].strip("`")): said
            for row in rows
            for app, said in zip(head[1:], row[1:], strict=True)
        }
        assert again == before


def test_every_close_has_its_row() -> None:
    for kind in ("clients", "proxies"):
        assert {close for _, close in documented(kind)} == set(endings())
    assert {close for _, close in documented("servers")} == {
        name for name, ending in endings().items() if not ending.needs_listener
    }
