"""The pytest plugin, in a pytest of its own."""

import pytest

pytest_plugins = ["pytester"]

GOOD = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 close(3) = 0\n"
PLUGIN = ("-p", "no:finwait", "-p", "finwait.pytest_plugin", "-p", "no:cacheprovider")


@pytest.fixture
def folder(pytester: pytest.Pytester) -> pytest.Pytester:
    (pytester.path / "good.pkt").write_text(GOOD)
    (pytester.path / "bad.pkt").write_text(GOOD.replace("close(3) = 0", "close(3) = 1"))
    return pytester


def test_nothing_is_collected_unasked(folder: pytest.Pytester) -> None:
    result = folder.runpytest_subprocess(*PLUGIN, ".")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_one_test_a_script_and_variant(folder: pytest.Pytester) -> None:
    result = folder.runpytest_subprocess(
        *PLUGIN, "--finwait", "--finwait-variants=ipv4,ipv6", "--finwait-profile=freebsd", "-v", "."
    )
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*close() was to return 1, and returned 0*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_by_ini_file(folder: pytest.Pytester) -> None:
    folder.makeini(
        "[pytest]\nfinwait = true\nfinwait_stage = model\nfinwait_option =\n    mtu=1400\n"
    )
    folder.runpytest_subprocess(*PLUGIN, "good.pkt").assert_outcomes(passed=1)
