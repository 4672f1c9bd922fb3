"""Diagnosis: bias and variance, gradients, signals, and which settings mattered."""

from jaxdl.diagnose.bias_variance import Diagnosis, bias_variance
from jaxdl.diagnose.gradients import GradientCheck, check_gradients
from jaxdl.diagnose.importance import Importance, expected_rank, importance
from jaxdl.diagnose.signal import Signal, signal

__all__ = [
    "Diagnosis",
    "GradientCheck",
    "Importance",
    "Signal",
    "bias_variance",
    "check_gradients",
    "expected_rank",
    "importance",
    "signal",
]
