"""pytest collects packetdrill scripts: `pytest --finwait dir/` makes a test of each `*.pkt` and variant.

Without `--finwait` (or `finwait = true` in the ini file) nothing is collected and nothing of finwait's
engine is imported: other projects' runs pay for one small module. The fixture `finwait_peer` is a live
peer that ends its connections in a chosen way.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from finwait.peer.background import Peer
    from finwait.script.job import Job
    from finwait.script.outcome import Outcome

LISTED = ("finwait_define", "finwait_option")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Each option may stand in the ini file under the same name with underscores."""
    group = parser.getgroup("finwait", "packetdrill scripts (finwait)")
    group.addoption("--finwait", action="store_true", default=None, help="Collect *.pkt as tests.")
    parser.addini("finwait", "Collect *.pkt as tests.", type="bool", default=False)
    for name, text in (
        ("stage", "model (default) or kernel"),
        ("profile", "of the model: linux (default), rfc9293 or freebsd"),
        ("variants", "comma list: ipv4, ipv6, ipv4-mapped-ipv6; none: as each script says"),
        ("compat", "keep the quirks of google or nplab"),
    ):
        group.addoption(f"--finwait-{name}", metavar=name.upper(), help=text)
        parser.addini(f"finwait_{name}", text, default="")
    for name, text in (
        ("define", "NAME=VALUE in the place of a name, may be given again"),
        ("option", "an option line of packetdrill, NAME=VALUE or NAME, may be given again"),
    ):
        group.addoption(f"--finwait-{name}", metavar="NAME=VALUE", action="append", help=text)
        parser.addini(f"finwait_{name}", text, type="linelist", default=[])


@pytest.fixture
def finwait_peer() -> "Iterator[Callable[..., Peer]]":
    """Make peers that end their connections in a chosen way; the arguments are those of `finwait.peer`.

    They are there at once, until their `stop()` or the end of the test. The test moves into a private
    network namespace, and all its peers are in that, unless `private=False` is given; where it is refused,
    the test is skipped.
    """
    from finwait.errors import CannotOpen, MissingPrivilege
    from finwait.peer import peer
    from finwait.peer.background import private_namespace

    with ExitStack() as kept:
        inside = False

        def made(close: str = "three-way", *, private: bool = True, **rest: Any) -> "Peer":
            nonlocal inside
            try:
                if private and not inside:
                    private_namespace(kept)
                    inside = True
                return kept.enter_context(peer(close, **rest))
            except (MissingPrivilege, CannotOpen) as error:
                pytest.skip(str(error))

        yield made


def _wanted(config: pytest.Config) -> bool:
    return bool(config.getoption("--finwait") or config.getini("finwait"))


def _said(config: pytest.Config, name: str) -> str:
    return str(config.getoption(f"--finwait-{name}") or config.getini(f"finwait_{name}") or "")


def _pairs(config: pytest.Config, name: str) -> dict[str, str | None]:
    lines = [*config.getini(f"finwait_{name}"), *(config.getoption(f"--finwait-{name}") or [])]
    found: dict[str, str | None] = {}
    for line in lines:
        key, equals, value = str(line).partition("=")
        found[key.strip().removeprefix("--")] = value if equals else None
    return found


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ScriptFile | None":
    """Take scripts, if they are asked for."""
    if file_path.suffix == ".pkt" and _wanted(parent.config):
        return ScriptFile.from_parent(parent, path=file_path)
    return None


class ScriptFile(pytest.File):
    """One script."""

    def collect(self) -> Iterator["ScriptItem"]:
        """A test for each variant."""
        for job in self._jobs():
            yield ScriptItem.from_parent(self, name=job.variant or "script", job=job)

    def _jobs(self) -> "list[Job]":
        from finwait.errors import Misuse
        from finwait.script.job import PROFILES, STAGES, VARIANTS, Job, jobs
        from finwait.script.syntax import Dialect

        config = self.config
        variants = [v.strip() for v in _said(config, "variants").split(",") if v.strip()]
        stage = _said(config, "stage") or "model"
        profile = _said(config, "profile") or "linux"
        compat = _said(config, "compat") or "finwait"
        for name, given, known in (
            ("stage", [stage], STAGES),
            ("profile", [profile], PROFILES),
            ("variants", variants, VARIANTS),
            ("compat", [compat], tuple(d.value for d in Dialect)),
        ):
            strange = set(given) - set(known)
            if strange:
                raise pytest.UsageError(
                    f"--finwait-{name}: no {min(strange)}; there are {', '.join(known)}"
                )
        defines = {key: value or "" for key, value in _pairs(config, "define").items()}
        like = Job(
            str(self.path), stage=stage, profile=profile, defines=defines,
            options=_pairs(config, "option"), dialect=Dialect(compat),
        )  # fmt: skip
        try:
            return jobs([str(self.path)], variants, like)
        except Misuse as error:
            raise pytest.UsageError(str(error)) from None


class NotPassed(Exception):
    """The script did not pass; what its report says."""


class ScriptItem(pytest.Item):
    """One play."""

    def __init__(self, *, job: "Job", **rest: Any) -> None:  # what pytest's own constructor takes
        super().__init__(**rest)
        self.job = job

    def runtest(self) -> None:
        """Play, and fail with the report."""
        from finwait.errors import MissingPrivilege
        from finwait.script import report
        from finwait.script.outcome import Status
        from finwait.verdict.language import language

        try:
            outcome = self._play()
        except MissingPrivilege as error:
            pytest.skip(str(error))
        told = report.text(outcome, language())
        if outcome.status is Status.NOT_APPLICABLE:
            pytest.skip(told)
        if outcome.status is not Status.PASSED:
            raise NotPassed(told)

    def _play(self) -> "Outcome":
        from finwait.cli.play import play_all

        return next(play_all([self.job], 1))

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> Any:  # as pytest types it
        """The report alone: a traceback through finwait tells a stack's author nothing."""
        if isinstance(excinfo.value, NotPassed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the test stands."""
        return self.path, 0, f"{self.path.name} [{self.name}]"
