"""The experiments, by subject. What all of them use is in `common`."""

from collections.abc import Sequence

from lab.notebook import Experiment

from . import closing, habits, loss, odd, opening, races, resets, tapped, timewait, tls

_SUBJECTS: tuple[Sequence[Experiment], ...] = (
    opening.EXPERIMENTS,
    closing.EXPERIMENTS,
    loss.EXPERIMENTS,
    races.EXPERIMENTS,
    resets.EXPERIMENTS,
    habits.EXPERIMENTS,
    timewait.EXPERIMENTS,
    tls.EXPERIMENTS,
    odd.EXPERIMENTS,
    tapped.EXPERIMENTS,
)

ALL: list[Experiment] = [experiment for subject in _SUBJECTS for experiment in subject]
