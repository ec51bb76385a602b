"""One script in one variant on one stage, as data: what a command line, a test runner or another process asks for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from finwait.errors import STDIN, BadScript, CannotOpen, MissingPrivilege, Misuse
from finwait.script.check import check
from finwait.script.config import PERCENT, PERCENT_FREEBSD, configure, family
from finwait.script.outcome import Failure, Outcome, Status
from finwait.script.parser import SYSTEMS, load, parse
from finwait.script.runner import Heard, play, unheard
from finwait.script.syntax import NOWHERE, Dialect, Position, Script
from finwait.stage.stage import Setup, Stage
from finwait.verdict.language import Text

VARIANTS: Final = ("ipv4", "ipv6", "ipv4-mapped-ipv6")
PROFILES: Final = ("rfc9293", "linux", "freebsd")
STAGES: Final = ("model", "kernel")
WIDE_MTU: Final = "1520"
"""Of the variant ipv6: its header is 20 octets longer, so the MSS is that of the others."""
VARIANT_DEFINES: Final = {
    "ipv4": {"CMSG_LEVEL_IP": "SOL_IP", "CMSG_TYPE_RECVERR": "IP_RECVERR"},
    "ipv6": {"CMSG_LEVEL_IP": "SOL_IPV6", "CMSG_TYPE_RECVERR": "IPV6_RECVERR"},
    "ipv4-mapped-ipv6": {"CMSG_LEVEL_IP": "SOL_IPV6", "CMSG_TYPE_RECVERR": "IPV6_RECVERR"},
}
"""What scripts that are written for all variants name differently in each; google's runner defines the same."""

NO_TEXTS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Job:
    """What to play, and how."""

    path: str
    variant: str | None = None
    """None: what the script says, else ipv4 (ipv6 where the file's name ends in v6.pkt)."""
    stage: str = "model"
    profile: str = "linux"
    defines: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str | None] = field(default_factory=dict)
    """Option lines that win over the script's own."""
    dialect: Dialect = Dialect.FINWAIT
    until: int | None = None
    """Microseconds."""
    text: str | None = None
    """The script itself, where its file can be read only once (standard input)."""

    def read(self) -> Script:
        """Parse the script and check it. Raises BadScript, CannotOpen."""
        defines = dict(self.defines)
        if self.variant is not None:
            defines = VARIANT_DEFINES[self.variant] | defines
        system = "Linux" if self.stage == "kernel" else SYSTEMS.get(self.profile)
        systems = () if system is None else (system,)
        if self.text is None:
            script = load(self.path, defines, self.dialect, systems)
        else:
            script = parse(self.text, self.path, defines, self.dialect, systems)
        check(script)
        return script

    def run(self, heard: Heard = unheard) -> Outcome:
        """Play. A broken script is an outcome; what the system refuses (CannotOpen, MissingPrivilege, OSError) is raised."""
        try:
            script = self.read()
            options = self._options(script)
            percent = PERCENT_FREEBSD if self.profile == "freebsd" else PERCENT
            config = configure(
                script, options, self.dialect,
                folder=str(Path(self.path).parent), until=self.until, percent=percent,
            )  # fmt: skip
        except BadScript as error:
            return self.failed(broken(error), Status.BROKEN)
        except Misuse as error:  # of this script with these options: others go on
            said = Text(error.say("en"), error.say("zh"))
            return self.failed(Failure("script", NOWHERE, "", said), Status.BROKEN)
        return play(script, config, self._opener(), heard)

    def _options(self, script: Script) -> dict[str, str | None]:
        options = dict(self.options)
        variant = self.variant
        said = {option.name for option in script.options} | options.keys()
        if (
            variant is None
            and not said & {"ip_version", "local_ip", "remote_ip"}
            and self.path.endswith("v6.pkt")
        ):
            variant = "ipv6"
        elif variant == "ipv6":
            options.setdefault("mtu", WIDE_MTU)
        if variant is not None:
            options["ip_version"] = variant
        return options

    def _opener(self) -> Callable[[Setup], Stage]:
        if self.stage == "kernel":
            try:
                from finwait.stage.kernel import open_kernel
            except (ImportError, AttributeError) as error:
                raise MissingPrivilege(
                    f"--stage kernel needs Linux: {error}", f"--stage kernel 需要 Linux：{error}"
                ) from None
            return open_kernel
        if self.stage != "model":
            raise Misuse(
                f"there is no stage {self.stage}: there are {', '.join(STAGES)}",
                f"没有 {self.stage} 这个舞台：有 {'、'.join(STAGES)}",
            )
        from finwait.stage.model import open_model

        return lambda setup: open_model(setup, self.profile)

    def failed(self, failure: Failure, status: Status, lasted: int = 0) -> Outcome:
        """Tell a play that did not come about."""
        stage = self.stage if self.stage == "kernel" else f"{self.stage}:{self.profile}"
        return Outcome(self.path, self._family(), stage, status, lasted, failure=failure)

    def _family(self) -> str:
        """Say in what it is played; of a script that cannot be read, what the command line and its name say."""
        script = Script(self.path, "", (), None, (), None)
        with suppress(BadScript, CannotOpen):
            script = self.read()
        return family(script, self._options(script))


def broken(error: BadScript) -> Failure:
    """Tell an error in a script as a failure."""
    said = str(error).removeprefix(f"{error.place}: ")
    head, *rest = said.split("\n")
    source = "" if rest else error.source
    return Failure(
        "script",
        Position(error.line, error.column),
        source,
        Text(head, head),
        detail="\n".join(rest),
    )


def scripts(paths: Iterable[str]) -> list[str]:
    """Name the scripts under paths: files (and standard input) as they are, folders with all `*.pkt` in them, in order. Raises CannotOpen, Misuse."""
    found: list[str] = []
    for given in paths:
        path = Path(given)
        if given == STDIN:
            found.append(given)
        elif path.is_dir():
            inside = sorted(map(str, in_folder(path)))
            if not inside:
                raise Misuse(f"{given}: no *.pkt in this folder", f"{given}：目录中没有 *.pkt")
            found += inside
        else:
            _exists(given)
            found.append(given)
    return found


def _exists(path: str) -> None:
    try:
        Path(path).stat()
    except OSError as error:
        raise CannotOpen.of(path, error) from None


def in_folder(folder: Path) -> Iterator[Path]:
    """Find the scripts in a folder and in those that it holds."""
    return (one for one in folder.rglob("*.pkt") if one.is_file())


def jobs(
    paths: Iterable[str], variants: Iterable[str], like: Job, texts: Mapping[str, str] = NO_TEXTS
) -> list[Job]:
    """Give a job for each script and variant. `texts`: scripts that were read already. A name that ends in v4.pkt or v6.pkt is of that family alone."""
    if like.stage == "kernel" and like.profile != "linux":
        raise Misuse(
            f"the kernel is its own profile: --profile {like.profile} is of the model",
            f"内核就是它自己的行为：--profile {like.profile} 只用于 model 舞台",
        )
    chosen = tuple(variants)
    made: list[Job] = []
    for path in paths:
        one = replace(like, path=path, text=texts.get(path))
        if not chosen:
            made.append(one)
        made += [replace(one, variant=v) for v in chosen if fits(path, v)]
    return made


def fits(path: str, variant: str) -> bool:
    """Say whether a script is of a variant, by its name."""
    return not path.endswith("v4.pkt" if variant == "ipv6" else "v6.pkt")
