"""Experiment files, and what is worth knowing of one before it is trained."""

from jaxdl.experiment.check import check
from jaxdl.experiment.file import (
    Experiment,
    ExperimentError,
    hyperparameters,
    load,
    pinned,
)
from jaxdl.experiment.finding import Finding

__all__ = [
    "Experiment",
    "ExperimentError",
    "Finding",
    "check",
    "hyperparameters",
    "load",
    "pinned",
]
