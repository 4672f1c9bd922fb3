"""Experiment files, and what is worth knowing of one before it is trained."""

from jaxdl.experiment.check import Finding, check
from jaxdl.experiment.file import Experiment, ExperimentError, hyperparameters, load

__all__ = [
    "Experiment",
    "ExperimentError",
    "Finding",
    "check",
    "hyperparameters",
    "load",
]
