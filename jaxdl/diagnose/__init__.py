"""What is wrong with a model: bias or variance, its gradient, its signal."""

from jaxdl.diagnose.bias_variance import Diagnosis, bias_variance
from jaxdl.diagnose.gradients import GradientCheck, check_gradients
from jaxdl.diagnose.signal import Signal, signal

__all__ = [
    "Diagnosis",
    "GradientCheck",
    "Signal",
    "bias_variance",
    "check_gradients",
    "signal",
]
