"""What `finwait run` writes: reports, ladders, captures, and forms for other programs."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TextIO

from finwait.capture.nameless import nameless
from finwait.cli import codes
from finwait.cli.packets import packets
from finwait.cli.play import play_all
from finwait.cli.progress import Bar
from finwait.cli.signals import Signals
from finwait.cli.sink import STDOUT, opened
from finwait.cli.terminal import terminal
from finwait.errors import BadScript, called
from finwait.script import report
from finwait.script.job import Job
from finwait.script.outcome import Outcome, Status
from finwait.verdict.language import Lang, Text
from finwait.wire import Tcp, pcapng

GOOD: Final = frozenset({Status.PASSED, Status.STOPPED})
SUMMARY: Final = Text(
    "{total} plays: {good} passed, {bad} not", "共 {total} 次运行：{good} 次通过，{bad} 次未通过"
)


@dataclass(frozen=True, slots=True)
class Told:
    """In which forms to tell."""

    form: str
    tap: bool
    junit: str | None
    pcap: str | None
    explain: bool
    verbose: bool
    lang: Lang


def dry(jobs: list[Job], lang: Lang) -> int:
    """Read every script; tell those that cannot be understood."""
    code = codes.DONE
    for path, job in {job.path: job for job in jobs}.items():
        try:
            script = job.read()
        except BadScript as error:
            print(f"finwait: {error.say(lang)}", file=sys.stderr)
            code = codes.BAD_INPUT
        else:
            print(f"{called(path, lang)}: {len(script.events)}")
    return code


def tell(jobs: list[Job], at_once: int, limit: float, told: Told) -> int:
    """Play all, tell each as it ends, and give the exit code."""
    outcomes: list[Outcome] = []
    words = sys.stderr if told.pcap == STDOUT else sys.stdout
    signals = Signals()
    bar = Bar(told.lang)

    def watch(path: str, done: int, total: int) -> None:
        bar.plays(
            called(path, told.lang), (done, total), (len(outcomes), len(jobs)), _failed(outcomes)
        )

    plays = play_all(jobs, at_once, limit, signals, watch)
    try:
        for outcome in _until(plays, signals):
            outcomes.append(outcome)
            bar.clear()  # before what is told, which may go to the same terminal
            _one(outcome, told, words)
            watch("", 0, 0)
    finally:
        bar.clear()
    _in_all(outcomes, told, words)
    return signals.code if signals else code_of(outcomes)


def _one(outcome: Outcome, told: Told, words: TextIO) -> None:
    """Tell a play as it ends."""
    as_text = told.form == "text" and not told.tap
    if as_text:
        words.write(report.text(outcome, told.lang))
        words.write(outcome.printed)
        words.flush()
    if told.verbose:
        sys.stderr.write(packets(outcome, told.lang))
    if told.pcap is not None:
        save(told.pcap, outcome)
    if told.explain:
        sink = words if as_text else sys.stderr
        sink.write(ladder(outcome, told.lang, sink))


def _in_all(outcomes: list[Outcome], told: Told, words: TextIO) -> None:
    """Tell what is told of all together."""
    if told.tap:
        words.write(report.tap(outcomes, told.lang))
    elif told.form == "json":
        data = [report.data(outcome, told.lang) for outcome in outcomes]
        json.dump(data, words, ensure_ascii=False, indent=2)
        words.write("\n")
    elif len(outcomes) > 1:
        bad = _failed(outcomes)
        counts = {"total": len(outcomes), "good": len(outcomes) - bad, "bad": bad}
        print(SUMMARY.say(told.lang).format(**counts), file=words)
    if told.junit is not None:
        _write(told.junit, report.junit(outcomes, told.lang).encode("utf-8", "replace"))


def _failed(outcomes: list[Outcome]) -> int:
    return sum(one.status not in GOOD for one in outcomes)


def _until(plays: Iterator[Outcome], signals: Signals) -> Iterator[Outcome]:
    """Listen to signals while plays go on."""
    with signals.listening():
        yield from plays


def code_of(outcomes: list[Outcome]) -> int:
    """0 if all passed; a broken script before a failed one, because it says less."""
    statuses = {outcome.status for outcome in outcomes}
    if Status.BROKEN in statuses:
        return codes.BAD_INPUT
    return codes.DONE if statuses <= GOOD else codes.SCRIPT_FAILED


def save(path: str, outcome: Outcome) -> None:
    """Write what crossed the wire. Raises CannotWrite."""
    _write(path, _capture(outcome))


def _capture(outcome: Outcome) -> bytes:
    packets = ((one.at, one.packet) for one in outcome.crossings)
    return b"".join(pcapng.write(packets, outcome.stage, outcome.epoch))


def _write(path: str, octets: bytes) -> None:
    with opened(path) as sink:
        sink.write(octets)


def ladder(outcome: Outcome, lang: Lang, page: TextIO) -> str:
    """Explain the connection under test as `finwait explain` would, from the same packets."""
    ends = _ends(outcome)
    if ends is None:
        return ""
    from finwait.explain import explain

    with nameless(_capture(outcome)) as (_, path):
        told = explain(path, ends)
        text = told.text(lang, **terminal(page=page)._asdict())
    return "\n" + text.replace(path, called(outcome.path, lang))


def _ends(outcome: Outcome) -> str | None:
    """Both ends of the connection that was played last."""
    for crossing in reversed(outcome.crossings):
        packet = crossing.packet
        if isinstance(packet.body, Tcp):
            pairs = (packet.src, packet.body.src_port), (packet.dst, packet.body.dst_port)
            return "-".join(f"[{a}]:{p}" if a.version == 6 else f"{a}:{p}" for a, p in pairs)
    return None
