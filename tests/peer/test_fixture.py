"""The fixture, in a pytest of its own."""

import pytest

from .test_live import needs_tun

pytest_plugins = ["pytester"]

PLUGIN = ("-p", "no:finwait", "-p", "finwait.pytest_plugin", "-p", "no:cacheprovider")
TEST = """
import socket
import pytest

def test_two_peers(finwait_peer):
    kind, hard = finwait_peer("three-way"), finwait_peer("reset", on="192.0.2.5:80", after="500")
    for peer, octets in ((kind, 1000), (hard, 500)):
        with socket.create_connection((peer.host, peer.port), 5) as client:
            client.sendall(b"hello")
            assert len(client.recv(5000)) == octets
    hard.stop()
    assert hard.connections[0].close == "reset"
"""
REFUSED = """
from finwait.errors import MissingPrivilege
from finwait.peer import background

def refuse(_kept):
    raise MissingPrivilege("not here")

background.private_namespace = refuse
"""


@needs_tun
def test_peers_of_one_test_share_a_namespace(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEST)
    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)


def test_it_skips_where_it_may_not(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(REFUSED)
    pytester.makepyfile("def test_skipped(finwait_peer):\n    finwait_peer('reset')\n")
    pytester.runpytest_subprocess(*PLUGIN, "-rs").assert_outcomes(skipped=1)
