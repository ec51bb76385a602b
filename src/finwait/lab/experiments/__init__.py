"""The experiments, by subject: a module each."""

from typing import Final

from finwait.lab.experiment import Experiment
from finwait.lab.experiments import (
    closing,
    fins,
    opening,
    proxies,
    resets,
    silence,
    time_wait,
    tls,
)

SUBJECTS: Final[dict[str, tuple[Experiment, ...]]] = {
    "closing": closing.EXPERIMENTS,
    "fins": fins.EXPERIMENTS,
    "proxies": proxies.EXPERIMENTS,
    "resets": resets.EXPERIMENTS,
    "opening": opening.EXPERIMENTS,
    "time-wait": time_wait.EXPERIMENTS,
    "silence": silence.EXPERIMENTS,
    "tls": tls.EXPERIMENTS,
}
"""A subject may be named instead of its experiments."""

ALL: Final[dict[str, Experiment]] = {
    experiment.name: experiment for subject in SUBJECTS.values() for experiment in subject
}
