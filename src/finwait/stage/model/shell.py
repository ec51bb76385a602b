"""Shell commands that a model can honour. What it cannot is reported as not applicable, never passed over."""

import re
import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

from finwait.endpoint import Rule
from finwait.stage.model import sockstat, sysctl
from finwait.stage.model.world import World
from finwait.stage.stage import ShellResult
from finwait.tcp import State

SECOND: Final = 1_000_000
CONNECTORS: Final = {";", "&&", "||", "\n"}
_ARITHMETIC: Final = re.compile(r"\$\(\(([\d\s*+-]+)\)\)")
_RESTORE: Final = re.compile(r"^/tmp/sysctl_restore_\S*\.sh$")
LOOKS_LIKE_A_FILE: Final = 2
"""Octets that say that a file is a script: `#!`."""
DEEPEST: Final = 4
"""Scripts that call scripts."""

Advance: TypeAlias = Callable[[int], None]


class NotApplicable(Exception):
    """The model has nothing that this asks for; never leaves this part."""


class Exited(Exception):
    """`exit`; never leaves this part."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(slots=True)
class Shell:
    """One command on its way."""

    world: World
    advance: Advance
    folder: Path
    depth: int = 0
    output: str = ""

    def run(self, text: str) -> int:
        """Run a whole command; gives the status of the last part. Raises NotApplicable."""
        status = 0
        for connector, words in parts(text):
            if (connector == "&&" and status) or (connector == "||" and not status):
                continue
            status = self._pipeline(words)
        return status

    def _pipeline(self, words: list[str]) -> int:
        stages = split(words, "|")
        if sockstat.is_one(stages):
            status, told = sockstat.run(self.world, stages)
            self.output += told
            return status
        stages = [without_redirections(stage) for stage in stages]
        if stages[0] and stages[0][0] == "nstat":
            return nstat(self, stages)
        if len(stages) > 1:
            raise NotApplicable(" ".join(words))
        return self._command(stages[0])

    def _command(self, words: list[str]) -> int:
        if not words or _is_assignment(words[0]):
            return 0
        name = words[0].rsplit("/", 1)[-1]
        if name in COMMANDS:
            return COMMANDS[name](self, words)
        if _RESTORE.match(words[0]):
            return self._restore()
        return self._script(words)

    def _restore(self) -> int:
        """What set_sysctls.py changed is put back."""
        if self.world.saved is None:
            return 127
        self.world.configure(self.world.saved)
        self.world.saved = None
        return 0

    def _script(self, words: list[str]) -> int:
        """A shell script of the suite, such as `../common/defaults.sh`: read line by line as this reads any."""
        path = self.folder / words[0]
        if "/" not in words[0] or self.depth >= DEEPEST or not path.is_file():
            raise NotApplicable(" ".join(words))
        text = path.read_text(encoding="utf-8", errors="replace")
        if not text.startswith("#!") or "sh" not in text.splitlines()[0]:
            raise NotApplicable(" ".join(words))
        self.depth += 1
        try:
            return self.run(text)
        except Exited as exited:  # a script ends itself, not who called it
            return exited.status
        finally:
            self.depth -= 1

    def set(self, name: str, value: str) -> None:
        """Set a sysctl."""
        why = sysctl.apply(self.world, name, value)
        if why is not None:
            raise NotApplicable(why)


def run(world: World, command: str, advance: Advance) -> ShellResult:
    """Honour a command. `applicable` is False as soon as one part of it asks for what there is not."""
    shell = Shell(world, advance, Path(world.setup.folder))
    try:
        status = shell.run(command)
    except Exited as exited:
        status = exited.status
    except NotApplicable as why:
        return ShellResult(0, f"not applicable to a model: {why}", applicable=False)
    return ShellResult(status, shell.output)


# --- reading ---


@lru_cache(maxsize=512)  # suites say the same few lines in every script
def parts(text: str) -> tuple[tuple[str, list[str]], ...]:
    """Commands, each with what stands before it: `;`, `&&`, `||` or the end of a line."""
    text = text.replace("\\\n", " ")
    text = _ARITHMETIC.sub(lambda found: str(_calculated(found[1])), text)
    found: list[tuple[str, list[str]]] = []
    before = ";"
    for line in text.split("\n"):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
        lexer.whitespace_split = True
        words: list[str] = []
        try:
            tokens = list(lexer)
        except ValueError as error:
            raise NotApplicable(f"{line.strip()} ({error})") from None
        for token in tokens:
            if token in CONNECTORS:
                found.append((before, words))
                before, words = token, []
            else:
                words.append(token)
        found.append((before, words))
        before = ";" if words or before == ";" else before
    return tuple((connector, words) for connector, words in found if words)


def _calculated(text: str) -> int:
    """`15*1024*1024`, as in `$((…))`: sums of products."""
    total = 0
    for term in text.replace("-", "+-").split("+"):
        product = 1
        for factor in term.split("*"):
            product *= int(factor or 0)
        total += product
    return total


def split(words: list[str], mark: str) -> list[list[str]]:
    """Cut at a word."""
    pieces: list[list[str]] = [[]]
    for word in words:
        if word == mark:
            pieces.append([])
        else:
            pieces[-1].append(word)
    return pieces


def without_redirections(words: list[str]) -> list[str]:
    """Leave out `> file`, `2>&1`, `&> file`: nothing here prints. A file of /proc/sys is a sysctl and is kept."""
    kept: list[str] = []
    place = 0
    while place < len(words):
        word = words[place]
        if set(word) <= {"<", ">", "&"} and word:
            target = words[place + 1] if place + 1 < len(words) else ""
            if target.startswith(("/proc/sys/", "/sys/")):
                kept += [word, target]
            if kept and kept[-1] in {"1", "2"} and not target.startswith("/proc/"):
                kept.pop()
            place += 2
        else:
            kept.append(word)
            place += 1
    return kept


def _is_assignment(word: str) -> bool:
    return re.match(r"^[A-Za-z_]\w*=", word) is not None


# --- commands ---


def _sysctl(shell: Shell, words: list[str]) -> int:
    """`sysctl [-w|-q|-e] name=value …`."""
    for word in words[1:]:
        if word in {"-w", "-q", "-e", "-n"}:
            continue
        name, equals, value = word.partition("=")
        if not equals:
            raise NotApplicable(" ".join(words))
        shell.set(name, value)
    return 0


def _set_sysctls(shell: Shell, words: list[str]) -> int:
    """`set_sysctls.py /proc/sys/…=value …`: sets, and keeps what was for the restore script."""
    saved = {}
    for word in words[1:]:
        name, _, value = word.partition("=")
        before = sysctl.current(shell.world, name)
        if before is None:
            raise NotApplicable(f"the model has no sysctl {name}")
        saved.update(before)
        shell.set(name, value)
    shell.world.saved = saved
    return 0


def _ip(shell: Shell, words: list[str]) -> int:
    """`ip tcp_metrics flush`: fast open cookies are forgotten."""
    if words[1:3] != ["tcp_metrics", "flush"]:
        raise NotApplicable(" ".join(words))
    shell.world.host.cookies.clear()
    return 0


def _tc(shell: Shell, words: list[str]) -> int:
    """A queue that only orders packets is none of a model's business; one of no room drops them all."""
    if words[1:3] == ["qdisc", "delete"]:
        shell.world.host.fill_device(False)
        return 0
    if not {"pfifo", "fq", "pfifo_fast", "fq_codel"} & set(words):
        raise NotApplicable(" ".join(words))
    if "limit" in words and words[-2:] != ["limit", "0"]:
        raise NotApplicable(" ".join(words))
    shell.world.host.fill_device("limit" in words)
    return 0


