"""Which experiments are meant: by name, by subject, or in a file of one's own."""

import importlib.util
import json
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from finwait.errors import CannotOpen, Misuse, shown
from finwait.lab.experiment import Experiment
from finwait.lab.experiments import ALL, SUBJECTS
from finwait.picture.width import left, width
from finwait.verdict.language import Lang, Text
from finwait.verdict.spelling import meant, near

LONG = Text("long", "耗时长")
_LISTED = Text(": `finwait lab` lists them", "：`finwait lab` 列出全部")


def chosen(names: Sequence[str], *, with_long: bool = False) -> list[Experiment]:
    """Give the experiments of these names, each once. `all` and subjects leave out the long ones unless asked for.

    Raises Misuse if there is none of a name, CannotOpen if a file cannot be read.
    """
    found: dict[str, Experiment] = {}
    load = cache(from_file)  # a file that is named twice is run once
    for name in names:
        group: Sequence[Experiment]
        if name == "all" or name in SUBJECTS:
            every = tuple(ALL.values()) if name == "all" else SUBJECTS[name]
            group = [each for each in every if with_long or not each.long]
        elif name in ALL:
            group = [ALL[name]]
        elif name.endswith(".py"):
            group = load(Path(name))
        elif ".py:" in name:
            file, _, one = name.rpartition(":")
            group = _one(file, one, load(Path(file)))
        elif "/" in name or Path(name).exists():
            raise Misuse(
                f"{shown(name)} is no experiment: a file of your own is Python and is called ….py"
                " (docs/lab.md); `finwait lab` lists the others",
                f"{shown(name)} 不是实验：自己的文件应是 Python 文件，名为 ….py（见 docs/lab.zh-CN.md）；"
                "`finwait lab` 列出其他实验",
            )
        else:
            hint = meant(near(name, [*ALL, *SUBJECTS]), _LISTED)
            raise Misuse(f"no experiment {name!r}{hint.en}", f"没有实验 {name!r}{hint.zh}")
        for each in group:
            _add(each, found)
    return list(found.values())


def _add(experiment: Experiment, found: dict[str, Experiment]) -> None:
    """Add one. Raises Misuse if another is called so: of two, one would not be played."""
    if found.setdefault(experiment.name, experiment) is not experiment:
        raise Misuse(
            f"two experiments are called {experiment.name!r}: give one of them another name",
            f"有两个实验都名为 {experiment.name!r}：请给其中一个换个名字",
        )


def _one(file: str, name: str, every: Sequence[Experiment]) -> tuple[Experiment, ...]:
    """Give the experiment of this name from a file."""
    wanted = tuple(each for each in every if each.name == name)
    if not wanted:
        there = ", ".join(each.name for each in every)
        raise Misuse(
            f"{file}: no experiment {name!r}; there are: {there}",
            f"{file}：没有实验 {name!r}；其中有：{there}",
        )
    return wanted


def from_file(path: Path) -> tuple[Experiment, ...]:
    """Load the experiments of a file: what it calls EXPERIMENTS. It is Python, and it is run."""
    if not path.is_file():
        raise CannotOpen(str(path), "no such file", "没有这个文件")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CannotOpen(str(path), "no Python file", "不是 Python 文件")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a file of somebody else raises
        line = _line(error, path)
        raise Misuse(f"{shown(str(path))}{line}: {type(error).__name__}: {error}") from error
    found: object = getattr(module, "EXPERIMENTS", ())
    experiments = found if isinstance(found, tuple | list) else ()
    if not experiments or not all(isinstance(each, Experiment) for each in experiments):
        one = isinstance(found, Experiment)  # the comma of a tuple of one is easily forgotten
        raise Misuse(
            f"{path}: EXPERIMENTS has to be a tuple of Experiment{', with a comma after one, too' if one else ''}",
            f"{path}：EXPERIMENTS 必须是由 Experiment 组成的元组{'，只有一个时也要加逗号' if one else ''}",
        )
    return tuple(experiments)


def _line(error: BaseException, path: Path) -> str:
    """Say which line of a file an error comes from, as ":7"; nothing if none does. A SyntaxError says its line itself."""
    lines = traceback.extract_tb(error.__traceback__)
    file = str(path.absolute())
    number = next((each.lineno for each in reversed(lines) if each.filename == file), None)
    return "" if number is None else f":{number}"


def listed(lang: Lang, as_json: bool) -> list[str]:
    """List what there is, a line each."""
    if as_json:
        data = [
            {"name": e.name, "subject": subject, "title": e.title.say(lang), "long": e.long}
            for subject, group in SUBJECTS.items()
            for e in group
        ]
        return [json.dumps(data, ensure_ascii=False, indent=2)]
    room = max(map(width, ALL)) + 2
    lines: list[str] = []
    for subject, group in SUBJECTS.items():
        lines += ["", subject] if lines else [subject]
        for each in group:
            mark = f" ({LONG.say(lang)})" if each.long else ""
            lines.append(f"  {left(each.name, room)}{each.title.say(lang)}{mark}")
    return lines
