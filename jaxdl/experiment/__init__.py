"""Experiment files, and what is worth knowing of one before it is trained."""

from jaxdl.experiment.check import check
from jaxdl.experiment.file import Experiment, ExperimentError, load
from jaxdl.experiment.finding import Finding
from jaxdl.experiment.given import hyperparameters, pinned

__all__ = [
    "Experiment",
    "ExperimentError",
    "Finding",
    "check",
    "hyperparameters",
    "load",
    "pinned",
]
