"""Diagnosis: errors and how sure they are, gradients, signals, and what mattered."""

from jaxdl.diagnose.baseline import Baseline, baseline, r_squared
from jaxdl.diagnose.bias_variance import Diagnosis, bias_variance
from jaxdl.diagnose.certainty import Interval, effective_examples, error_interval
from jaxdl.diagnose.gradients import GradientCheck, check_gradients
from jaxdl.diagnose.importance import Importance, expected_rank, importance
from jaxdl.diagnose.rules import rules_of_thumb
from jaxdl.diagnose.signal import Signal, signal

__all__ = [
    "Baseline",
    "Diagnosis",
    "GradientCheck",
    "Importance",
    "Interval",
    "Signal",
    "baseline",
    "bias_variance",
    "check_gradients",
    "effective_examples",
    "error_interval",
    "expected_rank",
    "importance",
    "r_squared",
    "rules_of_thumb",
    "signal",
]
