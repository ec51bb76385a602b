"""The experiments, by subject: a module each."""

from typing import Final

from finwait.lab.experiment import Experiment
from finwait.lab.experiments import closing

SUBJECTS: Final[dict[str, tuple[Experiment, ...]]] = {"closing": closing.EXPERIMENTS}
"""A subject may be named instead of its experiments."""

ALL: Final[dict[str, Experiment]] = {
    experiment.name: experiment for subject in SUBJECTS.values() for experiment in subject
}