def _ethtool(shell: Shell, words: list[str]) -> int:
    """Offloads: the model has none."""
    del shell
    features = words[3:]
    if words[1:2] != ["-K"] or not set(features) <= {
        "tso",
        "gso",
        "gro",
        "tx",
        "rx",
        "sg",
        "on",
        "off",
    }:
        raise NotApplicable(" ".join(words))
    return 0


def _sleep(shell: Shell, words: list[str]) -> int:
    """Time passes."""
    shell.advance(shell.world.now + int(float(words[1]) * SECOND))
    return 0


def _tcpdrop(shell: Shell, words: list[str]) -> int:
    """`tcpdrop -s STATE`, FreeBSD: all in that state. Status 1 if there were none."""
    if words[1:2] != ["-s"] or len(words) != 3:
        raise NotApplicable(" ".join(words))
    wanted, dropped = State(words[2].replace("_", "-")), False
    for ends, connection in shell.world.host.connections():
        if connection.state is wanted:
            dropped = shell.world.host.drop(shell.world.now, ends) or dropped
    return 0 if dropped else 1


def nstat(shell: Shell, stages: list[list[str]]) -> int:
    """`nstat > /dev/null` begins to count, `nstat | grep NAME` tells whether it happened since."""
    fired, shell.world.fired = shell.world.fired, Counter()
    names = [words[-1] for words in stages[1:]]
    if any(words[0] != "grep" for words in stages[1:]) or not set(names) <= COUNTERS.keys():
        raise NotApplicable(" | ".join(" ".join(words) for words in stages))
    return 0 if all(fired[COUNTERS[name]] for name in names) else 1


def _false(shell: Shell, words: list[str]) -> int:
    del shell, words
    return 1


def _exit(shell: Shell, words: list[str]) -> int:
    """`exit N`: nothing after it is done."""
    del shell
    if len(words) != 2 or not words[1].isdecimal():
        raise NotApplicable(" ".join(words))
    raise Exited(int(words[1]) & 0xFF)


def _true(shell: Shell, words: list[str]) -> int:
    del shell, words
    return 0


COUNTERS: Final = {
    "TcpExtOutOfWindowIcmps": Rule.ICMP_OUTSIDE,
    "TcpExtTCPAbortOnClose": Rule.CLOSE_UNREAD,
}
"""Linux's names of what the endpoint's rules count, too."""
COMMANDS: Final[dict[str, Callable[[Shell, list[str]], int]]] = {
    "sysctl": _sysctl,
    "set_sysctls.py": _set_sysctls,
    "ip": _ip,
    "tc": _tc,
    "ethtool": _ethtool,
    "sleep": _sleep,
    "tcpdrop": _tcpdrop,
    "true": _true,
    "false": _false,
    "exit": _exit,
    ":": _true,
}
